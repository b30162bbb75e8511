"""A query's vector is reused; what is found with it is read from the store each time.

On the real engine, with people's changes made through the management API: what was erased, deleted or corrected is
never shown again, though nothing is embedded when the question comes again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from operator_memory.adapters.qdrant.erasure import QdrantErasure
from operator_memory.application.recall.retrieve_context import (
    ContextRequest,
    ContextResult,
    Deadlines,
    RetrievalPolicy,
    RetrieveContext,
)
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.memory.scopes import AccountId, Kind

from tests.support.builders import AGENT_KEY, SESSION_KEY, USER_KEY, a_memory
from tests.support.fakes.core import FakeEmbedder
from tests.support.fakes.limits import FakeEvents
from tests.support.management.api import Answer, Management
from tests.support.qdrant.shelves import EVERYTHING, ObservedClient, Shelf
from tests.support.time_outs import AMPLE

pytest_plugins = ["tests.support.qdrant.library_fixtures"]

QUERY = "Which tea do I drink in the morning?"
OLD = "I drink green tea in the morning."
PATIENT = Deadlines(switches=10, embedding=10, search=10, total=30)


@dataclass
class World:
    """A person's memories on the engine, the API by which they change them, and a run that asks."""

    platform: Management
    retrieve: RetrieveContext
    embedder: FakeEmbedder
    user: str

    @property
    def account(self) -> AccountId:
        return AccountId(self.user)

    def add(self, text: str, **body: object) -> str:
        """The id of a memory that the person has just written down."""
        answer = self.platform.call("POST", "/v1/memories", user=self.user, body={"memory": text, **body})
        assert answer.status in (200, 201), answer.body
        return str(answer.json["id"])

    def change(self, method: str, path: str, **body: object) -> Answer:
        """A change that the person makes; it must be done."""
        answer = self.platform.call(
            method, path, user=self.user, account_id=self.user, body=body or None, headers={"if-match": '"1"'}
        )
        assert answer.status < 300, answer.body
        return answer

    def ask(self, account: AccountId | None = None) -> ContextResult:
        """What a run of the person gets. A minute passes."""
        self.platform.clock.advance(minutes=1)
        request = ContextRequest(account or self.account, agent_id="agent-1", session_id="session-1", query=QUERY)
        result = self.retrieve.retrieve(request, actor="service:agent-runtime")
        assert result.degraded == ()
        return result

    def ask_again(self) -> ContextResult:
        """The same question a minute later: asserts that nothing was embedded for it."""
        calls = len(self.embedder.calls)
        result = self.ask()
        assert (result.vector_reused, len(self.embedder.calls)) == (True, calls)
        return result


@pytest.fixture
def world(qdrant_shelf: Shelf, library_client: ObservedClient) -> Iterator[World]:
    collections = (("memories", "memories"), ("entities", "memories_entities"))
    erasable = QdrantErasure(library_client, collections=collections, write_timeout=AMPLE)
    platform = Management(library=qdrant_shelf.library, writer=qdrant_shelf.writer, erasable=erasable)
    embedder = FakeEmbedder()
    retrieve = RetrieveContext(
        search=qdrant_shelf.search,
        embedder=embedder,
        switches=platform.switches,
        trail=AuditTrail(FakeEvents(), platform.clock),
        clock=platform.clock,
        policy=RetrievalPolicy(deadlines=PATIENT),
    )
    user = platform.platform.new_user()
    yield World(platform, retrieve, embedder, user)
    qdrant_shelf.library.delete_matching(AccountId(user), EVERYTHING, now=platform.clock.now())


def shows(result: ContextResult, text: str) -> bool:
    """Whether ``text`` is in the answer: in the text to inject, or in what it cites."""
    return text in result.text or any(text in ranked.memory.text for ranked in result.memories)


