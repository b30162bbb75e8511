"""A message of a job, as one of the many hands that make them has written it.

Nothing here is refused: what can be read is read, a field that makes no sense is left out, and so is an item that is no
message. What was left out is counted in the job's record, by the message's number.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from itertools import product
from typing import Any

from operator_memory.domain.conversation import UNREADABLE, RawMessage
from operator_memory.domain.message_content import message_kind

FIRST_YEAR, LAST_YEAR = 1970, 2999
_MAX_ID = 128

MESSAGE_SCHEMA: dict[str, Any] = {
    "title": "JobMessage",
    "description": "One message. Only what `user` and `assistant` said is read. What cannot be read is left out and "
    "counted in the job's record by its number; it never costs the others.",
    "properties": {
        "type": {
            "description": "`user`, `assistant`, or another type, which is left out. Upper case counts as lower. Of "
            "`message`, an item of OpenAI's Responses, `role` says whose it is."
        },
        "role": {"description": "Accepted in the place of `type`."},
        "content": {
            "description": 'Text, a {"role", "content"} object, or a list of parts of which text parts count (`text`, '
            "`input_text`, `output_text`). A message longer than 20,000 characters becomes several turns; of a job's "
            "long messages 480,000 characters are read, the beginning and the end of what is longer."
        },
        "message_id": {"description": "Text of at most 128 characters, or a number. `id` is accepted for it."},
        "created_at": {
            "description": "ISO 8601 (without an offset it is UTC), RFC 2822, seconds or milliseconds since 1970, or "
            "a date with its month's English name (`Nov 3, 2026`). Of anything else the message has no time."
        },
        "name": {"description": "Text: who spoke, where several people talk. Its first 64 characters count."},
    },
}


def read_message(item: object) -> RawMessage:
    """The message that ``item``, decoded JSON, is."""
    kind = message_kind(item) if isinstance(item, Mapping) else ""
    if not isinstance(item, Mapping) or not kind:
        return UNREADABLE
    given_id = item.get("message_id") if item.get("message_id") is not None else item.get("id")
    given_time, name = item.get("created_at"), item.get("name")
    message_id, created_at = _id(given_id), moment_of(given_time)
    unread = [
        field
        for field, given, read in (("message_id", given_id, message_id), ("created_at", given_time, created_at))
        if given not in (None, "") and read is None
    ]
    spoken_by = name if isinstance(name, str) else None
    return RawMessage(kind, item.get("content"), message_id, created_at, spoken_by, tuple(unread))


def _id(value: object) -> str | None:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if text.isprintable() and 0 < len(text) <= _MAX_ID else None


# ---- times ------------------------------------------------------------------------------------------------------

_DATES = ("%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%Y/%m/%d")
_HOURS = ("", " %H:%M", " %H:%M:%S", ", %H:%M", ", %H:%M:%S", " %I:%M %p", ", %I:%M %p", ", %I:%M:%S %p")
_JAVASCRIPT = "%a %b %d %Y %H:%M:%S GMT%z"
_FORMATS = (*map("".join, product(_DATES, _HOURS)), _JAVASCRIPT)
_ZONE_NAME = re.compile(r"\s*\([^()]*\)\Z")
_MOST_CHARACTERS = 100
_FIRST_SECOND, _LAST_SECOND = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (2000, LAST_YEAR))
_UNITS = (1, 1_000, 1_000_000, 1_000_000_000)


def moment_of(value: object) -> datetime | None:
    """The moment that ``value`` means, with its own offset (UTC where it has none), or ``None`` if nobody can tell."""
    if isinstance(value, str):
        text = value.strip()
        if text.isascii() and text.isdecimal() and len(text) >= 10:
            return _of_number(int(text[:_MOST_CHARACTERS]))
        return _of_text(text) if len(text) <= _MOST_CHARACTERS else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _of_number(value)
    return None


def _of_number(number: float) -> datetime | None:
    """Seconds since 1970 or thousandths of them, and so on: in this century the ranges do not overlap."""
    unit = next((unit for unit in _UNITS if _FIRST_SECOND * unit <= number <= _LAST_SECOND * unit), None)
    return None if unit is None else datetime.fromtimestamp(number / unit, UTC)


def _of_text(text: str) -> datetime | None:
    for read in _readers(_ZONE_NAME.sub("", text)):
        try:
            moment = read()
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return aware if FIRST_YEAR <= aware.astimezone(UTC).year <= LAST_YEAR else None
        except (ValueError, OverflowError):
            continue
    return None


def _readers(text: str) -> Iterator[Callable[[], datetime]]:
    yield partial(datetime.fromisoformat, text)
    yield from (partial(datetime.strptime, text, form) for form in _FORMATS)
    yield partial(parsedate_to_datetime, text)
