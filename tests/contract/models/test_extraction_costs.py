"""What an extraction cost, what the model says is out of date, and how long a busy model wants to be left alone."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from operator_memory.domain.errors import MalformedResponseError, UpstreamUnavailableError
from operator_memory.domain.learning.proposals import TokenUsage
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import AccountId

from tests.support.builders import a_memory
from tests.support.fakes.core import FakeEmbedder
from tests.support.learning.extractor import ACCOUNT, FACTS, World, completion, extraction
from tests.support.loopback import reply


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def put(world: World, *texts: str) -> list[Memory]:
    memories = [a_memory(text) for text in texts]
    vectors = FakeEmbedder().embed(texts, timeout=1)
    world.memories.upsert(ACCOUNT, [EmbeddedMemory(m, v) for m, v in zip(memories, vectors, strict=True)])
    return memories


def test_the_tokens_are_those_that_the_api_counted(world: World) -> None:
    assert world.extract().tokens == TokenUsage(700, 30)
    assert world.extract().tokens == TokenUsage(700, 30), "of each extraction its own"


@dataclass
class Meter:
    """Port ``UsageMeter``: notes the calls."""

    calls: list[tuple[str, str | None, dict[str, int]]] = field(default_factory=list)

    def count_calls(self, account_id: AccountId, agent_id: str | None, **numbers: int) -> None:
        self.calls.append((account_id, agent_id, numbers))

    def count_job(self, *_: object) -> None:
        raise AssertionError("the extractor knows no jobs")


PAID = (ACCOUNT, "agent-1", {"calls": 1, "prompt_tokens": 700, "completion_tokens": 30})


def test_every_call_is_counted_whatever_comes_of_it(world: World) -> None:
    meter = Meter()
    world.extractor._meter = meter
    world.extract()
    world.answer = completion("no JSON at all")
    with pytest.raises(MalformedResponseError):
        world.extract()
    world.answer = extraction(*FACTS)
    assert meter.calls == [PAID, PAID]


def test_a_call_without_an_answer_is_counted_without_tokens(world: World) -> None:
    meter = Meter()
    world.extractor._meter = meter
    world.answer = reply(b"{}", status=503)
    with pytest.raises(UpstreamUnavailableError):
        world.extract()
    assert meter.calls == [(ACCOUNT, "agent-1", {"calls": 1, "prompt_tokens": 0, "completion_tokens": 0})]


def test_what_fails_before_the_call_is_not_counted(world: World) -> None:
    meter = Meter()
    world.extractor._meter = meter
    world.embedder.error = UpstreamUnavailableError("embeddings", "503")
    with pytest.raises(UpstreamUnavailableError):
        world.extract()
    assert meter.calls == []


@pytest.mark.parametrize("usage", [None, {}, [], {"prompt_tokens": "7"}, {"prompt_tokens": -1}, 7])
def test_a_server_that_does_not_count_is_taken_at_nothing(world: World, usage: object) -> None:
    choice = {"finish_reason": "stop", "message": {"content": json.dumps({"memory": FACTS})}}
    world.answer = reply({"choices": [choice], "usage": usage})
    assert world.extract().tokens == TokenUsage(0, 0)


def test_what_the_model_says_is_out_of_date_is_named_by_the_memorys_own_id(world: World) -> None:
    memories = put(world, "User lives in Porto", "User likes tea and lives well")
    world.extract()
    listed = world.server.requests[0].json()["messages"][-1]["content"]
    numbers = {m.id: next(n for n in "01" if f'"id": "{n}", "text": "{m.text}"' in listed) for m in memories}
    old = memories[0]
    world.answer = extraction({"text": "User lives in Rome", "replaces": [numbers[old.id], numbers[old.id]]})
    [fact] = world.extract().facts
    assert fact.replaces == (old.id,)


@pytest.mark.parametrize("replaces", [None, [], ["7"], ["-1"], "0", 0, {"0": 1}, [None], [["0"]], ["x" * 10_000]])
def test_a_number_that_names_nothing_is_ignored_and_loses_no_fact(world: World, replaces: object) -> None:
    put(world, "User lives in Porto")
    world.answer = extraction({"text": "User lives in Rome", "replaces": replaces})
    assert [(fact.text, fact.replaces) for fact in world.extract().facts] == [("User lives in Rome", ())]


def test_the_model_is_asked_for_what_is_out_of_date_and_to_leave_guesses_alone(world: World) -> None:
    world.extract()
    prompt = world.sent()["messages"][0]["content"]
    assert "**replaces**" in prompt
    assert "only the assistant guessed" in prompt


@pytest.mark.parametrize(
    ("header", "seconds"), [("20", 20), ("999999", 3600), ("soon", None), ("", None), ("-1", None)]
)
def test_a_busy_model_says_how_long_it_wants_to_be_left_alone(world: World, header: str, seconds: int | None) -> None:
    world.answer = reply(b"{}", 429, headers={"retry-after": header})
    with pytest.raises(UpstreamUnavailableError) as busy:
        world.extract()
    assert busy.value.retry_after == seconds


def test_an_answer_that_cannot_be_used_has_cost_what_it_cost(world: World) -> None:
    world.answer = completion("no facts here")
    with pytest.raises(Exception, match="no JSON"):
        world.extract()
    world.answer = extraction(*FACTS)
    assert world.extract().tokens == TokenUsage(700, 30), "and is not charged to the next"
