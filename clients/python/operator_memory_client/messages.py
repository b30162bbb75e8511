"""Messages as the platform stores them, read as the service reads them: by the same code (`shared.message_content`).

A row of the platform's ``messages`` is a mapping with ``type``, ``content``, ``message_id`` and ``created_at``.
Messages of a model's API (``{"role", "content"}``) are read, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from operator_memory_client.shared.message_content import (
    READ_ROLES,
    clean_text,
    message_kind,
    message_text,
    speaker_name,
)

COLUMNS = "message_id,type,content,created_at"
Row = Mapping[str, Any]


def latest_rows(database: Any, thread_id: str, limit: int) -> Any:  # noqa: ANN401  (the platform's own client)
    """The query for the latest messages of a thread that people and assistants wrote, newest first.

    ``database`` is a Supabase client, blocking or not; call ``.execute()`` on what comes back, and await that if the
    client is one for event loops. Ties of time are broken by id, as everywhere.
    """
    rows = database.table("messages").select(COLUMNS).eq("thread_id", thread_id).in_("type", list(READ_ROLES))
    return rows.order("created_at", desc=True).order("message_id", desc=True).limit(limit)


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Rows, oldest first."""
    return sorted(rows, key=lambda row: (str(row.get("created_at") or ""), str(row.get("message_id") or "")))


def run_messages(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Rows as ``submit_run`` takes them: what the person and the assistant said, with ids and times.

    The content goes as it is: the service makes text of it as it does when it reads the thread itself.
    """
    return [_run_message(row) for row in rows if message_kind(row) in READ_ROLES]


def _run_message(row: Row) -> dict[str, Any]:
    content = row.get("content")
    fields = {
        "type": message_kind(row),
        "content": content,
        "message_id": row.get("message_id") or row.get("id"),
        "created_at": row.get("created_at"),
        "name": row.get("name") or speaker_name(content),
    }
    return {name: value for name, value in fields.items() if value is not None}


def said(message: Row) -> str:
    """What the person or the assistant said in a message; ``""`` for tools, status rows, uploads and noise."""
    if message_kind(message) not in READ_ROLES:
        return ""
    return clean_text(message_text(message.get("content")))


def conversation(messages: Iterable[Row]) -> list[dict[str, str]]:
    """The turns of a conversation, ``{"role", "content"}`` with plain text."""
    turns = ({"role": message_kind(message), "content": said(message)} for message in messages)
    return [turn for turn in turns if turn["content"]]


def last_question(messages: Sequence[Row]) -> str | None:
    """What the person said last: the ``query`` of a context."""
    texts = (said(message) for message in reversed(messages) if message_kind(message) == "user")
    return next(filter(None, texts), None)
