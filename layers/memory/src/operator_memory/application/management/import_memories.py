"""Use case: imports memories of an export, into the same account or another one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

from operator_memory.application.ports.core import Clock, Embedder
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.domain.characters import hides_something
from operator_memory.domain.errors import InvalidInputError, UpstreamTimeoutError
from operator_memory.domain.management.export_line import memory_of_line, original_id
from operator_memory.domain.management.identity import Caller
from operator_memory.domain.management.written import imported
from operator_memory.domain.memory.embedding_text import beginning
from operator_memory.domain.memory.memory import SCREENED, EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType, Touched
from operator_memory.domain.shared.time_left import (
    RESERVE_SECONDS,
    SMALLEST_STEP,
    SecondsLeft,
    has_time_for_a_step,
    next_step,
    no_limit,
)

MAX_LINES = 2_000
"""Lines of one import; a longer export is brought back in several."""

EMBED_TIMEOUT = 20.0


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The outcome of every line. ``rejected``: its number (from 1), and why."""

    added: int
    duplicates: int
    skipped: int
    """Lines that hold no memory: jobs, events, the account's head."""
    rejected: tuple[tuple[int, str], ...]
    waiting: int = 0
    """Of the added: facts in quarantine, which a person has to look at."""
    withheld: int = 0
    """Of the added: turns that read like a command, which other sessions do not recall."""
    import_id: str = ""
    """By which it can be taken back."""
    continue_at: int | None = None
    """The first line that was not read, as there was no more time. ``None``: all were."""


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    memory: Memory
    original: str
    """The id that the memory had where it was exported."""


@dataclass(frozen=True, slots=True)
class _Step:
    """Lines that are stored together. ``first``: the number of the first; ``timeout``: seconds to embed them in;
    ``import_id``: of the import that they are of."""

    lines: Sequence[str]
    first: int
    timeout: float
    import_id: str


@dataclass(slots=True)
class _Tally:
    """Counts what became of the lines so far."""

    added: int = 0
    duplicates: int = 0
    skipped: int = 0
    rejected: list[tuple[int, str]] = field(default_factory=list)
    waiting: int = 0
    withheld: int = 0

    def report(self, import_id: str, *, continue_at: int | None) -> ImportReport:
        """Return what was counted."""
        rejected = tuple(sorted(self.rejected))
        counts = (self.added, self.duplicates, self.skipped, rejected, self.waiting, self.withheld)
        return ImportReport(*counts, import_id=import_id, continue_at=continue_at)


class ImportMemories:
    """Imports lines. Repeating an import adds nothing."""

    def __init__(self, *, writer: GuardedWriter, embedder: Embedder, trail: AuditTrail, clock: Clock) -> None:
        self._writer = writer
        self._embedder = embedder
        self._trail = trail
        self._clock = clock

    def import_lines(
        self,
        caller: Caller,
        account_id: AccountId,
        text: str,
        seconds_left: SecondsLeft = no_limit,
        *,
        import_id: str | None = None,
    ) -> ImportReport:
        """Store the memories in ``text`` (JSON Lines), from its first line on, for as long as there is time.

        ``import_id``: of an import that is gone on with; left out, it gets a new one.

        Raises:
            InvalidInputError: there are too many lines; nothing is stored.
            UpstreamError: a store failed on the way. What is stored by then stays, and the import can be repeated.
        """
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) > MAX_LINES:
            raise InvalidInputError("body", f"must hold at most {MAX_LINES} lines, not {len(lines)}")
        tally, import_id = _Tally(), import_id or str(uuid4())
        done, size, slowest = 0, SMALLEST_STEP, 0.0
        while done < len(lines) and has_time_for_a_step(left := seconds_left(), slowest):
            step = lines[done : done + size]
            timeout = min(EMBED_TIMEOUT, left - RESERVE_SECONDS / 2)
            try:
                self._step(caller, account_id, _Step(step, done + 1, timeout, import_id), tally)
            except UpstreamTimeoutError:
                if done == 0 or timeout == EMBED_TIMEOUT:
                    raise
                break  # it was not given more time because there is no more
            done += len(step)
            took = left - seconds_left()
            slowest, size = max(slowest, took), next_step(size, took)
        return tally.report(import_id, continue_at=done + 1 if done < len(lines) else None)

    def _step(self, caller: Caller, account_id: AccountId, step: _Step, tally: _Tally) -> None:
        """Store the memories of some lines, and count what became of each of these."""
        read, rejected, skipped = self._read(account_id, step)
        ids = [*read, *(line.original for line in read.values())]
        wanted = [line.memory for line in read.values()]
        known = self._writer.existing_ids(account_id, ids, wanted=wanted) if ids else set()
        new = [line.memory for identity, line in read.items() if identity not in known and line.original not in known]
        erased = self._store(caller, account_id, new, step) if new else set()
        stored = [memory for memory in new if memory.id not in erased]
        tally.added += len(stored)
        tally.duplicates += len(step.lines) - skipped - len(rejected) - len(new)
        tally.skipped += skipped
        tally.rejected += rejected
        tally.rejected += [(read[identity].number, "is being erased at this moment") for identity in erased]
        tally.waiting += sum(memory.rejected is not None for memory in stored)
        tally.withheld += sum(SCREENED in memory.withheld_by for memory in stored)

    def _read(self, account_id: AccountId, step: _Step) -> tuple[dict[str, _Line], list[tuple[int, str]], int]:
        read: dict[str, _Line] = {}
        rejected: list[tuple[int, str]] = []
        skipped = 0
        now = self._clock.now()
        for number, text in enumerate(step.lines, start=step.first):
            try:
                line = _object(text)
                if line.get("type", "memory") != "memory":
                    skipped += 1
                    continue
                hidden = hides_something(str(line.get("text", "")))
                memory = imported(memory_of_line(line, account_id, now=now), hid_something=hidden, now=now)
                # What is changed later than this was changed by a person here.
                memory = replace(memory, import_id=step.import_id, updated_at=min(memory.updated_at, now))
                if memory.expires_at is not None and memory.expires_at <= now:
                    raise InvalidInputError("expires_at", "has passed")
            except InvalidInputError as error:
                rejected.append((number, str(error)))
                continue
            read.setdefault(memory.id, _Line(number, memory, original_id(line)))
        return read, rejected, skipped

    def _store(self, caller: Caller, account_id: AccountId, memories: Sequence[Memory], step: _Step) -> set[str]:
        """Store them; returns the ids of those that a person erased meanwhile."""
        vectors = self._embedder.embed([beginning(m.text) for m in memories], timeout=step.timeout)
        embedded = [EmbeddedMemory(m, v) for m, v in zip(memories, vectors, strict=True)]
        erased = self._writer.upsert(account_id, embedded)
        stored = [memory.id for memory in memories if memory.id not in erased]
        if stored:
            about = {"source": "import", "import_id": step.import_id}
            self._trail.note(account_id, caller.actor, EventType.ADD, Touched(tuple(stored)), metadata=about)
        return erased


def _object(text: str) -> Mapping[str, object]:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInputError("line", "is not valid JSON") from None
    if not isinstance(line, dict):
        raise InvalidInputError("line", "must be a JSON object")
    return line
