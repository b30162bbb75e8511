"""Dead letters as text: a table, one letter in full, and as JSON. What people said is in `spoken` only."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.learning.jobs import JobRecord, outcome_counts
from operator_memory.entrypoints.contracts.event import parse_event
from operator_memory.entrypoints.contracts.job import JobBody, parse_job
from operator_memory.entrypoints.contracts.lifecycle import parse_task

from infra.dead_letters.failed_message import FailedMessage, Kind, json_fields, moment, printable, well_formed

SHORT_ID = 8
"""Characters of a letter's id in the table: enough to name it by."""

_JOB_COLUMNS: tuple[str, ...] = ("LETTER", "ACCOUNT", "JOB", "SENT (UTC)", "TRIES", "REASON", "FIRST ERROR")
_EVENT_COLUMNS: tuple[str, ...] = ("LETTER", "ACCOUNT", "EVENT", "TYPE", "SENT (UTC)", "REASON")
_ROUND_COLUMNS: tuple[str, ...] = ("LETTER", "ACCOUNT", "STAGE", "SENT (UTC)", "TRIES", "REASON")
_COLUMNS = {Kind.JOB: _JOB_COLUMNS, Kind.EVENT: _EVENT_COLUMNS, Kind.ROUND: _ROUND_COLUMNS}
_SUBJECT_NAMES = {Kind.JOB: "job_id", Kind.EVENT: "event_id", Kind.ROUND: "stage"}
_GAP = "  "
_SHORTEST = 12
_SHRINKING = ("ACCOUNT", "JOB", "EVENT")
_NONE = "-"
_MESSAGE_TYPES = ("user", "assistant")


def table(kind: Kind, letters: Sequence[FailedMessage], width: int | None) -> str:
    """One line a letter under a heading, ``width`` characters wide if the ids can be shortened so far."""
    rows = [_row(letter) for letter in letters]
    names = _COLUMNS[kind]
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    if width is not None:
        _shrink(names, widths, width)
    return "\n".join(
        _GAP.join(_fit(cell, size) for cell, size in zip(row, widths, strict=True)).rstrip() for row in (names, *rows)
    )


def summary(kind: Kind, letters: Sequence[FailedMessage], reason: str | None = None) -> str:
    """How many there are, by reason: ``3 dead letters: 2 invalid_input, 1 worker_died.``

    ``reason``: the only one that was asked for.
    """
    if not letters:
        return f"No dead letters of {kind}s{f' with the reason {reason}' if reason else ''}."
    counts = Counter(letter.reason for letter in letters).most_common()
    return f"{number(len(letters))}: {', '.join(f'{count} {reason}' for reason, count in counts)}."


def named(letter: FailedMessage) -> str:
    """One letter in a sentence."""
    subject = f"{letter.kind} {letter.subject_id or '(unknown)'} of account {letter.account_id or '(unknown)'}"
    return f"dead letter {letter.id[:SHORT_ID]}: {subject}, {letter.reason}."


def number(count: int) -> str:
    """``1 dead letter``, ``2 dead letters``."""
    return f"{count} dead letter{'' if count == 1 else 's'}"


def as_json(letters: Iterable[FailedMessage]) -> str:
    """A JSON array of what the table says, in full."""
    return json.dumps([_facts(letter) for letter in letters], indent=2)


def in_full(letter: FailedMessage, record: JobRecord | None, *, record_read: bool) -> str:
    """All that is known of a letter, but not what people said."""
    parts = [_section("Dead letter", _facts(letter))]
    if letter.kind is Kind.EVENT:
        parts.append(_section("Event", _event(letter.body)))
    elif letter.kind is Kind.ROUND:
        parts.append(_section("Round over the account", _task(letter.body)))
    else:
        parts.append(_section("Job in it", _envelope(letter)))
        if record is not None:
            parts.append(_section("Record of the job", _record(record)))
        elif record_read:
            parts.append("Record of the job\n  none: it never began, or was erased, or is too old")
    return "\n\n".join(parts)


def spoken(letter: FailedMessage) -> str:
    """What people said in it: the messages of a job, the query of an event; the whole body if it cannot be read."""
    fields = json_fields(letter.body)
    if letter.kind is Kind.ROUND:
        return "The message holds nobody's words."
    if letter.kind is Kind.EVENT and fields:
        text = fields.get("query")
        return "The event holds no query." if text is None else _text(text)
    messages = fields.get("messages")
    if fields and messages is None:
        return "The job holds no messages: they are in the platform's thread."
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return printable(letter.body, keep="\n\t")
    return "\n".join(f"{_text(m.get('type', m.get('role')))}: {_text(m.get('content'))}" for m in messages)


def _row(letter: FailedMessage) -> tuple[str, ...]:
    sent = letter.sent_at.strftime("%Y-%m-%d %H:%M")
    subject = (letter.id[:SHORT_ID], letter.account_id or _NONE, letter.subject_id or _NONE)
    if letter.kind is Kind.EVENT:
        return (*subject, letter.event_type or _NONE, sent, letter.reason)
    tries = _NONE if letter.receive_count is None else str(letter.receive_count)
    if letter.kind is Kind.ROUND:
        return (*subject, sent, tries, letter.reason)
    return (*subject, sent, tries, letter.reason, letter.first_error or _NONE)


