"""Use case: counts what accounts use, as it is used."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from operator_memory.application.ports.core import Clock
from operator_memory.application.ports.usage import UsageCounters
from operator_memory.domain.errors import MemoryServiceError
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.usage.counts import Counts, Prices, UsageEvent, total

Measure = Callable[[Mapping[str, int]], None]
"""Takes numbers by the name of their metric. They say nothing about whose they are."""

NOT_COUNTED = "UsageNotCounted"

_LOG = logging.getLogger("operator_memory.usage")


class CountUsage:
    """Counts. What is used is used, so a store that fails stops nobody: the numbers go to the log instead."""

    def __init__(self, counters: UsageCounters, *, prices: Prices, clock: Clock, measure: Measure) -> None:
        self._counters = counters
        self._prices = prices
        self._clock = clock
        self._measure = measure

    def count_calls(
        self, account_id: AccountId, agent_id: str | None, *, calls: int, prompt_tokens: int, completion_tokens: int
    ) -> None:
        """Count calls of the model on the day they are made, with what they cost.

        They are counted as they are made, not when their job ends: a job that fails, or whose worker dies, has been
        paid for as well, and the next job of the account already sees it in the budget.
        """
        cost = self._prices.micro_cents(prompt_tokens, completion_tokens)
        counts = Counts(
            llm_calls=calls, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, cost_micro_cents=cost
        )
        self.count_events(account_id, [UsageEvent(self._clock.now(), counts, agent_id)])

    def count_job(self, account_id: AccountId, job_id: str, agent_id: str | None, counts: Counts) -> None:
        """Count the job on the day it ends. A job that is delivered again counts once."""
        event = UsageEvent(self._clock.now(), counts, agent_id, cause=f"job:{job_id}")
        self.count_events(account_id, [event])

    def count_events(self, account_id: AccountId, events: Sequence[UsageEvent]) -> None:
        """Count each on the day it happened, once. What claims to have happened later than now counts for today."""
        now = self._clock.now()
        events = [replace(event, at=min(event.at, now)) for event in events]
        numbers = total(event.counts for event in events).positive()
        if not numbers:
            return
        try:
            counted = self._counters.count(account_id, events, now=now)
        except MemoryServiceError as error:
            _LOG.warning("usage is not counted", extra={"account_id": account_id, "reason": error.reason, **numbers})
            self._measure({NOT_COUNTED: len(events)})
            return
        if counted:
            self._measure({_metric(name): number for name, number in numbers.items()})


def _metric(name: str) -> str:
    """``llm_calls`` as ``LlmCalls``."""
    return "".join(part.capitalize() for part in name.split("_"))
