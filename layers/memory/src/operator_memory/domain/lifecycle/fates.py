"""Decides what becomes of a memory under a policy, and describes whole sets of memories with one fate.

`fate_of` is the rule for one memory. `Selection` says the same of a set, so that a store can count it and read it in
pages; the preview counts selections, and the real round works them off.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from operator_memory.domain.lifecycle.archived import ArchivedEntry
from operator_memory.domain.lifecycle.policies import IMPORTANT, Limits, Policies
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import Kind, Scope
from operator_memory.domain.shared.holds import Hold, Holds
from operator_memory.domain.usage.quota import WhenFull


class Fate(StrEnum):
    """What becomes of a memory."""

    KEEP = "keep"
    DELETE = "delete"
    ARCHIVE = "archive"


class Reason(StrEnum):
    """Why."""

    EXPIRED = "expired"
    """It has reached its own end date, whatever the policy says."""
    TIME_TO_LIVE = "time_to_live"
    IDLE = "idle"
    OVER_LIMIT = "over_limit"
    PINNED = "pinned"
    IMPORTANT = "important"
    HELD = "held"
    NO_ARCHIVE = "no_archive"
    """It would be archived, but there is no archive here."""
    NOT_DUE = "not_due"


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one memory, and why."""

    fate: Fate
    reason: Reason


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a decision depends on beside the memory."""

    policies: Policies
    holds: Holds
    now: datetime
    archiving: bool
    """Whether there is an archive."""


def fate_of(memory: Memory, under: Circumstances) -> Decision:
    """Return what becomes of ``memory``, but for being one too many (see `Group`)."""
    if memory.expires_at is not None and memory.expires_at <= under.now:
        if under.holds.on(memory) is not None:
            return Decision(Fate.KEEP, Reason.HELD)
        return Decision(Fate.DELETE, Reason.EXPIRED)
    due = _due(memory, under.policies.limits_of(memory), under.now)
    if due is None:
        return Decision(Fate.KEEP, Reason.NOT_DUE)
    exempt = exemption(memory, under.holds)
    if exempt is not None:
        return Decision(Fate.KEEP, exempt)
    if due is Reason.TIME_TO_LIVE:
        return Decision(Fate.DELETE, due)
    return Decision(Fate.ARCHIVE, due) if under.archiving else Decision(Fate.KEEP, Reason.NO_ARCHIVE)


def exemption(memory: Memory, holds: Holds) -> Reason | None:
    """Return why no policy takes ``memory``, if there is a reason."""
    if memory.pinned:
        return Reason.PINNED
    if memory.importance >= IMPORTANT:
        return Reason.IMPORTANT
    return Reason.HELD if holds.on(memory) is not None else None


def _due(memory: Memory, limits: Limits, now: datetime) -> Reason | None:
    lived, idle = limits.lived_since(now), limits.idle_since(now)
    if lived is not None and memory.created_at <= lived:
        return Reason.TIME_TO_LIVE
    if idle is not None and (memory.last_accessed_at or memory.created_at) <= idle:
        return Reason.IDLE
    return None


@dataclass(frozen=True, slots=True)
class Group:
    """Memories under the same limits: of one scope and kind; of one agent with a policy of its own, or without
    those of ``but_agents``."""

    scope: Scope
    kind: Kind
    agent_id: str | None = None
    but_agents: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What tells it from the account's other groups, in the order in which they are worked off."""
        return "/".join(filter(None, (self.scope.value, self.kind.value, self.agent_id)))


def groups_of(policies: Policies) -> list[tuple[Group, Limits]]:
    """Return all groups of an account with their limits, by name: together they hold every memory once."""
    own = tuple(sorted(policies.agents))
    found = []
    for scope in Scope:
        for kind in Kind:
            others = own if scope is Scope.AGENT else ()
            found.append((Group(scope, kind, but_agents=others), policies.limits(scope, kind)))
            found += [(Group(scope, kind, agent), policies.limits(scope, kind, agent)) for agent in others]
    return sorted(found, key=lambda one: one[0].name)