def _shrink(names: Sequence[str], widths: list[int], width: int) -> None:
    """Take from the columns of ids what is too much, the longest first."""
    columns = [place for place, name in enumerate(names) if name in _SHRINKING]
    while sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        longest = max(columns, key=lambda place: widths[place])
        if widths[longest] <= _SHORTEST:
            return
        widths[longest] -= 1


def _fit(cell: str, size: int) -> str:
    if len(cell) <= size:
        return cell.ljust(size)
    start = (size - 1) // 2
    return f"{cell[:start]}…{cell[len(cell) - (size - 1 - start) :]}"


def _facts(letter: FailedMessage) -> dict[str, Any]:
    facts = {
        "id": letter.id,
        "account_id": letter.account_id,
        _SUBJECT_NAMES[letter.kind]: letter.subject_id,
        "type": letter.event_type,
        "sent_at": letter.sent_at.isoformat(timespec="seconds"),
        "given_up_at": moment(letter.died_ms).isoformat(timespec="seconds"),
        "reason": letter.reason,
        "detail": letter.detail,
        "first_error": letter.first_error,
        "receive_count": letter.receive_count,
    }
    if letter.kind is not Kind.EVENT:
        del facts["type"]
    else:
        del facts["first_error"], facts["receive_count"]
    return facts


def _envelope(letter: FailedMessage) -> dict[str, Any]:
    """The job's fields without its messages, each only if it is what the contract says: else it may be anything."""
    body = letter.body
    fields = json_fields(body)
    told = {"messages"} if fields.get("account_id") != letter.account_id else {"messages", "account_id", "job_id"}
    try:
        parse_job(body)
        contract = "kept"
    except InvalidInputError as error:
        contract = f"broken: {error}"
    if not fields:
        return {"contract": contract, "size": _size(body)}
    known = {name: _shown(name, fields[name]) for name in JobBody.model_fields if name in fields and name not in told}
    others = [name for name in fields if name not in JobBody.model_fields]
    unknown = {"other fields": len(others)} if others else {}
    return {
        "contract": contract,
        **known,
        **unknown,
        "messages": _messages(fields.get("messages")),
        "size": _size(body),
    }


def _shown(name: str, value: object) -> object:
    if name == "finished_at":
        return _time_or_none(value) or "(no time)"
    return value if isinstance(value, bool) or value is None or well_formed(value) else "(not well-formed)"


def _time_or_none(value: object) -> str | None:
    try:
        return _time(datetime.fromisoformat(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def _messages(value: object) -> str:
    if value is None:
        return "none in it: they are read from the platform's thread"
    if not isinstance(value, list):
        return "(not a list)"
    kinds = Counter(_message_type(message) for message in value)
    return f"{len(value)} ({', '.join(f'{count} {kind}' for kind, count in kinds.items())})" if value else "0"


def _message_type(message: object) -> str:
    kind = message.get("type", message.get("role")) if isinstance(message, dict) else None
    return kind if isinstance(kind, str) and kind in _MESSAGE_TYPES else "other"


def _event(body: str) -> dict[str, Any]:
    try:
        event = parse_event(body)
    except InvalidInputError as error:
        return {"contract": f"broken: {error}", "size": _size(body)}
    return {
        "contract": "kept",
        "actor": event.actor,
        "occurred_at": _time(event.occurred_at),
        "agent_id": event.agent_id,
        "thread_id": event.thread_id,
        "memories": len(event.memory_ids),
        "result_count": event.result_count,
        "query": None if event.query is None else f"{len(event.query)} characters",
        "metadata": json.dumps(dict(event.metadata)) if event.metadata else None,
        "size": _size(body),
    }


def _task(body: str) -> dict[str, Any]:
    try:
        task = parse_task(body)
    except InvalidInputError as error:
        return {"contract": f"broken: {error}", "size": _size(body)}
    began = None if task.began_at is None else _time(task.began_at)
    return {"contract": "kept", "stage": task.stage.value, "step": task.step, "began_at": began, "size": _size(body)}


def _record(record: JobRecord) -> dict[str, Any]:
    return {
        "state": record.state.value,
        "attempts": record.attempts,
        "first_error": record.first_error,
        "last error": record.error,
        "detail": record.error_detail,
        "queued_at": record.queued_at and _time(record.queued_at),
        "started_at": record.started_at and _time(record.started_at),
        "updated_at": _time(record.updated_at),
        "facts": _outcomes(outcome_counts(record.facts)),
        "turns": _outcomes(outcome_counts(record.turns)),
        "skipped": _outcomes(record.skipped),
        "llm_calls": record.llm_calls or None,
    }


def _outcomes(counts: Any) -> str | None:  # noqa: ANN401
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or None


def _section(title: str, facts: dict[str, Any]) -> str:
    told = {name.replace("_", " "): printable(str(value)) for name, value in facts.items() if value is not None}
    size = max(map(len, told))
    return "\n".join([title, *(f"  {name.ljust(size)}  {value}" for name, value in told.items())])


def _time(value: datetime) -> str:
    return value.isoformat(timespec="seconds")


def _size(body: str) -> str:
    return f"{len(body.encode('utf-8', 'replace')):,} bytes"


def _text(value: object) -> str:
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), keep="\n\t")
