"""The front's connections to Postgres: a small pool, and one transaction a request under the caller's role."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow

from devstack.supabase.catalog import Catalog, load_catalog
from devstack.supabase.errors import from_postgres
from devstack.supabase.keys import Caller
from devstack.supabase.statements import Statement

_CONNECTIONS = 10
_ENTER = """
select set_config('search_path', %(path)s, true), set_config('request.jwt.claims', %(claims)s, true),
    set_config('request.method', %(method)s, true), set_config('request.path', %(url)s, true),
    set_config('transaction_read_only', %(read_only)s, true), set_config('role', %(role)s, true)
"""

Connection = psycopg.AsyncConnection[TupleRow]


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement gave: the body as JSON text, the number of rows, and the total if it was counted."""

    body: str
    rows: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Context:
    """Under what a statement runs. ``read_only`` transactions refuse every write."""

    caller: Caller
    schema: str
    method: str
    path: str
    read_only: bool


class Database:
    """A pool of connections as the role ``authenticator``, opened when first needed."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._idle: list[Connection] = []
        self._free = asyncio.Semaphore(_CONNECTIONS)
        self._catalog: Catalog | None = None

    async def catalog(self, *, fresh: bool = False) -> Catalog:
        """The schema cache; ``fresh`` reads it again (a table may have been added since)."""
        if self._catalog is None or fresh:
            async with self._free:
                connection = await self._take()
                try:
                    async with connection.transaction():
                        self._catalog = await load_catalog(connection)
                finally:
                    await self._give_back(connection)
        return self._catalog

    async def run(self, statement: Statement, context: Context, check: Callable[[Result], None]) -> Result:
        """Run one statement in its own transaction; if ``check`` raises, it is rolled back.

        Raises:
            ApiError: what Postgres refused, as PostgREST words it.
        """
        try:
            async with self._free:
                connection = await self._take()
                try:
                    async with connection.transaction():
                        await connection.execute(_ENTER, _settings(context))
                        cursor = await connection.execute(_as_query(statement), statement.values)
                        row = await cursor.fetchone()
                        result = Result(*row) if row is not None else Result("null", 0, None)
                        check(result)
                    return result
                finally:
                    await self._give_back(connection)
        except psycopg.Error as error:
            raise from_postgres(error, anonymous=context.caller.anonymous) from error

    async def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            await self._idle.pop().close()

    async def _take(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection
        return await psycopg.AsyncConnection.connect(self._dsn, autocommit=True, connect_timeout=5)

    async def _give_back(self, connection: Connection) -> None:
        if not connection.closed and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            self._idle.append(connection)
        else:
            await connection.close()


def _as_query(statement: Statement) -> psycopg.sql.Composed:
    return psycopg.sql.Composed([statement.sql])


def _settings(context: Context) -> dict[str, str]:
    return {
        "path": f"{psycopg.sql.Identifier(context.schema).as_string(None)}, public",
        "claims": json.dumps(context.caller.claims),
        "method": context.method,
        "url": context.path,
        "read_only": "on" if context.read_only else "off",
        "role": context.caller.role,
    }
