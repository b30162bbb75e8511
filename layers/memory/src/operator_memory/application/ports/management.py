"""Ports of what people and platforms do with memories: see, correct, switch, audit, limit, erase.

The rules are those of ``ports.core``.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from operator_memory.application.ports.learning import MemoriesByAge
from operator_memory.domain.learning.jobs import JobRecord
from operator_memory.domain.management.erasure import Erasure
from operator_memory.domain.management.identity import Role
from operator_memory.domain.management.keyed_requests import KeyedRequest, KnownRequest
from operator_memory.domain.management.listing import Page, Position, Sort, Usage
from operator_memory.domain.management.rate_limits import RateLimit
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.memory.vectors import Vector
from operator_memory.domain.shared.audit_events import MemoryEvent
from operator_memory.domain.shared.memory_filter import MemoryFilter
from operator_memory.domain.shared.search_plan import Hit
from operator_memory.domain.shared.switches import Switches
from operator_memory.domain.shared.tombstones import Target, Tombstone


class MemoryLibrary(MemoriesByAge, Protocol):
    """The memories as people see them: listed, read, changed and deleted, with all their fields."""

    def page(
        self,
        account_id: AccountId,
        where: MemoryFilter,
        sort: Sort,
        *,
        after: Position | None,
        limit: int,
        now: datetime,
    ) -> Page:
        """Return up to ``limit`` (1..500) memories in order.

        Following ``next`` gives each exactly once, even if others are added or removed meanwhile, as long as its own
        sort value does not change.
        """
        ...

    def find(
        self,
        account_id: AccountId,
        where: MemoryFilter,
        *,
        vector: Vector | None,
        text: str,
        limit: int,
        now: datetime,
    ) -> tuple[list[Hit], list[Hit]]:
        """Return the memories nearest by meaning, and those nearest by words, among those that match ``where``. One
        request. Without a ``vector`` none are found by meaning."""
        ...

    def get(self, account_id: AccountId, memory_id: str) -> Memory | None:
        """Return the memory in any state, or ``None`` if the account has none of this id."""
        ...

    def count(self, account_id: AccountId, where: MemoryFilter, *, now: datetime) -> int:
        """Count the memories that match ``where``, exactly."""
        ...

    def usage(self, account_id: AccountId, *, now: datetime) -> Usage:
        """Count what the account has stored."""
        ...

    def replace(self, memory: Memory, vector: Vector | None, *, expected_version: int) -> bool:
        """Store ``memory`` over its version ``expected_version``; ``memory.version`` must be one more.

        ``vector`` belongs to a changed text; ``None`` keeps text and vectors. A changed text is found by its own words
        only, and a turn that ``follows`` it no longer by its former words. Returns ``False`` and changes nothing if the
        stored version is another one, or gone. Of two writers at once exactly one gets ``True``.
        """
        ...

    def delete(self, account_id: AccountId, ids: Sequence[str]) -> None:
        """Remove these memories, durably. Ignores those that the account does not have.

        First takes their words out of the index of the turns that ``follow`` them and stay.
        """
        ...

    def delete_matching(self, account_id: AccountId, where: MemoryFilter, *, now: datetime) -> None:
        """Remove all memories that match ``where`` at ``now``, as `delete` does."""
        ...

    def record_access(self, account_id: AccountId, accesses: Sequence[tuple[str, datetime]]) -> int:
        """Count each (memory id, time) that is later than the memory's last access; return how many counted.

        Sets ``last_accessed_at`` to the latest and adds to ``access_count``. Repeating a call changes nothing, since
        accesses that were counted are not later than the last one.
        """
        ...


class ErasableMemories(Protocol):
    """Erases a part of an account's memory in every collection that could hold some of it."""

    def count_erasable(self, account_id: AccountId, target: Target, *, until: datetime) -> dict[str, int]:
        """Count the points said at or before ``until``, as ``{"memories": n, "entities": n}``."""
        ...

    def erase(self, account_id: AccountId, target: Target, *, until: datetime) -> None:
        """Delete them, durably. Repeating it changes nothing."""
        ...


