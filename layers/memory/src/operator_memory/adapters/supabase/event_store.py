"""The trail of what was done, in the platform's ``memory_events``. Standard library only."""

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from operator_memory.adapters.supabase.rest import (
    SYSTEM,
    RefusedByDatabaseError,
    Row,
    SupabaseRest,
    is_platform_id,
)
from operator_memory.domain.errors import InvalidInputError, MalformedResponseError
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import MemoryEvent
from operator_memory.domain.shared.tombstones import Target, TargetKind

BATCH = 100
"""Events a request."""

MAX_PAGE = 500
"""Rows a page: with one more to look ahead, far below PostgREST's usual ceiling of 1,000."""

_COLUMNS = (
    "id,account_id,actor,event_type,agent_id,thread_id,memory_ids,query,result_count,metadata,occurred_at,created_at"
)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_REFUSED_EVENT = ("22", "23")
"""Classes of codes that say that a row cannot be stored as it is."""

_ACCOUNT_GONE = "23503"
"""A row's one foreign key is its account, which was deleted while the row was being written."""


class SupabaseEventStore:
    """Port ``EventStore``. Rows are only ever added; what erasure takes out is the words of searches."""

    def __init__(self, supabase: SupabaseRest, *, timeout: float = 3.0) -> None:
        """``timeout`` of each request, in seconds."""
        self._supabase = supabase
        self._timeout = timeout

    def record(self, events: Sequence[MemoryEvent]) -> set[str]:
        """Write those that are not written yet, once each; returns the ids of those whose account is unknown.

        Raises:
            UpstreamError: not all are written; to give all of them again is safe. `UpstreamRejectedError` if the
                database refuses one for good: then all others are written.
        """
        unknown = {event.id for event in events if not is_platform_id(event.account_id)}
        rows = [_row(event) for event in events if event.id not in unknown]
        refusal: RefusedByDatabaseError | None = None
        for start in range(0, len(rows), BATCH):
            try:
                unknown |= self._write(rows[start : start + BATCH])
            except RefusedByDatabaseError as error:
                refusal = error
        if refusal is not None:
            raise refusal
        return unknown

    def events(
        self, account_id: AccountId, *, after: str | None, limit: int
    ) -> tuple[list[dict[str, object]], str | None]:
        """Up to ``limit`` (1..500) rows of the account, oldest first, and where the next call goes on.

        Raises:
            InvalidInputError: ``after`` is no cursor of ours (field ``cursor``).
        """
        params = {"select": _COLUMNS, "account_id": f"eq.{account_id}", "order": "created_at,id"}
        if after is not None:
            params["or"] = _later_than(*_decoded(after))
        if not is_platform_id(account_id):
            return [], None
        page = min(limit, MAX_PAGE)
        rows = self._supabase.get("memory_events", {**params, "limit": str(page + 1)}, timeout=self._timeout)
        if any(row.get("account_id") != account_id for row in rows):
            raise MalformedResponseError(SYSTEM, "events that were not asked for")
        return rows[:page], _encoded(rows[page - 1]) if len(rows) > page else None

    def count_queries(self, account_id: AccountId, target: Target) -> int:
        """How many events of ``target`` (an account, or one member) still hold the words of a search."""
        if not _has_queries(account_id, target):
            return 0
        params = {"select": "id", "account_id": f"eq.{account_id}", "query": "not.is.null"}
        if (actor := _actor(target)) is not None:
            params["actor"] = f"eq.{actor}"
        return self._supabase.count("memory_events", params, timeout=self._timeout)

    def forget_queries(self, account_id: AccountId, target: Target) -> None:
        """Take those words out, and nothing else."""
        if _has_queries(account_id, target):
            arguments = {"p_account": account_id, "p_actor": _actor(target)}
            self._supabase.rpc("memory_forget_queries", arguments, timeout=self._timeout)

    def _write(self, rows: list[Row]) -> set[str]:
        """Write one batch. One row that cannot be stored does not keep the others out."""
        try:
            answer = self._supabase.rpc("memory_record_events", {"p_events": rows}, timeout=self._timeout)
        except RefusedByDatabaseError as error:
            if not error.code.startswith(_REFUSED_EVENT):
                raise
            if len(rows) > 1:
                return self._write_halves(rows)
            if error.code == _ACCOUNT_GONE:
                return {rows[0]["id"]}
            raise
        if not isinstance(answer, list) or not all(isinstance(identity, str) for identity in answer):
            raise MalformedResponseError(SYSTEM, "the answer is not a list of ids")
        return set(answer)

    def _write_halves(self, rows: list[Row]) -> set[str]:
        middle = len(rows) // 2
        try:
            first = self._write(rows[:middle])
        except RefusedByDatabaseError:
            self._write(rows[middle:])
            raise
        return first | self._write(rows[middle:])


def _row(event: MemoryEvent) -> Row:
    """The event as a row. The columns hold UUIDs; other ids, which the platform does not have, go to metadata."""
    metadata: Row = {_clean(name): _clean(v) if isinstance(v, str) else v for name, v in event.metadata.items()}
    for name, identity in (("agent", event.agent_id), ("thread", event.thread_id)):
        if identity is not None and not is_platform_id(identity):
            metadata[name] = _clean(identity)
    others = [_clean(identity) for identity in event.memory_ids if not is_platform_id(identity)]
    if others:
        metadata["memory_ids"] = others
    return {
        "id": event.id,
        "account_id": event.account_id,
        "agent_id": _platform_id(event.agent_id),
        "thread_id": _platform_id(event.thread_id),
        "actor": _clean(event.actor),
        "event_type": event.type.value,
        "memory_ids": [identity for identity in event.memory_ids if is_platform_id(identity)],
        "query": None if event.query is None else _clean(event.query),
        "result_count": event.result_count,
        "metadata": metadata,
        "occurred_at": event.occurred_at.isoformat(),
    }


def _platform_id(identity: str | None) -> str | None:
    return identity if identity is not None and is_platform_id(identity) else None


def _clean(text: str) -> str:
    """Without what Postgres cannot hold: a search for a null character is no reason to lose the event."""
    return _UNSTORABLE.sub("\ufffd", text)


def _has_queries(account_id: AccountId, target: Target) -> bool:
    return target.kind in (TargetKind.ACCOUNT, TargetKind.AUTHOR) and is_platform_id(account_id)


def _actor(target: Target) -> str | None:
    return None if target.id is None else _clean(f"user:{target.id}")


def _encoded(row: Row) -> str:
    place = f"{row.get('created_at')} {row.get('id')}"
    if _place(place) is None:
        raise MalformedResponseError(SYSTEM, "an event without id or time")
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _decoded(cursor: str) -> tuple[datetime, str]:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    place = _place(text)
    if place is None:
        raise InvalidInputError("cursor", "is not one that a page of events has given")
    return place


def _place(text: str) -> tuple[datetime, str] | None:
    """The (time, id) that ``text`` names."""
    moment, _, identity = text.partition(" ")
    try:
        created_at = datetime.fromisoformat(moment)
        if created_at.tzinfo is None or not is_platform_id(identity):
            return None
        return created_at.astimezone(UTC), identity
    except (ValueError, OverflowError):
        return None


def _later_than(moment: datetime, identity: str) -> str:
    at = moment.isoformat()
    return f'(created_at.gt."{at}",and(created_at.eq."{at}",id.gt.{identity}))'
