"""Use case: keeps callers and accounts within their number of calls."""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from operator_memory.domain.errors import RateLimitedError, UpstreamError
from operator_memory.domain.management.identity import Caller
from operator_memory.domain.management.rate_limits import FAIL_OPEN, Bucket, RateLimit
from operator_memory.domain.memory.scopes import AccountId

if TYPE_CHECKING:  # every import here costs the context function a cold start
    from operator_memory.application.ports.core import Clock
    from operator_memory.application.ports.management import TokenBuckets

MAX_LEASES = 10_000
"""Buckets of which this worker holds tokens; beyond that the one not used for longest is dropped with what is left."""

_LOG = logging.getLogger("operator_memory.limits")


@dataclass(frozen=True, slots=True)
class _Lease:
    """Tokens that were taken from the shared bucket and not used yet."""

    tokens: int
    until: float


class LimitRate:
    """Takes a token for each call, first from the caller's bucket and then from the account's. Thread-safe.

    These are two calls because authorisation comes between them: a caller without a right to an account must not be
    able to empty its bucket.

    Reads are served from blocks of tokens that this worker leases, so that most of them write nothing. The bucket
    counts them as taken when they are leased, and they may be used up to ``lease_seconds`` later: in a short window a
    worker lets through at most one block more than the bucket would. Writes and expensive calls always ask the bucket.

    If the buckets cannot be reached, calls of the kinds in `FAIL_OPEN` go on (reads as if a block had been leased, so
    that an outage holds up one read in a block) and others do not.
    """

    def __init__(
        self,
        buckets: "TokenBuckets | None",
        *,
        limits: Mapping[Bucket, RateLimit],
        service_factor: int,
        clock: "Clock",
        timeout: float = 0.3,
        lease: int = 10,
        lease_seconds: float = 10,
    ) -> None:
        """``buckets`` may be ``None`` where all limits are 0. ``limits`` names every kind of call. A service may make
        ``service_factor`` times as many.

        ``timeout``: seconds for counting one call. ``lease``: tokens in a block, at most a quarter of the bucket.
        """
        if buckets is None and any(limit.per_minute for limit in limits.values()):
            raise ValueError("a limit needs buckets to be counted in")
        self._buckets = buckets
        self._limits = limits
        self._service_factor = service_factor
        self._clock = clock
        self._timeout = timeout
        self._block = lease
        self._lease_seconds = lease_seconds
        self._leases: dict[str, _Lease] = {}  # the latest used last
        self._lock = threading.Lock()

    def count_caller(self, caller: Caller, bucket: Bucket) -> None:
        """Count one call of ``caller``. Call it before doing anything else for them.

        Raises:
            RateLimitedError: too many calls.
            UpstreamError: the buckets cannot be reached, and ``bucket`` is not in `FAIL_OPEN`.
        """
        limit = self._limits[bucket]
        if caller.user_id is None:
            limit = RateLimit(limit.per_minute * self._service_factor)
        self._count(f"caller#{caller.actor}#{bucket}", bucket, limit, "you make")

    def count_account(self, account_id: AccountId, bucket: Bucket) -> None:
        """Count one call for the account. Call it once the caller is known to have a right to it.

        Raises:
            RateLimitedError: too many calls.
            UpstreamError: the buckets cannot be reached, and ``bucket`` is not in `FAIL_OPEN`.
        """
        self._count(f"account#{account_id}#{bucket}", bucket, self._limits[bucket], "there are, for this account,")

    def _count(self, key: str, bucket: Bucket, limit: RateLimit, who: str) -> None:
        if self._buckets is None or limit.per_minute == 0 or self._spend(key):
            return
        block = max(1, min(self._block, limit.per_minute // 4)) if bucket is Bucket.READS else 1
        asked = self._clock.monotonic()
        try:
            wait = self._take(self._buckets, key, limit, block, asked)
            if wait and block > 1:
                block = 1
                wait = self._take(self._buckets, key, limit, block, asked)
        except UpstreamError as error:
            if bucket not in FAIL_OPEN:
                raise
            _LOG.warning(
                "a call was not counted", extra={"bucket": bucket.value, "system": error.system, "reason": error.reason}
            )
            wait = 0
        if wait:
            raise RateLimitedError(f"{who} too many calls of the kind {bucket}; try again in {wait} s", wait)
        self._keep(key, block - 1)

    def _take(self, buckets: "TokenBuckets", key: str, limit: RateLimit, tokens: int, asked: float) -> int:
        left = max(0.01, self._timeout - (self._clock.monotonic() - asked))
        return buckets.take(key, limit, tokens=tokens, now=self._clock.now(), timeout=left)

    def _spend(self, key: str) -> bool:
        """Use a leased token, if there is one."""
        now = self._clock.monotonic()
        with self._lock:
            lease = self._leases.pop(key, None)
            if lease is None or now >= lease.until:
                return False
            if lease.tokens > 1:
                self._leases[key] = _Lease(lease.tokens - 1, lease.until)
            return True

    def _keep(self, key: str, tokens: int) -> None:
        if tokens == 0:
            return
        until = self._clock.monotonic() + self._lease_seconds
        with self._lock:
            other = self._leases.pop(key, None)  # of another thread that asked at the same time
            if other is not None:
                tokens, until = tokens + other.tokens, min(until, other.until)
            self._leases[key] = _Lease(tokens, until)
            if len(self._leases) > MAX_LEASES:
                del self._leases[next(iter(self._leases))]
