"""From an API Gateway event to a body, and from any error to an answer that gives nothing away."""

import base64
import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.errors import (
    ConfigurationError,
    InvalidInputError,
    JobConflictError,
    MalformedResponseError,
    MemoryServiceError,
    PermissionDeniedError,
    UnauthenticatedError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    where,
)
from operator_memory.entrypoints.http_api import (
    MAX_BODY_BYTES,
    HttpResponse,
    answer,
    bearer_token,
    json_body,
    json_response,
)
from operator_memory.entrypoints.observability import configure_logging, emit_metrics

json_objects = st.dictionaries(
    st.text(st.characters()), st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(st.characters())
)


def event(body: object, *, encoded: bool = False) -> dict[str, Any]:
    return {"version": "2.0", "body": body, "isBase64Encoded": encoded}


def in_base64(raw: bytes) -> dict[str, Any]:
    return event(base64.b64encode(raw).decode(), encoded=True)


def refusal_of(incoming: dict[str, Any]) -> str:
    with pytest.raises(InvalidInputError) as refusal:
        json_body(incoming)
    assert refusal.value.field == "body"
    return refusal.value.detail


# --- the body


@given(json_objects)
def test_a_json_object_arrives_as_it_was_sent_plain_or_in_base64(sent: dict[str, Any]) -> None:
    text = json.dumps(sent)
    assert json_body(event(text)) == sent
    assert json_body(in_base64(text.encode())) == sent


def test_text_outside_ascii_arrives_as_it_was_sent() -> None:
    sent = {"query": "שלום 👩‍👩‍👧 naïve"}
    text = json.dumps(sent, ensure_ascii=False)
    assert json_body(event(text)) == json_body(in_base64(text.encode())) == sent


@pytest.mark.parametrize("body", [None, "", "  \r\n"])
def test_an_empty_body_is_said_to_be_empty(body: str | None) -> None:
    assert refusal_of(event(body)).startswith("is empty")
    assert refusal_of(event(body and base64.b64encode(body.encode()).decode(), encoded=True)).startswith("is empty")
    assert refusal_of({}).startswith("is empty")


@pytest.mark.parametrize("body", ["[]", '["account_id"]', '"text"', "1", "null", "true"])
def test_json_that_is_not_an_object_is_refused(body: str) -> None:
    assert refusal_of(event(body)) == "must be a JSON object"


@pytest.mark.parametrize(
    "body",
    [
        "{",
        '{"a": 1,}',
        "{'a': 1}",
        '{"a": NaN}',
        '{"a": Infinity}',
        '{"a": [-Infinity]}',
        '{"a": 1} {"b": 2}',
        '{"a": "tab\tinside"}',
        '\ufeff{"a": 1}',
        "a=1&b=2",
        "\x00",
        '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"a":' * 100_000,
        '{"a": ' + "9" * 10_000 + "}",
    ],
    ids=lambda body: repr(body[:16]),
)
def test_what_is_not_json_is_refused(body: str) -> None:
    assert refusal_of(event(body)) == "is not valid JSON"


@pytest.mark.parametrize("raw", [b"\xff\xfe{\x00}\x00", b'{"a": "\xe9"}', b'{"a": "\xed\xa0\x80"}', b"\x89PNG\r\n"])
def test_bytes_that_are_not_utf8_are_refused(raw: bytes) -> None:
    assert refusal_of(in_base64(raw)) == "is not UTF-8 text"


def test_a_lone_surrogate_in_the_event_is_refused_as_the_invalid_text_it_is() -> None:
    assert refusal_of(event('{"a": "\ud800"}')) == "is not UTF-8 text"


@pytest.mark.parametrize("body", ["not base64!", "YWJj=YWJj", "é", "e30", "e30=\n"])
def test_what_claims_to_be_base64_must_be(body: str) -> None:
    assert refusal_of(event(body, encoded=True)) == "is not valid base64"


def test_a_body_of_a_megabyte_passes_and_one_byte_more_does_not() -> None:
    exact = b'{"a":"' + b"x" * (MAX_BODY_BYTES - 8) + b'"}'
    assert len(exact) == MAX_BODY_BYTES
    assert set(json_body(in_base64(exact))) == {"a"}
    assert "at most 1048576 bytes, not 1048577" in refusal_of(in_base64(exact + b" "))
    assert "at most" in refusal_of(event("é" * MAX_BODY_BYTES)), "bytes count, not characters"


# --- the token


@pytest.mark.parametrize("value", ["Bearer abc.def.ghi", "bearer abc.def.ghi", "BEARER   abc.def.ghi "])
def test_the_token_is_taken_from_the_authorization_header(value: str) -> None:
    assert bearer_token({"headers": {"authorization": value}}) == "abc.def.ghi"


