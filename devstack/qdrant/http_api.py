"""The HTTP side: routes, keys, timing and error bodies around the functions that do the work."""

import asyncio
import hmac
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from devstack.qdrant.aliases import Json, JsonObject
from devstack.qdrant.engine.collection import Collection
from devstack.qdrant.engine.schema import parse_schema
from devstack.qdrant.engine.store import Store
from devstack.qdrant.errors import QdrantError, format_error, from_exception, unsupported
from devstack.qdrant.jsonio import decode, encode, known_keys, required
from devstack.qdrant.requests import reads, updates

# The server generation this front answers as; qdrant-client warns when it is two minor versions away.
SERVER_VERSION = "1.20.0"

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Keys:
    """Who may call: without an ``api_key`` everybody. The read-only key may not change anything."""

    api_key: str | None = None
    read_only: str | None = None

    def check(self, request: Request, *, writes: bool) -> Response | None:
        """The refusal (401 or 403, plain text as the server's), or None."""
        if self.api_key is None:
            return None
        given = request.headers.get("api-key")
        if given is None:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            given = token if scheme == "Bearer" else None
        if given is None:
            return PlainTextResponse("Must provide an API key or an Authorization bearer token", 401)
        if hmac.compare_digest(given.encode(), self.api_key.encode()):
            return None
        if self.read_only is None or not hmac.compare_digest(given.encode(), self.read_only.encode()):
            return PlainTextResponse("Invalid API key or JWT", 401)
        return PlainTextResponse("Forbidden: Global manage access is required", 403) if writes else None


@dataclass(frozen=True, slots=True)
class Call:
    """One request: the parts the handlers read."""

    store: Store
    path: dict[str, str]
    query: QueryParams
    body: JsonObject

    @property
    def collection(self) -> Collection:
        """The collection of the path; 404 if there is none. Its strict mode sees the request's timeout."""
        collection = self.store.get(self.path["name"])
        if "timeout" in self.query:
            try:
                collection.strict.timeout(int(self.query["timeout"]))
            except ValueError as error:
                raise format_error("timeout: expected an integer") from error
        return collection

    def update_result(self, operation: int) -> JsonObject:
        """The result of an update. It is applied either way; without ``wait`` the server does not promise it."""
        waited = self.query.get("wait") == "true"
        return {"operation_id": operation, "status": "completed" if waited else "acknowledged"}


Handler = Callable[[Call], Json]
Endpoint = Callable[[Request], Awaitable[Response]]


def _reading(read: Callable[[Collection, JsonObject], Json]) -> Handler:
    return lambda call: read(call.collection, call.body)


def _updating(update: updates.Update) -> Handler:
    return lambda call: call.update_result(update(call.collection, call.body))


def _update_batch(call: Call) -> Json:
    return [call.update_result(number) for number in updates.batch(call.collection, call.body)]


def _list_collections(call: Call) -> Json:
    return {"collections": [{"name": name} for name in call.store.names()]}


def _collection_info(call: Call) -> Json:
    collection = call.collection
    with collection.in_use:
        return collection.info()


def _create_collection(call: Call) -> Json:
    call.store.create(call.path["name"], call.body)
    return True


def _patch_collection(call: Call) -> Json:
    collection = call.collection
    collection.reconfigure(collection.definition.patched(call.body))
    return True


def _create_index(call: Call) -> Json:
    known = known_keys(call.body, ("field_name", "field_schema"), "index")
    schema, engine_schema = parse_schema(required(known, "field_schema", "index"))
    name = required(known, "field_name", "index")
    return call.update_result(call.collection.create_index(name, schema, engine_schema))


def _optimize(call: Call) -> Json:
    call.store.optimize()
    return True


def _answer(content: JsonObject, status: int, started: float) -> Response:
    content["time"] = time.perf_counter() - started
    return Response(encode(content), status, media_type="application/json")


def _refused(error: Exception, request: Request, started: float) -> Response:
    known = error if isinstance(error, QdrantError) else from_exception(error)
    if known is None:
        _LOG.error("%s %s", request.method, request.url.path, exc_info=error)
        known = QdrantError(500, f"Service internal error: {type(error).__name__}: {error}")
    return _answer({"status": {"error": known.message}}, known.status, started)


