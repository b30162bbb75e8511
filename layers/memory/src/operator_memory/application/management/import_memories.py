"""Use case: imports memories of an export, into the same account or another one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from operator_memory.application.ports.core import Clock, Embedder
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.domain.characters import hides_something
from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.management.export_line import memory_of_line, original_id
from operator_memory.domain.management.identity import Caller
from operator_memory.domain.management.written import imported
from operator_memory.domain.memory.embedding_text import beginning
from operator_memory.domain.memory.memory import SCREENED, EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType, Touched

MAX_LINES = 2_000
"""Lines of one import; a longer export is brought back in several."""

EMBED_TIMEOUT = 20.0
_BATCH = 64


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


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    memory: Memory
    original: str
    """The id that the memory had where it was exported."""


class ImportMemories:
    """Imports lines. Repeating an import adds nothing."""

    def __init__(self, *, writer: GuardedWriter, embedder: Embedder, trail: AuditTrail, clock: Clock) -> None:
        self._writer = writer
        self._embedder = embedder
        self._trail = trail
        self._clock = clock

    def import_lines(self, caller: Caller, account_id: AccountId, text: str) -> ImportReport:
        """Store the memories in ``text`` (JSON Lines).

        Raises:
            InvalidInputError: there are too many lines; nothing is stored.
            UpstreamError: a store failed on the way. What is stored by then stays, and the import can be repeated.
        """
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) > MAX_LINES:
            raise InvalidInputError("body", f"must hold at most {MAX_LINES} lines, not {len(lines)}")
        read, rejected, skipped = self._read(account_id, lines)
        ids = [*read, *(line.original for line in read.values())]
        known = self._writer.existing_ids(account_id, ids, wanted=[line.memory for line in read.values()])
        new = [line.memory for identity, line in read.items() if identity not in known and line.original not in known]
        erased: set[str] = set()
        for start in range(0, len(new), _BATCH):
            erased |= self._store(caller, account_id, new[start : start + _BATCH])
        duplicates = len(lines) - skipped - len(rejected) - len(new)
        rejected += [(read[identity].number, "is being erased at this moment") for identity in erased]
        stored = [memory for memory in new if memory.id not in erased]
        return ImportReport(
            added=len(stored),
            duplicates=duplicates,
            skipped=skipped,
            rejected=tuple(sorted(rejected)),
            waiting=sum(memory.rejected is not None for memory in stored),
            withheld=sum(SCREENED in memory.withheld_by for memory in stored),
        )

    def _read(self, account_id: AccountId, lines: Sequence[str]) -> tuple[dict[str, _Line], list[tuple[int, str]], int]:
        read: dict[str, _Line] = {}
        rejected: list[tuple[int, str]] = []
        skipped = 0
        now = self._clock.now()
        for number, text in enumerate(lines, start=1):
            try:
                line = _object(text)
                if line.get("type", "memory") != "memory":
                    skipped += 1
                    continue
                hidden = hides_something(str(line.get("text", "")))
                memory = imported(memory_of_line(line, account_id, now=now), hid_something=hidden, now=now)
                if memory.expires_at is not None and memory.expires_at <= now:
                    raise InvalidInputError("expires_at", "has passed")
            except InvalidInputError as error:
                rejected.append((number, str(error)))
                continue
            read[memory.id] = _Line(number, memory, original_id(line))
        return read, rejected, skipped

    def _store(self, caller: Caller, account_id: AccountId, memories: Sequence[Memory]) -> set[str]:
        """Store them; returns the ids of those that a person erased meanwhile."""
        vectors = self._embedder.embed([beginning(m.text) for m in memories], timeout=EMBED_TIMEOUT)
        embedded = [EmbeddedMemory(m, v) for m, v in zip(memories, vectors, strict=True)]
        erased = self._writer.upsert(account_id, embedded)
        stored = [memory.id for memory in memories if memory.id not in erased]
        if stored:
            self._trail.note(
                account_id, caller.actor, EventType.ADD, Touched(tuple(stored)), metadata={"source": "import"}
            )
        return erased


def _object(text: str) -> Mapping[str, object]:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInputError("line", "is not valid JSON") from None
    if not isinstance(line, dict):
        raise InvalidInputError("line", "must be a JSON object")
    return line
