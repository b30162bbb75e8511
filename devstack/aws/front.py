"""HTTP in front of the functions: API Gateway's HTTP API, and a control port for us."""

import asyncio
import json
import logging
import re
import socket
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from devstack.aws.events import HttpAnswer, HttpRequest, api_answer, api_event, routed_path
from devstack.aws.pollers import Clock
from devstack.aws.runtime import Function, FunctionError
from devstack.aws.template import Route
from devstack.serving import ServerThread

_LOG = logging.getLogger("devstack.aws")
_MOST_BODY_BYTES = 10 * 1024 * 1024
_GATEWAY_SECONDS = 30.0

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Answerer = Callable[[HttpRequest], Awaitable[HttpAnswer]]


def _message(status: int, text: str) -> HttpAnswer:
    return HttpAnswer(status, [("content-type", "application/json")], json.dumps({"message": text}).encode())


class Gateway:
    """Routes requests to functions, with API Gateway's own answers where there is none or it fails."""

    def __init__(self, routes: list[Route], functions: Mapping[str, Function], threads: ThreadPoolExecutor) -> None:
        """``threads`` carry the calls of the functions."""
        self._routes = [(route, _pattern(route.path)) for route in sorted(routes, key=_precedence)]
        self._functions = functions
        self._threads = threads

    async def __call__(self, request: HttpRequest) -> HttpAnswer:
        """Answer ``request``. HEAD and OPTIONS are methods like others: they need a route of their own, or ANY."""
        try:
            chosen = self._choose(request)
        except ValueError:
            return _message(400, "Bad Request")
        return await self._call(*chosen) if chosen else _message(404, "Not Found")

    def _choose(self, request: HttpRequest) -> tuple[Route, bytes] | None:
        """The route, and the event for its function."""
        path = routed_path(request.path)
        for route, pattern in self._routes:
            match = pattern.fullmatch(path)
            if match and route.method in (request.method, "ANY"):
                event = api_event(request, f"{route.method} {route.path}", match.groupdict())
                return route, json.dumps(event).encode()
        return None

    async def _call(self, route: Route, event: bytes) -> HttpAnswer:
        function = self._functions[route.function]
        running = asyncio.get_running_loop().run_in_executor(self._threads, function.invoke, event)
        try:
            return api_answer(json.loads(await asyncio.wait_for(running, _GATEWAY_SECONDS)))
        except TimeoutError:
            return _message(503, "Service Unavailable")
        except (FunctionError, ValueError, TypeError, AttributeError) as error:
            _LOG.warning("%s failed on %s %s: %s", route.function, route.method, route.path, error)
            return _message(500, "Internal Server Error")


def _precedence(route: Route) -> tuple[bool, list[int], bool]:
    """API Gateway's order: greedy paths last, literal segments before variables, a method before ANY."""
    segments = [1 if "{" in segment else 0 for segment in route.path.split("/")]
    return "+}" in route.path, segments, route.method == "ANY"


def _pattern(path: str) -> re.Pattern[str]:
    """A route's path as an expression: ``{name}`` takes one segment, ``{name+}`` all that are left."""
    parts = re.split(r"\{(\w+)(\+?)\}", path)
    text = re.escape(parts[0])
    for name, greedy, literal in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        text += f"(?P<{name}>{'.+' if greedy else '[^/]+'})" + re.escape(literal)
    return re.compile(text, re.DOTALL)


class Control:
    """``POST /schedules/{FunctionLogicalId}`` runs a scheduled function now and answers what it answered."""

    def __init__(self, clock: Clock, threads: ThreadPoolExecutor) -> None:
        self._clock = clock
        self._threads = threads

    async def __call__(self, request: HttpRequest) -> HttpAnswer:
        """Answer ``request``: 404 for a function without a schedule, 502 with the error of one that failed."""
        match = re.fullmatch(r"/schedules/(\w+)", request.path)
        if match is None or request.method != "POST":
            return _message(404, "Not Found")
        try:
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._threads, self._clock.run, match.group(1))
        except KeyError:
            return _message(404, f"{match.group(1)} has no schedule")
        except FunctionError as error:
            return HttpAnswer(502, [("content-type", "application/json")], json.dumps(error.payload).encode())
        return HttpAnswer(200, [("content-type", "application/json")], json.dumps(answer).encode())


class HttpServer(ServerThread):
    """Serves one `Answerer` on a loopback port, in a thread of its own."""

    def __init__(self, answerer: Answerer, sock: socket.socket | None = None) -> None:
        """Serve at ``sock``, which listens already and is closed with the server, or at any free port."""
        super().__init__(_Application(answerer), sock=sock)


class _Application:
    """ASGI around an `Answerer`."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await _read_body(receive)
        if body is None:
            answer = _message(413, "Request Entity Too Large")
        else:
            answer = await self._answerer(_request(scope, body))
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        headers.append((b"content-length", str(len(answer.body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})


async def _read_body(receive: Receive) -> bytes | None:
    """The body, or ``None`` if it is longer than the gateway takes."""
    parts, size = [], 0
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > _MOST_BODY_BYTES:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


def _request(scope: dict[str, Any], body: bytes) -> HttpRequest:
    return HttpRequest(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
        body=body,
        source_ip=scope["client"][0] if scope.get("client") else "127.0.0.1",
        protocol=f"HTTP/{scope['http_version']}",
    )
