"""What must hold at the edges of the management API, for an attacker and for a confused honest user."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

import pytest
import yaml
from operator_memory.adapters.net.service_tokens import mint
from operator_memory.application.management.limit_rate import LimitRate
from operator_memory.application.recall.retrieve_context import ContextRequest, ContextResult, RetrieveContext, Timing
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.conversation import RawMessage
from operator_memory.domain.errors import UpstreamTimeoutError
from operator_memory.domain.management.identity import Caller
from operator_memory.domain.management.rate_limits import Bucket, RateLimit
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.recall.ranked_memory import RankedMemory
from operator_memory.domain.shared.audit_events import EventType
from operator_memory.domain.shared.search_plan import Hit
from operator_memory.domain.shared.switches import Switches
from operator_memory.domain.shared.tombstones import Target, TargetKind
from operator_memory.entrypoints.adapters_in_use import AdaptersInUse
from operator_memory.entrypoints.contracts.context import MAX_LIMIT, context_view
from operator_memory.entrypoints.contracts.memories import MAX_PAGE, MAX_TEXT
from operator_memory.entrypoints.http_api import json_response

from tests.support.builders import a_memory
from tests.support.fakes.core import FakeClock
from tests.support.fakes.limits import FakeEvents
from tests.support.learning.extraction import ACCOUNT, World, a_job
from tests.support.management.api import SERVICE_KEY, Management

PERSON = "11111111-1111-4111-8111-111111111111"
PROMISED_SECONDS = 1.0
MOST_OF_AN_ANSWER = 6 * 1024 * 1024
"""Bytes that a function may answer with."""


def remembered(text: str) -> Memory:
    """A memory of the person."""
    return replace(a_memory(text), account_id=AccountId(PERSON))


def cursor(section: str, after: str | None) -> str:
    """An export's cursor as anybody can write one."""
    return base64.urlsafe_b64encode(json.dumps([section, after]).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "place", [("account", None), ("memories", None), ("memories", f"1970-01-01T00:00:00Z {UUID(int=0)}")]
)
def test_an_export_that_begins_at_a_cursor_is_on_record_too(place: tuple[str, str | None]) -> None:
    world = Management()
    world.put(remembered("Likes tea."))

    answer = world.call("GET", "/v1/export", user=PERSON, cursor=cursor(*place))

    assert "Likes tea." in answer.body
    [event] = [event for event in world.events.events if event.type is EventType.EXPORT]
    assert (event.account_id, event.actor) == (PERSON, f"user:{PERSON}")


def test_a_run_that_says_it_ends_in_the_future_is_erased_like_any_other() -> None:
    world = World()
    later = datetime(2999, 1, 1, tzinfo=UTC)
    said = (RawMessage("user", "I like tea", created_at=later), RawMessage("user", "I have a dog"))
    world.run(replace(a_job(), finished_at=later, messages=said))
    assert world.memories.of(ACCOUNT)

    world.clock.advance(seconds=1)
    receipt = world.erase.start(ACCOUNT, Target(TargetKind.ACCOUNT), requested_by="user:u1")

    assert world.memories.of(ACCOUNT) == []
    assert receipt.remaining["memories"] == 0


def test_a_service_that_the_trail_could_not_name_is_not_let_in() -> None:
    world = Management()
    now = world.clock.now()
    token = mint("k1", SERVICE_KEY.encode(), permissions=["memories:read"], now=now, subject="s" * 600)

    answer = world.call("GET", "/v1/memories", token=token, account_id=PERSON)

    assert answer.status == 401


@pytest.mark.parametrize("character", ["\N{CAT FACE}", "\N{CJK UNIFIED IDEOGRAPH-732B}", '"'])
def test_a_page_of_the_longest_memories_fits_into_an_answer(character: str) -> None:
    world = Management()
    world.put(*(remembered(f"{n:03}{character * (MAX_TEXT - 3)}") for n in range(MAX_PAGE)))

    response = world.call("GET", "/v1/memories", user=PERSON, limit=MAX_PAGE)

    assert len(response.json["memories"]) == MAX_PAGE
    assert sent_bytes(response.body) < MOST_OF_AN_ANSWER


