"""Errors as PostgREST gives them: a status and ``{code, message, details, hint}``."""

import re

import psycopg

_STATUS_BY_SQLSTATE = (
    ("23503", 409), ("23505", 409), ("25006", 405), ("21000", 400), ("42883", 404), ("42P01", 404),
    ("42P17", 500), ("53400", 500), ("57P01", 503), ("P0001", 400), ("08", 503), ("09", 500), ("0L", 403),
    ("0P", 403), ("25", 500), ("28", 403), ("2D", 500), ("38", 500), ("39", 500), ("3B", 500), ("40", 500),
    ("53", 503), ("54", 500), ("55", 500), ("57", 500), ("58", 500), ("F0", 500), ("HV", 500), ("P0", 500),
    ("XX", 500),
)  # fmt: skip
"""SQLSTATE prefixes, the longest first, and the status PostgREST answers; 400 for all others."""


class ApiError(Exception):
    """An answer that is not a success. ``status`` is the HTTP status."""

    def __init__(
        self, status: int, code: str, message: str, *, details: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message, "details": details, "hint": hint}

    @property
    def headers(self) -> dict[str, str]:
        """Headers that go with it: the code (a HEAD answer has no body) and the challenge of a 401."""
        headers = {"Proxy-Status": f"PostgREST; error={self.body['code']}"}
        if self.status == 401:
            plain = re.sub(r"[^ !#-\[\]-~]", "?", self.body["message"] or "")
            headers["WWW-Authenticate"] = f'Bearer error="invalid_token", error_description="{plain}"'
        return headers


def unsupported(feature: str) -> ApiError:
    """A PostgREST feature that this front leaves out, named."""
    return ApiError(
        400,
        "UNSUPPORTED",
        f"not supported by the development front: {feature}",
        hint="PostgREST itself may support it; devstack/supabase is a subset.",
    )


def unparsable(what: str, text: str, expected: str) -> ApiError:
    """A query parameter that does not follow PostgREST's grammar."""
    return ApiError(400, "PGRST100", f'"failed to parse {what} ({text})"', details=f"expected {expected}")


def not_singular(rows: int) -> ApiError:
    """One object was asked for and ``rows`` came out."""
    return ApiError(
        406,
        "PGRST116",
        "Cannot coerce the result to a single JSON object",
        details=f"The result contains {rows} rows",
    )


def from_postgres(error: psycopg.Error, *, anonymous: bool) -> ApiError:
    """What Postgres refused, as PostgREST words it. ``anonymous``: the request carried no user's token."""
    state = error.sqlstate
    if state is None:
        if isinstance(error, psycopg.OperationalError):
            return ApiError(503, "PGRST001", "Database connection error. Retrying the connection.")
        # Not the server's words: psycopg could not send a value (a null byte, for example).
        return ApiError(400, "22021", str(error))
    diagnosis = error.diag
    return ApiError(
        _status(state, anonymous),
        state,
        diagnosis.message_primary or str(error),
        details=diagnosis.message_detail,
        hint=diagnosis.message_hint,
    )


def _status(state: str, anonymous: bool) -> int:
    if state == "42501":
        return 401 if anonymous else 403
    return next((status for prefix, status in _STATUS_BY_SQLSTATE if state.startswith(prefix)), 400)
