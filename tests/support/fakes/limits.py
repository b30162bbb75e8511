"""In-memory implementations of the ports ``TokenBuckets`` and ``EventSink``."""

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from operator_memory.domain.errors import MemoryServiceError
from operator_memory.domain.management.rate_limits import RateLimit
from operator_memory.domain.shared.audit_events import MemoryEvent

_SECOND = timedelta(seconds=1)


@dataclass
class InMemoryTokenBuckets:
    """Port ``TokenBuckets``: passes the same contract tests as DynamoDB's.

    ``asked`` lists each question as (key, tokens); ``error`` is raised in answer, if set.
    """

    asked: list[tuple[str, int]] = field(default_factory=list)
    error: MemoryServiceError | None = None
    _full_at: dict[str, datetime] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, key: str, limit: RateLimit, *, tokens: int, now: datetime, timeout: float) -> int:
        if limit.per_minute == 0:
            return 0
        if not 1 <= tokens <= limit.per_minute:
            raise ValueError(f"a bucket of {limit.per_minute} never holds {tokens} tokens")
        interval = timedelta(microseconds=-(-60_000_000 // limit.per_minute))
        with self._lock:
            self.asked.append((key, tokens))
            if self.error:
                raise self.error
            full_at = max(now, self._full_at.get(key, now)) + tokens * interval
            over = full_at - now - limit.per_minute * interval
            if over > timedelta():
                return -(-over // _SECOND)
            self._full_at[key] = full_at
            return 0


@dataclass
class FakeEvents:
    """Port ``EventSink``: keeps what it is given."""

    events: list[MemoryEvent] = field(default_factory=list)

    def emit(self, event: MemoryEvent) -> None:
        self.events.append(event)

    def flush(self, timeout: float) -> bool:
        """Nothing ever waits."""
        return True
