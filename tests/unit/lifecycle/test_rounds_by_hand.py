"""``python -m infra.lifecycle``: what it prints, what it does, and how it ends."""

from collections.abc import Callable, Mapping

import pytest
from operator_memory.application.lifecycle.preview_policies import PreviewPolicies
from operator_memory.application.ports.lifecycle import TaskQueue
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.entrypoints.wiring.lifecycle import RoundsByHand

from infra.lifecycle.cli import OK, HereQueue, main
from infra.operators import INTERRUPTED, UNUSABLE
from tests.support.builders import ACCOUNT, NOW, a_memory
from tests.support.fakes.core import FakeClock
from tests.support.lifecycle.world import LifecycleWorld, a_policy

Build = Callable[[Mapping[str, str], TaskQueue], RoundsByHand]


@pytest.fixture
def world() -> LifecycleWorld:
    world = LifecycleWorld(clock=FakeClock(NOW))
    world.put(*(a_memory(f"old {n}", days_old=50) for n in range(3)), a_memory("idle", days_old=20), a_memory("young"))
    world.set_policy(a_policy(time_to_live_days=30, idle_days_before_archive=10, archive_days=5))
    return world


def building(world: LifecycleWorld) -> Build:
    def build(_environ: Mapping[str, str], queue: TaskQueue) -> RoundsByHand:
        assert isinstance(queue, HereQueue)
        world.queue = queue  # type: ignore[assignment]
        plan = world._plan()
        previews = PreviewPolicies(plan=plan, memories=world.selected, archive=world.archive, clock=world.clock)
        return RoundsByHand(previews, world.tending())

    return build


def ask(world: LifecycleWorld, command: str) -> int:
    return main([command, "--account", ACCOUNT], {}, building(world))


def test_a_preview_counts_and_changes_nothing(world: LifecycleWorld, capsys: pytest.CaptureFixture[str]) -> None:
    before = world.ids()
    assert ask(world, "preview") == OK
    said = ["archive idle: 1", "delete time_to_live: 3", "keep not_due: 1", "leaves the archive: 0"]
    assert capsys.readouterr().out.splitlines() == said
    assert world.ids() == before


def test_a_run_does_it_once(
    world: LifecycleWorld, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("operator_memory.application.lifecycle.tend_account.STEPS_AT_ONCE", 0.2)
    assert ask(world, "run") == OK
    assert capsys.readouterr().out == "deleted 3, archived 1\n"
    assert world.texts() == {"young"}
    assert ask(world, "run") == OK
    assert capsys.readouterr().out.startswith("Nothing was due")


def test_an_account_without_memories_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(LifecycleWorld(clock=FakeClock(NOW)), "preview") == OK
    assert capsys.readouterr().out == "The account has no memories.\n"


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (UpstreamUnavailableError("qdrant", "no answer"), UNUSABLE, "no answer"),
        (KeyboardInterrupt(), INTERRUPTED, "interrupted; the schedule goes on"),
    ],
)
def test_what_stops_it_is_told(capsys: pytest.CaptureFixture[str], error: BaseException, code: int, says: str) -> None:
    def build(_environ: Mapping[str, str], _queue: TaskQueue) -> RoundsByHand:
        raise error

    assert main(["run", "--account", ACCOUNT], {}, build) == code
    assert says in capsys.readouterr().err


def test_a_setting_that_is_missing_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--account", ACCOUNT], {}) == UNUSABLE
    assert "QDRANT_URL" in capsys.readouterr().err
