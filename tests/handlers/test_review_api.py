"""What a reader of the API as an attacker, and as a confused honest user, found: each a sentence that must hold."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from operator_memory.adapters.jwt import mint
from operator_memory.application.retrieve_context import ContextResult, Timing
from operator_memory.domain.conversation import RawMessage
from operator_memory.domain.erasure import Target, TargetKind
from operator_memory.domain.events import EventType
from operator_memory.domain.models import Memory
from operator_memory.domain.ranking import RankedMemory
from operator_memory.domain.scopes import AccountId
from operator_memory.entrypoints.contracts.context import MAX_LIMIT, context_view
from operator_memory.entrypoints.contracts.memories import MAX_PAGE, MAX_TEXT
from operator_memory.entrypoints.http_api import json_response

from tests.support.builders import a_memory
from tests.support.extraction import ACCOUNT, World, a_job
from tests.support.management import SERVICE_KEY, Management

PERSON = "11111111-1111-4111-8111-111111111111"
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
