"""Ports of the life cycle: what expires and when, and whose account is gone.

The rules are those of ``ports.core``.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from operator_memory.application.ports.core import HoldReader
from operator_memory.domain.lifecycle.archived import ArchivedEntry, ArchivedMemory
from operator_memory.domain.lifecycle.fates import Place, Selection
from operator_memory.domain.lifecycle.gone_accounts import GoneAccount
from operator_memory.domain.lifecycle.policies import Policy, StoredPolicy
from operator_memory.domain.lifecycle.retention import DueAccount
from operator_memory.domain.lifecycle.rounds import PolicyRound, Task
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.archive_views import ArchiveUsage
from operator_memory.domain.shared.holds import Hold
from operator_memory.domain.shared.time_left import SecondsLeft


class ExpiredMemories(Protocol):
    """Removes expired memories, one account and one page at a time."""

    def delete_expired(
        self, account_id: AccountId, *, now: datetime, limit: int, kept_threads: Collection[str] = ()
    ) -> int:
        """Delete up to ``limit`` memories of the account whose ``expires_at`` is at or before ``now``.

        ``kept_threads``: what is of one of these threads or sessions stays.

        Returns how many were deleted; fewer than ``limit`` means that none are left.
        """
        ...

    def next_expiry(self, account_id: AccountId, *, after: datetime) -> datetime | None:
        """Return the earliest ``expires_at`` later than ``after``, or ``None``."""
        ...


class ExpiryIndex(Protocol):
    """Knows which accounts have memories to expire, and when, without reading any memory."""

    def register(self, account_id: AccountId, due_at: datetime) -> None:
        """Note that the account has a memory that expires at ``due_at``. Call it before storing the memory."""
        ...

    def entry(self, account_id: AccountId) -> DueAccount | None:
        """Return the account's entry as last written, due or not; ``None`` if it has nothing to wait for."""
        ...

    def due(self, *, now: datetime, limit: int) -> list[DueAccount]:
        """Return up to ``limit`` accounts whose earliest expiry is at or before ``now``."""
        ...

    def settle(self, entry: DueAccount, next_due_at: datetime | None) -> bool:
        """Move the account to its next expiry, or take it off the list if there is none.

        Returns ``False`` and changes nothing if the account was registered again since ``entry`` was read.
        """
        ...


class PolicyMemories(Protocol):
    """Counts, reads and removes an account's memories by selections of a policy. Memories come without their history
    and evidence."""

    def count(self, account_id: AccountId, selection: Selection) -> int:
        """Count them, exactly."""
        ...

    def some(self, account_id: AccountId, selection: Selection, *, after: str | None, limit: int) -> list[Memory]:
        """Return up to ``limit`` of them by id, those behind the id ``after``. Fewer: there are no more."""
        ...

    def least(self, account_id: AccountId, selection: Selection, *, after: Place | None, limit: int) -> list[Memory]:
        """Return up to ``limit`` of them in the order in which a full group gives way, those behind ``after``."""
        ...

    def remove(self, account_id: AccountId, selection: Selection, ids: Sequence[str]) -> int:
        """Delete those of ``ids`` that are still among them, as people's deletions do; return how many these are."""
        ...


class PolicyStore(Protocol):
    """Keeps an account's policy, and when its policies were applied last."""

    def policy(self, account_id: AccountId) -> StoredPolicy:
        """Return the account's policy as last written."""
        ...

    def set_policy(self, account_id: AccountId, stored: StoredPolicy) -> None:
        """Write it in the place of the one before."""
        ...

    def last_round(self, account_id: AccountId) -> PolicyRound | None:
        """Return when the policies were applied last, if they ever were."""
        ...

    def note_round(self, account_id: AccountId, done: PolicyRound) -> None:
        """Note that they were applied."""
        ...


class AgentPolicies(Protocol):
    """Reads the policies in the configurations of an account's agents."""

    def policies(self, account_id: AccountId) -> dict[str, Policy]:
        """Return them by the agents' ids; agents without a policy are left out, and so is one that cannot be read."""
        ...


class TaskQueue(Protocol):
    """Hands rounds of the life cycle to workers."""

    def send(self, tasks: Sequence[Task]) -> None:
        """Put the tasks into the queue.

        Raises:
            UpstreamError: not all were taken. To send them again is harmless.
        """
        ...

    def retry_later(self, receipt_handle: str, *, delay_seconds: int) -> None:
        """Make a received message visible again after ``delay_seconds``."""
        ...

    def bury(self, body: str, *, reason: str, detail: str, receive_count: int) -> None:
        """Put a message that is given up among the dead letters, with the reason."""
        ...


class GoneAccounts(Protocol):
    """Knows on the platform's behalf which accounts do not exist any more. It keeps that they were erased."""

    def due(self, *, after: str | None, limit: int) -> list[GoneAccount]:
        """Return up to ``limit`` accounts whose memory is to be erased now, by id, those later than ``after``.

        None of them exists at this moment.
        """
        ...

    def settle(self, gone: GoneAccount, *, erasure_id: str) -> None:
        """Note that the account's memory is erased. One that was deleted once more since stays due."""
        ...

    def missing(self, accounts: Sequence[AccountId]) -> list[AccountId]:
        """Return those of ``accounts`` that do not exist and are not noted yet. Leaves out ids that no account of the
        platform can have."""
        ...

    def note_missing(self, accounts: Sequence[AccountId], *, days: int) -> int:
        """Note those that do not exist: they are due in ``days`` days, if they are missing still. Return how many are
        new."""
        ...


