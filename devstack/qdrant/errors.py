"""Errors of the front, worded and numbered as the Qdrant server's, and the mapping from the engine's."""


class QdrantError(Exception):
    """An answer other than 200: ``status`` is the HTTP code, ``message`` the text under ``status.error``."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class FolderInUseError(RuntimeError):
    """Another process owns the data folder."""


def bad_request(message: str) -> QdrantError:
    """400: the request is understood and refused."""
    return QdrantError(400, f"Bad request: {message}")


def wrong_input(message: str) -> QdrantError:
    """400: the request does not fit the collection."""
    return QdrantError(400, f"Wrong input: {message}")


def format_error(message: str) -> QdrantError:
    """400: the body is not what the API describes."""
    return QdrantError(400, f"Format error in JSON body: {message}")


def unsupported(feature: str) -> QdrantError:
    """400: the server knows ``feature``, or might; this front does not. Never ignored in silence."""
    return bad_request(f"not supported by this front: {feature}")


def validation_error(message: str) -> QdrantError:
    """422: well formed, but a value is out of its range."""
    return QdrantError(422, f"Validation error in JSON body: [{message}]")


def not_found(message: str) -> QdrantError:
    """404."""
    return QdrantError(404, f"Not found: {message}")


def strict_mode(description: str, solution: str) -> QdrantError:
    """400 of the collection's strict mode."""
    return bad_request(f"{description}. Help: {solution}")


def from_exception(error: Exception) -> QdrantError | None:
    """The answer for an exception of the engine; None for one that is a defect of this front.

    The engine's constructors raise ValueError, TypeError and OverflowError for values of the wrong shape,
    its operations a bare Exception.
    """
    text = str(error)
    if isinstance(error, ValueError | TypeError | OverflowError):
        return format_error(text.splitlines()[0] if text else type(error).__name__)
    if type(error) is not Exception:
        return None
    if text.startswith("No point with id"):
        return not_found(f"{text} found")
    if text.startswith("Service"):
        return QdrantError(500, text)
    return wrong_input(text)
