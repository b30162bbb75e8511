"""Use cases of people with their memories: find, read, add, correct, pin and delete them.

Each takes a caller whose right to do it has been checked, and notes what it did. All work while memory is
switched off: what is stored stays its owner's to see and to take away.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4

from operator_memory.application.ports.core import Clock, Embedder
from operator_memory.application.ports.management import MemoryLibrary
from operator_memory.application.recall.retrieve_context import searchable_query
from operator_memory.application.shared.audit_trail import Trail
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.application.shared.past_turns import PastTurns
from operator_memory.domain.errors import ConflictError, InvalidInputError, NotFoundError, VersionConflictError
from operator_memory.domain.learning.meaning import Relation, relate
from operator_memory.domain.management.audit_events import EventType
from operator_memory.domain.management.identity import Caller
from operator_memory.domain.management.listing import MemoryFilter, Page, Position, Sort, Usage
from operator_memory.domain.memory.embedding_text import beginning
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory, PastVersion, memory_id
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope, ScopeKey
from operator_memory.domain.recall.parameters import USUAL
from operator_memory.domain.recall.ranked_memory import RankedMemory
from operator_memory.domain.recall.ranking import rank
from operator_memory.domain.recall.search_plan import Search, SearchMode
from operator_memory.domain.text import normalised_text

MAX_HISTORY = 50
MAX_HISTORY_CHARACTERS = 200_000
"""Past versions that a memory keeps, and their characters in all; the oldest go first."""

MOST_LOOKED_FOR = 300
"""Facts deleted at once for which turns are looked for that repeat them: to look for thousands takes too long."""

_FACTS_A_PAGE = 100

EMBED_TIMEOUT = 10.0
"""Seconds for the embedding call behind a search, an addition or a correction."""

CANDIDATES = 60
SHOW_ALL = replace(USUAL, near_duplicates_once=False)
"""A person who tidies up wants to see what is there twice."""
"""Memories by meaning, and as many by words, that a search ranks at least."""


@dataclass(frozen=True, slots=True)
class NewMemory:
    """What a person adds by hand."""

    text: str
    key: ScopeKey
    thread_id: str | None = None
    importance: float = 0.5
    pinned: bool = False
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a person changes; ``None`` leaves a field as it is, ``never_expires`` takes its end away."""

    text: str | None = None
    importance: float | None = None
    pinned: bool | None = None
    expires_at: datetime | None = None
    never_expires: bool = False