class KnownAccounts(Protocol):
    """Knows the accounts that memory is kept for, and where a sweep over them goes on."""

    def page(self, *, after: str | None, limit: int) -> tuple[list[AccountId], str | None]:
        """Return up to ``limit`` accounts, and where the next call goes on (``None``: the end)."""
        ...

    def place(self, name: str) -> str | None:
        """Return the place that was kept under ``name``."""
        ...

    def keep_place(self, name: str, place: str | None) -> None:
        """Keep the place; ``None``: the beginning."""
        ...


class EraseAccount(Protocol):
    """Erases all that is remembered of an account."""

    def __call__(self, account_id: AccountId, erasure_id: str, seconds_left: SecondsLeft, /) -> object:
        """Begin the erasure of this id, or go on with it.

        Raises:
            ErasureIncompleteError: there is no more time, or something is left. It goes on by itself.
        """
        ...


class ResumeErasures(Protocol):
    """Goes on with the account's erasures that waited for a hold."""

    def __call__(self, account_id: AccountId, seconds_left: SecondsLeft, /) -> object:
        """Go on with them; what there is no time for goes on by itself."""
        ...


class HoldStore(HoldReader, Protocol):
    """Keeps legal holds. An erasure does not reach them."""

    def place(self, account_id: AccountId, hold: Hold) -> None:
        """Store the hold durably; it takes the place of one on the same account or thread."""
        ...

    def lift(self, account_id: AccountId, thread_id: str | None) -> bool:
        """Take the hold away from the thread, or from the account (``None``). Tell whether there was one."""
        ...


class ArchiveRetention(Protocol):
    """The archive as policies see it."""

    def entries(
        self, account_id: AccountId, *, after: str | None, limit: int
    ) -> tuple[list[ArchivedEntry], str | None]:
        """Return up to ``limit`` entries of the index, by id, and where the next call goes on (``None``: the end)."""
        ...

    def forget(self, account_id: AccountId, ids: Sequence[str]) -> int:
        """Delete them, from the index and from what it points to; return how many were there."""
        ...


class MemoryArchive(ArchiveRetention, Protocol):
    """Keeps memories that were moved out of the store, and finds one without reading all."""

    def keep(self, account_id: AccountId, memories: Sequence[ArchivedMemory]) -> list[ArchivedEntry]:
        """Write them, check that they can be read back, and then enter them into the index. Again is harmless.

        Returns what was written, with its places. An entry of the index that was archived later stays.
        """
        ...

    def find(self, account_id: AccountId, ids: Sequence[str]) -> list[ArchivedEntry]:
        """Return the entries of those of ``ids`` that are archived."""
        ...

    def kept_with(self, account_id: AccountId, entry: ArchivedEntry) -> list[ArchivedEntry]:
        """Return the entries of all that is read and written together with ``entry``; at least itself, if it is still
        archived."""
        ...

    def read(self, account_id: AccountId, entries: Sequence[ArchivedEntry]) -> list[ArchivedMemory]:
        """Return the memories of ``entries``, in order. Leaves out those that are not there any more, or cannot be
        read."""
        ...

    def take_back(self, account_id: AccountId, entries: Sequence[ArchivedEntry]) -> int:
        """Delete what ``entries`` point to, and of the index those that still point there; return how many did."""
        ...

    def group(self, account_id: AccountId, *, after: str | None) -> tuple[list[ArchivedMemory], str | None]:
        """Return memories that are read together, those after ``after``, and where the next call goes on (``None``: the
        end). This is how to go through all of them: in whatever order, and each is read once.

        Raises:
            InvalidInputError: ``after`` is no place in this account's archive.
        """
        ...

    def usage(self, account_id: AccountId) -> ArchiveUsage:
        """Count what the account has in the archive."""
        ...

    def sweep(self, account_id: AccountId, *, before: datetime) -> int:
        """Delete what was written before ``before`` and never came into the index, or left it: what a worker that was
        killed has left behind. Return how many memories that were."""
        ...


class TidyUp(Protocol):
    """Ends what an account has in two places, and what killed workers have left in its archive."""

    def __call__(self, account_id: AccountId, *, after: str | None, seconds_left: SecondsLeft) -> str | None:
        """Go through the archive from ``after`` on; return where the next call goes on (``None``: the end)."""
        ...


class StoreToArchive(Protocol):
    """Moves memories from the store into the archive."""

    def __call__(self, account_id: AccountId, reasons: Mapping[str, str], /) -> int:
        """Move the memories that ``reasons`` names by id, each for its reason; return how many were moved.

        Ignores those that the store does not have. A memory that is pinned, or was changed meanwhile, stays in the
        store.
        """
        ...
