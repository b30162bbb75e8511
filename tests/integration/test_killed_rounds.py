"""A round over the real store and the real archive whose worker is killed, after each call that changed something.

What nothing may take is in at least one place then, and a second round ends it like one that was not interrupted.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from operator_memory.adapters.qdrant.lifecycle.policy_memories import QdrantPolicyMemories
from operator_memory.application.lifecycle.plan_policies import PlanPolicies
from operator_memory.application.lifecycle.tend_account import TendAccount, TendingPorts
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.lifecycle.policies import StoredPolicy
from operator_memory.domain.lifecycle.rounds import RoundReport, Task
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId

from tests.support.aws.archives import InS3
from tests.support.builders import NOW, a_memory
from tests.support.fakes.holds import FixedHolds
from tests.support.fakes.lifecycle import FakeTaskQueue, InMemoryPolicies
from tests.support.lifecycle.moving import KilledError, Moving, Wire
from tests.support.lifecycle.world import ENOUGH, a_policy
from tests.support.qdrant.shelves import ObservedClient
from tests.support.qdrant.stores import COLLECTION
from tests.support.time_outs import AMPLE

pytest_plugins = [
    "tests.support.aws.fixtures",
    "tests.support.aws.archive_fixtures",
    "tests.support.qdrant.store_fixtures",
]

POLICY = a_policy(
    {"scope": "user", "kind": "fact", "time_to_live_days": 300, "idle_days_before_archive": 100, "most_memories": 2},
    archive_days=40,
)


@pytest.fixture
def moving(engine: ObservedClient, in_s3: InS3) -> Iterator[Moving]:
    made = Moving(f"http://{engine._host}:{engine._port}", in_s3)
    yield made
    made.close()


@dataclass
class OneRound:
    """An account in which each stage of a round has something to do."""

    moving: Moving
    account: AccountId = field(default_factory=lambda: AccountId(f"acct-{uuid4()}"))
    policies: InMemoryPolicies = field(default_factory=InMemoryPolicies)
    memories: dict[str, Memory] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.moving.clock.time = NOW - timedelta(days=41)
        long_there, anew = self.made("long there"), self.made("learned anew")
        self.moving.store(long_there)
        self.moving.archive(self.moving.calm, [long_there])
        self.moving.clock.time = NOW - timedelta(hours=1)
        self.moving.store(anew)
        self.moving.archive(self.moving.calm, [anew])
        self.moving.store(
            replace(anew, created_at=NOW, updated_at=NOW),
            self.made("has ended", expires_at=NOW - timedelta(days=1)),
            self.made("too old", days_old=400),
            self.made("idle", days_old=200),
            self.made("matters least", importance=0.1),
            self.made("kept", importance=0.6),
        )
        self.moving.clock.time = NOW
        self.policies.set_policy(self.account, StoredPolicy(POLICY, NOW, "user:owner"))
        self.moving.expiry.register(self.account, NOW)

    def made(self, text: str, **fields: Any) -> Memory:
        memory = replace(a_memory(text, id=str(uuid4()), **fields), account_id=self.account)
        self.memories[text] = memory
        return memory

    def ids(self, *texts: str) -> set[str]:
        return {self.memories[text].id for text in texts}

    def tend(self, wire: Wire | None = None) -> RoundReport:
        """Take the account's message."""
        wire = wire or Wire()
        worker = self.moving.worker(wire)
        store = QdrantPolicyMemories(self.moving.clients[-1], collection=COLLECTION, timeout=AMPLE)
        ports = TendingPorts(
            expired=worker.memories,
            memories=store,
            index=_OnWire(self.moving.expiry, wire, "settle"),
            policies=_OnWire(self.policies, wire, "note_round"),
            queue=FakeTaskQueue(),
            archive=worker.archive,
            to_archive=worker.archiving.archive,
            tidy=worker.tidying.go_on,
        )
        plan = PlanPolicies(memories=store, policies=self.policies, agents=None, holds=FixedHolds(), archiving=True)
        trail = AuditTrail(self.moving.events, self.moving.clock)
        tending = TendAccount(ports, plan=plan, trail=trail, clock=self.moving.clock)
        return tending.tend(Task(self.account), lambda: ENOUGH)

    def stored(self) -> set[str]:
        return self.moving.stored(list(self.memories.values()))

    def archived(self) -> set[str]:
        return self.moving.archived(self.account)

    def state(self) -> Any:
        """All that a call may change."""
        index = self.moving.expiry.entries.get(self.account)
        in_s3 = self.moving.in_s3
        return self.stored(), in_s3.items(), in_s3.keys(), dict(self.policies.rounds), index and index.version

    def is_done(self) -> None:
        assert self.stored() == self.ids("kept", "learned anew")
        assert self.archived() == self.ids("idle", "matters least")


class _OnWire:
    """A port of which one call goes over the wire."""

    def __init__(self, port: Any, wire: Wire, name: str) -> None:
        self._port, self._wire, self._name = port, wire, name

    def __getattr__(self, name: str) -> Any:
        call: Callable[..., Any] = getattr(self._port, name)
        return call if name != self._name else lambda *args: self._wire.around(lambda: call(*args))


def changing_calls(moving: Moving) -> list[int]:
    """The numbers of the calls after which something is different."""
    one, wire = OneRound(moving), Wire()
    states = [one.state()]
    changed: list[int] = []

    def compare() -> None:
        states.append(one.state())
        if states[-1] != states[-2]:
            changed.append(wire.calls - 1)

    wire.each = compare
    report = one.tend(wire)
    assert report == RoundReport(expired=1, deleted=1, archived=2, purged=1)
    one.is_done()
    return changed


def test_killed_after_any_change_nothing_is_lost_and_a_second_round_ends_it(moving: Moving) -> None:
    def kill() -> None:
        raise KilledError

    numbers = changing_calls(moving)
    assert len(numbers) >= 12, "each stage changes something"
    for number in numbers:
        one = OneRound(moving)
        with pytest.raises(KilledError):
            one.tend(Wire(number, kill, afterwards=True))
        left = one.stored() | one.archived()
        stays = one.ids("kept", "learned anew", "idle", "matters least")
        assert stays <= left, f"lost at call {number}"
        moving.clock.advance(minutes=1)
        one.tend()
        one.is_done()
        moving.settle(one.account)
        one.is_done()
        assert sorted(moving.lines(one.account)) == sorted(one.archived()), f"a line is left over, call {number}"