@pytest.mark.parametrize("character", ["\N{CAT FACE}", "\N{CJK UNIFIED IDEOGRAPH-732B}", '"'])
def test_a_context_of_the_longest_memories_fits_into_an_answer(character: str) -> None:
    memories = [a_memory(f"{n:03}{character * (MAX_TEXT - 3)}") for n in range(MAX_LIMIT)]
    ranked = tuple(RankedMemory(memory, 1.0) for memory in memories)
    result = ContextResult(character * 2_000 * MAX_LIMIT, ranked, 1, (), Timing(1.0, 1.0, 1.0))

    assert sent_bytes(json_response(200, context_view(result))["body"]) < MOST_OF_AN_ANSWER


def sent_bytes(body: str) -> int:
    """Of an answer as the runtime sends it: JSON again, the body a text in it."""
    return len(json.dumps({"body": body}, ensure_ascii=False).encode())


def test_half_a_surrogate_pair_in_an_answer_can_be_sent() -> None:
    answer = json_response(200, {"echo": "\ud800"})

    assert json.dumps(answer, ensure_ascii=False).encode()


class Waits:
    """An embedder, a store or buckets that do not answer: each call takes all the time it is given."""

    dimensions = 2

    def __init__(self, clock: FakeClock, system: str) -> None:
        self.clock = clock
        self.system = system

    def _wait(self, timeout: float) -> NoReturn:
        self.clock.advance(seconds=timeout)
        raise UpstreamTimeoutError(self.system, "no answer")

    def embed(self, texts: Sequence[str], *, timeout: float) -> list[list[float]]:
        self._wait(timeout)

    def search(self, *_: object, timeout: float, now: datetime) -> list[list[Hit]]:
        self._wait(timeout)

    def read(
        self, *_: object, agent_id: str | None, thread_id: str | None, session_id: str | None, timeout: float
    ) -> Switches:
        self.clock.advance(seconds=timeout - 0.001)  # they do answer, at the last moment, so that the others are asked
        return Switches()

    def take(self, key: str, limit: RateLimit, *, tokens: int, now: datetime, timeout: float) -> int:
        self._wait(timeout)


def test_what_a_request_has_waited_for_its_limits_is_taken_off_the_time_of_its_context() -> None:
    clock = FakeClock()
    limit = LimitRate(Waits(clock, "dynamodb"), limits={Bucket.READS: RateLimit(600)}, service_factor=1, clock=clock)
    retrieve = RetrieveContext(
        search=Waits(clock, "qdrant"),
        embedder=Waits(clock, "embeddings"),
        switches=Waits(clock, "supabase"),
        trail=AuditTrail(FakeEvents(), clock),
        clock=clock,
    )
    started = clock.monotonic()

    limit.count_caller(Caller("agent-runtime"), Bucket.READS)
    limit.count_account(ACCOUNT, Bucket.READS)
    result = retrieve.retrieve(ContextRequest(ACCOUNT, query="tea"), actor="service:agent-runtime", started=started)

    assert set(result.degraded) == {"embeddings_timeout", "qdrant_timeout"}
    assert clock.monotonic() - started < PROMISED_SECONDS
    assert result.timing.total == pytest.approx((clock.monotonic() - started) * 1000, abs=1)


def test_asking_a_bucket_twice_takes_no_longer_than_asking_it_once() -> None:
    clock = FakeClock()

    class Slow(Waits):
        def take(self, key: str, limit: RateLimit, *, tokens: int, now: datetime, timeout: float) -> int:
            if timeout < 0.2:
                self._wait(timeout)
            clock.advance(seconds=0.2)
            return 1

    limit = LimitRate(
        Slow(clock, "dynamodb"), limits={Bucket.READS: RateLimit(600)}, service_factor=1, clock=clock, timeout=0.3
    )
    started = clock.monotonic()
    limit.count_caller(Caller("agent-runtime"), Bucket.READS)
    assert clock.monotonic() - started == pytest.approx(0.3)


