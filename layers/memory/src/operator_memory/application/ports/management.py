"""Ports of what people and platforms do with memories: see, correct, switch, audit, limit, erase.

The rules are those of ``ports.core``.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from operator_memory.domain.learning.jobs import JobRecord
from operator_memory.domain.management.erasure import Erasure
from operator_memory.domain.management.identity import Role
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


class MemoryLibrary(Protocol):
    """What people do with their memories: the store as they see it, all fields included."""

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
        """Up to ``limit`` (1..500) memories in order. Following ``next`` gives each exactly once, whatever is
        added or removed meanwhile, as long as its own sort value does not change."""
        ...

    def find(
        self,
        account_id: AccountId,
        where: MemoryFilter,
        *,
        vector: Vector,
        text: str,
        limit: int,
        now: datetime,
    ) -> tuple[list[Hit], list[Hit]]:
        """The nearest by meaning, and by words, of those that ``where`` lets through, in one request."""
        ...

    def get(self, account_id: AccountId, memory_id: str) -> Memory | None:
        """The memory in whatever state, or ``None`` if the account has none of this id."""
        ...

    def count(self, account_id: AccountId, where: MemoryFilter, *, now: datetime) -> int:
        """How many there are, exactly."""
        ...

    def usage(self, account_id: AccountId, *, now: datetime) -> Usage:
        """How much the account has stored."""
        ...

    def replace(self, memory: Memory, vector: Vector | None, *, expected_version: int) -> bool:
        """Store ``memory`` in the place of its version ``expected_version``; ``memory.version`` must be one more.

        ``vector`` is that of a changed text; ``None``: the text is as it was, and so are its vectors. A changed text
        is found by its own words only, and what ``follows`` it not by those it had. Returns ``False`` and changes
        nothing if the stored version is another one, or gone. Of two writers at once exactly one is told ``True``.
        """
        ...

    def delete(self, account_id: AccountId, ids: Sequence[str]) -> None:
        """Remove these memories, durably. Those that the account does not have are ignored.

        Before that their words are taken out of the index of what ``follows`` them and stays.
        """
        ...

    def delete_matching(self, account_id: AccountId, where: MemoryFilter, *, now: datetime) -> None:
        """Remove all that ``where`` lets through at ``now``, as `delete` does."""
        ...

    def record_access(self, account_id: AccountId, accesses: Sequence[tuple[str, datetime]]) -> int:
        """Count each (memory id, time) that is later than the memory's last access; returns how many counted.

        Sets ``last_accessed_at`` to the latest and adds to ``access_count``. Accesses that were counted before
        are not later than the last one, so giving them again changes nothing.
        """
        ...


class ErasableMemories(Protocol):
    """Takes away a part of an account's memory, in every collection that could hold some of it."""

    def count_erasable(self, account_id: AccountId, target: Target, *, until: datetime) -> dict[str, int]:
        """How many points there are, as ``{"memories": n, "entities": n}``, said at or before ``until``."""
        ...

    def erase(self, account_id: AccountId, target: Target, *, until: datetime) -> None:
        """Delete them, durably. Doing so again changes nothing."""
        ...


class Tombstones(Protocol):
    """What was erased and must not come back."""

    def put(self, account_id: AccountId, tombstone: Tombstone) -> None:
        """Store it durably; one that is not later than the target's own changes nothing."""
        ...

    def find(self, account_id: AccountId, targets: Sequence[Target]) -> list[Tombstone]:
        """The tombstones of ``targets`` (those that have one), as last written."""
        ...


class ErasureStore(Protocol):
    """Erasures under way, and the receipts of those done."""

    def begin(self, erasure: Erasure, *, due_at: datetime) -> bool:
        """Write it unless the account has one of its id; says whether it did. Of several at once exactly one is
        told ``True``."""
        ...

    def save(self, erasure: Erasure, *, due_at: datetime | None) -> None:
        """Write it as it stands; at ``due_at`` it is to be looked at again (``None``: never).

        What was counted stays counted: of ``removed`` as stored and as given each count is the larger. Whoever is at
        the same erasure at once, and finds deleted what the other has counted, takes nothing off the receipt.
        """
        ...

    def get(self, account_id: AccountId, erasure_id: str) -> Erasure | None:
        """The erasure, or ``None`` if the account has none of this id."""
        ...

    def all(self, account_id: AccountId) -> list[Erasure]:
        """All of the account, newest first."""
        ...

    def due(self, *, now: datetime, limit: int) -> list[Erasure]:
        """Up to ``limit`` erasures, of any account, whose time has come."""
        ...