@dataclass(frozen=True, slots=True)
class Selection:
    """A set of an account's memories, by conditions that a store can count and read. All given ones must hold.

    Without a ``group`` it is about all memories. Times are inclusive (``by``) or exclusive (``after``). ``idle_by``:
    last used, or else created, by then. ``held``: whether a hold on one of ``threads`` keeps it.
    """

    now: datetime
    expired: bool
    group: Group | None = None
    created_by: datetime | None = None
    created_after: datetime | None = None
    idle_by: datetime | None = None
    idle_after: datetime | None = None
    pinned: bool | None = None
    important: bool | None = None
    held: bool | None = None
    threads: tuple[str, ...] = ()
    all_held: bool = False
    """Whether the account itself is held, and so every memory."""

    @property
    def is_empty(self) -> bool:
        """Whether no memory can be one of them."""
        return (self.all_held and self.held is False) or (self.held is True and not self.all_held and not self.threads)

    def exempt(self, reason: Reason) -> "Selection":
        """Return those of them that stay for ``reason``."""
        if reason is Reason.PINNED:
            return replace(self, pinned=True)
        important = reason is Reason.IMPORTANT
        return replace(self, pinned=False, important=important, held=None if important else True)

    def not_exempt(self) -> "Selection":
        """Return those of them that nothing keeps."""
        return replace(self, pinned=False, important=False, held=False)


EXEMPTIONS = (Reason.PINNED, Reason.IMPORTANT, Reason.HELD)


def expired_memories(holds: Holds, now: datetime) -> Selection:
    """Return what has reached its end date, held or not."""
    return Selection(now, True, threads=tuple(sorted(holds.threads)), all_held=holds.account is not None)


def all_of(group: Group, under: Circumstances) -> Selection:
    """Return all of the group that has not expired."""
    held, threads = under.holds.account is not None, tuple(sorted(under.holds.threads))
    return Selection(under.now, False, group, threads=threads, all_held=held)


def due_memories(group: Group, limits: Limits, under: Circumstances) -> Iterator[tuple[Reason, Selection]]:
    """Yield what is due in the group, exempt or not, by the reason for which it is."""
    base = all_of(group, under)
    lived, idle = limits.lived_since(under.now), limits.idle_since(under.now)
    if lived is not None:
        yield Reason.TIME_TO_LIVE, replace(base, created_by=lived)
    if idle is not None:
        yield Reason.IDLE, replace(base, created_after=lived, idle_by=idle)


def fate_for(reason: Reason) -> Fate:
    """Return what becomes of what is due for ``reason`` and not exempt."""
    return Fate.DELETE if reason in (Reason.TIME_TO_LIVE, Reason.EXPIRED) else Fate.ARCHIVE


def crowd(group: Group, limits: Limits, under: Circumstances) -> Selection | None:
    """Return those of the group that may be one too many: neither exempt nor due; ``None`` without such a limit."""
    if limits.most_memories is None or limits.when_full is not WhenFull.ARCHIVE or not under.archiving:
        return None
    lived, idle = limits.lived_since(under.now), limits.idle_since(under.now)
    return replace(all_of(group, under), created_after=lived, idle_after=idle).not_exempt()


def beyond(limits: Limits, staying: int, movable: int) -> int:
    """Return how many of ``movable`` memories are too many. ``staying``: all that are there once what is due is
    gone."""
    return 0 if limits.most_memories is None else min(movable, max(0, staying - limits.most_memories))


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the order in which a full group gives way: least important, never used, oldest first; then by id."""

    importance: float
    used: bool
    created_at: datetime
    id: str


def place_of(memory: Memory) -> Place:
    """Return the place of ``memory``."""
    return Place(memory.importance, memory.last_accessed_at is not None, memory.created_at, memory.id)


def leaves_archive(entry: ArchivedEntry, under: Circumstances) -> bool:
    """Whether an archived memory has been kept there for as long as the policy wants it, and nothing holds it."""
    since = under.policies.limits(entry.scope, entry.kind, entry.agent_id).archived_since(under.now)
    return since is not None and entry.archived_at <= since and hold_on(entry, under.holds) is None


def hold_on(entry: ArchivedEntry, holds: Holds) -> Hold | None:
    """Return the hold that keeps an archived memory, as `Holds.on` does for one in the store."""
    known_as = [name for name in (entry.thread_id, entry.session_id) if name is not None]
    return holds.account or next((holds.threads[name] for name in known_as if name in holds.threads), None)
