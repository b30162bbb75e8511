"""Deletes memories for a person, so that nothing said before brings them back and nothing else shows their words."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from operator_memory.application.ports.archive import ArchivedMemories
from operator_memory.application.ports.core import Clock, LearnedMemories
from operator_memory.application.ports.management import MemoryLibrary
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.application.shared.keep_held import KeepHeld
from operator_memory.application.shared.turn_visibility import TurnVisibility
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, Kind
from operator_memory.domain.shared.quoted_words import DeletedWords

MOST_LOOKED_FOR = 300
"""Facts deleted at once for which turns are looked for that repeat them: to look for thousands takes too long."""

_NOTHING: Mapping[str, Collection[str]] = {}


class RemoveMemories:
    """Removes memories, except for what is held. Repeating an interrupted call completes it."""

    def __init__(
        self,
        *,
        library: MemoryLibrary,
        learned: LearnedMemories,
        writer: GuardedWriter,
        visibility: TurnVisibility,
        held: KeepHeld,
        clock: Clock,
        archived: ArchivedMemories | None = None,
    ) -> None:
        self._archived = archived
        self._library = library
        self._learned = learned
        self._writer = writer
        self._visibility = visibility
        self.held = held
        self._clock = clock

    def remove(
        self,
        account_id: AccountId,
        memories: Sequence[Memory],
        *,
        by: str,
        spare: Mapping[str, Collection[str]] = _NOTHING,
        only_copies: Collection[str] = (),
    ) -> None:
        """Delete ``memories``. ``by``: the actor. ``spare``: by a fact's id, the turns that say what holds in its
        place. ``only_copies``: ids of those whose words another memory keeps.

        Raises:
            HeldError: one of them is held. Nothing is deleted.
        """
        self.held.refuse(account_id, memories, by=by, attempt="delete")
        at = self._clock.now()
        self.forget_words(account_id, [m for m in memories if m.id not in only_copies], at=at, spare=spare)
        self._library.delete(account_id, [memory.id for memory in memories])

    def forget_words(
        self,
        account_id: AccountId,
        memories: Sequence[Memory],
        *,
        at: datetime,
        thorough: int = MOST_LOOKED_FOR,
        spare: Mapping[str, Collection[str]] = _NOTHING,
    ) -> None:
        """Do what comes before a deletion from the store: leave the marks, delete them from the archive, withhold the
        turns that say it, and take its words out of the evidence of other memories.

        For the first ``thorough`` facts also other turns are looked for that say the same.
        """
        self._writer.bury(account_id, memories, at=at)
        if self._archived is not None:  # a memory that was learned anew is there, too, until its archive is tidied
            self._archived.forget(account_id, [memory.id for memory in memories])
        facts = [memory for memory in memories if memory.kind is Kind.FACT]
        looked_for = max(0, thorough)
        self._visibility.withhold(account_id, facts[:looked_for], spare=spare)
        self._visibility.withhold_sources(account_id, facts[looked_for:])
        self._clean_evidence(account_id, memories)

    def _clean_evidence(self, account_id: AccountId, memories: Sequence[Memory]) -> None:
        gone = {memory.id for memory in memories}
        by_session: dict[str, list[Memory]] = defaultdict(list)
        for memory in memories:
            if memory.session_id is not None:
                by_session[memory.session_id].append(memory)
        for session, deleted in by_session.items():
            words = DeletedWords(deleted)
            others = [fact for fact in self._learned.facts_of_session(account_id, session) if fact.id not in gone]
            kept = self.held.held(account_id, others)  # all that a held memory says stays with it
            others = [fact for fact in others if fact.id not in kept]
            left = {fact.id: words.taken_out_of(fact.evidence) for fact in others}
            changed = [replace(fact, evidence=left[fact.id]) for fact in others if left[fact.id] != fact.evidence]
            if changed:
                self._learned.note_learning(account_id, changed)
