"""What is known of one dead letter, read from the queue's message without showing what people said."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.memory.scopes import checked_id
from operator_memory.domain.shared.audit_events import EventType
from operator_memory.entrypoints.contracts.event import parse_event

WORKER_DIED = "worker_died"
"""Reason of a job that the queue moved by itself: its worker never came to say what was wrong."""

NOT_WRITTEN = "not_written"
"""Reason of an event that the queue moved by itself: the trail did not take it."""


class Kind(StrEnum):
    """What the letters of a queue are."""

    JOB = "job"
    EVENT = "event"
    ROUND = "round"
    """A round of the life cycle over one account."""


SUBJECTS = {Kind.JOB: "job_id", Kind.EVENT: "id", Kind.ROUND: "stage"}
"""The field of a letter's body that says what it is about."""


@dataclass(frozen=True, slots=True)
class FailedMessage:
    """One dead letter. ``id`` is its message id; times are milliseconds since 1970.

    ``group_id`` is the group it had in its own queue, the account; an event has none. ``moved``: by the queue itself,
    and so without a word of why. ``subject_id`` is the id of the job or event in it, or the stage of a round; it
    and ``account_id`` are ``None`` where the body does not hold a well-formed one.
    """

    id: str
    kind: Kind
    account_id: str | None
    group_id: str | None
    subject_id: str | None
    event_type: str | None
    reason: str
    detail: str
    first_error: str | None
    receive_count: int | None
    sent_ms: int
    """When it was first put into its queue: an erasure after that holds for it."""
    died_ms: int
    moved: bool
    body: str = field(repr=False)
    receipt_handle: str = field(repr=False)

    @property
    def sent_at(self) -> datetime:
        """``sent_ms`` as a time in UTC."""
        return moment(self.sent_ms)


def read_message(kind: Kind, message: Mapping[str, Any]) -> FailedMessage:
    """The letter in a message as SQS gives it (with all attributes)."""
    system: Mapping[str, str] = message.get("Attributes", {})
    told = {name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()}
    body, died = message["Body"], int(system.get("SentTimestamp", 0))
    fields = json_fields(body)
    moved = "reason" not in told
    group = None if kind is not Kind.JOB else told.get("group_id") or system.get("MessageGroupId")
    reason, detail = _why(kind, body) if moved else (told["reason"], told.get("detail", ""))
    count = told.get("receive_count", "")
    return FailedMessage(
        id=message["MessageId"],
        kind=kind,
        account_id=well_formed(fields.get("account_id")) if group is None else printable(group),
        group_id=group,
        subject_id=well_formed(fields.get(SUBJECTS[kind])),
        event_type=_event_type(fields) if kind is Kind.EVENT else None,
        reason=printable(reason),
        detail=printable(detail),
        first_error=printable(told["first_error"]) if told.get("first_error") else None,
        receive_count=int(count) if count.isascii() and count.isdecimal() else None,
        sent_ms=_sent_ms(kind, told.get("sent_at", ""), fields, died),
        died_ms=died,
        moved=moved,
        body=body,
        receipt_handle=message["ReceiptHandle"],
    )


def json_fields(body: str) -> dict[str, Any]:
    """The body's JSON object; empty if it is none."""
    try:
        decoded = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def well_formed(value: object) -> str | None:
    """``value`` if it is a well-formed id. Anything else in an id's place may be what somebody said."""
    try:
        return checked_id("id", value)
    except InvalidInputError:
        return None


def printable(text: str, *, keep: str = "") -> str:
    """``text`` without what could steer a terminal; the characters in ``keep`` stay."""
    return "".join(character if character.isprintable() or character in keep else "?" for character in text)


def moment(milliseconds: int) -> datetime:
    """Milliseconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _why(kind: Kind, body: str) -> tuple[str, str]:
    """Reason and detail of a letter that the queue moved by itself, as far as they can be found out now."""
    if kind is not Kind.EVENT:
        return WORKER_DIED, "the queue moved it: its worker died, or ran out of time, at every try"
    try:
        parse_event(body)
    except InvalidInputError as error:
        return error.reason, str(error)
    return NOT_WRITTEN, "the queue moved it: the trail could not be reached, or refused it, at every try"


def _event_type(fields: Mapping[str, Any]) -> str | None:
    value = fields.get("type")
    return value if isinstance(value, str) and value in tuple(EventType) else None


def _sent_ms(kind: Kind, told: str, fields: Mapping[str, Any], died: int) -> int:
    """When it was first sent. The queue that moves a job by itself forgets it: its run was over before."""
    if told.isascii() and told.isdecimal() and int(told) <= died:
        return int(told)
    over = fields.get("finished_at" if kind is Kind.JOB else "occurred_at")
    try:
        ended = datetime.fromisoformat(over) if isinstance(over, str) else None
        utc = ended and (ended if ended.tzinfo else ended.replace(tzinfo=UTC))
        return min(died, int(utc.timestamp() * 1000)) if utc else died
    except (ValueError, OverflowError):
        return died
