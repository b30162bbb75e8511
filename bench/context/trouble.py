"""What a request asks of others, counted; and what its caller gets, and when, if these are slow, mute or gone."""

import http.client
import socket
import statistics
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from bench.context.addresses import Place
from bench.context.corpus import Account, Texts
from bench.context.our_way import Answer
from bench.context.worker import WAYS, Worker

PATIENCE = 12.0
"""Seconds that the plan's way is waited for."""
SLOW = 0.2
AWAY = 0.1, 0.002
"""Seconds that an embedder over the internet and a Qdrant in the same region may be away: supposed, not measured."""
_MUTE = 120.0
_ASKED = 5


class Relay:
    """Passes HTTP requests on to ``target`` and counts them; ``delay``: seconds before it does. A context manager."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target)
        self.requests = 0
        self.delay = 0.0
        self.closed = threading.Event()
        self.live: set[socket.socket] = set()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.relay = self
        self.url = f"http://127.0.0.1:{self._server.server_port}{self.target.path}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        """Stop listening and break the connections: later ones are refused. Calls after the first do nothing."""
        if self.closed.is_set():
            return
        self.closed.set()
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self.live):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    relay: Relay


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body in one packet
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.relay.live.add(self.connection)

    def finish(self) -> None:
        self.server.relay.live.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def handle(self) -> None:
        with suppress(OSError):  # the other side gave up waiting
            super().handle()

    def do_POST(self) -> None:
        relay = self.server.relay
        relay.requests += 1
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if relay.closed.wait(relay.delay):
            self.close_connection = True
            return
        upstream = http.client.HTTPConnection(relay.target.hostname or "", relay.target.port, timeout=30)
        try:
            kept = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection", "accept-encoding")}
            upstream.request(self.command, self.path, body, kept)
            answer = upstream.getresponse()
            content = answer.read()
        finally:
            upstream.close()
        self.send_response_only(answer.status)
        self.send_header("content-type", answer.headers.get("content-type", "application/json"))
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST  # noqa: N815  (the names are http.server's)


@dataclass(frozen=True, slots=True)
class Count:
    """Requests for one answer, on average: to the embedder and to Qdrant."""

    way: str
    embeddings: float
    searches: float
    outcomes: str


def counted(place: Place, account: Account, logs: Path) -> list[Count]:
    """Counted on the wire, while a process that has answered before is asked five questions."""
    counts = []
    for way in WAYS:
        with Relay(place.models_url) as models, Relay(place.qdrant_url) as qdrant:
            between = replace(place, models_url=models.url, qdrant_url=qdrant.url)
            first, *questions = Texts().questions(account, 1 + _ASKED, seed=-1 % 2**31)
            with Worker(way, between, logs / f"{way}.log") as worker:
                worker.ask(account.id, first)
                before = models.requests, qdrant.requests
                worker.start(account.id, questions)
                outcomes = sorted({answer.outcome for answer in worker.answers()})
            made = models.requests - before[0], qdrant.requests - before[1]
        counts.append(Count(way, made[0] / _ASKED, made[1] / _ASKED, ", ".join(outcomes)))
    return counts


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens to the parts: seconds that each is late, or ``None`` if it is gone."""

    name: str
    embedder: float | None = 0.0
    qdrant: float | None = 0.0


TROUBLES = (
    Trouble("nothing"),
    Trouble(f"embedder {AWAY[0] * 1000:.0f}, Qdrant {AWAY[1] * 1000:.0f} ms away", *AWAY),
    Trouble("embedder gone", embedder=None),
    Trouble("embedder hangs", embedder=_MUTE),
    Trouble(f"Qdrant {SLOW * 1000:.0f} ms late", qdrant=SLOW),
    Trouble("Qdrant gone", qdrant=None),
    Trouble("Qdrant hangs", qdrant=_MUTE),
    Trouble("both gone", embedder=None, qdrant=None),
    Trouble("both hang", embedder=_MUTE, qdrant=_MUTE),
)


@dataclass(frozen=True, slots=True)
class Suffered:
    """What one way's caller got: seconds (median, longest), memories, and the outcome in words."""

    trouble: str
    way: str
    median: float
    longest: float
    memories: float
    outcome: str


def degraded(place: Place, account: Account, logs: Path) -> list[Suffered]:
    """Every trouble, for all ways: it begins once a process has answered in good times."""
    return [_suffered(trouble, way, place, account, logs) for trouble in TROUBLES for way in WAYS]


def _suffered(trouble: Trouble, way: str, place: Place, account: Account, logs: Path) -> Suffered:
    questions = Texts().questions(account, 1 + _ASKED, seed=11)
    with Relay(place.models_url) as models, Relay(place.qdrant_url) as qdrant:
        between = replace(place, models_url=models.url, qdrant_url=qdrant.url)
        with Worker(way, between, logs / f"{way}.log") as worker:
            worker.ask(account.id, questions.pop())
            for relay, late in ((models, trouble.embedder), (qdrant, trouble.qdrant)):
                if late is None:
                    relay.close()
                else:
                    relay.delay = late
            answers = _patient(worker, account, questions)
    outcome = answers[-1].outcome
    seconds = [answer.total for answer in answers]
    memories = statistics.median(answer.memories for answer in answers)
    return Suffered(trouble.name, way, statistics.median(seconds), max(seconds), memories, outcome)


def _patient(worker: Worker, account: Account, questions: list[str]) -> list[Answer]:
    answers: list[Answer] = []
    started = time.monotonic()
    for question in questions:
        left = PATIENCE - (time.monotonic() - started)
        if left <= 0:
            break
        worker.start(account.id, [question])
        try:
            answers += worker.answers(left if answers else PATIENCE)
        except TimeoutError:
            return answers or [Answer(PATIENCE, 0.0, 0, f"no answer in {PATIENCE:.0f} s")]
    return answers