DYNAMODB = {
    "ContextFunction": {"UpdateItem"},
    "MemoriesFunction": {"GetItem", "BatchGetItem", "Query", "PutItem", "DeleteItem", "BatchWriteItem", "UpdateItem"},
    "AuditFunction": {"BatchGetItem", "Query", "PutItem", "UpdateItem"},
    "ExtractionFunction": {"GetItem", "BatchGetItem", "Query", "PutItem", "DeleteItem", "BatchWriteItem", "UpdateItem"},
    "ArchiveFunction": {"GetItem", "BatchGetItem", "Query", "PutItem", "DeleteItem", "BatchWriteItem", "Scan"},
}
"""What each function does with the table: only what counts updates items."""
COUNT_USAGE = ("AuditFunction", "ExtractionFunction")
"""Functions that add to the counts of accounts; others may count calls only."""


@pytest.mark.parametrize("function", DYNAMODB)
def test_a_function_may_do_to_the_table_what_it_does_and_nothing_more(function: str) -> None:
    allowed = [(action, s) for s in statements(function) for action in actions(s) if action.startswith("dynamodb:")]

    assert {action.removeprefix("dynamodb:") for action, _ in allowed} == DYNAMODB[function]
    for action, statement in allowed:
        if action == "dynamodb:UpdateItem" and function not in COUNT_USAGE:
            assert statement["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["RATE#*"]}}
        if action == "dynamodb:Scan":
            assert str(statement["Resource"]).count("/index/due") == 1, "the small index, not the table"


class _Template(yaml.SafeLoader):
    """Reads CloudFormation's short functions as what stands in them."""


def _inner(loader: yaml.SafeLoader, _tag: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    assert isinstance(node, yaml.SequenceNode | yaml.MappingNode)
    return loader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else loader.construct_mapping(node)


_Template.add_multi_constructor("!", _inner)


def statements(function: str) -> list[dict[str, Any]]:
    """Of a function's policies."""
    template = yaml.load((Path(__file__).parents[3] / "template.yaml").read_text(), _Template)
    return [s for policy in template["Resources"][function]["Properties"]["Policies"] for s in policy["Statement"]]


def actions(statement: dict[str, Any]) -> list[str]:
    """Of a statement: one, or a list."""
    found = statement["Action"]
    return found if isinstance(found, list) else [found]


def test_a_memory_cannot_be_taken_away_as_if_it_had_only_been_changed() -> None:
    world = Management()
    memory = remembered("Likes tea.")
    world.put(memory)
    past = {"expires_at": "1990-01-01T00:00:00Z"}

    answer = world.call("PATCH", f"/v1/memories/{memory.id}", user=PERSON, body=past, headers={"if-match": '"1"'})

    assert (answer.status, answer.json["field"]) == (422, "expires_at")
    assert world.call("GET", "/v1/memories", user=PERSON).ids == [memory.id]


@pytest.mark.parametrize("named", [{"job_id": "job-1"}, {}])
def test_a_run_that_was_too_large_can_be_sent_again_in_parts(named: dict[str, str]) -> None:
    world = Management()
    run = {**named, "thread_id": "t", "status": "completed", "finished_at": "2026-11-24T08:00:00Z"}
    key = {"idempotency-key": "key-1"}

    def submit(text: str) -> int:
        body = json.dumps({**run, "messages": [{"type": "user", "content": text}]}, ensure_ascii=False)
        return world.call("POST", "/v1/jobs", user=PERSON, body=body.encode(), headers=key).status

    assert submit("\N{CAT FACE}" * 262_100) == 422  # just more than the queue holds, with the ids that are added
    assert submit("I like tea") == 202


@pytest.mark.parametrize(("url", "read"), [("", {"/qdrant"}), ("https://project.test", {"/qdrant", "/supabase"})])
def test_without_a_platform_its_key_is_not_asked_for(url: str, read: set[str]) -> None:
    """One parameter that does not exist fails the reading of all secrets: the function would answer 503 for ever."""
    asked: list[str] = []

    class Noted(AdaptersInUse):
        def _parameter_reader(self, names: list[str]) -> Callable[[str], str]:
            asked.extend(names)
            return str

    Noted.from_environment(
        {
            "QDRANT_URL": "http://qdrant.test",
            "QDRANT_API_KEY_PARAMETER": "/qdrant",
            "SUPABASE_SERVICE_KEY_PARAMETER": "/supabase",
            "SUPABASE_URL": url,
        }
    )

    assert set(asked) == read