class Tombstones(Protocol):
    """Keeps what was erased and must not come back."""

    def put(self, account_id: AccountId, tombstone: Tombstone) -> None:
        """Store the tombstone durably. One that is not later than the stored one of the same target changes nothing."""
        ...

    def find(self, account_id: AccountId, targets: Sequence[Target]) -> list[Tombstone]:
        """Return the tombstones of ``targets``, as last written."""
        ...

    def bury(self, account_id: AccountId, marks: Collection[str], *, at: datetime) -> None:
        """Store the marks of single memories that were deleted at ``at`` (see ``domain.shared.deletions``), for 400
        days."""
        ...

    def buried(self, account_id: AccountId, marks: Collection[str]) -> dict[str, datetime]:
        """Return when what left each of ``marks`` was deleted last, of those that are known."""
        ...


class ErasureStore(Protocol):
    """Keeps the erasures under way and the receipts of those that are done."""

    def begin(self, erasure: Erasure, *, due_at: datetime) -> bool:
        """Write the erasure unless the account has one of its id; tell whether it did. Of several at once exactly one
        gets ``True``."""
        ...

    def save(self, erasure: Erasure, *, due_at: datetime | None) -> None:
        """Write the erasure; it is to be looked at again at ``due_at`` (``None``: never).

        Counts of ``removed`` never shrink: of the stored and the given count the larger is kept. So a second worker at
        the same erasure, which finds deleted what the first has counted, takes nothing off the receipt.
        """
        ...

    def get(self, account_id: AccountId, erasure_id: str) -> Erasure | None:
        """Return the erasure, or ``None`` if the account has none of this id."""
        ...

    def all(self, account_id: AccountId) -> list[Erasure]:
        """Return all erasures of the account, newest first."""
        ...

    def note_dropped(self, account_id: AccountId, where: str, *, count: int, at: datetime) -> int:
        """Note on the account's erasures begun by ``at`` that ``count`` dead letters were dropped (see
        ``domain.management.erasure``). Return on how many."""
        ...

    def due(self, *, now: datetime, limit: int) -> list[Erasure]:
        """Return up to ``limit`` erasures, of any account, that are due."""
        ...


class ErasableRecords(Protocol):
    """Erases what is kept about the account's jobs: records, watermarks, idempotency keys.

    What is later than ``until`` stays, so that the erasure of a busy account comes to an end: watermarks beyond it (one
    may keep a run out of memory), records of jobs that were queued or last started after it, and keys first used after
    it. What has no time goes.
    """

    def count_erasable(self, account_id: AccountId, target: Target, *, until: datetime) -> int:
        """Count the records that say something about ``target``, up to ``until``."""
        ...

    def erase(self, account_id: AccountId, target: Target, *, until: datetime) -> None:
        """Delete the records of a whole account. Of a part, take the outcomes out of its jobs' records; the records
        stay, so that a redelivered job is still known to be done."""
        ...


class JobHistory(Protocol):
    """Lists the account's job records, for its export."""

    def page(self, account_id: AccountId, *, after: str | None, limit: int) -> tuple[list[JobRecord], str | None]:
        """Return up to ``limit`` records by job id, and where the next call goes on (``None``: the end)."""
        ...


class Memberships(Protocol):
    """Knows who belongs to which account, and to which account an agent belongs."""

    def role(self, user_id: str, account_id: AccountId) -> Role | None:
        """Return the person's role in a team account, or ``None``. At most 60 seconds old."""
        ...

    def account_of_agent(self, agent_id: str) -> AccountId | None:
        """Return the account that owns the agent, or ``None`` if there is no such agent."""
        ...


class SwitchReader(Protocol):
    """Reads the switches that hold for a run."""

    def read(
        self,
        account_id: AccountId,
        *,
        agent_id: str | None,
        thread_id: str | None,
        session_id: str | None,
        timeout: float,
    ) -> Switches:
        """Return the switches, at most 30 seconds old.

        ``session_id``: the session whose memory is read or written, if it is not the thread's own id. A thread that is
        switched off is off under both names.
        """
        ...


