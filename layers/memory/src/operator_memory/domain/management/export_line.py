"""A memory as one line of an export, and back. Pure functions; times are RFC 3339 in UTC."""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from operator_memory.domain.characters import as_seen
from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.memory.memory import MOST_REASONS, Memory, PastVersion, memory_id
from operator_memory.domain.memory.provenance import MOST_QUOTES, WHEN, SaidWords, SourceClass, least_trusted
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope, checked_id
from operator_memory.domain.text import valid

MAX_TEXT = 100_000
"""Characters of a memory that can be brought back."""

Line = dict[str, Any]
_IDS = ("agent_id", "session_id", "thread_id", "author_id", "source_run_id", "superseded_by")
_TIMES = ("expires_at", "valid_until", "last_accessed_at", "imported_at")


def memory_line(memory: Memory) -> Line:
    """Everything that is stored about ``memory``, fields without a value left out."""
    line: Line = {
        "type": "memory",
        "id": memory.id,
        "account_id": memory.account_id,
        "scope": memory.scope.value,
        "kind": memory.kind.value,
        "text": memory.text,
        "created_at": _text(memory.created_at),
        "updated_at": _text(memory.updated_at),
        **{name: getattr(memory, name) for name in _IDS},
        "import_id": memory.import_id,
        "attributed_to": memory.attributed_to,
        "role": memory.role,
        "speaker": memory.speaker,
        "message_id": memory.message_id,
        "rejected": memory.rejected,
        "withheld_by": list(memory.withheld_by) or None,
        "seq": memory.seq,
        "source_class": memory.source_class.value if memory.source_class else None,
        "when": memory.when,
        "inferred": memory.inferred,
        "evidence": [_evidence(said) for said in memory.evidence] or None,
        "repeated_in": list(memory.repeated_in) or None,
        "importance": memory.importance,
        "pinned": memory.pinned,
        **{name: _text(getattr(memory, name)) for name in _TIMES},
        "access_count": memory.access_count,
        "version": memory.version,
        "history": [
            {"version": p.version, "text": p.text, "changed_at": _text(p.changed_at), "changed_by": p.changed_by}
            for p in memory.history
        ]
        or None,
    }
    return {name: value for name, value in line.items() if value is not None}


def _evidence(said: SaidWords) -> Line:
    line = {**asdict(said), "said_at": _text(said.said_at)}
    return {name: value for name, value in line.items() if value is not None}


def memory_of_line(line: Mapping[str, Any], account_id: AccountId, *, now: datetime) -> Memory:
    """The memory to store in ``account_id`` for a line of an export, of whichever account that was made.

    Its id follows from the account that it goes to, never from the line: an id of another account's memory would
    otherwise tell whether that account has it.

    Raises:
        InvalidInputError: naming the field that breaks the contract.
    """
    memory = _read(line, account_id, now)
    needed = {Scope.AGENT: "agent_id", Scope.SESSION: "session_id"}.get(memory.scope)
    if needed and getattr(memory, needed) is None:
        raise InvalidInputError(needed, f"is required for the scope {memory.scope.value}")
    position = f"import:{memory.id}" if memory.kind is Kind.TURN or memory.history else ""
    identity = memory_id(account_id, memory.key, memory.text, position=position)
    return replace(memory, id=identity, withheld_by=_reasons(line))


def _read(line: Mapping[str, Any], account_id: AccountId, now: datetime) -> Memory:
    """What the line says, under the id that it names. What took the memory's place is left out: it has a new id."""
    scope, kind = _member(line, "scope", Scope), _member(line, "kind", Kind)
    ids = {name: None if line.get(name) is None else checked_id(name, line[name]) for name in _IDS}
    created_at = _time(line, "created_at")
    if created_at is None:
        raise InvalidInputError("created_at", "is required")
    return Memory(
        id=original_id(line),
        account_id=account_id,
        scope=scope,
        kind=kind,
        text=_words(line, "text"),
        created_at=created_at,
        updated_at=_time(line, "updated_at") or created_at,
        agent_id=ids["agent_id"],
        session_id=ids["session_id"],
        thread_id=ids["thread_id"],
        author_id=ids["author_id"],
        source_run_id=ids["source_run_id"],
        attributed_to=_word(line, "attributed_to"),
        role=_word(line, "role"),
        speaker=_word(line, "speaker"),
        message_id=_word(line, "message_id", 128),
        seq=_whole(line, "seq", None),
        importance=_fraction(line),
        pinned=line.get("pinned") is True,
        expires_at=_time(line, "expires_at"),
        valid_until=_time(line, "valid_until") or (created_at if line.get("rejected") else None),
        rejected=_word(line, "rejected"),
        last_accessed_at=now if line.get("archived") is True else _time(line, "last_accessed_at"),
        access_count=_whole(line, "access_count", 0) or 0,
        version=max(1, _whole(line, "version", 1) or 1),
        history=_history(line),
        imported_at=now,
        **_provenance(line),
    )


