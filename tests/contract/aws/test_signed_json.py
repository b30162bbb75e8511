"""Our Signature Version 4 against botocore's own signer."""

from datetime import UTC, datetime
from unittest.mock import patch

import pytest
from botocore import auth as botocore_auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.adapters.aws.signed_json import AwsCredentials, AwsJsonClient, sign
from operator_memory.adapters.local.system_clock import SystemClock
from operator_memory.domain.errors import UpstreamError, UpstreamRejectedError, UpstreamUnavailableError

from tests.support.loopback import HttpServer, reply

NOW = datetime(2026, 11, 24, 9, 5, 7, tzinfo=UTC)

printable = st.text(st.characters(min_codepoint=32, max_codepoint=126))
names = st.from_regex(r"X-[A-Za-z]{1,12}(-[A-Za-z0-9]{1,8}){0,2}", fullmatch=True)
hosts = st.from_regex(r"[a-z0-9]{1,12}\.[a-z0-9-]{1,12}\.amazonaws\.com", fullmatch=True)
credentials = st.builds(
    AwsCredentials,
    st.from_regex(r"AKIA[A-Z0-9]{16}", fullmatch=True),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60),
    st.none() | st.from_regex(r"[A-Za-z0-9+/=]{1,200}", fullmatch=True),
)


def botocore_authorization(
    body: bytes,
    headers: dict[str, str],
    *,
    host: str,
    service: str,
    region: str,
    credentials: AwsCredentials,
    now: datetime,
) -> str:
    """The Authorization header that botocore gives the same request at the same time."""
    request = AWSRequest("POST", f"https://{host}/", headers=headers, data=body)
    known = Credentials(credentials.access_key_id, credentials.secret_access_key, credentials.session_token)
    with patch.object(botocore_auth, "get_current_datetime", lambda: now.replace(tzinfo=None)):
        botocore_auth.SigV4Auth(known, service, region).add_auth(request)
    return str(request.headers["Authorization"])


@given(
    body=st.binary(max_size=200),
    headers=st.dictionaries(names, printable, max_size=4).filter(lambda h: len({n.lower() for n in h}) == len(h)),
    host=hosts,
    service=st.sampled_from(["ssm", "sqs", "dynamodb"]),
    region=st.sampled_from(["eu-west-1", "us-gov-east-1"]),
    credentials=credentials,
    now=st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
)
def test_every_request_is_signed_as_botocore_signs_it(
    body: bytes,
    headers: dict[str, str],
    host: str,
    service: str,
    region: str,
    credentials: AwsCredentials,
    now: datetime,
) -> None:
    headers.pop("X-Amz-Date", None)
    where = {"host": host, "service": service, "region": region}
    ours = sign(body, headers, **where, credentials=credentials, now=now)
    assert ours["Authorization"] == botocore_authorization(body, headers, **where, credentials=credentials, now=now)
    assert ours["Host"] == host
    assert ours.get("X-Amz-Security-Token") == credentials.session_token
    assert {name: ours[name] for name in headers} == headers, "nothing that was asked for is changed"


def test_a_changed_body_or_key_changes_the_signature() -> None:
    def authorization(body: bytes = b"{}", secret: str = "s", token: str | None = None) -> str:
        keys = AwsCredentials("AKIA", secret, token)
        return sign(body, {}, host="h", service="ssm", region="r", credentials=keys, now=NOW)["Authorization"]

    assert len({authorization(), authorization(b"{ }"), authorization(secret="t"), authorization(token="x")}) == 4


def test_keys_do_not_show_in_logs() -> None:
    shown = repr(AwsCredentials("AKIAEXAMPLE", "secret-key", "session-token"))
    assert "AKIAEXAMPLE" in shown
    assert "secret-key" not in shown
    assert "session-token" not in shown


def call(server: HttpServer, service: str = "ssm") -> dict[str, object]:
    client = AwsJsonClient(
        service=service,
        region="eu-west-1",
        endpoint_url=server.url,
        credentials=AwsCredentials("AKIAEXAMPLE", "secret", "token"),
        clock=SystemClock(),
    )
    try:
        return client.call("AmazonSSM.GetParameters", {"Names": ["/a"]}, timeout=20)
    finally:
        client.close()


@pytest.mark.parametrize(("service", "version"), [("ssm", "1.1"), ("sqs", "1.0")])
def test_a_call_is_one_post_with_the_services_json_version(service: str, version: str) -> None:
    with HttpServer(lambda _request: reply({"Parameters": []})) as server:
        assert call(server, service) == {"Parameters": []}
    [request] = server.requests
    assert (request.method, request.path, request.json()) == ("POST", "/", {"Names": ["/a"]})
    assert request.headers["content-type"] == f"application/x-amz-json-{version}"
    assert request.headers["x-amz-target"] == "AmazonSSM.GetParameters"
    assert request.headers["host"] == f"127.0.0.1:{server.port}"
    assert request.headers["x-amz-security-token"] == "token"
    assert f"/eu-west-1/{service}/aws4_request" in request.headers["authorization"]


@pytest.mark.parametrize(
    ("status", "name", "error"),
    [
        (400, "AccessDeniedException", UpstreamRejectedError),
        (400, "com.amazonaws.ssm#ParameterNotFound", UpstreamRejectedError),
        (400, "ThrottlingException", UpstreamUnavailableError),
        (400, "com.amazonaws.sqs#RequestThrottled", UpstreamUnavailableError),
        (400, "TooManyRequestsException", UpstreamUnavailableError),
        (500, "InternalServerError", UpstreamUnavailableError),
    ],
)
def test_a_throttled_call_may_be_tried_again_a_refused_one_not(
    status: int, name: str, error: type[UpstreamError]
) -> None:
    with HttpServer(lambda _request: reply({"__type": name}, status)) as server, pytest.raises(error) as raised:
        call(server)
    assert name.rpartition("#")[2] in str(raised.value) or status == 500, "AWS's name of it is told"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"__type": null}', b'{"__type": "a b"}', b"[" * 100_000])
def test_a_refusal_that_cannot_be_read_is_a_refusal(body: bytes) -> None:
    with HttpServer(lambda _request: reply(body, 400)) as server, pytest.raises(UpstreamRejectedError):
        call(server)
