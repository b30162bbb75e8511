"""What can go wrong with a call, as one tree of errors. No message quotes a secret or a memory."""

from __future__ import annotations

from typing import Any


class MemoryClientError(Exception):
    """Base of all errors of this package.

    ``reason``: a short code, such as ``deadline``. ``detail``: a sentence for the person who has the problem.
    ``status``: the HTTP status, where the service has answered. ``retryable``: whether the same call may work later.
    """

    reason = "failed"
    retryable = False

    def __init__(self, detail: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.retry_after = retry_after
        """Seconds after which the service wants to be asked again, where it said so."""


class NotConfiguredError(MemoryClientError):
    """There is no usable address or credential."""

    reason = "not_configured"


class InvalidCallError(MemoryClientError):
    """An argument cannot be sent."""

    reason = "invalid_request"


class UnavailableError(MemoryClientError):
    """The service did not answer, or not with what it promises."""

    reason = "unreachable"
    retryable = True


class DeadlineError(UnavailableError):
    """There was no complete answer in time."""

    reason = "deadline"


class CircuitOpenError(UnavailableError):
    """The service failed so often that it is not asked for a while."""

    reason = "circuit_open"


class MalformedAnswerError(UnavailableError):
    """The answer is not what the contract promises."""

    reason = "malformed_answer"


class ProblemError(MemoryClientError):
    """The service refused. ``problem`` is its problem+json (RFC 9457), ``{}`` where it sent none."""

    reason = "refused"

    def __init__(
        self,
        detail: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        problem: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(detail, status=status, retry_after=retry_after)
        self.problem = problem or {}

    @property
    def field(self) -> str | None:
        """The field that is wrong, where the service names one."""
        named = self.problem.get("field")
        return named if isinstance(named, str) else None


class UnauthorizedError(ProblemError):
    """The service does not accept the token (401)."""

    reason = "unauthorized"


class ForbiddenError(ProblemError):
    """The token does not permit that (403)."""

    reason = "forbidden"


class NotFoundError(ProblemError):
    """There is no such thing, or not for this caller (404)."""

    reason = "not_found"


class ConflictError(ProblemError):
    """Something else happened meanwhile (409, 412), or the version was not named (428)."""

    reason = "conflict"


class InvalidRequestError(ProblemError):
    """The service does not take the request as it is (400, 413, 415, 422)."""

    reason = "invalid_request"


class RateLimitedError(ProblemError):
    """There were too many calls (429)."""

    reason = "rate_limited"
    retryable = True


class ServiceError(ProblemError):
    """The service failed (5xx)."""

    reason = "service_failed"
    retryable = True


_BY_STATUS: dict[int, type[ProblemError]] = {
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    412: ConflictError,
    428: ConflictError,
    400: InvalidRequestError,
    413: InvalidRequestError,
    415: InvalidRequestError,
    422: InvalidRequestError,
    429: RateLimitedError,
}


def problem_error(status: int) -> type[ProblemError]:
    """The error that ``status`` stands for."""
    return _BY_STATUS.get(status, ServiceError if status >= 500 else ProblemError)