class ArchiveStore(Protocol):
    """Memories that were moved out of the store, as JSON Lines under one prefix an account."""

    def lines(self, account_id: AccountId, *, after: str | None, limit: int) -> tuple[list[str], str | None]:
        """Up to about ``limit`` lines, each a JSON object, and where the next call goes on (``None``: the end)."""
        ...

    def count_erasable(self, account_id: AccountId, target: Target, *, until: datetime) -> int:
        """How many archived memories there are in ``target``, said at or before ``until``.

        Of a part of the account those are the lines that can be read; of the whole account it is everything.
        """
        ...

    def erase(self, account_id: AccountId, target: Target, *, until: datetime) -> int:
        """Take them away; returns how many lines stay because they cannot be read. Doing so again changes nothing.

        Such a line does not say whose it is: a newer version may have written it, or a disk have spoiled it. It may
        be anybody's of the account, so a part's erasure leaves it, ends, and says so. The whole account's takes it.
        """
        ...


class ErasableRecords(Protocol):
    """What is kept about the account's jobs: records, how far threads were read, idempotency keys.

    What is later than ``until`` is of what goes on since, and stays: watermarks beyond it (one may keep a run that
    is not to be remembered from being read), records of jobs that were queued or last started after it, and keys
    used first after it. So a busy account's erasure comes to an end. What does not say when it was made goes.
    """

    def count_erasable(self, account_id: AccountId, target: Target, *, until: datetime) -> int:
        """How many records say something about ``target``, up to ``until``."""
        ...

    def erase(self, account_id: AccountId, target: Target, *, until: datetime) -> None:
        """Of a whole account: delete them. Of a part: take the outcomes out of its jobs' records, which stay so
        that a redelivered job is still known to be done."""
        ...


class JobHistory(Protocol):
    """The account's job records, for its export."""

    def page(self, account_id: AccountId, *, after: str | None, limit: int) -> tuple[list[JobRecord], str | None]:
        """Up to ``limit`` records by job id, and where the next call goes on (``None``: the end)."""
        ...


class Memberships(Protocol):
    """Who belongs to which account, and which account an agent belongs to."""

    def role(self, user_id: str, account_id: AccountId) -> Role | None:
        """The person's role in a team account, or ``None``. At most 60 seconds old."""
        ...

    def account_of_agent(self, agent_id: str) -> AccountId | None:
        """The account that owns the agent, or ``None`` if there is no such agent."""
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
        """The switches, at most 30 seconds old.

        ``session_id``: the session whose memory is read or written, if it is not the thread's own id. A thread
        that is switched off is off under either name, whichever of the two names it.
        """
        ...


class PlatformSettings(Protocol):
    """The switches as a person reads and sets them. Values are JSON as the platform's tables hold it."""

    def account(self, account_id: AccountId) -> dict[str, object]:
        """``memory_enabled``, ``record_queries``, ``updated_at``."""
        ...

    def set_account(self, account_id: AccountId, changes: dict[str, object], *, user_id: str | None) -> None:
        """Set what ``changes`` names."""
        ...

    def agent(self, account_id: AccountId, agent_id: str) -> dict[str, object] | None:
        """``memory_enabled``, ``memory_config`` of the account's agent; ``None`` if it has no such agent."""
        ...

    def set_agent(self, account_id: AccountId, agent_id: str, changes: dict[str, object]) -> bool:
        """Set what ``changes`` names; ``False`` if the account has no such agent."""
        ...

    def thread(self, account_id: AccountId, thread_id: str) -> dict[str, object] | None:
        """``memory_enabled``, ``memory_session_id`` of the account's thread; ``None`` if it has no such thread."""
        ...

    def set_thread(self, account_id: AccountId, thread_id: str, changes: dict[str, object]) -> bool:
        """Set what ``changes`` names; ``False`` if the account has no such thread."""
        ...


class EventSink(Protocol):
    """Where events go: a queue, from which they are written to the trail."""

    def emit(self, event: MemoryEvent) -> None:
        """Hand it over. Never raises and never waits long: what cannot be sent is sent later or logged."""
        ...


class EventStore(Protocol):
    """Keeps the events of the audit trail."""

    def record(self, events: Sequence[MemoryEvent]) -> set[str]:
        """Write those that are not written yet, once each; returns the ids that the trail cannot take because
        their account does not exist (any more)."""
        ...

    def events(
        self, account_id: AccountId, *, after: str | None, limit: int
    ) -> tuple[list[dict[str, object]], str | None]:
        """Up to ``limit`` rows of the account, oldest first, and where the next call goes on."""
        ...

    def count_queries(self, account_id: AccountId, target: Target) -> int:
        """How many events of ``target`` (an account, or one member) still hold the words of a search."""
        ...

    def forget_queries(self, account_id: AccountId, target: Target) -> None:
        """Take those words out."""
        ...


class TokenBuckets(Protocol):
    """Token buckets that all workers share."""

    def take(self, key: str, limit: RateLimit, *, tokens: int, now: datetime, timeout: float) -> int:
        """Take ``tokens`` from the bucket ``key``. 0: taken; else the whole seconds until they would be there."""
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
        """The (content hash, job id) that the key stands for: those given if it is new. Kept for a day."""
        ...
