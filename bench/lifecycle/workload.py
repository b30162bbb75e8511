"""Accounts and their memories: of each twenty, two have expired, two are too old, five idle, one pinned, one important.

The first account has a tenth of all memories; the others share the rest evenly.
"""

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from operator_memory.adapters.qdrant.requests import payload_of
from operator_memory.domain.lifecycle.policies import Policy, StoredPolicy, policy_of
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope

from bench.lifecycle.world import World
from infra.qdrant.points import PAGE, Points

DIMENSIONS = 32
EXPIRED, OLD, IDLE = 2, 2, 5
OF = 20


def sizes(memories: int, accounts: int) -> dict[AccountId, int]:
    """How many memories each account has."""
    large = memories // 10
    rest, more = divmod(memories - large, accounts - 1)
    others = {AccountId(f"account-{n:06}"): rest + (n <= more) for n in range(1, accounts)}
    return {AccountId("account-large"): large, **others}


def kept(size: int) -> int:
    """How many of an account of ``size`` its policy keeps in one group: a twentieth is too many."""
    return max(1, size * (OF - EXPIRED - OLD - IDLE - 1) // OF)


def policy(size: int) -> Policy:
    """The policy of an account with ``size`` memories."""
    limits = {"time_to_live_days": 90, "idle_days_before_archive": 30, "most_memories": kept(size)}
    return policy_of({"default": limits}, "policy")


def memory(account: AccountId, number: int, now: datetime) -> Memory:
    """The memory of this number."""
    part = number % OF
    text = f"On day {number} of the journey they drank tea in Lund, and missed the train of {number % 24} o'clock."
    days, ends = 1.0, None
    if part < EXPIRED:
        ends = now - timedelta(hours=1)
    elif part < EXPIRED + OLD:
        days = 120
    elif part < EXPIRED + OLD + IDLE:
        days = 60
    elif part < EXPIRED + OLD + IDLE + 2:
        days = 120  # pinned and important: these stay
    created = now - timedelta(days=days, seconds=number)
    return Memory(
        str(uuid5(NAMESPACE_OID, f"{account}/{number}")), account, Scope.USER, Kind.FACT, text, created, created,
        importance=0.9 if part == EXPIRED + OLD + IDLE + 1 else number % 7 / 10,
        pinned=part == EXPIRED + OLD + IDLE,
        expires_at=ends,
    )  # fmt: skip


def point(one: Memory) -> dict[str, Any]:
    """``one`` as Qdrant takes it, with a vector from the hash of its text."""
    seed = hashlib.sha256(one.text.encode()).digest()
    vector = {"": [byte / 255 for byte in seed[:DIMENSIONS]], "bm25": {"text": one.text, "model": "qdrant/bm25"}}
    return {"id": one.id, "payload": payload_of(one), "vector": vector}


def _all_points(of: dict[AccountId, int], now: datetime) -> Iterator[dict[str, Any]]:
    for account, size in of.items():
        for number in range(size):
            yield point(memory(account, number, now))


def load(world: World, points: Points, of: dict[AccountId, int], tell: Callable[[int], None]) -> None:
    """Store the memories, and give each account its policy."""
    now = world.clock.now()
    page: list[dict[str, Any]] = []
    for one in _all_points(of, now):
        page.append(one)
        if len(page) == PAGE:
            points.put(page)
            tell(len(page))
            page = []
    points.put(page)
    tell(len(page))
    for place, (account, size) in enumerate(of.items()):
        world.policies.set_policy(account, StoredPolicy(policy(size), now, "user:owner"))
        world.index.register(account, now - timedelta(hours=1) + timedelta(milliseconds=place))