class PlatformSettings(Protocol):
    """Reads and sets the switches for people. Values are JSON as the platform's tables hold it."""

    def account(self, account_id: AccountId) -> dict[str, object]:
        """Return ``memory_enabled``, ``record_queries`` and ``updated_at``."""
        ...

    def set_account(self, account_id: AccountId, changes: dict[str, object], *, user_id: str | None) -> None:
        """Set what ``changes`` names."""
        ...

    def agent(self, account_id: AccountId, agent_id: str) -> dict[str, object] | None:
        """Return ``memory_enabled`` and ``memory_config`` of the agent; ``None`` if the account has no such agent."""
        ...

    def set_agent(self, account_id: AccountId, agent_id: str, changes: dict[str, object]) -> bool:
        """Set what ``changes`` names. Return ``False`` if the account has no such agent."""
        ...

    def thread(self, account_id: AccountId, thread_id: str) -> dict[str, object] | None:
        """Return ``memory_enabled`` and ``memory_session_id`` of the thread; ``None`` if the account has no such
        thread."""
        ...

    def set_thread(self, account_id: AccountId, thread_id: str, changes: dict[str, object]) -> bool:
        """Set what ``changes`` names. Return ``False`` if the account has no such thread."""
        ...


class EventSink(Protocol):
    """Takes events on their way to the audit trail."""

    def emit(self, event: MemoryEvent) -> None:
        """Hand the event over. Never raises and never waits long: what cannot be sent is sent later or logged."""
        ...


class EventStore(Protocol):
    """Keeps the events of the audit trail."""

    def record(self, events: Sequence[MemoryEvent]) -> set[str]:
        """Write those that are not written yet, once each. Return the ids of events whose account does not exist (any
        more)."""
        ...

    def events(
        self, account_id: AccountId, *, after: str | None, limit: int
    ) -> tuple[list[dict[str, object]], str | None]:
        """Return up to ``limit`` rows of the account, oldest first, and where the next call goes on."""
        ...

    def count_queries(self, account_id: AccountId, target: Target) -> int:
        """Count the events of ``target`` (an account, or one member) that still hold the words of a search."""
        ...

    def forget_queries(self, account_id: AccountId, target: Target) -> None:
        """Remove those words."""
        ...


class TokenBuckets(Protocol):
    """Counts calls in token buckets that all workers share."""

    def take(self, key: str, limit: RateLimit, *, tokens: int, now: datetime, timeout: float) -> int:
        """Take ``tokens`` from the bucket ``key``. Return 0 if they were there, else the whole seconds until they will
        be."""
        ...


class JobSender(Protocol):
    """Puts jobs into the queue for callers that cannot reach it."""

    def send(self, body: str, *, account_id: AccountId, deduplication_id: str) -> None:
        """Enqueue the job's JSON, in order with the account's other jobs."""
        ...


class IdempotencyStore(Protocol):
    """Remembers what a caller sent under an idempotency key."""

    def remember(
        self, account_id: AccountId, key: str, *, content_hash: str, job_id: str, now: datetime
    ) -> tuple[str, str]:
        """Return the (content hash, job id) that the key stands for: the given ones if the key is new. Kept for a
        day."""
        ...


class AnswerStore(Protocol):
    """Keeps the answers that were given to requests with an idempotency key, for a day."""

    def begin(
        self, account_id: AccountId, request: KeyedRequest, *, claim: str, now: datetime, until: datetime
    ) -> KnownRequest | None:
        """Note that ``claim`` answers the request until ``until``, and return ``None``; or return what is known of it.

        A request is taken over whose claim is over without an answer, if it is the same. Of several at once exactly
        one gets ``None``.
        """
        ...

    def end(
        self, account_id: AccountId, request: KeyedRequest, *, claim: str, answer: str | None, refused: bool = False
    ) -> None:
        """Keep the answer if ``claim`` still stands. ``None``, or an answer that is too large, ends the claim.

        ``refused``: nothing was done, so the key is free for any request.
        """
        ...
