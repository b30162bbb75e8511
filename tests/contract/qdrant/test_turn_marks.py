"""Why a turn is not recalled elsewhere, as the store keeps it: the fake and the real adapter."""

from dataclasses import replace
from datetime import timedelta

import pytest
from operator_memory.adapters.qdrant.erasure import QdrantErasure
from operator_memory.adapters.qdrant.requests import Json
from operator_memory.adapters.qdrant.turn_marks import QdrantTurnMarks
from operator_memory.application.ports.core import TurnMarks
from operator_memory.application.ports.management import ErasableMemories
from operator_memory.domain.memory.memory import CLEARED, Memory
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope, ScopeKey
from operator_memory.domain.shared.search_plan import AnyScope, Search, SearchMode, SearchPlan
from operator_memory.domain.shared.tombstones import Target, TargetKind

from tests.support.builders import ACCOUNT, AGENT_KEY, NOW, SESSION_KEY, USER_KEY, a_memory
from tests.support.fakes.core import InMemoryMemories
from tests.support.fakes.library import InMemoryLibrary
from tests.support.qdrant.shelves import OTHER, ObservedClient, Shelf, vector_of
from tests.support.time_outs import AMPLE

pytest_plugins = ["tests.support.qdrant.library_fixtures"]

ELSEWHERE = ScopeKey(Scope.SESSION, "session-0")
TEA, MILK = (a_memory(f"I like {what}.", key=ELSEWHERE, kind=Kind.TURN) for what in ("tea", "milk"))
HERE = a_memory("I like rum.", key=SESSION_KEY, kind=Kind.TURN)
FACT = a_memory("Likes tea.")


@pytest.fixture
def marks(shelf: Shelf, request: pytest.FixtureRequest) -> TurnMarks:
    if isinstance(shelf.writer, InMemoryMemories):
        return shelf.writer
    client: ObservedClient = request.getfixturevalue("library_client")
    return QdrantTurnMarks(client, collection="memories", write_timeout=AMPLE)


@pytest.fixture
def erasable(shelf: Shelf, request: pytest.FixtureRequest) -> ErasableMemories:
    if isinstance(shelf.library, InMemoryLibrary):
        return shelf.library
    client: ObservedClient = request.getfixturevalue("library_client")
    return QdrantErasure(client, collections=[("memories", "memories")], write_timeout=AMPLE)


@pytest.fixture(autouse=True)
def stored(shelf: Shelf) -> None:
    shelf.put(TEA, MILK, HERE, FACT)


def recalled(shelf: Shelf, *, withheld: bool = False, mode: SearchMode = SearchMode.DENSE) -> set[str]:
    """What a run of session-1 finds."""
    reach = AnyScope((USER_KEY, SESSION_KEY), past_sessions=True, withheld=withheld)
    plan = SearchPlan((Search(reach, mode, 10),), vector=vector_of("like"), text="tea milk rum")
    [hits] = shelf.search.search(ACCOUNT, plan, now=NOW, timeout=AMPLE)
    return {hit.memory.text for hit in hits}


EVERYTHING = {memory.text for memory in (TEA, MILK, HERE, FACT)}
modes = pytest.mark.parametrize("mode", [SearchMode.DENSE, SearchMode.KEYWORD, SearchMode.RECENT])


@modes
def test_what_is_withheld_is_recalled_in_its_own_session_only(shelf: Shelf, marks: TurnMarks, mode: SearchMode) -> None:
    assert recalled(shelf, mode=mode) == EVERYTHING
    marks.withhold(ACCOUNT, {TEA.id: ["a"], HERE.id: ["a"]})
    assert recalled(shelf, mode=mode) == EVERYTHING - {TEA.text}, "what is said here stays"
    assert recalled(shelf, mode=mode, withheld=True) == EVERYTHING


def test_its_reasons_add_up_and_a_repetition_changes_nothing(shelf: Shelf, marks: TurnMarks) -> None:
    marks.withhold(ACCOUNT, {TEA.id: ["a"], MILK.id: ["b", "a"]})
    marks.withhold(ACCOUNT, {TEA.id: ["b"], MILK.id: ["a"]})
    assert shelf.get(TEA) == replace(TEA, withheld_by=("a", "b"))
    assert shelf.get(MILK) == replace(MILK, withheld_by=("a", "b"))


def test_it_is_recalled_again_when_its_last_reason_is_gone(shelf: Shelf, marks: TurnMarks) -> None:
    marks.withhold(ACCOUNT, {TEA.id: ["a", "b"], MILK.id: ["a"]})
    marks.release(ACCOUNT, "a")
    assert recalled(shelf) == EVERYTHING - {TEA.text}
    assert shelf.get(MILK) == MILK
    marks.release(ACCOUNT, "b")
    marks.release(ACCOUNT, "b")
    assert shelf.get(TEA) == TEA


