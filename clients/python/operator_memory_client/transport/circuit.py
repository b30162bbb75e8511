"""A circuit breaker: after failures in a row the service is not asked for a while, then by one call first."""

from __future__ import annotations

from dataclasses import dataclass, replace

FAILURES_TO_OPEN = 5
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0
"""Seconds that an open circuit stays open; each failed probe doubles them."""

_NEVER = float("-inf")


@dataclass(frozen=True)
class Circuit:
    """The state of the circuit. Pure: each event gives the next state, and the caller brings the time.

    Closed while ``opened_until`` is ``None``. Open until then; afterwards one call may go, the probe.
    ``probe_until``: when the probe that is on its way no longer counts, so that a lost one does not keep it open.
    """

    most_failures: int = FAILURES_TO_OPEN
    failures: int = 0
    failed_at: float = _NEVER
    pause: float = FIRST_PAUSE
    opened_until: float | None = None
    probe_until: float | None = None

    def wait(self, now: float) -> float:
        """Seconds until a call may go; 0 if one may go now."""
        ends = max(self.opened_until or now, self.probe_until or now)
        return max(0.0, ends - now)

    def entered(self, now: float, seconds: float) -> Circuit:
        """After a call that may take ``seconds`` has gone."""
        return self if self.opened_until is None else replace(self, probe_until=now + seconds)

    def succeeded(self) -> Circuit:
        """After an answer of any kind but a failure of the service."""
        return Circuit(self.most_failures)

    def failed(self, now: float, began: float) -> Circuit:
        """After no answer, or a failure of the service, to a call that went at ``began``.

        Calls that were on their way side by side fail together: that is one failure. So a crowd of runs that all begin
        in one busy moment does not open the circuit.
        """
        if began < self.failed_at:
            return self
        failures = self.failures + 1
        if self.opened_until is not None:  # the probe
            pause = min(LONGEST_PAUSE, self.pause * 2)
            return replace(
                self, failures=failures, failed_at=now, pause=pause, opened_until=now + pause, probe_until=None
            )
        opened_until = now + self.pause if failures >= self.most_failures else None
        return replace(self, failures=failures, failed_at=now, opened_until=opened_until)

    def abandoned(self) -> Circuit:
        """After a call whose caller no longer waits: it says nothing, and the next one may probe."""
        return replace(self, probe_until=None)
