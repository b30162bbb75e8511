"""Moving memories between the real store and the real archive while workers are killed and others change things.

Each test does what it does at every call that a move makes. A memory is in at least one place at every moment, and in
exactly one in the end; what a person has erased or deleted is in none.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from uuid import uuid4

import pytest
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.tombstones import TargetKind

from tests.support.aws.archives import InS3
from tests.support.builders import NOW, a_memory
from tests.support.lifecycle.moving import KilledError, Moving, Wire, Worker
from tests.support.qdrant.shelves import ObservedClient

pytest_plugins = [
    "tests.support.aws.fixtures",
    "tests.support.aws.archive_fixtures",
    "tests.support.qdrant.store_fixtures",
]

Move = Callable[[Moving, Worker, list[Memory]], object]


def into(moving: Moving, worker: Worker, memories: list[Memory]) -> object:
    """Into the archive."""
    return moving.archive(worker, memories)


def back(moving: Moving, worker: Worker, memories: list[Memory]) -> object:
    """Back from it."""
    return moving.restore(worker, memories[0].account_id)


moves = pytest.mark.parametrize("move", [into, back])


@pytest.fixture
def moving(engine: ObservedClient, in_s3: InS3) -> Iterator[Moving]:
    made = Moving(f"http://{engine._host}:{engine._port}", in_s3)
    made.clock.time = NOW
    yield made
    made.close()


def an_account(moving: Moving, move: Move) -> list[Memory]:
    """Three memories of a new account, where ``move`` finds them."""
    account = AccountId(f"acct-{uuid4()}")
    memories = [replace(a_memory(text, id=str(uuid4())), account_id=account) for text in ("Tea.", "Porto.", "Night.")]
    moving.store(*memories)
    if move is back:
        moving.archive(moving.calm, memories)
        assert moving.archived(account) == {memory.id for memory in memories}
    moving.clock.advance(minutes=1)
    return memories


def at_every_call(moving: Moving, move: Move, do: Callable[[list[Memory]], object]) -> Iterator[list[Memory]]:
    """Move new memories again and again; ``do`` comes between two calls, each time one later. Yields them then."""
    for number in count():
        memories = an_account(moving, move)
        wire = Wire(number, lambda memories=memories: do(memories))  # type: ignore[misc]
        try:
            move(moving, moving.worker(wire), memories)
        except UpstreamUnavailableError:  # another has changed the object before it was checked: worth another try
            move(moving, moving.calm, memories)
        if wire.calls <= number:
            assert number >= 8, "there are calls to come between"
            return
        yield memories


def in_one_place(moving: Moving, memories: list[Memory]) -> None:
    stored, archived = moving.stored(memories), moving.archived(memories[0].account_id)
    assert stored | archived == {memory.id for memory in memories}
    assert not stored & archived
    assert sorted(moving.lines(memories[0].account_id)) == sorted(archived), "no line is left over"


def in_no_place(moving: Moving, memories: list[Memory]) -> None:
    account = memories[0].account_id
    assert (moving.stored(memories), moving.archived(account), moving.lines(account)) == (set(), set(), [])


@moves
@pytest.mark.parametrize("afterwards", [False, True], ids=["before", "after"])
def test_killed_at_any_call_nothing_is_lost_and_again_ends_it(moving: Moving, move: Move, afterwards: bool) -> None:
    def kill() -> None:
        raise KilledError

    for number in count():
        memories = an_account(moving, move)
        account, ids = memories[0].account_id, {memory.id for memory in memories}
        wire = Wire(number, kill, afterwards)
        try:
            move(moving, moving.worker(wire), memories)
            break
        except KilledError:
            pass
        assert moving.stored(memories) | moving.archived(account) == ids, f"at call {number}"
        move(moving, moving.calm, memories)
        target = moving.archived(account) if move is into else moving.stored(memories)
        assert target == ids, f"at call {number}"
        moving.settle(account)
        in_one_place(moving, memories)
    assert number >= 8


@moves
def test_at_every_moment_each_is_somewhere(moving: Moving, move: Move) -> None:
    memories = an_account(moving, move)
    account, ids = memories[0].account_id, {memory.id for memory in memories}
    looks = []

    def look() -> None:
        looks.append(moving.stored(memories) | moving.archived(account))

    move(moving, moving.worker(Wire(each=look)), memories)
    assert looks
    assert all(seen == ids for seen in looks)


@moves
@pytest.mark.parametrize("kind", [TargetKind.USER, TargetKind.ACCOUNT])
def test_what_is_erased_meanwhile_is_nowhere(moving: Moving, move: Move, kind: TargetKind) -> None:
    for memories in at_every_call(moving, move, lambda memories: moving.erase(memories[0].account_id, kind)):
        in_no_place(moving, memories)


@moves
def test_what_a_killed_worker_left_is_erased_too(moving: Moving, move: Move) -> None:
    def kill() -> None:
        raise KilledError

    for number in count():
        memories = an_account(moving, move)
        try:
            move(moving, moving.worker(Wire(number, kill, afterwards=True)), memories)
            break
        except KilledError:
            moving.erase(memories[0].account_id)
            in_no_place(moving, memories)
            moving.clock.advance(minutes=1)


@moves
def test_what_a_person_deletes_meanwhile_is_nowhere(moving: Moving, move: Move) -> None:
    for memories in at_every_call(moving, move, lambda memories: moving.delete(memories[0])):
        stored, archived = moving.stored(memories), moving.archived(memories[0].account_id)
        assert memories[0].id not in stored | archived
        assert stored | archived == {memory.id for memory in memories[1:]}


def test_what_a_person_changes_meanwhile_is_not_lost(moving: Moving) -> None:
    done: list[bool] = []

    def correct(memories: list[Memory]) -> None:
        changed = replace(memories[0], importance=0.9, version=2)
        done.append(moving.calm.library.replace(changed, None, expected_version=1))

    for memories in at_every_call(moving, into, correct):
        in_one_place(moving, memories)
        moving.restore(moving.calm, memories[0].account_id)
        known = moving.calm.library.get(memories[0].account_id, memories[0].id)
        assert known is not None
        assert known.importance == (0.9 if done[-1] else memories[0].importance)
    assert set(done) == {True, False}


@moves
@pytest.mark.parametrize("other", [into, back])
def test_two_workers_at_once_lose_nothing(moving: Moving, move: Move, other: Move) -> None:
    for memories in at_every_call(moving, move, lambda memories: other(moving, moving.calm, memories)):
        assert moving.stored(memories) | moving.archived(memories[0].account_id) == {m.id for m in memories}
        moving.settle(memories[0].account_id)
        in_one_place(moving, memories)
