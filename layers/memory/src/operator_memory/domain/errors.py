"""Every error the product raises on purpose, in one tree.

``retryable`` is part of the type: a queue consumer or an HTTP handler decides from it alone whether trying
the same thing again can help. Messages never contain memory text, conversation text or secrets.
"""

import traceback


class MemoryServiceError(Exception):
    """Root of the tree. ``retryable`` says whether the same call may succeed later."""

    retryable: bool = False

    @property
    def reason(self) -> str:
        """A stable, machine-readable name of the failure, such as ``upstream_timeout``."""
        name = type(self).__name__.removesuffix("Error")
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


class ConfigurationError(MemoryServiceError):
    """A setting is missing, malformed or contradicts another; the message says what to set."""


class InvalidInputError(MemoryServiceError):
    """The caller's input breaks the contract.

    ``field`` is the JSON path of the offending value (``limit``, ``messages[3].role``, ``body``).
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.detail = message

    def __str__(self) -> str:
        return f"{self.field}: {self.detail}"


class UnauthenticatedError(MemoryServiceError):
    """No credential, or one that does not verify."""


class PermissionDeniedError(MemoryServiceError):
    """A valid credential that does not allow this action."""


class NotFoundError(MemoryServiceError):
    """The account has no such thing. Says the same of what another account has."""


class VersionConflictError(MemoryServiceError):
    """It was changed since the caller read it, or not read at all; read it again and repeat."""


class ConflictError(MemoryServiceError):
    """The request contradicts what is stored; the message says what."""


class HeldError(ConflictError):
    """A legal hold keeps what would be removed. ``hold_reason``: why it was placed, in the words of who placed it.

    ``erasure_id``: the erasure that waits for the hold to be lifted, if one was asked for.
    """

    def __init__(self, hold_reason: str, erasure_id: str | None = None) -> None:
        super().__init__("a legal hold keeps this")
        self.hold_reason = hold_reason
        self.erasure_id = erasure_id


class ErasureIncompleteError(MemoryServiceError):
    """Something was still there after the deletion: a write that was under way. Trying again takes it too."""

    retryable = True


class RateLimitedError(MemoryServiceError):
    """Too many calls. ``retry_after`` is in whole seconds, at least 1."""

    retryable = True

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class JobConflictError(MemoryServiceError):
    """A job id was used again with other content. The first content stands."""


class TooLargeToRedactError(MemoryServiceError):
    """A text is longer than one out of which secrets can be taken in the time that there is."""

    def __init__(self, length: int, most: int) -> None:
        super().__init__(f"A message has {length} characters: secrets can be taken out of at most {most}.")


class JobInProgressError(MemoryServiceError):
    """Another worker holds the lease of this job; try again when it has expired."""

    retryable = True


class OutOfTimeError(MemoryServiceError):
    """The rest of a job does not fit into its worker's time. What is finished is kept: the next attempt goes on."""

    retryable = True


class TimeIsUpError(BaseException):
    """The worker's time ends in the middle of something.

    No ``Exception``, like the interpreter's own reasons to stop: no library that swallows errors is to swallow it.
    """


class UpstreamError(MemoryServiceError):
    """A system we depend on failed. ``system`` is its name: ``qdrant``, ``embeddings``, ``llm`` ..."""

    def __init__(self, system: str, message: str) -> None:
        super().__init__(f"{system}: {message}")
        self.system = system
        self.detail = message
        self.retry_after: int | None = None
        """Whole seconds that the system asks to be left alone for, if it said so."""


class UpstreamTimeoutError(UpstreamError):
    """It did not answer within the deadline."""

    retryable = True


class UpstreamUnavailableError(UpstreamError):
    """It could not be reached, or answered that it cannot serve now (429, 5xx)."""

    retryable = True


class UpstreamRejectedError(UpstreamError):
    """It understood us and said no (4xx): the same request will be refused again."""


class RefusedKeyError(UpstreamRejectedError):
    """It does not take our key (401, 403), or wants to be paid (402). A key that was revoked is replaced by somebody, a
    bill is paid; until then jobs wait."""

    retryable = True

    @property
    def reason(self) -> str:
        """That of every refusal."""
        return "upstream_rejected"


class EmbeddingModelChangedError(UpstreamRejectedError):
    """The store holds vectors of another length than those we make: another embedding model made them."""

    @property
    def reason(self) -> str:
        """That of every refusal."""
        return "upstream_rejected"


class MalformedResponseError(UpstreamError):
    """It answered with something that breaks its contract (bad JSON, wrong count or dimension).

    Retryable: models are not deterministic, and a proxy's error page does not stay for ever.
    """

    retryable = True


class AnswerTooLongError(MalformedResponseError):
    """A model's answer was cut off at the most it may say: of less it might say all."""

    @property
    def reason(self) -> str:
        """To everybody but who asks the model, one that cannot be used."""
        return "malformed_response"


MODEL_CHANGED = "embedding_model_changed"
"""In ``degraded``: memories that another embedding model made the vectors of are found by words alone."""


def degradation(error: UpstreamError) -> str:
    """Return the code that tells a caller what failed, e.g. ``qdrant_timeout``."""
    if isinstance(error, EmbeddingModelChangedError):
        return MODEL_CHANGED
    if isinstance(error, UpstreamTimeoutError):
        return f"{error.system}_timeout"
    if isinstance(error, UpstreamUnavailableError):
        return f"{error.system}_unavailable"
    return f"{error.system}_failed"


def where(error: BaseException) -> list[str]:
    """The places an exception passed through, innermost last; without its message, which may hold user text."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
