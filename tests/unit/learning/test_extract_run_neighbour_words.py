"""Which turn is found by the words of the one before it: only where those can be taken back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from operator_memory.application.learning import store_turns
from operator_memory.domain.conversation import RawMessage
from operator_memory.domain.memory.memory import EmbeddedMemory
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope
from operator_memory.domain.shared.tombstones import Target, TargetKind, Tombstone

from tests.support.learning.extraction import ACCOUNT, FINISHED, World, a_job


def said(*texts: str) -> tuple[RawMessage, ...]:
    return tuple(RawMessage("user", text, message_id=text) for text in texts)


def told(world: World) -> dict[str, tuple[str | None, str]]:
    """By each turn's text: the text of what it follows, and the words before it that find it."""
    turns = [point for point in world.memories.points[ACCOUNT].values() if point.memory.kind is Kind.TURN]
    texts = {turn.memory.id: turn.memory.text for turn in turns}
    return {turn.memory.text: (texts.get(turn.memory.follows or ""), turn.before) for turn in turns}


def test_a_turn_knows_whose_words_find_it() -> None:
    world = World()
    world.run(a_job(messages=said("Where?", "In Porto", "Fine")))
    assert told(world) == {"Where?": (None, ""), "In Porto": ("Where?", "Where?"), "Fine": ("In Porto", "In Porto")}


def test_what_was_stored_earlier_finds_nothing_new_for_it_may_have_been_corrected() -> None:
    world = World()
    world.run(a_job(messages=said("Where?")))
    [question] = world.of_scope(Scope.SESSION)
    corrected = replace(question, text="How?", version=2)
    assert world.library.replace(corrected, [0.0], expected_version=1)
    world.run(a_job(messages=said("Where?", "In Porto", "Fine"), job_id="job-2"))
    assert told(world) == {"How?": (None, ""), "In Porto": (None, ""), "Fine": ("In Porto", "In Porto")}


def test_what_is_stored_in_two_requests_is_not_found_across_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_turns, "_TURNS_PAGE", 2)
    world = World()
    world.run(a_job(messages=said("Where?", "In Porto", "When?", "In May")))
    assert {text: before for text, (_, before) in told(world).items() if before} == {
        "In Porto": "Where?",
        "In May": "When?",
    }


def test_a_turn_never_follows_itself() -> None:
    world = World()
    world.run(a_job(messages=said("Where?", "Where?", "Porto", "Where?")))
    assert told(world) == {"Where?": (None, ""), "Porto": ("Where?", "Where?")}


ERASED = Tombstone(Target(TargetKind.ACCOUNT), FINISHED - timedelta(minutes=30))


def around_an_erasure() -> tuple[RawMessage, ...]:
    """A question that an erasure covers, and an answer and a remark that were given after it."""
    times = (-60, -20, -10)
    texts = ("My code is 4711?", "Noted", "Fine")
    return tuple(
        RawMessage("user", text, message_id=text, created_at=FINISHED + timedelta(minutes=minutes))
        for text, minutes in zip(texts, times, strict=True)
    )


def test_what_is_said_after_an_erasure_is_not_found_by_the_words_that_it_took() -> None:
    world = World()
    world.tombstones.put(ACCOUNT, ERASED)
    world.run(a_job(messages=around_an_erasure()))
    assert told(world) == {"Noted": (None, ""), "Fine": ("Noted", "Noted")}
    assert all(turn.follows is None for turn in world.of_scope(Scope.SESSION) if turn.text == "Noted")


def test_nor_where_the_erasure_comes_while_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    write = world.memories.upsert

    def erased_meanwhile(account_id: AccountId, memories: Sequence[EmbeddedMemory]) -> None:
        write(account_id, memories)
        world.tombstones.put(ACCOUNT, ERASED)

    monkeypatch.setattr(world.memories, "upsert", erased_meanwhile)
    world.run(a_job(messages=around_an_erasure()))
    assert told(world) == {"Noted": (None, ""), "Fine": ("Noted", "Noted")}


def test_and_what_is_erased_while_the_words_are_taken_out_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    write = world.memories.upsert
    tombstones = iter([ERASED, replace(ERASED, erased_at=FINISHED - timedelta(minutes=15))])

    def erased_meanwhile(account_id: AccountId, memories: Sequence[EmbeddedMemory]) -> None:
        write(account_id, memories)
        if tombstone := next(tombstones, None):
            world.tombstones.put(ACCOUNT, tombstone)

    monkeypatch.setattr(world.memories, "upsert", erased_meanwhile)
    world.run(a_job(messages=around_an_erasure()))
    assert told(world) == {"Fine": (None, "")}
