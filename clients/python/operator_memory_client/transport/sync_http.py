"""Carries out the steps of an exchange with blocking calls."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable
from functools import lru_cache

import httpcore
import httpx

from operator_memory_client.errors import DeadlineError, MalformedAnswerError, UnavailableError
from operator_memory_client.transport import deadlines
from operator_memory_client.transport.exchange import Failure, Outcome, Reply, Send, Steps
from operator_memory_client.transport.locks import ForkSafeLock
from operator_memory_client.transport.shares import CONNECTIONS, Shares

KEEPALIVE_SECONDS = 20.0
"""Gateways close idle connections after a minute or less; ours go before."""

MOST_BYTES = 16 * 1024 * 1024
"""Of an answer; the service's own are at most 6 MB."""

TIMED_OUT = (httpx.TimeoutException, httpcore.TimeoutException)
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpcore.ConnectError, httpcore.ConnectTimeout)
OF_HTTPCORE = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol)
BROKEN = (httpx.HTTPError, httpx.InvalidURL, *OF_HTTPCORE)
GARBLED = (httpx.RemoteProtocolError, httpx.DecodingError, httpcore.RemoteProtocolError)
NETWORK_ERRORS = (*TIMED_OUT, *BROKEN, OSError)


@lru_cache(maxsize=1)
def tls() -> ssl.SSLContext:
    """What connections are verified with. Reading the certificates takes 30 ms, so it is done once, and early."""
    return httpx.create_ssl_context()


class SyncHttp:
    """Kept-alive connections, made when a process first calls. Safe for threads.

    After a fork the child makes connections of its own and leaves the parent's alone.
    """

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        """``transport``: one of the caller's own, for proxies or tests. Its time-outs hold for each network
        operation, not for the whole call, and it is not closed here.
        """
        self._url = url
        self._given = transport
        self._lock = ForkSafeLock()
        self._shares = Shares()
        self._own: dict[int, httpx.BaseTransport] = {}
        self._process = os.getpid()
        tls()

    def run(self, steps: Steps, sleep: Callable[[float], None] = time.sleep) -> Reply:
        """The answer at the end of ``steps``."""
        outcome: Outcome | None = None
        try:
            while True:
                step = steps.send(outcome)
                if isinstance(step, Send):
                    outcome = self._sent(step)
                    continue
                outcome = None
                sleep(step.seconds)
        except StopIteration as end:
            reply: Reply = end.value
            return reply
        finally:
            steps.close()

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        with self._lock:
            own, self._own = self._own, {}
        if self._process == os.getpid():
            for transport in own.values():
                transport.close()

    def _transport(self, number: int) -> httpx.BaseTransport:
        if self._given is not None:
            return self._given
        with self._lock:
            if self._process != os.getpid():
                self._own, self._shares, self._process = {}, Shares(), os.getpid()
            if number not in self._own:
                self._own[number] = deadlines.DeadlineTransport(tls(), CONNECTIONS, KEEPALIVE_SECONDS)
            return self._own[number]

    def _sent(self, step: Send) -> Outcome:
        try:
            deadlines.begin(step.seconds)
            with self._shares.one() as number:
                answer = self._transport(number).handle_request(request_of(self._url, step))
                try:
                    return reply_of(answer, _body(answer))
                finally:
                    answer.close()
        except NETWORK_ERRORS as error:
            return failure(error, step.seconds)


def _body(answer: httpx.Response) -> bytes:
    pieces, size = [], 0
    for piece in answer.iter_bytes():
        deadlines.left(httpcore.ReadTimeout)
        pieces.append(piece)
        size += len(piece)
        check_size(size)
    return b"".join(pieces)


def check_size(size: int) -> None:
    """Refuse an answer that nobody has asked for.

    Raises:
        httpx.DecodingError: it is too large.
    """
    if size > MOST_BYTES:
        raise httpx.DecodingError("the answer is too large")


def request_of(url: str, step: Send) -> httpx.Request:
    """The request as a transport takes it. No ``httpx.Client`` is asked: it logs addresses, and with them the words of
    searches, and it keeps cookies."""
    call = step.call
    return httpx.Request(
        call.route.method,
        url + call.target,
        headers={"accept": "*/*", "accept-encoding": "gzip, deflate", **step.headers},
        content=call.body,
        extensions={"timeout": httpx.Timeout(step.seconds).as_dict()},
    )


def reply_of(answer: httpx.Response, body: bytes) -> Reply:
    """The answer as the steps read it."""
    return Reply(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, body)


def failure(error: Exception, seconds: float) -> Failure:
    """Why there was no answer. Names the kind of the error only: its text may hold what was sent."""
    if isinstance(error, TIMED_OUT):
        return Failure(
            DeadlineError(f"no complete answer within {seconds:.3g} seconds"), sent=not isinstance(error, NOT_SENT)
        )
    if isinstance(error, GARBLED) and "disconnected" not in str(error):
        return Failure(MalformedAnswerError("the answer is not HTTP, or too large"))
    return Failure(
        UnavailableError(f"the memory service cannot be reached ({type(error).__name__})"),
        sent=not isinstance(error, NOT_SENT),
    )