def filtered(world: World, **where: object) -> None:
    """Delete what a filter lets through: first counted, then confirmed."""
    told = world.change("POST", "/v1/memories/delete", filter=where).json
    world.change("POST", "/v1/memories/delete", filter=where, dry_run=False, expected=told["matched"])


def ended(world: World, identity: str) -> None:
    """Give the memory an end, and let it come."""
    end = world.platform.clock.now() + timedelta(seconds=30)
    world.change("PATCH", f"/v1/memories/{identity}", expires_at=end.isoformat())


NEW = "I drink black coffee at noon."
GONE: dict[str, Callable[[World, str], object]] = {
    "deleted": lambda world, identity: world.change("DELETE", f"/v1/memories/{identity}"),
    "deleted by a filter": lambda world, _: filtered(world, text="tea"),
    "corrected": lambda world, identity: world.change("PATCH", f"/v1/memories/{identity}", memory=NEW),
    "ended": ended,
    "erased with all of the user's": lambda world, _: world.change(
        "POST", "/v1/erasures", confirm="erase", target="user"
    ),
    "erased with the whole account": lambda world, _: world.change(
        "POST", "/v1/erasures", confirm="erase", target="account"
    ),
}


@pytest.mark.parametrize("gone", GONE)
def test_what_is_gone_is_not_shown_though_the_questions_vector_is_reused(gone: str, world: World) -> None:
    identity = world.add(OLD)
    assert shows(world.ask(), OLD)
    assert shows(world.ask_again(), OLD)
    GONE[gone](world, identity)
    assert not shows(world.ask_again(), OLD)
    assert not shows(world.ask_again(), "green tea"), "nor a part of it"
    assert len(world.embedder.calls) == 1


def test_a_corrected_memory_is_shown_with_its_new_words_under_its_old_id(world: World) -> None:
    identity = world.add(OLD)
    world.ask()
    world.change("PATCH", f"/v1/memories/{identity}", memory=NEW)
    answer = world.ask_again()
    assert [(r.memory.id, r.memory.text) for r in answer.memories] == [(identity, NEW)]


def test_what_was_said_meanwhile_is_found_with_the_reused_vector(world: World) -> None:
    world.add("I keep bees.")
    assert not shows(world.ask(), OLD)
    world.add(OLD)
    assert shows(world.ask_again(), OLD)


ERASED = {
    "agent": a_memory("Which tea the user gets depends on the weather.", key=AGENT_KEY),
    "session": a_memory("The morning bus was late again, no tea.", key=SESSION_KEY, kind=Kind.TURN),
}


@pytest.mark.parametrize("target", ERASED)
def test_of_a_scope_that_is_erased_nothing_is_shown_and_the_rest_stays(target: str, world: World) -> None:
    memory = ERASED[target]
    for stored in (memory, a_memory(OLD, key=USER_KEY)):
        world.platform.put(replace(stored, account_id=world.account))
    assert shows(world.ask(), memory.text)
    world.change("POST", "/v1/erasures", confirm="erase", target=target, id=memory.key.owner_id)
    answer = world.ask_again()
    assert not shows(answer, memory.text)
    assert shows(answer, OLD)


def test_another_account_that_asks_the_same_embeds_it_itself_and_sees_its_own_only(world: World) -> None:
    world.add(OLD)
    other = AccountId(world.platform.platform.new_user())
    assert shows(world.ask(), OLD)
    theirs = world.ask(other)
    assert (theirs.vector_reused, theirs.memories) == (False, ())
    assert len(world.embedder.calls) == 2


def test_after_ten_minutes_the_question_is_embedded_again_and_still_nothing_old_is_shown(world: World) -> None:
    identity = world.add(OLD)
    world.ask()
    world.change("DELETE", f"/v1/memories/{identity}")
    world.platform.clock.advance(minutes=10)
    answer = world.ask()
    assert (answer.vector_reused, len(world.embedder.calls)) == (False, 2)
    assert not shows(answer, OLD)