class ManageMemories:
    """See the module's docstring."""

    def __init__(
        self,
        *,
        library: MemoryLibrary,
        writer: GuardedWriter,
        past_turns: PastTurns,
        embedder: Embedder,
        trail: Trail,
        clock: Clock,
    ) -> None:
        self._library = library
        self._writer = writer
        self._past_turns = past_turns
        self._embedder = embedder
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
        """A part of the list of memories."""
        page = self._library.page(account_id, where, sort, after=after, limit=limit, now=self._clock.now())
        self._note_search(caller, account_id, where, page.memories, how="list")
        return page

    def search(
        self,
        caller: Caller,
        account_id: AccountId,
        where: MemoryFilter,
        *,
        query: str,
        limit: int,
        record_query: bool = False,
    ) -> list[RankedMemory]:
        """The memories that fit ``query`` best, best first."""
        text = searchable_query(query)
        if text is None:
            raise InvalidInputError("query", "must hold at least one letter or digit")
        vector = self._embedder.embed([text], timeout=EMBED_TIMEOUT)[0]
        now = self._clock.now()
        found = self._library.find(
            account_id, where, vector=vector, text=text, limit=max(CANDIDATES, 2 * limit), now=now
        )
        searches = [Search(ScopeKey(Scope.USER), mode, limit) for mode in (SearchMode.DENSE, SearchMode.KEYWORD)]
        ranked = rank(searches, found, now=now, limit=limit, parameters=SHOW_ALL)
        memories = [r.memory for r in ranked]
        self._note_search(caller, account_id, where, memories, how="search", query=query if record_query else None)
        return ranked

    def get(self, caller: Caller, account_id: AccountId, identity: str) -> Memory:
        """The memory, in whatever state it is.

        Raises:
            NotFoundError: the account has none of this id; another account's says the same.
        """
        memory = self._stored(account_id, identity)
        self._note_search(caller, account_id, MemoryFilter(), [memory], how="read")
        return memory

    def usage(self, account_id: AccountId) -> Usage:
        """How much the account has stored."""
        return self._library.usage(account_id, now=self._clock.now())

    def add(self, caller: Caller, account_id: AccountId, new: NewMemory) -> tuple[Memory, bool]:
        """Add a memory by hand; returns it, and whether it is new.

        The same words in the same scope are the same memory: adding them again gives the one that is there.

        Raises:
            InvalidInputError: it would have ended already.
            ConflictError: it is being erased.
        """
        self._check_end(new.expires_at)
        identity, known = self._place(account_id, new)
        if known is not None:
            return known, False
        memory = self._made(caller, account_id, identity, new)
        vector = self._embedder.embed([beginning(new.text)], timeout=EMBED_TIMEOUT)[0]
        if self._writer.upsert(account_id, [EmbeddedMemory(memory, vector)]):
            raise ConflictError("this memory is being erased at this moment")
        self._trail.note_memory(caller.actor, EventType.ADD, memory, source="by_hand")
        return memory, True

    def _check_end(self, expires_at: datetime | None) -> None:
        if expires_at is not None and expires_at <= self._clock.now():
            raise InvalidInputError("expires_at", "has passed")

    def _place(self, account_id: AccountId, new: NewMemory) -> tuple[str, Memory | None]:
        """The id for ``new``, and the memory that says the same there already.

        Where the words were corrected or replaced since, what is said now is another memory, with an id of its own
        that is the same each time. One that has expired only waits for the sweep, and makes room; so does one in
        quarantine, since a person says now that it is so.
        """
        for number in range(MAX_HISTORY):
            position = f"again:{number}" if number else ""
            identity = memory_id(account_id, new.key, new.text, position=position)
            known = self._library.get(account_id, identity)
            if known is None:
                return identity, None
            if normalised_text(known.text) == normalised_text(new.text) and known.superseded_by is None:
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
        """Correct a memory; the words it had before stay in its history.

        ``version``: the one that the caller has read; ``None`` takes whichever is stored (for changes that do
        not depend on what was there, such as a pin).

        Raises:
            NotFoundError: see `get`.
            VersionConflictError: it is another version by now.
            InvalidInputError: it would have ended already. To delete is another thing, and on record as such.
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
            vector = self._embedder.embed([beginning(changed.text)], timeout=EMBED_TIMEOUT)[0] if new_words else None
            if stored.kind is Kind.FACT and not _says_the_same(changed, stored):
                self._past_turns.withhold(account_id, [stored])
            self._writer.announce(account_id, [changed])
            if self._library.replace(changed, vector, expected_version=stored.version):
                self._writer.announce(account_id, [changed])
                if self._writer.enforce(account_id, [changed]):
                    raise NotFoundError(_NO_SUCH_MEMORY)
                self._trail.note_memory(
                    caller.actor, EventType.UPDATE, changed, version=changed.version, new_text=new_words
                )
                return changed
        raise VersionConflictError("the memory has been changed meanwhile: read it again and repeat the change")

    def _changed(self, caller: Caller, stored: Memory, changes: Changes) -> Memory | None:
        """``stored`` with ``changes``, or ``None`` if they change nothing."""
        expires_at = None if changes.never_expires else changes.expires_at or stored.expires_at
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
        return replace(changed, version=stored.version + 1, updated_at=now)

    def delete(self, caller: Caller, account_id: AccountId, identity: str, *, version: int | None = None) -> None:
        """Delete one memory with its history.

        Raises:
            NotFoundError, VersionConflictError: as `change`.
        """
        stored = self._stored(account_id, identity)
        if version is not None and stored.version != version:
            raise VersionConflictError("the memory has been changed meanwhile: read it again before you delete it")
        if stored.kind is Kind.FACT:
            newer = self._library.get(account_id, stored.superseded_by) if stored.superseded_by else None
            spare = {stored.id: newer.said_in} if newer else {}
            self._past_turns.withhold(account_id, [stored], spare=spare)
        self._library.delete(account_id, [identity])
        self._trail.note_memory(caller.actor, EventType.DELETE, stored)

    def count(self, account_id: AccountId, where: MemoryFilter) -> int:
        """How many memories `delete_matching` would delete now."""
        return self._library.count(account_id, where, now=self._clock.now())

    def delete_matching(self, caller: Caller, account_id: AccountId, where: MemoryFilter, *, expected: int) -> int:
        """Delete all that ``where`` lets through, if there are as many as the caller has been told.

        Raises:
            ConflictError: there are more or fewer by now; nothing is deleted.
        """
        now = self._clock.now()
        found = self._library.count(account_id, where, now=now)
        if found != expected:
            raise ConflictError(
                f"{found} memories match by now, not {expected}: make a dry run again; nothing was deleted"
            )
        if found:
            self._withhold_matching(account_id, where, now)
            self._library.delete_matching(account_id, where, now=now)
            self._trail.note(
                account_id,
                caller.actor,
                EventType.DELETE,
                agent_id=where.agent_id,
                thread_id=where.thread_id,
                result_count=found,
                metadata={"by": "filter"},
            )
        return found

    def _withhold_matching(self, account_id: AccountId, where: MemoryFilter, now: datetime) -> None:
        """Have other sessions no longer recall what the facts that are about to be deleted were learned from; of the
        first hundreds also what else says the same."""
        if where.kind is Kind.TURN:
            return
        facts, after, seen = replace(where, kind=Kind.FACT), None, 0
        while True:
            page = self._library.page(
                account_id, facts, Sort(descending=False), after=after, limit=_FACTS_A_PAGE, now=now
            )
            thorough = seen < MOST_LOOKED_FOR
            withhold = self._past_turns.withhold if thorough else self._past_turns.withhold_sources
            withhold(account_id, page.memories)
            seen, after = seen + len(page.memories), page.next
            if after is None:
                return

    def _stored(self, account_id: AccountId, identity: str) -> Memory:
        memory = self._library.get(account_id, identity)
        if memory is None:
            raise NotFoundError(_NO_SUCH_MEMORY)
        return memory

    def _note_search(
        self,
        caller: Caller,
        account_id: AccountId,
        where: MemoryFilter,
        memories: Sequence[Memory],
        *,
        how: str,
        query: str | None = None,
    ) -> None:
        self._trail.note(
            account_id,
            caller.actor,
            EventType.SEARCH,
            memory_ids=[memory.id for memory in memories],
            agent_id=where.agent_id,
            thread_id=where.thread_id,
            query=query,
            metadata={"how": how},
        )


def _says_the_same(one: Memory, other: Memory) -> bool:
    """Whether only the wording differs, so that what was said is still so."""
    same_words = normalised_text(one.text) == normalised_text(other.text)
    return same_words or relate(one.text, other.text, similarity=0.0) is Relation.SAME


def _kept(history: tuple[PastVersion, ...]) -> tuple[PastVersion, ...]:
    kept = history[-MAX_HISTORY:]
    while len(kept) > 1 and sum(len(past.text) for past in kept) > MAX_HISTORY_CHARACTERS:
        kept = kept[1:]
    return kept


_NO_SUCH_MEMORY = "there is no memory of this id in the account"
