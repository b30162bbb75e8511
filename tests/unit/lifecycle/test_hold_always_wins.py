"""A legal hold always wins: whatever people, the schedule and erasures do, in any order, no held word is removed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from operator_memory.application.lifecycle.expire_memories import ExpireMemories
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import AccountId, Kind
from operator_memory.domain.shared.tombstones import Target

from tests.support.builders import AGENT_KEY, NOW, SESSION_KEY, USER_KEY, a_memory
from tests.support.management.api import Management
from tests.support.management.checks import belonging_to

THREADS = st.sampled_from(["thread-1", "thread-2", "session-1"])
PLACES = st.sampled_from(["account", "threads/thread-1", "threads/thread-2", "threads/session-1"])
TARGETS: list[tuple[str, str | None]] = [
    ("account", None), ("user", None), ("agent", "agent-1"), ("session", "session-1"), ("session", "thread-1"),
    ("session", "thread-2"), ("author", "ann"),
]  # fmt: skip


class Platform(RuleBasedStateMachine):
    """One account and everything that is done to it."""

    memories = Bundle("memories")

    def __init__(self) -> None:
        super().__init__()
        self.api = Management()
        self.api.clock.time = NOW
        self.user = self.api.platform.new_user()
        self.account = AccountId(self.user)
        self.number = 0
        self.held: dict[str, set[str]] = {}
        """What was there when each hold was placed: all that its memories said."""

    @initialize(target=memories)
    def fill(self) -> Any:
        """Something of every kind in every thread."""
        places = [(USER_KEY, "thread-1"), (AGENT_KEY, "thread-2"), (SESSION_KEY, "thread-1"), (USER_KEY, None)]
        ids = [
            self.remember(key, thread, kind, ends)
            for key, thread in places
            for kind, ends in ((Kind.FACT, False), (Kind.TURN, True))
        ]
        return multiple(*ids)

    def said(self, memory: Memory) -> set[str]:
        return {f"{memory.id}\x1f{text}" for text in (memory.text, *(past.text for past in memory.history))}

    def all_said(self, fits: Callable[[Memory], bool]) -> set[str]:
        return {word for memory in self.api.memories.of(self.account) if fits(memory) for word in self.said(memory)}

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        return self.api.call(method, path, user=self.user, body=body, **options)

    @rule(
        target=memories,
        key=st.sampled_from([USER_KEY, AGENT_KEY, SESSION_KEY]),
        thread=st.none() | THREADS,
        kind=st.sampled_from(Kind),
        ends=st.booleans(),
    )
    def remembers(self, key: Any, thread: str | None, kind: Kind, ends: bool) -> str:
        return self.remember(key, thread, kind, ends)

    def remember(self, key: Any, thread: str | None, kind: Kind, ends: bool) -> str:
        self.number += 1
        self.api.clock.advance(seconds=1)
        expires = self.api.clock.now() + timedelta(hours=1) if ends else None
        memory = a_memory(
            f"Text {self.number}.", key=key, thread_id=thread, kind=kind, author_id="ann", expires_at=expires
        )
        memory = replace(belonging_to(self.account, memory), created_at=self.api.clock.now())
        self.api.put(memory)
        return memory.id

    @rule(place=PLACES)
    def hold(self, place: str) -> None:
        token = self.api.service_token("holds:write")
        body = {"reason": "Case 7"}
        assert self.api.call("PUT", f"/v1/holds/{place}", token=token, account_id=self.account, body=body).status == 200
        thread = place.partition("/")[2]
        self.held[place] = self.all_said(lambda memory: not thread or thread in (memory.thread_id, memory.session_id))

    @rule(place=PLACES)
    def lift(self, place: str) -> None:
        token = self.api.service_token("holds:write")
        answer = self.api.call("DELETE", f"/v1/holds/{place}", token=token, account_id=self.account)
        assert answer.status == (204 if place in self.held else 404)
        self.held.pop(place, None)

    @rule(memory=memories)
    def delete(self, memory: str) -> None:
        assert self.call("DELETE", f"/v1/memories/{memory}").status in (204, 404, 409)

    @rule(memory=memories, number=st.integers(0, 3))
    def correct(self, memory: str, number: int) -> None:
        body, headers = {"memory": f"Other words {number}."}, {"if-match": "*"}
        assert self.call("PATCH", f"/v1/memories/{memory}", body, headers=headers).status in (200, 404)

    @rule(scope=st.sampled_from(["user", "agent", "session"]))
    def delete_by_filter(self, scope: str) -> None:
        body: dict[str, Any] = {"filter": {"scope": scope}}
        expected = self.call("POST", "/v1/memories/delete", body).json["matched"]
        answer = self.call("POST", "/v1/memories/delete", {**body, "dry_run": False, "expected": expected})
        assert answer.status in (200, 409)

    @rule(part=st.sampled_from(TARGETS))
    def erase(self, part: tuple[str, str | None]) -> None:
        kind, identity = part
        body = {"target": kind, "confirm": "erase", **({} if identity is None else {"id": identity})}
        assert self.call("POST", "/v1/erasures", body).status in (200, 409)

    @rule()
    def clear(self) -> None:
        assert self.call("DELETE", f"/memory/user/{self.user}").status in (200, 409)

    @rule(hours=st.sampled_from([0, 2, 30]))
    def time_passes(self, hours: int) -> None:
        self.api.clock.advance(hours=hours, seconds=1)
        self.api.erase.resume_due()
        index, holds = self.api.expiry, self.api.holds
        sweep = ExpireMemories(memories=self.api.memories, index=index, holds=holds, clock=self.api.clock)
        assert sweep.expire(lambda: 900.0).failed == 0

    @rule(memory=memories)
    def write_over(self, memory: str) -> None:
        stored = self.api.library.get(self.account, memory)
        if stored is not None:
            again = replace(stored, text=stored.text.upper(), history=(), created_at=self.api.clock.now())
            self.api.writer.upsert(self.account, [EmbeddedMemory(again, [1.0] * 32)])

    @invariant()
    def every_held_word_is_there(self) -> None:
        there = self.all_said(lambda _: True)
        for place, words in self.held.items():
            assert words <= there, f"held by {place}"

    def teardown(self) -> None:
        """When the last hold is lifted, what waits is erased: nothing of it that was said before is left."""
        for place in list(self.held):
            self.lift(place)
        self.time_passes(30)
        for erasure in self.api.erasures.all(self.account):
            assert erasure.state in ("complete", "verified")
            target = Target(erasure.target.kind, erasure.target.id)
            left = self.api.erasable.count_erasable(self.account, target, until=erasure.erased_at)
            assert left["memories"] == 0


TestHoldAlwaysWins = Platform.TestCase
TestHoldAlwaysWins.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
