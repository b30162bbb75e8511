"""The HTTP side: PostgREST's protocol under ``/rest/v1``, and the project's public keys, as a Starlette application."""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devstack.supabase import commands
from devstack.supabase.catalog import EXPOSED_SCHEMAS, Catalog, Function, Table
from devstack.supabase.clauses import QueryString, parse_query_string
from devstack.supabase.database import Context, Database, Result
from devstack.supabase.errors import ApiError, not_singular, unsupported
from devstack.supabase.keys import Keys, identify
from devstack.supabase.preferences import Preferences, parse_preferences, wants_object

MAX_ROWS = 1000
"""The platform's own ceiling on the rows of one answer (its ``max-rows`` setting)."""

_RANGE = re.compile(r"(\d{1,18})-(\d{0,18})")


def create_app(dsn: str, keys: Keys) -> Starlette:
    """The application; ``dsn`` connects as the role ``authenticator``."""
    front = _Front(dsn, keys)
    methods = ["GET", "HEAD", "POST", "PATCH", "DELETE", "PUT"]
    routes = [
        Route("/health", _health),
        Route("/auth/v1/.well-known/jwks.json", front.answer_public_keys),
        Route("/rest/v1/rpc/{name}", front.answer_call, methods=methods),
        Route("/rest/v1/{name}", front.answer_table, methods=methods),
        Route("/{path:path}", _unknown_path, methods=methods),
    ]
    cors = Middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=["Content-Range", "Preference-Applied"],
    )
    return Starlette(routes=routes, middleware=[cors], exception_handlers={ApiError: _failed}, lifespan=front.lifespan)


async def _health(_: Request) -> Response:
    return Response('{"status":"ok"}', media_type="application/json")


async def _unknown_path(_: Request) -> Response:
    hint = "This front serves /rest/v1/{table}, /rest/v1/rpc/{function} and /auth/v1/.well-known/jwks.json only."
    raise ApiError(404, "PGRST125", "Invalid path specified in request URL", hint=hint)


@dataclass(slots=True)
class _Ask:
    """One request, understood."""

    request: Request
    context: Context
    preferences: Preferences
    query: QueryString = field(default_factory=QueryString)

    @property
    def one_object(self) -> bool:
        return wants_object(self.request.headers.get("accept", ""))


class _Front:
    def __init__(self, dsn: str, keys: Keys) -> None:
        self._keys = keys
        self._database = Database(dsn)

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        await self._database.catalog()
        yield
        await self._database.close()

    async def answer_public_keys(self, _: Request) -> Response:
        """Open to all, and cacheable for ten minutes, as on the platform."""
        return JSONResponse(self._keys.jwks, headers={"Cache-Control": "public, max-age=600"})

    async def answer_table(self, request: Request) -> Response:
        return await self._table(self._understood(request))

    async def answer_call(self, request: Request) -> Response:
        return await self._call(self._understood(request))

    def _understood(self, request: Request) -> _Ask:
        caller = identify(request.headers, request.query_params, self._keys)
        reading = request.method in ("GET", "HEAD")
        header = "accept-profile" if reading else "content-profile"
        schema = request.headers.get(header, EXPOSED_SCHEMAS[0])
        if schema not in EXPOSED_SCHEMAS:
            exposed = ", ".join(EXPOSED_SCHEMAS)
            hint = f"Only the following schemas are exposed: {exposed}"
            raise ApiError(406, "PGRST106", f"Invalid schema: {schema}", hint=hint)
        context = Context(caller, schema, request.method, request.url.path, reading)
        return _Ask(request, context, parse_preferences(request.headers.getlist("prefer")))

    async def _table(self, ask: _Ask) -> Response:
        catalog, table = await self._find_table(ask.context.schema, ask.request.path_params["name"])
        ask.query = parse_query_string(_parameters(ask.request))
        if ask.context.read_only:
            return await self._read(ask, catalog, table)
        return await self._write(ask, catalog, table)

    async def _read(self, ask: _Ask, catalog: Catalog, table: Table) -> Response:
        _apply_range(ask)
        statement = commands.read(catalog, table, ask.query, count=ask.preferences.count)
        result = await self._database.run(statement, ask.context, _singular_check(ask))
        first = ask.query.clauses.offset
        if result.total is not None and first > result.total:
            raise ApiError(
                416,
                "PGRST103",
                "Requested range not satisfiable",
                details=f"An offset of {first} was requested, but there are only {result.total} rows.",
            )
        partial = result.total is not None and result.rows < result.total
        return _success(ask, result, status=206 if partial else 200)

    async def _write(self, ask: _Ask, catalog: Catalog, table: Table) -> Response:
        method, preferences = ask.request.method, ask.preferences
        options = commands.WriteOptions(preferences.representation, preferences.resolution, preferences.missing_default)
        if method == "DELETE":
            statement = commands.delete(catalog, table, ask.query, options)
        elif method in ("POST", "PATCH"):
            build = commands.insert if method == "POST" else commands.update
            statement = build(catalog, table, ask.query, await _body(ask.request), options)
        else:
            raise unsupported(f"the method {method}")
        result = await self._database.run(statement, ask.context, _write_check(ask))
        if method == "POST":
            return _success(ask, result, status=201, body=preferences.representation)
        status = 200 if preferences.representation else 204
        return _success(ask, result, status=status, body=preferences.representation)

    async def _call(self, ask: _Ask) -> Response:
        name, parameters = ask.request.path_params["name"], _parameters(ask.request)
        if ask.preferences.count:
            raise unsupported("count with a function call")
        if ask.request.method == "POST":
            given = await _body(ask.request) if await ask.request.body() else commands.parse_body(b"{}")
            if not isinstance(given.value, dict):
                raise ApiError(400, "PGRST102", "Empty or invalid json")
            catalog, function = await self._find_function(ask.context.schema, name, frozenset(given.value))
        elif ask.context.read_only:
            catalog, function, given, parameters = await self._called_by_url(ask.context.schema, name, parameters)
        else:
            raise ApiError(405, "PGRST101", "Only GET, HEAD and POST can call a function")
        ask.query = parse_query_string(parameters)
        _apply_range(ask)
        statement = commands.call(catalog, function, ask.query, given)
        result = await self._database.run(statement, ask.context, _singular_check(ask))
        if function.void:
            return Response(status_code=204)
        return _success(ask, result, status=200, first_only=function.rows and not function.is_set)

    async def _called_by_url(
        self, schema: str, name: str, parameters: list[tuple[str, str]]
    ) -> tuple[Catalog, Function, commands.Body, list[tuple[str, str]]]:
        """A call by GET: parameters named like the function's arguments are arguments, the rest filters."""
        catalog = await self._database.catalog()
        known = {a.name: a.type for f in catalog.functions.get((schema, name), ()) for a in f.arguments}
        arguments = {key: text for key, text in parameters if key in known}
        catalog, function = await self._find_function(schema, name, frozenset(arguments))
        values = {
            key: commands.parse_body(text.encode()).value if known[key] in ("json", "jsonb") else text
            for key, text in arguments.items()
        }
        rest = [(key, text) for key, text in parameters if key not in known]
        return catalog, function, commands.Body(json.dumps(values), values), rest

    async def _find_table(self, schema: str, name: str) -> tuple[Catalog, Table]:
        catalog = await self._database.catalog()
        if (schema, name) not in catalog.tables:
            catalog = await self._database.catalog(fresh=True)
        table = catalog.tables.get((schema, name))
        if table is None:
            near = catalog.similar_table(schema, name)
            raise ApiError(
                404,
                "PGRST205",
                f"Could not find the table '{schema}.{name}' in the schema cache",
                hint=f"Perhaps you meant the table '{schema}.{near}'" if near else None,
            )
        return catalog, table

    async def _find_function(self, schema: str, name: str, arguments: frozenset[str]) -> tuple[Catalog, Function]:
        for fresh in (False, True):
            catalog = await self._database.catalog(fresh=fresh)
            for function in catalog.functions.get((schema, name), ()):
                if function.accepts(arguments):
                    return catalog, function
        signature = f"{schema}.{name}({', '.join(sorted(arguments))})"
        raise ApiError(404, "PGRST202", f"Could not find the function {signature} in the schema cache")


