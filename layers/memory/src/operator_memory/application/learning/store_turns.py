"""Use case, a part of an extraction: stores the turns as they were said, as session memory, without a model."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from operator_memory.application.ports.core import Embedder
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.domain.conversation import Turn, said_at
from operator_memory.domain.learning.importance import importance_of
from operator_memory.domain.learning.jobs import FactOutcome, Outcome, RunJob, turn_id, without_erased
from operator_memory.domain.learning.said import source_of
from operator_memory.domain.memory.embedding_text import beginning
from operator_memory.domain.memory.memory import SCREENED, EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import Kind, Scope
from operator_memory.domain.shared.screening import COMMAND, turn_reason

EMBED_TIMEOUT = 30.0
"""Seconds for embedding one page of turns."""

_TURNS_PAGE = 100


class StoreTurns:
    """Stores a run's turns. Storing them again changes nothing.

    One that reads like a command, or hid something, is recalled in its own session only.
    """

    def __init__(self, *, embedder: Embedder, memories: GuardedWriter, lifetime: timedelta) -> None:
        """``lifetime``: how long after the run's end they are kept."""
        self._embedder = embedder
        self._memories = memories
        self._lifetime = lifetime

    def without_deleted(self, job: RunJob, turns: Sequence[Turn]) -> list[Turn]:
        """Return ``turns`` without those that a person deleted after they were said. No model sees them again."""
        memories = _turn_memories(job, turns, self._lifetime)
        deleted = self._memories.deleted(job.account_id, memories)
        return [turn for turn, memory in zip(turns, memories, strict=True) if memory.id not in deleted]

    def store(self, job: RunJob, turns: Sequence[Turn]) -> list[FactOutcome]:
        """Store the turns page by page. A job that is stopped in the middle goes on from there when it is repeated."""
        memories = _turn_memories(job, turns, self._lifetime)
        outcomes: list[FactOutcome] = []
        for start in range(0, len(memories), _TURNS_PAGE):
            outcomes += self._store_page(job, memories[start : start + _TURNS_PAGE])
        return outcomes

    def _store_page(self, job: RunJob, page: Sequence[Memory]) -> list[FactOutcome]:
        known = self._memories.existing_ids(job.account_id, [memory.id for memory in page])
        new = _new_turns(page, known)
        if known:  # stored by an attempt that may have died before it could announce them again
            self._memories.announce(job.account_id, page)
        erased: set[str] = set()
        if new:
            texts = [beginning(memory.text) for memory, _ in new.values()]
            vectors = self._embedder.embed(texts, timeout=EMBED_TIMEOUT)
            embedded = [EmbeddedMemory(m, v, before) for (m, before), v in zip(new.values(), vectors, strict=True)]
            erased = self._memories.upsert(job.account_id, embedded)
        outcomes = []
        for memory in page:  # of a message that comes twice the second is a duplicate
            outcome = Outcome.ADDED if new.pop(memory.id, None) else Outcome.DUPLICATE
            screened = COMMAND if SCREENED in memory.withheld_by else None
            outcomes.append(FactOutcome(memory.id, Scope.SESSION, outcome, reason=screened))
        return without_erased(outcomes, erased)


def _new_turns(page: Sequence[Memory], known: set[str]) -> dict[str, tuple[Memory, str]]:
    """Return what is to be stored, each with the words before it if those are stored along with it: a person may have
    corrected or deleted what was stored earlier."""
    new: dict[str, tuple[Memory, str]] = {}
    for earlier, memory in zip((None, *page), page, strict=False):
        if memory.id not in known and memory.id not in new:
            new[memory.id] = memory, ""
            if earlier is not None and earlier.id in new:
                new[memory.id] = replace(memory, follows=earlier.id), earlier.text
    return new


def _turn_memories(job: RunJob, turns: Sequence[Turn], lifetime: timedelta) -> list[Memory]:
    memories = []
    for seq, turn in enumerate(turns):
        moment = said_at(turn, job.finished_at)
        memories.append(
            Memory(
                id=turn_id(job, turn),
                account_id=job.account_id,
                scope=Scope.SESSION,
                kind=Kind.TURN,
                text=turn.text,
                created_at=moment,
                updated_at=moment,
                session_id=job.effective_session_id,
                thread_id=job.thread_id,
                # of an answer too: it belongs to what this member said, and is erased with it
                author_id=job.author_id,
                attributed_to=turn.role,
                role=turn.role,
                speaker=turn.name,
                message_id=turn.message_id,
                seq=seq,
                source_run_id=job.job_id,
                importance=importance_of(turn.text, kind=Kind.TURN, scope=Scope.SESSION),
                expires_at=job.finished_at + lifetime,
                source_class=source_of(turn),
                withheld_by=(SCREENED,) if turn.hid_something or turn_reason(turn.text) else (),
            )
        )
    return memories
