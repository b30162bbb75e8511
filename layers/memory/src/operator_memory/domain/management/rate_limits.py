"""Rate limits: how many calls of which kind, as token buckets."""

from dataclasses import dataclass
from enum import StrEnum


class Bucket(StrEnum):
    """Kinds of calls that are counted apart, so that one does not starve another."""

    READS = "reads"
    WRITES = "writes"
    EXPENSIVE = "expensive"
    """Export, import, clear, erase, delete by filter."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A token bucket: holds ``per_minute`` tokens and gains as many a minute. 0: no limit."""

    per_minute: int


FAIL_OPEN = frozenset({Bucket.READS, Bucket.WRITES})
"""Buckets whose calls go on when the counts cannot be reached (ADR 9)."""
