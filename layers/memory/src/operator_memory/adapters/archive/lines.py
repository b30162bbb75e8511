"""An object of the archive: gzip of JSON Lines, one memory a line. Pure functions.

A line is an object with ``id`` (its first field), ``account_id``, ``entry`` (what the index knows, times as RFC 3339),
``payload`` and ``vectors`` as the store gave them. A line that cannot be read, or is another account's, is kept as it
is and never shown: a newer version may have written it, or a disk have damaged it.
"""

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from operator_memory.domain.lifecycle.archived import ArchivedEntry, ArchivedMemory
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope

_TIMES = ("created_at", "archived_at", "imported_at", "expires_at")
_LEVEL = 6
MOST_BYTES = 256 * 1024 * 1024
"""Bytes of an object before compression that are read at most; a hundred memories are a hundredth of it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it stands, and what it says; ``None``: it cannot be read."""

    raw: bytes
    archived: ArchivedMemory | None


def packed(lines: Sequence[bytes]) -> bytes:
    """Return the object of these lines. The same lines give the same bytes."""
    return gzip.compress(b"".join(line + b"\n" for line in lines), _LEVEL, mtime=0)


def unpacked(body: bytes, account_id: AccountId) -> list[Line]:
    """Return the lines of an object. One that is no gzip is a single line that cannot be read."""
    reader = zlib.decompressobj(wbits=31)
    try:
        content = reader.decompress(body, MOST_BYTES)
    except zlib.error:
        return [Line(body, None)]
    if not reader.eof:
        return [Line(body, None)]
    return [Line(raw, _archived(raw, account_id)) for raw in content.split(b"\n") if raw.strip()]


def line_of(account_id: AccountId, memory: ArchivedMemory) -> bytes:
    """Return the line of a memory."""
    entry = {name: _json(value) for name, value in asdict(memory.entry).items() if value is not None}
    held = {
        "id": memory.entry.id,
        "account_id": account_id,
        "entry": entry,
        "payload": memory.payload,
        "vectors": memory.vectors,
    }
    text = json.dumps(held, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def _json(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _archived(raw: bytes, account_id: AccountId) -> ArchivedMemory | None:
    try:
        held = json.loads(raw.decode("utf-8", "surrogatepass"))
        entry = entry_of(held["entry"])
        mine = held["account_id"] == account_id and held["id"] == entry.id
        if not (mine and isinstance(held["payload"], dict) and isinstance(held["vectors"], dict)):
            return None
        return ArchivedMemory(entry, held["payload"], held["vectors"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return None


def entry_of(held: Mapping[str, Any]) -> ArchivedEntry:
    """Return the entry that a line, or an item of the index, holds.

    Raises:
        KeyError, TypeError, ValueError: it holds none.
    """
    times = {name: _time(held[name]) for name in _TIMES if held.get(name) is not None}
    texts = ("agent_id", "session_id", "thread_id", "author_id")
    return ArchivedEntry(
        id=_text(held["id"]),
        scope=Scope(held["scope"]),
        kind=Kind(held["kind"]),
        created_at=times["created_at"],
        archived_at=times["archived_at"],
        reason=_text(held["reason"]),
        size=int(held["size"]),
        place=_text(held.get("place", "")),
        imported_at=times.get("imported_at"),
        expires_at=times.get("expires_at"),
        **{name: None if held.get(name) is None else _text(held[name]) for name in texts},
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _time(value: object) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError("a time needs its offset")
    return moment
