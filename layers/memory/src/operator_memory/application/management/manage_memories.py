"""Use cases of people with their memories: list, read, add, correct, pin and delete them.

Each takes a caller whose right has been checked, and notes what it did. All work while memory is switched off: what is
stored stays its owner's to see and to take away.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4

from operator_memory.application.management.screen_writing import ScreenWriting
from operator_memory.application.ports.archive import ArchivedMemories
from operator_memory.application.ports.core import Clock, Embedder
from operator_memory.application.ports.management import MemoryLibrary
from operator_memory.application.ports.usage import QuotaKeeper
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.application.shared.remove_memories import MOST_LOOKED_FOR, RemoveMemories
from operator_memory.application.shared.turn_visibility import TurnVisibility
from operator_memory.domain.errors import ConflictError, InvalidInputError, NotFoundError, VersionConflictError
from operator_memory.domain.management.identity import Caller
from operator_memory.domain.management.listing import Page, Position, Sort
from operator_memory.domain.memory.embedding_text import beginning
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory, PastVersion, loses, memory_id
from operator_memory.domain.memory.provenance import SourceClass
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope, ScopeKey
from operator_memory.domain.shared.audit_events import EventType, Touched
from operator_memory.domain.shared.memory_filter import MemoryFilter
from operator_memory.domain.shared.time_left import SecondsLeft, has_time_for_a_step, no_limit
from operator_memory.domain.text import normalised_text

MAX_HISTORY = 50
MAX_HISTORY_CHARACTERS = 200_000
"""Past versions that a memory keeps, and their characters in all; the oldest go first."""

_A_PAGE = 100

EMBED_TIMEOUT = 10.0
"""Seconds for the embedding call behind an addition or a correction."""


@dataclass(frozen=True, slots=True)
class NewMemory:
    """What a person adds by hand."""

    text: str
    key: ScopeKey
    thread_id: str | None = None
    importance: float = 0.5
    pinned: bool = False
    expires_at: datetime | None = None
    hid_something: bool = False
    """Whether characters that nobody sees spelled something in the text; they are gone."""
    source_class: SourceClass = SourceClass.BY_HAND
    """Whose words: of whoever adds it, or of an agent that was told to remember it."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a person changes; ``None`` leaves a field as it is, ``never_expires`` takes its end away. To pin it does so
    too, unless an end is given with it."""

    text: str | None = None
    importance: float | None = None
    pinned: bool | None = None
    expires_at: datetime | None = None
    never_expires: bool = False
    hid_something: bool = False
    """As in `NewMemory`."""


@dataclass(frozen=True, slots=True)
class WritingPorts:
    """What the words that a person writes go through, in this order."""

    screening: ScreenWriting
    embedder: Embedder
    writer: GuardedWriter
    quota: QuotaKeeper | None = None
    """What keeps the account within its quota."""


class ManageMemories:
    """Lists, reads, adds, corrects and deletes memories."""

    def __init__(
        self,
        *,
        library: MemoryLibrary,
        writing: WritingPorts,
        visibility: TurnVisibility,
        remover: RemoveMemories,
        trail: AuditTrail,
        clock: Clock,
        archived: ArchivedMemories | None = None,
    ) -> None:
        self._library, self._archived = library, archived
        self._screening, self._embedder, self._writer = writing.screening, writing.embedder, writing.writer
        self._quota = writing.quota
        self._visibility = visibility
        self._remover, self._held = remover, remover.held
        self._trail = trail
        self._clock = clock

    def page(
        self,
        caller: Caller,
        account_id: AccountId,
        where: MemoryFilter,
        sort: Sort,
        *,
        after: Position | None = None,
        limit: int,
    ) -> Page:
        """Return a page of the list of memories."""
        page = self._library.page(account_id, where, sort, after=after, limit=limit, now=self._clock.now())
        self._note_reading(caller, account_id, where, page.memories, how="list")
        return page

    def get(self, caller: Caller, account_id: AccountId, identity: str) -> Memory:
        """Return the memory, in any state.

        Raises:
            NotFoundError: the account has none of this id. Another account's memory gives the same error.
        """
        return self.read(caller, account_id, identity)[0]

    def read(self, caller: Caller, account_id: AccountId, identity: str) -> tuple[Memory, datetime | None]:
        """Return the memory as `get` does, and since when it is archived, if it is."""
        memory, archived_at = self._anywhere(account_id, identity)
        self._note_reading(caller, account_id, MemoryFilter(), [memory], how="read")
        return memory, archived_at

    def add(self, caller: Caller, account_id: AccountId, new: NewMemory) -> tuple[Memory, bool]:
        """Add a memory by hand; return it, and whether it is new.

        The same words in the same scope are the same memory: adding them again returns the one that is there. What
        reads like a command waits in quarantine for an owner; the memory's ``rejected`` says so.

        Raises:
            InvalidInputError: its end has passed already.
            ConflictError: it is being erased.
            QuotaFullError: the account may have no more facts, and none makes room.
        """
        self._check_end(new.expires_at)
        identity, known = self._identify(account_id, new)
        if known is not None:
            return known, False
        if self._quota is not None:
            self._quota.require_room(account_id)
        made = self._made(caller, account_id, identity, new)
        memory = self._screening.written(caller, made, hid_something=new.hid_something, source_class=new.source_class)
        vector = self._embedder.embed([beginning(new.text)], timeout=EMBED_TIMEOUT)[0]
        if self._writer.upsert(account_id, [EmbeddedMemory(memory, vector)]):
            raise ConflictError("this memory is being erased at this moment")
        self._trail.note(
            account_id,
            caller.actor,
            EventType.ADD,
            Touched.memory(memory),
            metadata={"source": new.source_class.value, **({} if memory.rejected is None else {"waiting": True})},
        )
        return memory, True

    def _check_end(self, expires_at: datetime | None) -> None:
        if expires_at is not None and expires_at <= self._clock.now():
            raise InvalidInputError("expires_at", "has passed")

    def _identify(self, account_id: AccountId, new: NewMemory) -> tuple[str, Memory | None]:
        """Return the id for ``new``, and the memory there that already says the same.

        Where the words were corrected or replaced since, ``new`` is another memory, with an id of its own that is the
        same each time. An expired memory only waits for the sweep, and makes room; so does one in quarantine, since a
        person now says that it is so.
        """
        for number in range(MAX_HISTORY):
            position = f"again:{number}" if number else ""
            identity = memory_id(account_id, new.key, new.text, position=position)
            known = self._library.get(account_id, identity)
            if known is None:
                return identity, None
            if normalised_text(known.text) == normalised_text(new.text) and known.superseded_by is None:
                if self._held.held(account_id, [known]):
                    return identity, known  # it makes no room
                expired = known.expires_at is not None and known.expires_at <= self._clock.now()
                return identity, None if expired or known.rejected is not None else known
        return str(uuid4()), None

    def _made(self, caller: Caller, account_id: AccountId, identity: str, new: NewMemory) -> Memory:
        now = self._clock.now()
        return Memory(
            id=identity,
            account_id=account_id,
            scope=new.key.scope,
            kind=Kind.FACT,
            text=new.text,
            created_at=now,
            updated_at=now,
            agent_id=new.key.owner_id if new.key.scope is Scope.AGENT else None,
            session_id=new.key.owner_id if new.key.scope is Scope.SESSION else None,
            thread_id=new.thread_id,
            author_id=caller.user_id,
            importance=new.importance,
            pinned=new.pinned,
            expires_at=new.expires_at,
        )

    def change(
        self, caller: Caller, account_id: AccountId, identity: str, changes: Changes, *, version: int | None
    ) -> Memory:
        """Correct a memory. Its former words stay in its history. New words are screened as those of `add` are.

        ``version``: the one that the caller has read; ``None`` takes the stored one (for changes that do not depend on
        what was there, such as a pin).

        Raises:
            NotFoundError: see `get`.
            VersionConflictError: it is another version by now.
            ConflictError: it is archived.
            InvalidInputError: its end has passed already. Deleting is another use case, and on record as such.
            HeldError: it is held, and its history is full: an earlier version would be gone.
        """
        self._check_end(changes.expires_at)
        for _ in range(3):
            stored = self._stored(account_id, identity)
            if version is not None and stored.version != version:
                break
            changed = self._changed(caller, stored, changes)
            if changed is None:
                return stored
            new_words = changed.text != stored.text
            if loses(stored, changed):
                self._held.refuse(account_id, [stored], by=caller.actor, attempt="update")
            vector = self._embedder.embed([beginning(changed.text)], timeout=EMBED_TIMEOUT)[0] if new_words else None
            if stored.kind is Kind.FACT and new_words:
                self._visibility.withhold_reworded(account_id, stored, changed)
            self._writer.announce(account_id, [changed])
            if self._library.replace(changed, vector, expected_version=stored.version):
                self._writer.announce(account_id, [changed])
                if self._writer.enforce(account_id, [changed]):
                    raise NotFoundError(_NO_SUCH_MEMORY)
                self._note_update(caller, changed, new_words)
                return changed
        raise VersionConflictError("the memory has been changed meanwhile: read it again and repeat the change")

    def _changed(self, caller: Caller, stored: Memory, changes: Changes) -> Memory | None:
        """Return ``stored`` with ``changes``, or ``None`` if they change nothing."""
        pins = changes.pinned is True and not stored.pinned
        expires_at = changes.expires_at or (None if changes.never_expires or pins else stored.expires_at)
        changed = replace(
            stored,
            text=stored.text if changes.text is None else changes.text,
            importance=stored.importance if changes.importance is None else changes.importance,
            pinned=stored.pinned if changes.pinned is None else changes.pinned,
            expires_at=expires_at,
        )
        if changed == stored:
            return None
        now = self._clock.now()
        if changed.text != stored.text:
            past = PastVersion(stored.version, stored.text, now, caller.actor)
            changed = replace(changed, history=_kept((*stored.history, past)), follows=None)
            changed = self._screening.written(caller, changed, hid_something=changes.hid_something)
        if pins:
            changed = self._screening.pinned(caller, changed)
        return replace(changed, version=stored.version + 1, updated_at=now)

    def delete(self, caller: Caller, account_id: AccountId, identity: str, *, version: int | None = None) -> None:
        """Delete one memory with its history, archived or not. What was said before does not bring it back.

        Raises:
            NotFoundError, VersionConflictError: as `change`.
            HeldError: it is held.
        """
        stored, _ = self._anywhere(account_id, identity)
        if version is not None and stored.version != version:
            raise VersionConflictError("the memory has been changed meanwhile: read it again before you delete it")
        newer = self._library.get(account_id, stored.superseded_by) if stored.superseded_by else None
        spare = {stored.id: newer.said_in} if newer else {}
        self._remover.remove(account_id, [stored], by=caller.actor, spare=spare)
        self._trail.note(account_id, caller.actor, EventType.DELETE, Touched.memory(stored))

    def count(self, account_id: AccountId, where: MemoryFilter) -> int:
        """Count the memories that `delete_matching` would delete now."""
        return self._library.count(account_id, where, now=self._clock.now())

    def delete_matching(
        self,
        caller: Caller,
        account_id: AccountId,
        where: MemoryFilter,
        *,
        expected: int,
        seconds_left: SecondsLeft = no_limit,
    ) -> int:
        """Delete all memories that match ``where``, if they are as many as the caller has been told.

        Return how many are deleted: fewer if there is no time for all.

        Raises:
            ConflictError: there are more or fewer by now; nothing is deleted.
            HeldError: one of them is held; nothing is deleted, unless the hold was placed in the middle of it.
        """
        now = self._clock.now()
        found = self._library.count(account_id, where, now=now)
        if found != expected:
            raise ConflictError(f"{found} memories match by now, not {expected}: make a dry run again")
        if not found:
            return 0
        self._held.refuse_matching(account_id, where, by=caller.actor, attempt="delete")
        forgotten, all_of_them = self._forget_matching(account_id, where, now, seconds_left)
        self._held.refuse_matching(account_id, where, by=caller.actor, attempt="delete")  # one that was placed since
        if all_of_them:
            self._library.delete_matching(account_id, where, now=now)
        else:
            self._library.delete(account_id, forgotten)
        deleted = found if all_of_them else len(forgotten)
        self._trail.note(
            account_id,
            caller.actor,
            EventType.DELETE,
            Touched(agent_id=where.agent_id, thread_id=where.thread_id, count=deleted),
            metadata={"by": "filter"},
        )
        return deleted

    def _forget_matching(
        self, account_id: AccountId, where: MemoryFilter, now: datetime, seconds_left: SecondsLeft
    ) -> tuple[list[str], bool]:
        """Keep what is to be deleted from coming back, and its words from being seen elsewhere.

        Return the ids that this is done for, and whether these are all: it stops while there is time to delete them.
        """
        after, thorough, slowest = None, MOST_LOOKED_FOR, 0.0
        done: list[str] = []
        while has_time_for_a_step(left := seconds_left(), slowest):
            page = self._library.page(account_id, where, Sort(descending=False), after=after, limit=_A_PAGE, now=now)
            self._remover.forget_words(account_id, page.memories, at=now, thorough=thorough)
            thorough -= sum(memory.kind is Kind.FACT for memory in page.memories)
            done += [memory.id for memory in page.memories]
            after = page.next
            if after is None:
                return done, True
            slowest = max(slowest, left - seconds_left())
        return done, False

    def _stored(self, account_id: AccountId, identity: str) -> Memory:
        memory, archived_at = self._anywhere(account_id, identity)
        if archived_at is not None:
            raise ConflictError("this memory is archived: restore it first")
        return memory

    def _anywhere(self, account_id: AccountId, identity: str) -> tuple[Memory, datetime | None]:
        """Return the memory from the store, or else from the archive, and since when it is there."""
        memory = self._library.get(account_id, identity)
        if memory is not None:
            return memory, None
        seen = None if self._archived is None else self._archived.get(account_id, identity)
        if seen is None:
            raise NotFoundError(_NO_SUCH_MEMORY)
        return seen.memory, seen.archived_at

    def _note_update(self, caller: Caller, memory: Memory, new_words: bool) -> None:
        self._trail.note(
            memory.account_id,
            caller.actor,
            EventType.UPDATE,
            Touched.memory(memory),
            metadata={"version": memory.version, "new_text": new_words},
        )

    def _note_reading(
        self, caller: Caller, account_id: AccountId, where: MemoryFilter, memories: Sequence[Memory], *, how: str
    ) -> None:
        self._trail.note(
            account_id,
            caller.actor,
            EventType.SEARCH,
            Touched(tuple(memory.id for memory in memories), where.agent_id, where.thread_id),
            metadata={"how": how},
        )


def _kept(history: tuple[PastVersion, ...]) -> tuple[PastVersion, ...]:
    kept = history[-MAX_HISTORY:]
    while len(kept) > 1 and sum(len(past.text) for past in kept) > MAX_HISTORY_CHARACTERS:
        kept = kept[1:]
    return kept


_NO_SUCH_MEMORY = "there is no memory of this id in the account"