@pytest.mark.parametrize(
    "headers",
    [None, {}, {"authorization": None}]
    + [{"authorization": v} for v in ("", "Bearer", "Bearer ", "Basic abc", "abc.def.ghi")],
)
def test_without_a_bearer_token_the_caller_is_not_authenticated(headers: dict[str, Any] | None) -> None:
    with pytest.raises(UnauthenticatedError, match="Authorization: Bearer"):
        bearer_token({"headers": headers})
    with pytest.raises(UnauthenticatedError):
        bearer_token({})


# --- the answers


def answer_to(error: BaseException) -> HttpResponse:
    def fail() -> HttpResponse:
        raise error

    return answer(fail)


def problem_of(response: HttpResponse) -> dict[str, Any]:
    assert response["headers"]["content-type"] == "application/problem+json"
    problem: dict[str, Any] = json.loads(response["body"])
    assert problem["status"] == response["statusCode"]
    assert {"type", "title", "status", "detail"} <= set(problem)
    return problem


SECRET = "my doctor said"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidInputError("limit", "must be a whole number"), 422),
        (UnauthenticatedError("the token has expired"), 401),
        (PermissionDeniedError("the token is bound to another account"), 403),
        (ConfigurationError(SECRET), 503),
        (UpstreamTimeoutError("ssm", SECRET), 503),
        (UpstreamRejectedError("ssm", SECRET), 503),
        (MalformedResponseError("ssm", SECRET), 503),
        (JobConflictError(SECRET), 503),
        (MemoryServiceError(SECRET), 503),
        (ValueError(SECRET), 500),
        (KeyError(SECRET), 500),
        (RecursionError(SECRET), 500),
        (MemoryError(SECRET), 500),
    ],
)
def test_every_error_is_a_problem_that_tells_only_what_the_caller_can_mend(
    error: Exception, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    response = answer_to(error)
    problem = problem_of(response)
    assert response["statusCode"] == status
    assert SECRET not in json.dumps(response)
    assert "Traceback" not in response["body"]
    assert (problem["detail"] == str(error)) == (status < 500)
    logged = " ".join(str(vars(record)) for record in caplog.records)
    assert SECRET not in logged
    assert bool(caplog.records) == (status >= 500), "what the caller cannot mend is logged"


def test_a_refused_field_is_named() -> None:
    problem = problem_of(answer_to(InvalidInputError("messages[3].role", "must be user or assistant")))
    assert problem["field"] == "messages[3].role"
    assert problem["detail"] == "messages[3].role: must be user or assistant"


def test_an_unauthenticated_caller_is_told_how_to_authenticate() -> None:
    assert answer_to(UnauthenticatedError("x"))["headers"]["www-authenticate"].startswith("Bearer")
    assert "www-authenticate" not in answer_to(PermissionDeniedError("x"))["headers"]


def test_the_process_may_still_be_stopped() -> None:
    for stop in (KeyboardInterrupt(), SystemExit()):
        with pytest.raises(type(stop)):
            answer_to(stop)


@given(json_objects)
def test_an_answer_is_json_that_can_be_sent_and_nobody_stores(body: dict[str, Any]) -> None:
    response = json_response(200, body)
    assert json.loads(response["body"]) == body
    assert response["body"].encode("utf-8")
    assert response["isBase64Encoded"] is False
    assert response["headers"]["cache-control"] == "no-store"
    assert response["headers"]["content-type"] == "application/json"


# --- logs and metrics


def test_where_tells_the_places_and_nothing_that_was_said() -> None:
    def inner() -> None:
        raise ValueError(SECRET)

    def outer() -> None:
        try:
            inner()
        except ValueError as error:
            raise KeyError(SECRET) from error

    with pytest.raises(KeyError) as raised:
        outer()
    places = where(raised.value)
    assert [place.split()[1] for place in places][-1] == "outer"
    assert all(place.startswith("test_http_api.py:") for place in places)
    assert SECRET not in str(places)


def test_metrics_are_one_line_in_cloudwatchs_embedded_format(capsys: pytest.CaptureFixture[str]) -> None:
    emit_metrics("context", {"Latency": (12.5, "Milliseconds"), "Degraded": (0, "Count")})
    [line] = capsys.readouterr().out.splitlines()
    entry = json.loads(line)
    [directive] = entry["_aws"]["CloudWatchMetrics"]
    assert directive == {
        "Namespace": "OperatorMemory",
        "Dimensions": [["Function"]],
        "Metrics": [{"Name": "Latency", "Unit": "Milliseconds"}, {"Name": "Degraded", "Unit": "Count"}],
    }
    assert (entry["Function"], entry["Latency"], entry["Degraded"]) == ("context", 12.5, 0)
    assert entry["_aws"]["Timestamp"] > 1_700_000_000_000, "milliseconds"


def test_the_log_level_is_the_products_own() -> None:
    logger, root = logging.getLogger("operator_memory"), logging.getLogger().level
    before = logger.level
    try:
        configure_logging("ERROR")
        assert (logger.level, logging.getLogger().level) == (logging.ERROR, root)
    finally:
        logger.setLevel(before)
