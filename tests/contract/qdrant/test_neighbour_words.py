"""Words that a person takes away are not found in the index of what was said next: the fake and the real adapter."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from operator_memory.adapters.qdrant import neighbour_words
from operator_memory.adapters.qdrant.memories import QdrantMemories
from operator_memory.domain.errors import ConflictError
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import Kind
from operator_memory.domain.shared.memory_filter import MemoryFilter

from tests.support.builders import ACCOUNT, NOW, SESSION_KEY, a_memory
from tests.support.qdrant.shelves import EVERYTHING, OTHER, ObservedClient, Shelf, vector_of

pytest_plugins = ["tests.support.qdrant.library_fixtures"]

LATER = NOW + timedelta(hours=1)


def said(text: str, *, after: Memory | None = None) -> Memory:
    turn = a_memory(text, key=SESSION_KEY)
    return replace(turn, kind=Kind.TURN, expires_at=LATER, follows=after.id if after else None)


QUESTION = said("Where is the teapot?")
ANSWER = said("On the balcony.", after=QUESTION)
THANKS = said("Splendid!", after=ANSWER)


def put(shelf: Shelf, *turns: Memory) -> None:
    """Store them as the write path does, each with what the one before it says."""
    told = {turn.id: turn.text for turn in turns}
    embedded = [EmbeddedMemory(turn, vector_of(turn.text), told.get(turn.follows or "", "")) for turn in turns]
    shelf.writer.upsert(turns[0].account_id, embedded)


def found_by(shelf: Shelf, words: str) -> set[str]:
    """What a search by words alone finds."""
    _, keyword = shelf.library.find(shelf.account, EVERYTHING, vector=vector_of("x"), text=words, limit=9, now=NOW)
    return {hit.memory.text for hit in keyword}


@pytest.fixture
def talk(shelf: Shelf) -> Shelf:
    put(shelf, QUESTION, ANSWER, THANKS)
    assert found_by(shelf, "teapot") == {QUESTION.text, ANSWER.text}
    return shelf


@pytest.fixture
def real_talk(qdrant_shelf: Shelf) -> Shelf:
    put(qdrant_shelf, QUESTION, ANSWER, THANKS)
    return qdrant_shelf


def delete(shelf: Shelf) -> None:
    shelf.library.delete(ACCOUNT, [QUESTION.id])


def delete_matching(shelf: Shelf) -> None:
    shelf.library.delete_matching(ACCOUNT, MemoryFilter(text="teapot"), now=NOW)


def correct(shelf: Shelf) -> None:
    new = replace(QUESTION, text="Where is it?", version=2)
    assert shelf.library.replace(new, vector_of(new.text), expected_version=1)


Taking = Callable[[Shelf], None]
ways = pytest.mark.parametrize("take_away", [delete, delete_matching, correct])


@ways
def test_a_question_that_is_gone_does_not_find_its_answer(talk: Shelf, take_away: Taking) -> None:
    take_away(talk)
    assert found_by(talk, "teapot") == set()
    assert talk.get(ANSWER) == replace(ANSWER, follows=None)
    assert found_by(talk, "balcony") == {ANSWER.text, THANKS.text}
    assert talk.get(THANKS) == THANKS
    dense, _ = talk.library.find(ACCOUNT, EVERYTHING, vector=vector_of(ANSWER.text), text="x", limit=1, now=NOW)
    assert dense[0].score == pytest.approx(1, abs=1e-3)


def test_what_somebody_has_changed_otherwise_loses_the_words_too(talk: Shelf) -> None:
    assert talk.library.replace(replace(ANSWER, pinned=True, version=2), None, expected_version=1)
    assert found_by(talk, "teapot") == {QUESTION.text, ANSWER.text}
    delete(talk)
    assert found_by(talk, "teapot") == set()
    assert talk.get(ANSWER) == replace(ANSWER, pinned=True, version=2, follows=None)


def test_a_corrected_answer_is_found_by_its_own_words_only(talk: Shelf) -> None:
    new = replace(ANSWER, text="In the attic.", follows=None, version=2)
    assert talk.library.replace(new, vector_of(new.text), expected_version=1)
    assert found_by(talk, "teapot") == {QUESTION.text}
    assert found_by(talk, "balcony") == set()


def test_a_change_that_is_refused_or_is_of_no_words_takes_nothing_back(talk: Shelf) -> None:
    assert talk.library.replace(replace(QUESTION, pinned=True, version=2), None, expected_version=1)
    stale = replace(QUESTION, text="Where is it?", version=2)
    assert not talk.library.replace(stale, vector_of(stale.text), expected_version=1)
    assert found_by(talk, "teapot") == {QUESTION.text, ANSWER.text}


def test_another_accounts_turns_stay_as_they_are(talk: Shelf) -> None:
    theirs = replace(ANSWER, account_id=OTHER, id=ANSWER.id[:-4] + "0000")
    talk.writer.upsert(OTHER, [EmbeddedMemory(theirs, vector_of(theirs.text), QUESTION.text)])
    delete(talk)
    assert talk.library.get(OTHER, theirs.id) == theirs
    assert found_by(replace(talk, account=OTHER), "teapot") == {theirs.text}


def test_a_long_conversation_is_gone_through_page_by_page(talk: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operator_memory.adapters.qdrant.library.PAGE", 3)
    monkeypatch.setattr(neighbour_words, "PAGE", 2)
    monkeypatch.setattr(neighbour_words, "_CHANGED_AT_ONCE", 1)
    turns = [said("The kettle of number 0.")]
    for n in range(1, 12):
        words = "It is warm" if n % 2 else "The kettle"
        turns.append(said(f"{words} of number {n}.", after=turns[-1]))
    put(talk, *turns)
    assert len(found_by(talk, "kettle")) == 9  # all, but for the search's limit
    talk.library.delete_matching(ACCOUNT, MemoryFilter(text="kettle"), now=NOW)
    assert found_by(talk, "kettle") == set()
    assert len(found_by(talk, "warm")) == 6


def test_what_goes_along_is_not_written_again(real_talk: Shelf, library_client: ObservedClient) -> None:
    paths: list[str] = []
    library_client.before = lambda method, path, body: paths.append(path)
    real_talk.library.delete_matching(ACCOUNT, MemoryFilter(kind=Kind.TURN), now=NOW)
    real_talk.library.delete(ACCOUNT, [QUESTION.id, ANSWER.id])
    assert not any("/points/batch" in path for path in paths)
    assert real_talk.library.count(ACCOUNT, EVERYTHING, now=NOW) == 0


@ways
@pytest.mark.parametrize("at", range(6))
def test_whatever_interrupts_it_doing_it_again_completes_it(
    real_talk: Shelf, library_client: ObservedClient, take_away: Taking, at: int
) -> None:
    left = at

    def interrupt(method: str, path: str, body: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise InterruptedError

    library_client.before = interrupt
    with suppress(InterruptedError):
        take_away(real_talk)
    library_client.reset()
    if real_talk.get(QUESTION) == QUESTION:
        take_away(real_talk)
    assert found_by(real_talk, "teapot") == set()


@ways
@pytest.mark.parametrize("words", [None, "In the attic."], ids=["pinned", "corrected"])
def test_an_answer_that_changes_meanwhile_keeps_its_change_and_loses_the_words(
    real_talk: Shelf, library_client: ObservedClient, take_away: Taking, words: str | None
) -> None:
    changed = replace(ANSWER, pinned=True, version=2, text=words or ANSWER.text)

    def change_first(method: str, path: str, body: Any) -> None:
        if "/points/batch" in path:
            library_client.reset()
            vector = vector_of(words) if words else None
            assert real_talk.library.replace(changed, vector, expected_version=1)

    library_client.before = change_first
    take_away(real_talk)
    assert found_by(real_talk, "teapot") == set()
    assert real_talk.get(ANSWER) == replace(changed, follows=None)
    assert changed.text in found_by(real_talk, "attic" if words else "balcony")


def test_an_answer_that_is_deleted_meanwhile_stays_so(real_talk: Shelf, library_client: ObservedClient) -> None:
    def delete_first(method: str, path: str, body: Any) -> None:
        if "/points/batch" in path:
            library_client.reset()
            real_talk.library.delete(ACCOUNT, [ANSWER.id])

    library_client.before = delete_first
    delete(real_talk)
    assert (real_talk.get(QUESTION), real_talk.get(ANSWER)) == (None, None)


def test_an_answer_that_never_stops_changing_keeps_its_question(
    real_talk: Shelf, library_client: ObservedClient
) -> None:
    version = 1

    def change_first(method: str, path: str, body: Any) -> None:
        nonlocal version
        if "/points/batch" in path:
            version += 1
            assert real_talk.library.replace(replace(ANSWER, version=version), None, expected_version=version - 1)

    library_client.before = change_first
    with pytest.raises(ConflictError, match="try again"):
        delete(real_talk)
    assert real_talk.get(QUESTION) == QUESTION


def test_an_answer_that_is_kept_beyond_its_question_loses_the_words_when_that_expires(real_talk: Shelf) -> None:
    kept = replace(ANSWER, expires_at=None, version=2)
    assert real_talk.library.replace(kept, None, expected_version=1)
    assert isinstance(real_talk.writer, QdrantMemories)
    assert real_talk.writer.delete_expired(ACCOUNT, now=LATER, limit=9) == 2
    assert real_talk.get(ANSWER) == replace(kept, follows=None)
    assert found_by(real_talk, "teapot") == set()
