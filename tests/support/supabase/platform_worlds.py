"""The platform twice, in memory and as the real Postgres behind its front, for the same contract tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import uuid4

import psycopg
from operator_memory.adapters.supabase.rest import SupabaseRest
from operator_memory.application.ports.management import EventStore, Memberships, PlatformSettings, SwitchReader
from operator_memory.domain.errors import (
    MalformedResponseError,
    UpstreamError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType, MemoryEvent

from devstack.supabase import SupabaseFront
from tests.support import time_outs
from tests.support.fakes.core import FakeClock
from tests.support.loopback import HttpServer, reply, unused_port
from tests.support.supabase.tenants import Tenant, new_team, new_tenant, new_thread
from tests.support.time_outs import TIMES_OUT

HOSTILE_IDS = ["*", "no-uuid", "eq.x", "x,or(1.eq.1)", "')--", "a" * 500, "é", "null", "x&account_id=neq.x", "%2A"]
"""Ids that the platform cannot have."""


def account(text: str) -> AccountId:
    return AccountId(text)


class Platform(Protocol):
    """What happens on the platform besides memory."""

    def new_user(self) -> str: ...

    def new_team(self, owner: str, *members: str) -> AccountId: ...

    def remove_member(self, account_id: AccountId, user_id: str) -> None: ...

    def new_agent(self, account_id: AccountId) -> str: ...

    def new_thread(self, account_id: AccountId) -> str: ...

    def delete_account(self, account_id: AccountId) -> None: ...


@dataclass(frozen=True)
class RealPlatform:
    """The same, by SQL as the database's superuser."""

    front: SupabaseFront

    def new_user(self) -> str:
        return new_tenant(self.front).user_id

    def new_team(self, owner: str, *members: str) -> AccountId:
        return AccountId(new_team(self.front, Tenant(owner), *(Tenant(member) for member in members)))

    def remove_member(self, account_id: AccountId, user_id: str) -> None:
        self.sql("delete from basejump.account_user where account_id = %s and user_id = %s", account_id, user_id)

    def new_agent(self, account_id: AccountId) -> str:
        agent_id = str(uuid4())
        statement = "insert into public.agents (agent_id, account_id, name, system_prompt) values (%s, %s, 'a', '')"
        self.sql(statement, agent_id, account_id)
        return agent_id

    def new_thread(self, account_id: AccountId) -> str:
        return new_thread(self.front, account_id)

    def delete_account(self, account_id: AccountId) -> None:
        self.sql("delete from basejump.accounts where id = %s", account_id)

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement; returns its rows."""
        with psycopg.connect(self.front.dsn) as database:
            cursor = database.execute(statement, values)
            return cursor.fetchall() if cursor.description else []


@dataclass
class World:
    """A platform and the four ports on it."""

    platform: Platform
    switches: SwitchReader
    memberships: Memberships
    settings: PlatformSettings
    trail: EventStore
    clock: FakeClock = field(default_factory=FakeClock)

    def later(self) -> None:
        """Until whatever is cached has been forgotten."""
        self.clock.advance(seconds=61)


TIME_OUT = 30.0
"""Seconds for a call that fails: more than any takes, so that it fails as it is to and not by its time-out."""


@dataclass(frozen=True)
class Failure:
    """A way in which Supabase fails: its answer, and the error that it is."""

    answer: bytes
    error: type[UpstreamError]
    listening: bool = True

    @contextmanager
    def server(self) -> Iterator[SupabaseRest]:
        """A client of a Supabase that fails like this. It may be given `TIME_OUT` and must not wait longer."""
        with time_outs.at_once(most=TIME_OUT), HttpServer(lambda _request: self.answer) as server:
            url = server.url if self.listening else f"http://127.0.0.1:{unused_port()}"
            client = SupabaseRest(url, lambda: "key")
            try:
                yield client
            finally:
                client.close()


FAILURES = {
    "down": Failure(TIMES_OUT, UpstreamUnavailableError, listening=False),
    "slow": Failure(TIMES_OUT, UpstreamTimeoutError),
    "wrong key": Failure(reply({"message": "Invalid API key"}, 401), UpstreamRejectedError),
    "forbidden": Failure(reply({"code": "42501", "message": "permission denied"}, 403), UpstreamRejectedError),
    "too many": Failure(reply({"message": "slow down"}, 429), UpstreamUnavailableError),
    "broken": Failure(reply({"code": "57014", "message": "cancelled"}, 500), UpstreamUnavailableError),
    "no JSON": Failure(reply(b"<html>"), MalformedResponseError),
    "other JSON": Failure(reply({"unexpected": 1}), MalformedResponseError),
    "rows of nobody": Failure(reply([{"surprise": "secret"}]), MalformedResponseError),
}


@contextmanager
def answering(*answers: bytes) -> Iterator[tuple[HttpServer, SupabaseRest]]:
    """A Supabase that gives these answers in turn, the last one again and again."""

    def answer(_request: object) -> bytes:
        return answers[min(len(server.requests), len(answers)) - 1]

    with HttpServer(answer) as server:
        client = SupabaseRest(server.url, lambda: "key")
        try:
            yield server, client
        finally:
            client.close()


NOW = datetime.now(UTC)


def event(account_id: str, **fields: Any) -> MemoryEvent:
    """A search of the account's person, or what ``fields`` say."""
    values = {"actor": f"user:{account_id}", "type": EventType.SEARCH, "occurred_at": NOW, **fields}
    return MemoryEvent(str(uuid4()), account(account_id), **values)


def rows_of(world: World, account_id: AccountId) -> list[dict[str, object]]:
    """The whole trail of the account."""
    found, after = world.trail.events(account_id, after=None, limit=500)
    assert after is None
    return found


def ids_of(world: World, account_id: AccountId) -> set[object]:
    return {row["id"] for row in rows_of(world, account_id)}