@pytest.mark.parametrize("words", [True, False])
def test_a_change_of_what_has_been_marked_since_is_to_be_made_again(
    shelf: Shelf, marks: TurnMarks, words: bool
) -> None:
    vector = vector_of("tea") if words else None
    for reason, read in (("a", TEA), ("b", replace(TEA, withheld_by=("a",)))):
        marks.withhold(ACCOUNT, {TEA.id: [reason]})
        assert not shelf.library.replace(replace(read, version=2, pinned=True), vector, expected_version=1)
    marked = replace(TEA, withheld_by=("a", "b"))
    assert shelf.get(TEA) == marked
    changed = replace(marked, version=2, pinned=True)
    assert shelf.library.replace(changed, vector, expected_version=1)
    assert shelf.get(TEA) == changed


@pytest.mark.parametrize("shelf", ["qdrant"], indirect=True)  # in memory it is one step
def test_who_marks_while_the_last_reason_is_taken_off_keeps_the_mark(
    shelf: Shelf, marks: TurnMarks, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks.withhold(ACCOUNT, {TEA.id: ["a"]})
    read = QdrantTurnMarks._read

    def slow(self: QdrantTurnMarks, account_id: AccountId, body: Json) -> list[Memory]:
        found = read(self, account_id, body)
        monkeypatch.undo()
        marks.withhold(ACCOUNT, {TEA.id: ["b"]})
        return found

    monkeypatch.setattr(QdrantTurnMarks, "_read", slow)
    marks.release(ACCOUNT, "a")
    assert shelf.get(TEA) == replace(TEA, withheld_by=("b",))


def test_only_turns_of_the_account_are_marked(shelf: Shelf, marks: TurnMarks) -> None:
    unknown = a_memory("never stored").id
    marks.withhold(ACCOUNT, {FACT.id: ["a"], unknown: ["a"]})
    marks.withhold(OTHER, {TEA.id: ["a"]})
    marks.withhold(ACCOUNT, {})
    assert (shelf.get(FACT), shelf.get(TEA)) == (FACT, TEA)
    marks.withhold(ACCOUNT, {TEA.id: ["a"]})
    marks.release(OTHER, "a")
    assert shelf.get(TEA) == replace(TEA, withheld_by=("a",))


def test_there_may_be_more_than_one_request_holds(shelf: Shelf, marks: TurnMarks) -> None:
    many = [a_memory(f"turn {n}", key=ELSEWHERE, kind=Kind.TURN) for n in range(120)]
    shelf.put(*many)
    marks.withhold(ACCOUNT, {turn.id: ["a"] for turn in many})
    assert all(shelf.get(turn) == replace(turn, withheld_by=("a",)) for turn in many)
    marks.release(ACCOUNT, "a")
    assert all(shelf.get(turn) == turn for turn in many)


def test_who_empties_the_users_memory_silences_what_was_said_before(shelf: Shelf, erasable: ErasableMemories) -> None:
    later = a_memory("I like gin.", key=ELSEWHERE, kind=Kind.TURN, days_old=-1)
    brought_back = a_memory("I like ale.", key=ELSEWHERE, kind=Kind.TURN, imported_at=NOW + timedelta(days=1))
    shelf.put(later, brought_back)
    for _ in range(2):
        erasable.erase(ACCOUNT, Target(TargetKind.USER), until=NOW)
    assert recalled(shelf) == {HERE.text, later.text, brought_back.text}
    assert shelf.get(TEA) == replace(TEA, withheld_by=(CLEARED,))
    assert erasable.count_erasable(ACCOUNT, Target(TargetKind.USER), until=NOW)["memories"] == 0


@pytest.mark.parametrize("target", [Target(TargetKind.AGENT, "agent-1"), Target(TargetKind.SESSION, "session-9")])
def test_to_erase_another_part_silences_nothing(shelf: Shelf, erasable: ErasableMemories, target: Target) -> None:
    shelf.put(a_memory("Answers briefly.", key=AGENT_KEY))
    erasable.erase(ACCOUNT, target, until=NOW)
    assert recalled(shelf) == EVERYTHING


def test_another_accounts_turns_are_not_silenced(shelf: Shelf, erasable: ErasableMemories) -> None:
    theirs: Memory = replace(TEA, id=a_memory("theirs").id, account_id=OTHER)
    shelf.put(theirs)
    erasable.erase(ACCOUNT, Target(TargetKind.USER), until=NOW)
    assert shelf.get(theirs) == theirs
