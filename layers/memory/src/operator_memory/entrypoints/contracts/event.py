"""Contract of a message in the events queue: one `MemoryEvent` as JSON. Standard library only: the hot path sends it.

Both ends are ours, yet the consumer checks: a message that cannot be written must not hold up those behind it.
Fields that it does not know are left out, since a newer sender may be ahead of it during a deployment.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.memory.scopes import account_id, checked_id
from operator_memory.domain.shared.audit_events import MAX_IDS, EventType, MemoryEvent

MAX_QUERY = 10_000
"""Characters of a query that are kept. Escaped they are at most 120 KB; a message may take 1 MiB."""

IDS_NOT_LISTED = "ids_not_listed"
"""Metadata: how many memory ids there were beyond `MAX_IDS`."""

QUERY_SHORTENED = "query_shortened"
"""Metadata: ``true`` if the query was longer than `MAX_QUERY`."""

_MAX_BODY = 1024 * 1024
_MAX_ACTOR = 512
_MAX_COUNT = 2**31 - 1
_FIRST_YEAR, _LAST_YEAR = 1970, 2999


def event_body(event: MemoryEvent) -> str:
    """The event as a JSON object in ASCII. Fields that are ``None`` are left out.

    What the trail's database cannot store in a text (NUL, half a surrogate pair) becomes U+FFFD: a search for it
    must be on record like any other.
    """
    ids, query = event.memory_ids[:MAX_IDS], event.query
    metadata = {_storable(k): _storable(v) if isinstance(v, str) else v for k, v in event.metadata.items()}
    beyond = len(event.memory_ids) - len(ids)
    if beyond:
        metadata[IDS_NOT_LISTED] = beyond
    if query is not None and len(query) > MAX_QUERY:
        query = query[:MAX_QUERY]
        metadata[QUERY_SHORTENED] = True
    fields = {
        "id": event.id,
        "account_id": event.account_id,
        "actor": _storable(event.actor),
        "type": event.type.value,
        "occurred_at": event.occurred_at.astimezone(UTC).isoformat(),
        "agent_id": event.agent_id,
        "thread_id": event.thread_id,
        "memory_ids": ids or None,
        "query": None if query is None else _storable(query),
        "result_count": event.result_count,
        "metadata": metadata or None,
    }
    return json.dumps({name: value for name, value in fields.items() if value is not None}, separators=(",", ":"))


def parse_event(body: str) -> MemoryEvent:
    """The event in a queue message.

    Raises:
        InvalidInputError: naming the field that breaks the contract; nothing of its value is repeated.
    """
    if len(body) > _MAX_BODY:
        raise InvalidInputError("body", f"must be at most {_MAX_BODY} characters, not {len(body)}")
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError("body", "is not valid JSON") from error
    if not isinstance(fields, dict):
        raise InvalidInputError("body", "must be a JSON object")
    return MemoryEvent(
        id=checked_id("id", fields.get("id")),
        account_id=account_id(fields.get("account_id")),
        actor=_text("actor", fields.get("actor"), longest=_MAX_ACTOR),
        type=_type(fields.get("type")),
        occurred_at=_moment(fields.get("occurred_at")),
        agent_id=_optional_id("agent_id", fields),
        thread_id=_optional_id("thread_id", fields),
        memory_ids=_ids(fields.get("memory_ids")),
        query=None if fields.get("query") is None else _text("query", fields["query"], longest=MAX_QUERY, shortest=0),
        result_count=_count(fields.get("result_count")),
        metadata=_metadata(fields.get("metadata")),
    )


def _storable(text: str) -> str:
    if "\x00" not in text and text.isascii():
        return text
    # By way of UTF-16 two halves that belong together become the character that they stand for, as in JSON.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\x00", "\ufffd")


def _text(field: str, value: object, *, longest: int, shortest: int = 1) -> str:
    if not isinstance(value, str):
        raise InvalidInputError(field, "must be a string")
    if not shortest <= len(value) <= longest:
        raise InvalidInputError(field, f"must have {shortest} to {longest} characters, not {len(value)}")
    if _storable(value) != value:
        raise InvalidInputError(field, "holds characters that cannot be stored")
    return value


def _type(value: object) -> EventType:
    try:
        return EventType(value)  # type: ignore[arg-type]  # anything else is refused below
    except ValueError:
        raise InvalidInputError("type", f"must be one of {', '.join(EventType)}") from None


def _moment(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        utc = moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        utc = None
    if utc is None or not _FIRST_YEAR <= utc.year <= _LAST_YEAR:
        raise InvalidInputError("occurred_at", "must be an ISO 8601 time with its offset from UTC")
    return utc


def _optional_id(field: str, fields: Mapping[str, Any]) -> str | None:
    value = fields.get(field)
    return None if value is None else checked_id(field, value)


def _ids(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InvalidInputError("memory_ids", "must be a list")
    if len(value) > MAX_IDS:
        raise InvalidInputError("memory_ids", f"must be at most {MAX_IDS}, not {len(value)}")
    return tuple(checked_id(f"memory_ids[{place}]", each) for place, each in enumerate(value))


def _count(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_COUNT:
        raise InvalidInputError("result_count", f"must be a whole number from 0 to {_MAX_COUNT}")
    return value


def _metadata(value: object) -> dict[str, str | int | bool]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInputError("metadata", "must be an object")
    for name, each in value.items():
        _text("metadata", name, longest=_MAX_BODY)
        if isinstance(each, str):
            _text("metadata", each, longest=_MAX_BODY, shortest=0)
        elif not isinstance(each, int):
            raise InvalidInputError("metadata", "may hold texts, whole numbers, true and false only")
    return value