def _parameters(request: Request) -> list[tuple[str, str]]:
    return [(name, text) for name, text in request.query_params.multi_items() if name != "apikey"]


async def _body(request: Request) -> commands.Body:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind not in ("application/json", "application/vnd.pgrst.object+json", "application/vnd.pgrst.array+json"):
        raise unsupported(f"the content type {kind}")
    return commands.parse_body(await request.body())


def _apply_range(ask: _Ask) -> None:
    """Take ``Range: 0-24`` into limit and offset, and never give more than `MAX_ROWS`."""
    clauses = ask.query.clauses
    header = ask.request.headers.get("range")
    if header is not None and clauses.limit is None and not clauses.offset:
        match = _RANGE.fullmatch(header.removeprefix("items=").strip())
        if match is None or (match[2] and int(match[2]) < int(match[1])):
            raise ApiError(416, "PGRST103", "Requested range not satisfiable", details=f"Range: {header[:80]}")
        clauses.offset = int(match[1])
        clauses.limit = int(match[2]) - clauses.offset + 1 if match[2] else None
    clauses.limit = MAX_ROWS if clauses.limit is None else min(clauses.limit, MAX_ROWS)


def _singular_check(ask: _Ask) -> Callable[[Result], None]:
    def check(result: Result) -> None:
        if ask.one_object and result.rows != 1:
            raise not_singular(result.rows)

    return check


def _write_check(ask: _Ask) -> Callable[[Result], None]:
    """Raised inside the transaction, so that nothing is written when it fails."""
    singular, limit = _singular_check(ask), ask.preferences.max_affected

    def check(result: Result) -> None:
        if limit is not None and result.rows > limit:
            raise ApiError(
                400,
                "PGRST124",
                "Query result exceeds max-affected preference constraint",
                details=f"The query affects {result.rows} rows",
            )
        if ask.preferences.representation:
            singular(result)

    return check


def _success(ask: _Ask, result: Result, *, status: int, body: bool = True, first_only: bool = False) -> Response:
    headers = {"Content-Range": _content_range(ask, result), "Content-Profile": ask.context.schema}
    if ask.preferences.applied:
        headers["Preference-Applied"] = ", ".join(ask.preferences.applied)
    if not body:
        return Response(status_code=status, headers=headers)
    text, media_type = result.body, "application/json"
    if ask.one_object:
        media_type = "application/vnd.pgrst.object+json"
    if (ask.one_object or first_only) and text.startswith("["):
        text = text[1:-1]
    return Response(text, status, headers, f"{media_type}; charset=utf-8")


def _content_range(ask: _Ask, result: Result) -> str:
    total = result.total
    if total is None:
        total = result.rows if ask.preferences.count else None
    if ask.request.method in ("POST", "PATCH", "DELETE") and not ask.request.url.path.startswith("/rest/v1/rpc/"):
        window = "*" if ask.request.method != "PATCH" or not result.rows else f"0-{result.rows - 1}"
    else:
        first = ask.query.clauses.offset
        window = f"{first}-{first + result.rows - 1}" if result.rows else "*"
    return f"{window}/{'*' if total is None else total}"


def _failed(request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    text = "" if request.method == "HEAD" else json.dumps(error.body)
    return Response(text, error.status, error.headers, "application/json; charset=utf-8")
