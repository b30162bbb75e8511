"""A round that breaks at any call, before or after it took effect, and is tried again ends like one that did not."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.lifecycle.rounds import Task

from tests.support.builders import ACCOUNT, NOW, a_memory
from tests.support.fakes.core import FakeClock
from tests.support.lifecycle.world import LifecycleWorld, a_policy


@dataclass
class Breaking:
    """Breaks at the call of this number, once. ``after``: when it has taken effect already."""

    at: int
    after: bool
    calls: int = 0
    names: list[str] = field(default_factory=list)

    def around(self, owner: Any, *names: str) -> None:
        for name in names:
            setattr(owner, name, self._breaking(name, getattr(owner, name)))

    def _breaking(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def breaking(*args: Any, **options: Any) -> Any:
            self.calls += 1
            self.names.append(name)
            if self.calls != self.at:
                return call(*args, **options)
            if self.after:
                call(*args, **options)
            raise UpstreamUnavailableError("somewhere", "it broke")

        return breaking


def a_world() -> LifecycleWorld:
    world = LifecycleWorld(clock=FakeClock(NOW))
    world.put(
        a_memory("expired", expires_at=NOW),
        a_memory("old", days_old=50),
        a_memory("idle", days_old=20),
        a_memory("little", days_old=1, importance=0.1),
        a_memory("kept", days_old=1, importance=0.6),
    )
    policy = a_policy(
        {"scope": "user", "time_to_live_days": 30, "idle_days_before_archive": 10, "most_memories": 1},
        archive_days=100,
    )
    world.set_policy(policy)
    return world


def breaking(world: LifecycleWorld, at: int, *, after: bool) -> Breaking:
    made = Breaking(at, after)
    made.around(world.memories, "delete_expired", "next_expiry")
    made.around(world.selected, "count", "some", "least", "remove")
    made.around(world.archive, "to_archive", "entries")
    made.around(world.index, "entry", "settle")
    made.around(world.policies, "policy", "last_round", "note_round")
    return made


def calls_of_a_round() -> list[str]:
    world = a_world()
    counted = breaking(world, 0, after=False)
    world.tend(Task(ACCOUNT))
    return counted.names


CALLS = calls_of_a_round()


def test_a_round_makes_calls_of_every_kind() -> None:
    assert {"delete_expired", "remove", "to_archive", "entries", "settle", "note_round"} <= set(CALLS)


@pytest.mark.parametrize("after", [False, True], ids=["before it took effect", "after it took effect"])
@pytest.mark.parametrize("at", range(1, len(CALLS) + 1), ids=[f"{n} {name}" for n, name in enumerate(CALLS, 1)])
def test_each_memory_ends_where_it_belongs(at: int, after: bool) -> None:
    world = a_world()
    breaking(world, at, after=after)
    with pytest.raises(UpstreamUnavailableError):
        world.tend(Task(ACCOUNT))
    assert world.ids() & world.archived() == set(), "never in both"
    world.tend(Task(ACCOUNT))
    archived = {world.archive.kept[ACCOUNT][i][0].reason: i for i in world.archived()}
    assert world.texts() == {"kept"}
    assert archived == {"idle": a_memory("idle").id, "over_limit": a_memory("little").id}
    due = world.index.entries[ACCOUNT].due_at
    assert due > NOW, "and the account is settled"
