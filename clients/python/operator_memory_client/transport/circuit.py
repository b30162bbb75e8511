"""A circuit breaker: after failures in a row the service is not asked for a while, then by one call first."""

from __future__ import annotations

from dataclasses import dataclass

FAILURES_TO_OPEN = 5
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0
"""Seconds that an open circuit stays open; each failed probe doubles them."""


@dataclass(frozen=True)
class Circuit:
    """The state of the circuit. Pure: each event gives the next state, and the caller brings the time.

    Closed while ``opened_until`` is ``None``. Open until then; afterwards one call may go, the probe.
    ``probe_until``: when the probe that is on its way no longer counts, so that a lost one does not keep it open.
    """

    failures: int = 0
    pause: float = FIRST_PAUSE
    opened_until: float | None = None
    probe_until: float | None = None

    def wait(self, now: float) -> float:
        """Seconds until a call may go; 0 if one may go now."""
        ends = max(self.opened_until or now, self.probe_until or now)
        return max(0.0, ends - now)

    def entered(self, now: float, seconds: float) -> Circuit:
        """After a call that may take ``seconds`` has gone."""
        if self.opened_until is None:
            return self
        return Circuit(self.failures, self.pause, self.opened_until, now + seconds)

    def succeeded(self) -> Circuit:
        """After an answer of any kind but a failure of the service."""
        return CLOSED

    def failed(self, now: float) -> Circuit:
        """After no answer, or a failure of the service."""
        failures = self.failures + 1
        if self.opened_until is not None:
            if now < self.opened_until:  # a call that went before it opened: known already
                return self
            pause = min(LONGEST_PAUSE, self.pause * 2)
            return Circuit(failures, pause, now + pause)
        opened_until = now + self.pause if failures >= FAILURES_TO_OPEN else None
        return Circuit(failures, self.pause, opened_until)

    def abandoned(self) -> Circuit:
        """After a call whose caller no longer waits: it says nothing, and the next one may probe."""
        return Circuit(self.failures, self.pause, self.opened_until)


CLOSED = Circuit()
