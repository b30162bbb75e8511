"""Times as the platform's database writes them."""

from __future__ import annotations

from datetime import datetime, timezone


def moment_of(value: object) -> datetime:
    """A time with its offset; one without is UTC.

    Raises:
        ValueError: it is none.
    """
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(_six_digits(str(value)))
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _six_digits(text: str) -> str:
    """Postgres leaves out final zeros of a second's fraction, and others write Z: Python 3.10 reads neither."""
    whole, point, rest = text.strip().replace("Z", "+00:00").partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return f"{whole}.{digits[:6]:0<6}{rest[len(digits) :]}" if point else whole
