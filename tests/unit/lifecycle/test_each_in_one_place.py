"""Whatever people, policies, quotas, erasures and holds do, in any order: each memory is in one place.

In the store or in the archive, or it is gone because somebody or something may take it. Nothing pinned leaves the store
unless a person or its own end takes it, nothing held is removed, and a round does what its preview says.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from operator_memory.domain.lifecycle.fates import Circumstances, Fate, leaves_archive
from operator_memory.domain.lifecycle.policies import Policies
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import Kind
from operator_memory.domain.shared.tombstones import Target, Tombstone

from tests.support.builders import AGENT_KEY, SESSION_KEY, USER_KEY, a_memory
from tests.support.lifecycle.connected import Connected
from tests.support.management.checks import belonging_to

MOST_FACTS = 4
POLICIES: list[dict[str, Any]] = [
    {"idle_days_before_archive": 2},
    {"idle_days_before_archive": 1, "archive_days": 3},
    {"time_to_live_days": 4, "idle_days_before_archive": 1},
    {"most_memories": 1},
    {"most_memories": 2, "archive_days": 1},
    {},
]
TARGETS: list[tuple[str, str | None]] = [("account", None), ("user", None), ("session", "session-1"), ("author", "ann")]
PLACES = st.sampled_from(["account", "threads/thread-1", "threads/session-1"])
FACTS = st.sampled_from([f"Fact {number}." for number in range(7)])


class OneAccount(RuleBasedStateMachine):
    """One account and everything that moves its memories."""

    def __init__(self) -> None:
        super().__init__()
        self.api = Connected(most_facts=MOST_FACTS)
        self.api.watch(self.look)
        self.held: set[str] = set()
        self.never_gone: set[str] = set()

    # ---- what must be true ---------------------------------------------------------------------------------------

    def look(self) -> None:
        """At every moment: what nothing may take is somewhere."""
        missing = self.never_gone - self.api.in_store().keys() - self.api.in_archive().keys()
        assert not missing

    @contextmanager
    def doing(self, *, may_go: set[str] = frozenset(), pinned_stay: bool = True) -> Iterator[None]:  # type: ignore[assignment]
        """Do one thing. ``may_go``: ids that it may take, beside what is erased and is not held."""
        stored, archived = self.api.in_store(), self.api.in_archive()
        held = {i for i, memory in {**archived, **stored}.items() if self.is_held(memory)}
        may_go = (may_go | self.erased(archived) | self.erased(stored)) - held
        self.never_gone = (stored.keys() | archived.keys()) - may_go
        pinned = {i for i, m in stored.items() if m.pinned and i not in self.ended(stored)} if pinned_stay else set()
        twice = stored.keys() & archived.keys()
        yield
        self.look()
        self.never_gone = set()
        now_stored, now_archived = self.api.in_store().keys(), self.api.in_archive().keys()
        assert pinned - may_go <= now_stored, "nothing takes what is pinned"
        anew = now_stored - stored.keys()
        assert now_stored & now_archived <= twice | anew, "nothing else is in two places"

    def is_held(self, memory: Memory) -> bool:
        return self.api.holds.holds(self.api.account).on(memory) is not None

    def erased(self, memories: dict[str, Memory]) -> set[str]:
        """What a tombstone covers: it may still be on its way out."""
        stones = [stone for (account, _), stone in self.api.tombstones.stones.items() if account == self.api.account]
        return {i for i, memory in memories.items() if any(stone.covers(memory) for stone in stones)}

    def ended(self, memories: dict[str, Memory]) -> set[str]:
        now = self.api.clock.now()
        return {i for i, memory in memories.items() if memory.expires_at is not None and memory.expires_at <= now}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        return self.api.call(method, path, user=self.api.user, body=body)

    def a_moment_later(self) -> None:
        self.api.clock.advance(seconds=1)

    # ---- what is done --------------------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        """A full account is to archive, and some things are there."""
        self.set_policy({})
        for number, key in enumerate((USER_KEY, AGENT_KEY, SESSION_KEY)):
            self.learns(f"Fact {number}.", key, "thread-1" if number else None, Kind.FACT, ends=False)

    @rule(
        text=FACTS,
        key=st.sampled_from([USER_KEY, USER_KEY, SESSION_KEY]),
        thread=st.sampled_from([None, "thread-1"]),
        kind=st.sampled_from([Kind.FACT, Kind.FACT, Kind.TURN]),
        ends=st.booleans(),
    )
    def learns(self, text: str, key: Any, thread: str | None, kind: Kind, ends: bool) -> None:
        """The same words have the same id: a fact may be learned again while it is archived."""
        self.a_moment_later()
        now = self.api.clock.now()
        ends_at = now + timedelta(hours=30) if ends else None
        made = a_memory(text, key=key, thread_id=thread, kind=kind, author_id="ann", expires_at=ends_at)
        made = belonging_to(self.api.account, made)
        made = Memory(**{**_fields(made), "created_at": now, "updated_at": now})
        with self.doing():
            if not self.api.writer.existing_ids(self.api.account, [made.id], wanted=[made]):
                self.api.writer.upsert(self.api.account, [EmbeddedMemory(made, [1.0] * 32)])

    @rule(text=FACTS, pinned=st.booleans())
    def adds(self, text: str, pinned: bool) -> None:
        """By hand; a full account moves its least important fact to the archive."""
        self.a_moment_later()
        with self.doing():
            answer = self.call("POST", "/v1/memories", {"memory": text, "pinned": pinned})
            assert answer.status in (200, 201, 409), answer.body

    @rule(policy=st.sampled_from(POLICIES))
    def set_policy(self, policy: dict[str, Any]) -> None:
        with self.doing():
            body = {"default": {"when_full": "archive", **policy}}
            assert self.call("PUT", "/v1/policies", body).status == 200

    @rule(days=st.sampled_from([1, 1, 2, 4]))
    def a_round(self, days: int) -> None:
        """It does what the preview says, and leaves each memory in one place."""
        self.api.clock.advance(days=days)
        preview = self.api.preview()
        said = {fate: {s.memory.id for s in preview.samples if s.decision.fate is fate} for fate in Fate}
        stored, archived = self.api.in_store().keys(), self.api.in_archive()
        leaving = self.leaving()
        with self.doing(may_go=said[Fate.DELETE] | leaving | self.ended(archived)):
            report = self.api.round()
        assert report.expired + report.deleted == len(said[Fate.DELETE])
        assert report.archived == len(said[Fate.ARCHIVE])
        now_stored, now_archived = self.api.in_store().keys(), self.api.in_archive()
        assert now_stored == stored - said[Fate.DELETE] - said[Fate.ARCHIVE]
        assert said[Fate.ARCHIVE] <= now_archived.keys()
        if not stored & archived.keys():
            assert report.purged == len(leaving) == (preview.leaving_archive or 0)
        assert all(self.is_held(now_archived[i]) for i in now_stored & now_archived.keys()), "one place, at latest now"

    def leaving(self) -> set[str]:
        """What the archive has kept for long enough."""
        api = self.api
        policies = Policies(api.policies.policy(api.account).policy)
        under = Circumstances(policies, api.holds.holds(api.account), api.clock.now(), archiving=True)
        return {entry.id for entry in api.archive._of(api.account) if leaves_archive(entry, under)}

    @rule()
    def restores(self) -> None:
        self.a_moment_later()
        with self.doing(may_go=self.ended(self.api.in_archive())):
            assert self.call("POST", "/v1/archive/restore", {"everything": True}).status == 200
        left = self.api.in_archive()
        assert all(self.is_held(memory) for memory in left.values())

    @rule(data=st.data())
    def pins(self, data: st.DataObject) -> None:
        for identity in self.one_of(data, self.api.in_store()):
            with self.doing():
                answer = self.call("PUT", f"/v1/memories/{identity}/pin")
                assert answer.status == 200
                assert (answer.json["pinned"], answer.json["expires_at"]) == (True, None), "it has no end any more"

    @rule(data=st.data())
    def unpins(self, data: st.DataObject) -> None:
        for identity in self.one_of(data, {i: m for i, m in self.api.in_store().items() if m.pinned}):
            with self.doing():
                assert self.call("DELETE", f"/v1/memories/{identity}/pin").status == 200

    @rule(data=st.data())
    def deletes(self, data: st.DataObject) -> None:
        self.a_moment_later()
        for identity in self.one_of(data, {**self.api.in_archive(), **self.api.in_store()}):
            with self.doing(may_go={identity}, pinned_stay=False):
                gone = self.call("DELETE", f"/v1/memories/{identity}").status
            assert gone in (204, 409)
            there = identity in self.api.in_store() or identity in self.api.in_archive()
            assert there == (gone == 409), "it goes from both places, or from none"

    @rule(part=st.sampled_from(TARGETS))
    def erases(self, part: tuple[str, str | None]) -> None:
        self.a_moment_later()
        kind, identity = part
        body = {"target": kind, "confirm": "erase", **({} if identity is None else {"id": identity})}
        covered = self.covered(Target(kind, identity))  # type: ignore[arg-type]
        with self.doing(may_go=covered, pinned_stay=False):
            status = self.call("POST", "/v1/erasures", body).status
        assert status in (200, 409)
        if status == 200:
            assert not covered & (self.api.in_store().keys() | self.api.in_archive().keys())

    def covered(self, target: Target) -> set[str]:
        stone = Tombstone(target, self.api.clock.now())
        return {i for i, memory in {**self.api.in_archive(), **self.api.in_store()}.items() if stone.covers(memory)}

    @rule(place=PLACES)
    def holds(self, place: str) -> None:
        with self.doing():
            assert self.on_hold("PUT", place, {"reason": "Case 7"}) == 200

    @rule(place=PLACES)
    def lifts(self, place: str) -> None:
        """What has waited for it is erased now."""
        waiting = [e for e in self.api.erasures.all(self.api.account) if e.state == "waiting"]
        may_go = {identity for erasure in waiting for identity in self.covered(erasure.target)}
        with self.doing(pinned_stay=False):
            self.never_gone -= may_go
            assert self.on_hold("DELETE", place) in (204, 404)

    def on_hold(self, method: str, place: str, body: Any = None) -> int:
        token = self.api.service_token("holds:write")
        path = f"/v1/holds/{place}"
        return self.api.call(method, path, token=token, account_id=self.api.account, body=body).status

    def one_of(self, data: st.DataObject, memories: dict[str, Memory]) -> list[str]:
        by_age = sorted(memories, key=lambda identity: memories[identity].created_at)  # ids differ from run to run
        return [by_age[data.draw(st.integers(0, len(by_age) - 1))]] if by_age else []


def _fields(memory: Memory) -> dict[str, Any]:
    return {name: getattr(memory, name) for name in memory.__dataclass_fields__}


TestEachInOnePlace = OneAccount.TestCase
TestEachInOnePlace.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
