"""Models behind servers that do not take what OpenAI's takes: they are asked so that they answer."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from operator_memory.domain.conversation import Turn
from operator_memory.domain.errors import UpstreamRejectedError, UpstreamUnavailableError

from tests.support.learning.extractor import FACTS, World, extraction
from tests.support.loopback import Request, reply


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def unsupported(name: str, code: str = "unsupported_parameter") -> bytes:
    """As OpenAI says it."""
    message = f"Unsupported parameter: '{name}' is not supported with this model."
    error = {"message": message, "type": "invalid_request_error", "param": name, "code": code}
    return reply({"error": error}, 400)


def refusing(refusals: Mapping[str, bytes]) -> Callable[[Request], bytes]:
    """A server that answers the first of ``refusals`` whose parameter it is sent, and else with facts."""

    def answer(request: Request) -> bytes:
        named = (refused for name, refused in refusals.items() if name in request.json())
        return next(named, extraction(*FACTS))

    return answer


REASONING_MODEL = refusing(
    {"max_tokens": unsupported("max_tokens"), "temperature": unsupported("temperature", "unsupported_value")}
)


def parameters(request: Request) -> dict[str, Any]:
    return {name: value for name, value in request.json().items() if name not in ("messages", "model")}


def test_a_reasoning_model_gets_the_newer_name_and_no_temperature(world: World) -> None:
    world.server.answer = REASONING_MODEL

    assert [fact.text for fact in world.extract().facts] == ["User lives in Porto"]

    first, _, last = map(parameters, world.server.requests)
    assert first == {"response_format": {"type": "json_object"}, "temperature": 0, "max_tokens": 100}
    assert last == {"response_format": {"type": "json_object"}, "max_completion_tokens": 100}


def test_what_it_takes_is_remembered_and_logged_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.server.answer = REASONING_MODEL
    for _ in range(3):
        world.extract()
    assert len(world.server.requests) == 5
    assert parameters(world.server.requests[-1]).keys() == {"response_format", "max_completion_tokens"}
    logged = [vars(line) for line in caplog.records if line.name == "operator_memory.models"]
    words = "Unsupported parameter: '{0}' is not supported with this model."
    assert [(line["parameter"], line["reason"]) for line in logged] == [
        ("max_tokens", f"400 (unsupported_parameter; max_tokens; {words.format('max_tokens')})"),
        ("temperature", f"400 (unsupported_value; temperature; {words.format('temperature')})"),
    ]


def test_a_model_that_takes_neither_name_is_asked_without_a_limit(world: World) -> None:
    names = ("max_tokens", "max_completion_tokens")
    world.server.answer = refusing({name: unsupported(name) for name in names})
    assert world.extract().facts
    assert parameters(world.server.requests[-1]) == {"response_format": {"type": "json_object"}, "temperature": 0}


SHAPES = {
    "a sentence alone": ({"error": "'response_format.type' must be 'json_schema' or 'text'"}, 400),
    "no wrapping": (
        {"object": "error", "message": "response_format is not supported", "param": None, "code": 400},
        400,
    ),
    "a list of one": ([{"error": {"code": 400, "message": "Unknown name: response_format"}}], 400),
    "a validation error": ({"detail": [{"loc": ["body", "response_format", "type"], "msg": "Input should be"}]}, 422),
    "a sentence as detail": ({"detail": "response_format: not implemented"}, 422),
    "a part of it": ({"error": {"message": "no", "param": "response_format.type", "code": "unsupported_value"}}, 400),
    "plain text": (b"unknown field `response_format`", 400),
}


@pytest.mark.parametrize(("body", "status"), SHAPES.values(), ids=SHAPES.keys())
def test_a_parameter_is_refused_in_many_shapes(world: World, body: object, status: int) -> None:
    world.server.answer = refusing({"response_format": reply(body, status)})
    assert world.extract().facts
    assert parameters(world.server.requests[-1]) == {"temperature": 0, "max_tokens": 100}
    assert len(world.server.requests) == 2


@pytest.mark.parametrize("status", [400, 404, 413, 422])
@pytest.mark.parametrize(
    "error",
    [
        {"message": "maximum context length is 8192 tokens", "param": "messages", "code": "context_length_exceeded"},
        {"message": "no such model", "param": "model"},
        {"message": "no", "param": {"name": "temperature"}},
        {"message": ["temperature"]},
        "no",
        [],
        None,
        7,
    ],
)
def test_what_cannot_be_left_out_is_an_error_at_once(world: World, status: int, error: object) -> None:
    world.answer = reply({"error": error}, status)
    with pytest.raises(UpstreamRejectedError, match=str(status)) as raised:
        world.extract()
    assert not raised.value.retryable
    assert len(world.server.requests) == 1


def test_a_server_that_refuses_each_time_another_parameter_is_asked_a_few_times(world: World) -> None:
    def answer(request: Request) -> bytes:
        return unsupported(next(iter(parameters(request)), "model"))

    world.server.answer = answer
    with pytest.raises(UpstreamRejectedError, match="model"):
        world.extract()
    assert len(world.server.requests) == 5, "each parameter once, and the one with two names twice"


def test_what_was_left_out_in_vain_is_sent_again(world: World) -> None:
    """Only what the server has taken without it is known to be refused."""
    answers = [unsupported("temperature"), reply({}, 500), extraction(*FACTS)]
    world.server.answer = lambda _request: answers.pop(0)
    with pytest.raises(UpstreamUnavailableError):
        world.extract()
    world.extract()
    assert ["temperature" in parameters(request) for request in world.server.requests] == [True, False, True]


def test_an_unpaid_bill_is_waited_for(world: World) -> None:
    world.answer = reply({"error": {"message": "Insufficient balance", "code": "payment_required"}}, 402)
    with pytest.raises(UpstreamUnavailableError, match="402") as raised:
        world.extract()
    assert raised.value.retryable


SECRET = "Since last week my sister Wilhelmina lives with us."


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (f"Cannot read: {SECRET}", "bad_thing"),
        (f"cannot read: {SECRET[11:40].upper()}", "bad_thing"),
        ("Invalid value: 'Wilhelmina'.", "bad_thing; Invalid value: '...'."),
        ("Wrong key sk-1234 given", "bad_thing; Wrong key ... given"),
        ("Wrong key sk-********abcd given", "bad_thing; Wrong key ... given"),
        ("a\nb\x1b[\u202ec", "bad_thing; a b?[?c"),
        ("so " * 500, "bad_thing; " + ("so " * 500)[:200]),
    ],
)
def test_the_reason_never_repeats_what_was_said_nor_a_key(world: World, message: str, shown: str) -> None:
    world.answer = reply({"error": {"message": message, "code": "bad_thing"}}, 400)
    with pytest.raises(UpstreamRejectedError) as raised:
        world.extract(Turn("user", SECRET))
    assert str(raised.value).rstrip() == f"llm: refused the request with 400 ({shown})"
    assert "ilhelmina" not in json.dumps(str(raised.value))


def test_other_servers_of_the_process_are_asked_as_before(world: World) -> None:
    world.server.answer = REASONING_MODEL
    world.extract()
    other = World()
    try:
        other.extract()
        assert "temperature" in other.sent()
    finally:
        other.close()


def test_nothing_is_logged_for_a_server_that_takes_all(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "operator_memory.models")
    world.extract()
    assert [line for line in caplog.records if line.name == "operator_memory.models"] == []
