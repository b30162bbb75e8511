"""Reads a thread's messages from the platform's Supabase, over the real ``supabase`` client.

``supabase`` takes 0.4 s to import, so it is imported when the first thread is read: jobs that carry their
messages never pay for it.
"""

import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from operator_memory.domain.conversation import RawMessage, Watermark
from operator_memory.domain.errors import (
    ConfigurationError,
    MalformedResponseError,
    RefusedKeyError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.message_content import READ_ROLES, speaker_name

if TYPE_CHECKING:
    import httpx
    from supabase import Client

PAGE_ROWS = 200
"""Messages a request: far below PostgREST's usual ceiling of 1,000, and no answer gets very large."""

_SYSTEM = "supabase"
_COLUMNS = "message_id,type,content,created_at,threads!inner(account_id)"


class SupabaseThreadMessages:
    """Port ``ThreadMessages`` on the platform's ``messages`` and ``threads`` tables.

    The service-role key is not bound by row-level security, so every request itself asks for the thread's
    account. What a message is follows from its ``type``: tool results are stored under the roles user and
    assistant too.
    """

    def __init__(self, url: str, service_key: Callable[[], str], timeout_seconds: float) -> None:
        """``url`` is the project's base URL. ``service_key`` is asked each time, so that a rotated key is heard of.
        ``timeout_seconds`` is for one whole `read`, however many pages: each network operation may take what is left
        of it.
        """
        self._url = url
        self._service_key = service_key
        self._connected_with = ""
        self._timeout_seconds = timeout_seconds
        self._http: httpx.Client | None = None
        self._client: Client | None = None

    def read(self, account_id: AccountId, thread_id: str, *, after: Watermark | None, limit: int) -> list[RawMessage]:
        """User and assistant messages of the account's thread after ``after``, oldest first, at most ``limit``.

        Ordered by ``(created_at, message_id)``. A thread of another account, an unknown one and an id that
        is no UUID (the platform has no other ids) give an empty list.

        Raises:
            UpstreamTimeoutError, UpstreamUnavailableError: worth another try.
            RefusedKeyError: a wrong key.
            UpstreamRejectedError: a schema that is not the platform's.
            ConfigurationError: an address or key that is none.
            MalformedResponseError: rows that are not what was asked for.
        """
        if not (_is_uuid(account_id) and _is_uuid(thread_id)):
            return []
        deadline = time.monotonic() + self._timeout_seconds
        messages: list[RawMessage] = []
        while len(messages) < limit:
            page = self._page(account_id, thread_id, after, min(PAGE_ROWS, limit - len(messages)), deadline)
            if not page:  # only an empty page is the end: a server may give fewer rows than asked for
                break
            messages += page
            after = _watermark(page[-1])
        return messages

    def close(self) -> None:
        """Close the kept-alive connections."""
        if self._http is not None:
            self._http.close()
        self._http = self._client = None

    def _page(
        self, account_id: AccountId, thread_id: str, after: Watermark | None, rows: int, deadline: float
    ) -> list[RawMessage]:
        client, http = self._connected()
        query = (
            client.table("messages")
            .select(_COLUMNS)
            .eq("thread_id", thread_id)
            .eq("threads.account_id", account_id)
            .in_("type", READ_ROLES)
            .order("created_at")
            .order("message_id")
            .limit(rows)
        )
        if after is not None:
            query = query.or_(_later_than(after))
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise UpstreamTimeoutError(_SYSTEM, f"no complete answer within {self._timeout_seconds} s")
        http.timeout = remaining
        return _parsed(_executed(query), account_id)

    def _connected(self) -> "tuple[Client, httpx.Client]":
        key = self._service_key()
        if key != self._connected_with:  # at first, and when it was rotated
            self.close()
        if self._client is None or self._http is None:
            import httpx
            from supabase import SupabaseException, create_client
            from supabase.lib.client_options import SyncClientOptions

            self._http = httpx.Client(timeout=self._timeout_seconds, event_hooks={"response": [_raise_if_unavailable]})
            options = SyncClientOptions(
                httpx_client=self._http,
                # Its retries sleep 1, 2 and 4 s; the job queue retries better.
                postgrest_client_retry=False,
                auto_refresh_token=False,
                persist_session=False,
            )
            try:
                self._client = create_client(self._url, key, options)
                self._connected_with = key
            except SupabaseException as error:
                raise ConfigurationError(f"SUPABASE_URL and SUPABASE_SERVICE_KEY: {error}") from error
        return self._client, self._http


def _executed(query: Any) -> Any:  # noqa: ANN401  (a builder of a library imported at run time; its rows are JSON)
    import httpx
    from postgrest.exceptions import APIError

    try:
        return query.execute().data
    except httpx.TimeoutException as error:
        raise UpstreamTimeoutError(_SYSTEM, "did not answer in time") from error
    except httpx.TransportError as error:
        raise UpstreamUnavailableError(_SYSTEM, f"cannot be reached ({type(error).__name__})") from error
    except APIError as error:
        # Not its message: Postgres quotes the values it refuses.
        raise UpstreamRejectedError(_SYSTEM, f"refused the request (code {error.code})") from None


def _raise_if_unavailable(response: "httpx.Response") -> None:
    if response.status_code == 429 or response.status_code >= 500:
        raise UpstreamUnavailableError(_SYSTEM, f"answered HTTP {response.status_code}")
    if response.status_code in (401, 402, 403):
        raise RefusedKeyError(_SYSTEM, f"refused the key with {response.status_code}")


def _later_than(watermark: Watermark) -> str:
    moment = watermark.created_at.isoformat()
    if not _is_uuid(watermark.message_id):
        # A watermark of messages that came inline: no id to compare with, so read that moment again.
        return f'created_at.gte."{moment}"'
    tie = f'and(created_at.eq."{moment}",message_id.gt.{watermark.message_id})'
    return f'created_at.gt."{moment}",{tie}'


def _parsed(rows: object, account_id: AccountId) -> list[RawMessage]:
    if not isinstance(rows, list):
        raise MalformedResponseError(_SYSTEM, "expected a list of messages")
    messages = []
    for row in rows:
        try:
            owner, created_at = row["threads"]["account_id"], datetime.fromisoformat(row["created_at"])
            identity, name = str(UUID(row["message_id"])), speaker_name(row["content"])
            message = RawMessage(row["type"], row["content"], identity, created_at, name)
        except (AttributeError, TypeError, KeyError, ValueError):
            raise MalformedResponseError(_SYSTEM, "a message lacks a field or has an unreadable one") from None
        if owner != account_id or message.type not in READ_ROLES:
            raise MalformedResponseError(_SYSTEM, "a message that was not asked for")
        messages.append(message)
    return messages


def _watermark(message: RawMessage) -> Watermark:
    if message.created_at is None or message.message_id is None:
        raise MalformedResponseError(_SYSTEM, "a message without id or time")
    return Watermark(message.created_at, message.message_id)


def _is_uuid(text: str) -> bool:
    """Whether it is a UUID as Postgres writes one. Postgres reads other spellings as the same account; for us
    an account is its exact id, so they name nothing."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
