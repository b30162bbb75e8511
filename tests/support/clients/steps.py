"""Drives an exchange step by step, with a clock of its own: no network, no waiting."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from operator_memory_client.transport.calls import Call, Route
from operator_memory_client.transport.credentials import Credentials, GivenToken
from operator_memory_client.transport.exchange import Conditions, Failure, Line, Outcome, Reply, Send, exchange

GET: Route[Any] = Route("GET", "/v1/usage", "UsageView")
PATCH: Route[Any] = Route("PATCH", "/v1/settings", "SettingsView")
KEYED: Route[Any] = Route("POST", "/v1/memories", "MemoryView", keyed=True)
TODAY = datetime(2026, 12, 1, 12, tzinfo=UTC)


def problem(status: int, detail: str = "no", **headers: str) -> Reply:
    """The service's refusal."""
    body = json.dumps({"type": "about:blank", "title": "X", "status": status, "detail": detail}).encode()
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


OK = Reply(200, {}, b"{}")


@dataclass
class Service:
    """Answers with ``outcomes``, one after the other; each takes ``takes`` seconds."""

    outcomes: list[Outcome]
    takes: float = 0.0
    credentials: Credentials = field(default_factory=lambda: GivenToken("token"))
    time: float = 1000.0
    sent: list[Mapping[str, str]] = field(default_factory=list)
    allowed: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.line = Line(lambda: self.time)

    def run(self, route: Route[Any] = GET, *, seconds: float = 10.0, patient: bool = True) -> Reply:
        """What the exchange ends with."""
        conditions = Conditions(
            self.credentials,
            self.line,
            lambda: self.time,
            now=lambda: TODAY + timedelta(seconds=self.time - 1000),
            chance=lambda: 0.0,
            patient=patient,
        )
        steps = exchange(Call(route, route.path, account_id="acct-1"), conditions, seconds)
        outcome: Outcome | None = None
        try:
            while True:
                step = steps.send(outcome)
                if isinstance(step, Send):
                    outcome = self._answer(step)
                else:
                    self.waits.append(step.seconds)
                    self.time += step.seconds
                    outcome = None
        except StopIteration as end:
            reply: Reply = end.value
            return reply

    def _answer(self, step: Send) -> Outcome:
        self.sent.append(step.headers)
        self.allowed.append(step.seconds)
        self.time += self.takes + 0.001  # nothing takes no time at all
        return self.outcomes.pop(0)


def lost(error: Any, *, sent: bool = True) -> Failure:
    """No answer."""
    return Failure(error, sent=sent)
