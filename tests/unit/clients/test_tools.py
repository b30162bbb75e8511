"""Memory as tools of the agent: what a model may ask, and what it is told."""

import json
from typing import Any

import jsonschema
import pytest
from operator_memory_client.client import MemoryClient
from operator_memory_client.shared.fence import CLOSING, OPENING
from operator_memory_client.tool_schemas import SCHEMAS, arguments_of
from operator_memory_client.tools import MOST_FOUND, MemoryTools

from tests.support.clients.sides import CONTEXT, settings_for
from tests.support.loopback import HttpServer, Request, reply

FENCED = {**CONTEXT, "context": f"{OPENING}\n- Drinks tea. [m335]\n{CLOSING}"}
NAMES = ["search_memory", "remember", "forget"]


class World:
    """Tools of the agent "helper" for acct-1, before a service that finds tea."""

    def __init__(self, server: HttpServer) -> None:
        self.server = server
        self.answer: dict[str, Any] = FENCED
        server.answer = self._answer
        self.client = MemoryClient(settings_for(server.url))
        self.tools = MemoryTools(self.client, "acct-1", "helper", thread_id="t-1")

    def _answer(self, request: Request) -> bytes:
        return reply(self.answer) if request.path == "/v1/context" else reply(b"", 204)

    def asked(self) -> Any:
        return self.server.requests[-1].json()


@pytest.fixture
def world() -> Any:
    with HttpServer() as server:
        made = World(server)
        yield made
        made.client.close()


def test_the_schemas_are_in_openais_form() -> None:
    assert [tool["function"]["name"] for tool in SCHEMAS] == NAMES
    for tool in SCHEMAS:
        assert set(tool) == {"type", "function"}
        assert set(tool["function"]) == {"name", "description", "parameters"}
        jsonschema.Draft202012Validator.check_schema(tool["function"]["parameters"])
        assert callable(getattr(MemoryTools, tool["function"]["name"]))


def test_a_search_is_bound_to_the_account_the_agent_and_the_thread(world: World) -> None:
    found = world.tools.search_memory("tea?", limit=900)
    assert found == FENCED["context"], "in the fence, with citations"
    asked = {"account_id": "acct-1", "query": "tea?", "limit": MOST_FOUND, "agent_id": "helper", "thread_id": "t-1"}
    assert world.asked() == asked


def test_what_a_search_has_shown_can_be_forgotten(world: World) -> None:
    assert "search for it" in world.tools.forget("m335")
    world.tools.search_memory("tea?")
    assert world.tools.forget("m335") == "Forgotten."
    request = world.server.requests[-1]
    assert (request.method, request.path) == ("DELETE", "/v1/memories/id-1?account_id=acct-1")


def test_nothing_found_and_nothing_reached_are_told_apart(world: World) -> None:
    world.answer = {**CONTEXT, "context": "", "memories": []}
    assert world.tools.search_memory("tea?") == "Nothing is remembered."
    world.answer = {**world.answer, "degraded": ["qdrant_timeout"]}
    assert world.tools.search_memory("tea?") == "Memory cannot be searched now (qdrant_timeout)."


def test_a_template_in_a_memory_is_none_any_more(world: World) -> None:
    world.answer = {**FENCED, "context": "{{secret}}"}
    assert world.tools.search_memory("tea?") == "{ {secret} }"


def test_a_call_of_a_model_is_carried_out(world: World) -> None:
    assert world.tools.call("search_memory", '{"query": "tea?"}') == FENCED["context"]


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("drop_table", "{}", "no such tool"),
        ("__init__", "{}", "no such tool"),
        ("remember", "{", "not a JSON object"),
        ("remember", "[]", "not a JSON object"),
        ("remember", "{}", "text is required"),
        ("remember", '{"text": "  "}', "text is required"),
        ("remember", '{"text": 7}', "text must be text"),
        ("remember", '{"text": "x", "account_id": "other"}', "no argument of that name"),
        ("search_memory", '{"query": "x", "limit": true}', "limit must be a whole number"),
        ("search_memory", "[" * 100_000, "not a JSON object"),
    ],
)
def test_a_mistake_of_the_model_is_told_to_it(name: str, arguments: str, told: str) -> None:
    answer = arguments_of(name, arguments)
    assert isinstance(answer, str)
    assert told in answer


def test_arguments_may_be_decoded_already() -> None:
    assert arguments_of("forget", {"citation": "m335"}) == json.loads('{"citation": "m335"}')
