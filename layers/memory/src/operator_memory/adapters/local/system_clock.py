"""The machine's clock."""

import time
from datetime import UTC, datetime


class SystemClock:
    """Port ``Clock`` on the operating system's clocks."""

    def now(self) -> datetime:
        """Current time, timezone-aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()
