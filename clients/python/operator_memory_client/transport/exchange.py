"""One call from its first try to its answer, without I/O: says what to send and how long to wait, and reads answers.

A generator, so that the decisions stand once: the shells `SyncHttp` and `AsyncHttp` carry out each step and hand
back what came of it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from operator_memory_client.errors import (
    CircuitOpenError,
    DeadlineError,
    MemoryClientError,
    UnauthorizedError,
    UnavailableError,
    problem_error,
)
from operator_memory_client.transport.calls import Call
from operator_memory_client.transport.circuit import FAILURES_TO_OPEN, Circuit
from operator_memory_client.transport.credentials import Credentials
from operator_memory_client.transport.locks import ForkSafeLock
from operator_memory_client.transport.retries import ASK_AGAIN, http_date, pause_before, retry_after
from operator_memory_client.version import __version__

USER_AGENT = f"operator-memory-client/{__version__}"


@dataclass(frozen=True)
class Send:
    """Step: send the call; the whole answer must be there within ``seconds``."""

    call: Call[Any]
    headers: Mapping[str, str] = field(repr=False)
    seconds: float


@dataclass(frozen=True)
class Wait:
    """Step: wait."""

    seconds: float


@dataclass(frozen=True)
class Reply:
    """What the service answered; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Failure:
    """No answer, and why. ``sent``: whether the service may have seen the call."""

    error: UnavailableError
    sent: bool = True


Outcome = Reply | Failure
Steps = Generator[Send | Wait, "Outcome | None", Reply]


class Line:
    """What the calls of one kind share: the circuit."""

    def __init__(self, clock: Callable[[], float], failures_to_open: int = FAILURES_TO_OPEN) -> None:
        self._clock = clock
        self._lock = ForkSafeLock()
        self._circuit = Circuit(failures_to_open)

    @property
    def circuit(self) -> Circuit:
        """How it stands."""
        return self._circuit

    def enter(self, seconds: float) -> float:
        """Let a call go, and say when it went.

        Raises:
            CircuitOpenError: none may go now.
        """
        with self._lock:
            now = self._clock()
            wait = self._circuit.wait(now)
            if wait > 0:
                raise CircuitOpenError("the memory service failed several times in a row", retry_after=wait)
            self._circuit = self._circuit.entered(now, seconds)
            return now

    def note(self, outcome: Outcome | None, began: float) -> None:
        """What came of the call that went at ``began``; ``None``: nobody waited for it."""
        with self._lock:
            if outcome is None:
                self._circuit = self._circuit.abandoned()
            elif isinstance(outcome, Failure) or outcome.status >= 500:
                self._circuit = self._circuit.failed(self._clock(), began)
            else:
                self._circuit = self._circuit.succeeded()


@dataclass(frozen=True)
class Conditions:
    """What a call is made under. ``clock`` is monotonic, ``now`` is the time of day, ``chance`` gives 0 to 1.

    ``patient``: ``False`` for a call that a run waits for: it is made again at most once, and not at all where nobody
    listens.
    """

    credentials: Credentials
    line: Line
    clock: Callable[[], float]
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
    chance: Callable[[], float] = random.random
    patient: bool = True


def exchange(call: Call[Any], under: Conditions, seconds: float) -> Steps:
    """The steps of ``call``, which takes at most ``seconds``; returns its answer.

    Raises:
        MemoryClientError: what became of it instead.
    """
    ends = under.clock() + seconds
    retries, renewed = 0, False
    while True:
        left = ends - under.clock()
        if left <= 0:
            raise DeadlineError(f"no complete answer within {seconds:g} seconds")
        outcome = yield from _attempt(call, under, left)
        if isinstance(outcome, Reply) and outcome.status < 300:
            return outcome
        error = _error(outcome, under.now())
        if isinstance(outcome, Reply) and isinstance(error, UnauthorizedError) and not renewed:
            renewed = under.credentials.renewed(error.detail, http_date(outcome.headers.get("date", "")))
            if renewed:
                continue
        retries += 1
        pause = None
        if _may_repeat(call, outcome) and (under.patient or (retries == 1 and _was_heard(outcome))):
            left = ends - under.clock()
            pause = pause_before(retries, left=left, retry_after=error.retry_after, chance=under.chance())
        if pause is None:
            raise error
        yield Wait(pause)


def _attempt(call: Call[Any], under: Conditions, left: float) -> Generator[Send | Wait, Outcome | None, Outcome]:
    headers = {
        **call.headers,
        "user-agent": USER_AGENT,
        "authorization": f"Bearer {under.credentials.token(call.account_id)}",
    }
    began = under.line.enter(left)
    outcome: Outcome | None = None
    try:
        outcome = yield Send(call, headers, left)
        assert outcome is not None  # noqa: S101  (the shells answer each Send)
        return outcome
    finally:
        under.line.note(outcome, began)


def _may_repeat(call: Call[Any], outcome: Outcome) -> bool:
    if isinstance(outcome, Failure):
        return call.route.repeatable or not outcome.sent
    return outcome.status in ASK_AGAIN or (outcome.status in (500, 502, 504) and call.route.repeatable)


def _was_heard(outcome: Outcome) -> bool:
    return isinstance(outcome, Reply) or outcome.sent


def _error(outcome: Outcome, now: datetime) -> MemoryClientError:
    if isinstance(outcome, Failure):
        return outcome.error
    problem = problem_of(outcome.body)
    detail = problem.get("detail") or problem.get("message")
    kind = problem_error(outcome.status)
    return kind(
        detail if isinstance(detail, str) and detail else f"the service answered HTTP {outcome.status}",
        status=outcome.status,
        retry_after=retry_after(outcome.headers, now),
        problem=problem,
    )


def problem_of(body: bytes) -> dict[str, Any]:
    """The JSON object in ``body``, ``{}`` if there is none."""
    try:
        decoded = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}