class Api:
    """The application around one store. ``close`` it after the server has stopped."""

    def __init__(self, store: Store, keys: Keys) -> None:
        self._store = store
        self._keys = keys
        # Reads run in the event loop: they take about a millisecond, less than a thread would add when many
        # come at once. Updates have one thread, so they are applied one after another and no read waits.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="qdrant-writer")
        self._background = ThreadPoolExecutor(1, thread_name_prefix="qdrant-admin")
        self.application = Starlette(routes=self._routes())

    def close(self) -> None:
        """Wait for the updates under way."""
        self._writer.shutdown()
        self._background.shutdown()

    def _endpoint(self, handler: Handler, executor: ThreadPoolExecutor | None = None) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            started = time.perf_counter()
            refusal = self._keys.check(request, writes=executor is not None)
            if refusal is not None:
                return refusal
            try:
                body = decode(await request.body())
                call = Call(self._store, request.path_params, request.query_params, body)
                if executor is None:
                    result = handler(call)
                else:
                    result = await asyncio.get_running_loop().run_in_executor(executor, handler, call)
                return _answer({"result": result, "status": "ok"}, 200, started)
            except Exception as error:  # noqa: BLE001 - every failure becomes an answer; unknown ones are logged
                return _refused(error, request, started)

        return endpoint

    def _route(self, method: str, path: str, handler: Handler) -> Route:
        return Route(path, self._endpoint(handler), methods=[method])

    def _update_route(self, method: str, path: str, handler: Handler) -> Route:
        return Route(path, self._endpoint(handler, self._writer), methods=[method])

    def _routes(self) -> list[Route]:
        # Routes are tried in order: the busy ones come first.
        return [*self._read_routes(), *self._update_routes(), *self._collection_routes(), *self._service_routes()]

    def _read_routes(self) -> list[Route]:
        collection = "/collections/{name}"
        posts = {
            "points/query/batch": reads.query_batch,
            "points/query": reads.query,
            "points/scroll": reads.scroll,
            "points/count": reads.count,
            "points": reads.retrieve,
            "points/search": reads.search,
            "points/search/batch": reads.search_batch,
            "facet": reads.facet,
        }
        return [self._route("POST", f"{collection}/{path}", _reading(read)) for path, read in posts.items()] + [
            self._route(
                "GET", f"{collection}/points/{{id}}", lambda call: reads.retrieve_one(call.collection, call.path["id"])
            )
        ]

    def _update_routes(self) -> list[Route]:
        points = "/collections/{name}/points"
        paths: list[tuple[str, str, updates.Update]] = [
            ("PUT", "", updates.upsert),
            ("POST", "/delete", updates.delete_points),
            ("POST", "/payload", updates.set_payload),
            ("PUT", "/payload", updates.overwrite_payload),
            ("POST", "/payload/delete", updates.delete_payload),
            ("POST", "/payload/clear", updates.clear_payload),
            ("PUT", "/vectors", updates.update_vectors),
            ("POST", "/vectors/delete", updates.delete_vectors),
        ]
        routes = [self._update_route(method, points + path, _updating(update)) for method, path, update in paths]
        return [*routes, self._update_route("POST", f"{points}/batch", _update_batch)]

    def _collection_routes(self) -> list[Route]:
        collection = "/collections/{name}"
        return [
            self._route("GET", "/collections", _list_collections),
            self._route("GET", collection, _collection_info),
            self._route("GET", f"{collection}/exists", lambda call: {"exists": call.store.exists(call.path["name"])}),
            self._update_route("PUT", collection, _create_collection),
            self._update_route("PATCH", collection, _patch_collection),
            self._update_route("DELETE", collection, lambda call: call.store.delete(call.path["name"])),
            self._update_route("PUT", f"{collection}/index", _create_index),
            self._update_route(
                "DELETE",
                f"{collection}/index/{{field}}",
                lambda call: call.update_result(call.collection.delete_index(call.path["field"])),
            ),
        ]

    def _service_routes(self) -> list[Route]:
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        return [
            Route("/", _version),
            *(Route(f"/{probe}", _healthy) for probe in ("healthz", "livez", "readyz")),
            Route("/_devstack/optimize", self._endpoint(_optimize, self._background), methods=["POST"]),
            Route("/{path:path}", self._unknown, methods=methods),
        ]

    async def _unknown(self, request: Request) -> Response:
        refusal = self._keys.check(request, writes=False)
        return refusal or _refused(unsupported(f"{request.method} {request.url.path}"), request, time.perf_counter())


async def _version(_request: Request) -> Response:
    about = {"title": "Qdrant REST front on qdrant-edge", "version": SERVER_VERSION}
    return Response(encode(about), media_type="application/json")


async def _healthy(request: Request) -> Response:
    return PlainTextResponse(f"{request.url.path.strip('/')} check passed")
