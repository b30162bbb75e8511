"""What the answer to an HTTP request means."""

from contextlib import closing

import pytest
from operator_memory.adapters.net.http import HttpClient, Response, checked, json_object
from operator_memory.domain.errors import (
    MalformedResponseError,
    MemoryServiceError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)

from tests.support.loopback import HttpServer, reply
from tests.support.time_outs import AMPLE

MEANINGS: dict[int, type[MemoryServiceError] | None] = {
    200: None,
    204: None,
    301: UpstreamRejectedError,
    400: UpstreamRejectedError,
    401: UpstreamRejectedError,
    404: UpstreamRejectedError,
    408: UpstreamTimeoutError,
    409: UpstreamRejectedError,
    429: UpstreamUnavailableError,
    500: UpstreamUnavailableError,
    503: UpstreamUnavailableError,
}


@pytest.mark.parametrize(("status", "error"), MEANINGS.items())
def test_a_status_is_an_answer_and_means_an_error_only_when_checked(
    status: int, error: type[MemoryServiceError] | None
) -> None:
    answer = reply(b"" if status == 204 else b'"secret text"', status)
    with HttpServer(lambda _: answer) as server, closing(HttpClient(server.url, system="store")) as client:
        response = client.request("GET", "/", timeout=AMPLE)
    assert response.status == status
    if error is None:
        assert checked("store", response) is response
        return
    with pytest.raises(error, match=str(status)) as raised:
        checked("store", response)
    assert raised.value.retryable == (status in (401, 408, 429) or status >= 500)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("30", 30), ("0", 0), ("7200", 3600), ("", None), ("soon", None), ("-5", None), ("1.5", None), ("٣", None),
     ("9" * 5_000, None), ("Tue, 24 Nov 2026 09:00:00 GMT", None)],
)  # fmt: skip
def test_how_long_a_busy_system_asks_to_be_left_alone(header: str, seconds: int | None) -> None:
    with pytest.raises(UpstreamUnavailableError) as raised:
        checked("store", Response(429, b"", {"retry-after": header}))
    assert raised.value.retry_after == seconds


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[1]", b'"x"', b"null", b"\xff\xfe", b'{"a":', b"[" * 200_000], ids=lambda b: repr(b[:6])
)
def test_an_answer_that_is_not_a_json_object_is_malformed_and_may_be_tried_again(body: bytes) -> None:
    with pytest.raises(MalformedResponseError) as raised:
        json_object("store", Response(200, body))
    assert raised.value.retryable
    assert json_object("store", Response(200, b'{"a": 1}')) == {"a": 1}
