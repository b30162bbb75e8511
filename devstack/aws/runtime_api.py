"""The Lambda Runtime API, served to one process of a function.

The protocol is AWS's: the runtime client asks ``next`` for an event and posts its ``response`` or ``error``.
"""

import contextlib
import json
import queue
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_PREFIX = "/2018-06-01/runtime"


class FunctionError(Exception):
    """A function failed. ``payload`` is what its runtime reported: ``errorType``, ``errorMessage``, ..."""

    def __init__(self, payload: dict[str, Any]) -> None:
        super().__init__(f"{payload.get('errorType')}: {payload.get('errorMessage')}")
        self.payload = payload


@dataclass(slots=True)
class Invocation:
    """One event on its way through a function; ``timeout`` in seconds counts from ``taken``."""

    event: bytes
    timeout: float
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    taken: threading.Event = field(default_factory=threading.Event)
    taken_at: float = 0.0  # time.monotonic()
    done: "Future[bytes]" = field(default_factory=Future)

    def fail(self, payload: dict[str, Any]) -> None:
        """End it with an error, unless it has ended."""
        with contextlib.suppress(Exception):  # it ended a moment ago
            self.done.set_exception(FunctionError(payload))
        self.taken.set()  # whoever waits for that need not


class RuntimeApi:
    """Listens on a free loopback port; one invocation at a time, as in Lambda."""

    def __init__(self, function_arn: str) -> None:
        self._arn = function_arn
        self._waiting: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._current: Invocation | None = None
        self.init_error: dict[str, Any] | None = None
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.api = self
        self.address = f"127.0.0.1:{self._server.server_port}"
        self.asked = False
        """Whether the process has asked for an event: it has started then."""
        self._closed = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def offer(self, invocation: Invocation) -> None:
        """Hand an event to the process when it next asks."""
        self._waiting.put(invocation)

    def close(self) -> None:
        """Stop listening; a process that waits for an event gets none."""
        self._waiting.put(None)
        self._closed = True
        with contextlib.suppress(OSError):  # to wake the thread, which waits for a connection
            socket.create_connection(("127.0.0.1", self._server.server_port), timeout=5).close()
        self._thread.join()
        self._server.server_close()

    def _serve(self) -> None:
        while not self._closed:  # unlike serve_forever(), which looks for its end all the time
            self._server.handle_request()

    def next(self) -> tuple[bytes, dict[str, str]] | None:
        """The next event and the headers that go with it, or ``None`` when closed."""
        self.asked = True
        invocation = self._waiting.get()
        if invocation is None:
            return None
        self._current = invocation
        invocation.taken_at = time.monotonic()
        invocation.taken.set()
        deadline_ms = int((time.time() + invocation.timeout) * 1000)
        return invocation.event, {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": self._arn,
            "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Sampled=0",
        }

    def finish(self, request_id: str, outcome: str, body: bytes) -> bool:
        """Take a ``response`` or ``error``; false if it belongs to no running invocation."""
        current = self._current
        if current is None or current.request_id != request_id:
            return False
        self._current = None
        if outcome == "error":
            current.fail(_error(body))
        else:
            with contextlib.suppress(Exception):  # it timed out a moment ago
                current.done.set_result(body)
        return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    api: RuntimeApi

    def handle_error(self, request: object, client_address: object) -> None:
        """A process that was stopped breaks its connection; that is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def do_GET(self) -> None:
        if self.path != f"{_PREFIX}/invocation/next":
            self._answer(404, b"{}", {})
            return
        taken = self.server.api.next()
        if taken is None:
            self.close_connection = True
            return
        body, headers = taken
        self._answer(200, body, headers)

    def do_POST(self) -> None:
        body = b"".join(self._body())
        if self.path == f"{_PREFIX}/init/error":
            self.server.api.init_error = _error(body)
            self._answer(202, b"{}", {})
            return
        parts = self.path.removeprefix(f"{_PREFIX}/invocation/").split("/")
        known = len(parts) == 2 and self.server.api.finish(parts[0], parts[1], body)
        self._answer(202 if known else 400, b"{}", {})

    def _body(self) -> Iterator[bytes]:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            yield self.rfile.read(int(self.headers.get("Content-Length", 0)))
            return
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class's name)
        """Say nothing."""


def _error(body: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(body)
    except ValueError:
        payload = None
    return payload if isinstance(payload, dict) else {"errorType": "Runtime.Unknown", "errorMessage": repr(body)}
