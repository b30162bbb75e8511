"""The platform's Supabase for tests: real clients, and tenants of their own for every test."""

import json
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, cast
from uuid import uuid4

import httpx
import psycopg
import pytest
from postgrest.base_request_builder import APIResponse, SingleAPIResponse
from postgrest.exceptions import APIError
from supabase import Client, create_client
from supabase.lib.client_options import SyncClientOptions

from devstack.supabase import SupabaseFront
from tests.support.time_outs import AMPLE

Row = dict[str, Any]
Connect = Callable[..., Client]
"""The fixture ``connect``: as the service role, or with ``user=id``, ``token=jwt`` or ``anon=True``."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A user and their personal account; both have the same id, as on the platform."""

    user_id: str

    @property
    def account_id(self) -> str:
        return self.user_id


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A row of ``messages`` to be. ``content`` is the value inside the jsonb column."""

    type: str
    content: object
    created_at: datetime
    message_id: str


def supabase_client(cleanup: ExitStack, url: str, key: str, bearer: str | None = None) -> Client:
    """A real client whose connections ``cleanup`` closes."""
    options = SyncClientOptions(
        httpx_client=cleanup.enter_context(httpx.Client(timeout=AMPLE)),
        postgrest_client_retry=False,
        auto_refresh_token=False,
        persist_session=False,
    )
    if bearer:
        options.headers["Authorization"] = f"Bearer {bearer}"
    return create_client(url, key, options)


def new_tenant(front: SupabaseFront) -> Tenant:
    """A new user; the platform's trigger makes the personal account."""
    user_id = str(uuid4())
    with psycopg.connect(front.dsn) as database:
        database.execute("insert into auth.users (id, email) values (%s, %s)", (user_id, f"{user_id}@example.com"))
    return Tenant(user_id)


def new_team(front: SupabaseFront, owner: Tenant, *members: Tenant) -> str:
    """A team account with its members; returns its id, which is no user's id."""
    team = str(uuid4())
    with psycopg.connect(front.dsn) as database:
        database.execute(
            "insert into basejump.accounts (id, primary_owner_user_id, name, slug) values (%s, %s, 'Team', %s)",
            (team, owner.user_id, team),
        )
        for member in members:
            database.execute("insert into basejump.account_user values (%s, %s, 'member')", (member.user_id, team))
    return team


def new_thread(front: SupabaseFront, account_id: str) -> str:
    """An empty thread of the account."""
    thread_id = str(uuid4())
    with psycopg.connect(front.dsn) as database:
        database.execute("insert into public.threads (thread_id, account_id) values (%s, %s)", (thread_id, account_id))
    return thread_id


def add_messages(front: SupabaseFront, thread_id: str, messages: Iterable[StoredMessage]) -> None:
    """Store messages as they are."""
    with psycopg.connect(front.dsn) as database, database.cursor() as cursor:
        cursor.executemany(
            "insert into public.messages (message_id, thread_id, type, content, created_at) "
            "values (%s, %s, %s, %s, %s)",
            [(m.message_id, thread_id, m.type, json.dumps(m.content), m.created_at) for m in messages],
        )


class Query(Protocol):
    """Any of the client's builders."""

    def execute(self) -> APIResponse | SingleAPIResponse | None: ...


def rows(query: Query) -> list[Row]:
    response = query.execute()
    assert response is not None
    return cast(list[Row], response.data)


def names(query: Query) -> list[str]:
    return [row["name"] for row in rows(query)]


def refused(query: Query) -> APIError:
    with pytest.raises(APIError) as error:
        query.execute()
    return error.value


def ask(
    front: SupabaseFront,
    path: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    json: object = None,
) -> httpx.Response:
    """A request as the service role, below ``/rest/v1``, without the client's help."""
    keys = {"apikey": front.service_role_key}
    return httpx.request(method, f"{front.url}/rest/v1{path}", headers={**keys, **(headers or {})}, json=json)