def _provenance(line: Mapping[str, Any]) -> dict[str, Any]:
    """Why it was remembered where it was exported. Here nobody can vouch for that: an import never raises the trust in
    a memory above that in an import."""
    when, named = line.get("when"), line.get("source_class")
    if when is not None and not (isinstance(when, str) and WHEN.match(when)):
        raise InvalidInputError("when", "must be an ISO 8601 date, month or year, or two of these with a slash")
    source = SourceClass.IMPORT if named is None else _member(line, "source_class", SourceClass)
    return {
        "evidence": _said_words(line),
        "source_class": least_trusted(source, SourceClass.IMPORT),
        "when": when,
        "inferred": line.get("inferred") is True,
        "repeated_in": _listed_ids(line, "repeated_in"),
    }


def _said_words(line: Mapping[str, Any]) -> tuple[SaidWords, ...]:
    value = line.get("evidence") or []
    if not isinstance(value, list) or len(value) > MOST_QUOTES or not all(isinstance(said, dict) for said in value):
        raise InvalidInputError("evidence", f"must be a list of at most {MOST_QUOTES} quotes")
    evidence = tuple(map(_said, value))
    if sum(len(said.quote) for said in evidence) > MAX_TEXT:
        raise InvalidInputError("evidence", f"must hold at most {MAX_TEXT} characters in all")
    return evidence


def _said(said: Mapping[str, Any]) -> SaidWords:
    ids = {name: said.get(name) for name in ("author_id", "run_id")}
    return SaidWords(
        _words(said, "quote"),
        message_id=_word(said, "message_id", 128),
        role=_word(said, "role"),
        speaker=_word(said, "speaker"),
        said_at=_time(said, "said_at"),
        **{name: None if value is None else checked_id(name, value) for name, value in ids.items()},
    )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _member(line: Mapping[str, Any], field: str, kind: Any) -> Any:  # noqa: ANN401  (any of our enums)
    try:
        return kind(line.get(field))
    except ValueError:
        raise InvalidInputError(field, f"must be one of {', '.join(kind)}") from None


def original_id(line: Mapping[str, Any]) -> str:
    """The id that the memory had where it was exported, in the one spelling that ids are stored in.

    Raises:
        InvalidInputError: it is no UUID.
    """
    try:
        return str(uuid.UUID(str(line.get("id"))))
    except ValueError:
        raise InvalidInputError("id", "must be the UUID of the memory") from None


def _words(line: Mapping[str, Any], field: str) -> str:
    value = line.get(field)
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise InvalidInputError(field, f"must be at most {MAX_TEXT} characters, not {len(value)}")
    text = _clean(value) if isinstance(value, str) else ""
    if not text.strip():
        raise InvalidInputError(field, "must be a text that is not empty")
    return text


def _word(line: Mapping[str, Any], field: str, most: int = 64) -> str | None:
    value = line.get(field)
    if value is not None and (not isinstance(value, str) or len(value) > most):
        raise InvalidInputError(field, f"must be a text of at most {most} characters")
    return None if value is None else _clean(value)


def _clean(text: str) -> str:
    """Without half surrogate pairs, which no store takes, and without what nobody sees."""
    return as_seen(valid(text))


def _reasons(line: Mapping[str, Any]) -> tuple[str, ...]:
    """Ids of the account that was exported: they keep the turn withheld, and nothing here takes them off."""
    return _listed_ids(line, "withheld_by")


def _listed_ids(line: Mapping[str, Any], field: str) -> tuple[str, ...]:
    value = line.get(field) or []
    if not isinstance(value, list) or len(value) > MOST_REASONS:
        raise InvalidInputError(field, f"must be a list of at most {MOST_REASONS} ids")
    return tuple(checked_id(field, each) for each in value)


def _whole(line: Mapping[str, Any], field: str, default: int | None) -> int | None:
    value = line.get(field, default)
    if value is not None and (type(value) is not int or not 0 <= value < 2**53):
        raise InvalidInputError(field, "must be a whole number that is not negative")
    return value


def _fraction(line: Mapping[str, Any]) -> float:
    value = line.get("importance", 0.5)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InvalidInputError("importance", "must be a number from 0 to 1")
    return float(value)


def _time(line: Mapping[str, Any], field: str) -> datetime | None:
    value = line.get(field)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        utc = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        utc = None
    if utc is None or not 1970 <= utc.year <= 2999:
        raise InvalidInputError(field, "must be an ISO 8601 time in the years 1970 to 2999")
    return utc


def _history(line: Mapping[str, Any]) -> tuple[PastVersion, ...]:
    value = line.get("history", [])
    if not isinstance(value, list) or len(value) > 50 or not all(isinstance(past, dict) for past in value):
        raise InvalidInputError("history", "must be a list of at most 50 past versions")
    history = tuple(_past(past) for past in value)
    if sum(len(past.text) for past in history) > 2 * MAX_TEXT:
        raise InvalidInputError("history", f"must hold at most {2 * MAX_TEXT} characters in all")
    return history


def _past(past: Mapping[str, Any]) -> PastVersion:
    changed_at, changed_by = _time(past, "changed_at"), past.get("changed_by")
    if changed_at is None or not isinstance(changed_by, str) or len(changed_by) > 200:
        raise InvalidInputError("history", "each past version needs changed_at and changed_by")
    return PastVersion(max(1, _whole(past, "version", 1) or 1), _words(past, "text"), changed_at, _clean(changed_by))
