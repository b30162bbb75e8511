"""Who calls: service tokens that the client signs itself, or a token that it is given. No ``repr`` shows a secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

ISSUER, AUDIENCE = "operator-runtime", "operator-memory"
PERMISSIONS = (
    "context:read",
    "memories:read",
    "memories:write",
    "memories:clear",
    "settings:read",
    "settings:write",
    "jobs:read",
    "jobs:write",
)
LIFETIME = 300
"""Seconds that a token is valid. Each call gets its own, so none expires on its way."""

LEAST_SKEW = 5.0
"""Seconds by which clocks must differ to be the reason of a refusal."""

LEAST_KEY_LENGTH = 32


class Credentials(Protocol):
    """What a call identifies itself with."""

    def token(self, account_id: str | None) -> str:
        """The token of one call; a service's is bound to the account, if it is known."""
        ...

    def renewed(self, detail: str, server_time: datetime | None) -> bool:
        """Whether a refused token is worth another try, after what the refusal says."""
        ...


class ServiceKey:
    """Signs a token for each call (HS256). Its clock follows the service's where they differ."""

    def __init__(
        self,
        key_id: str,
        key: str,
        *,
        subject: str = "agent-runtime",
        permissions: Sequence[str] = PERMISSIONS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._key_id, self._key = key_id, key.encode()
        self._subject, self._permissions, self._clock = subject, tuple(permissions), clock
        self._ahead = 0.0

    def __repr__(self) -> str:
        return f"ServiceKey({self._key_id!r}, subject={self._subject!r})"

    def acting_as(self, subject: str) -> ServiceKey:
        """The same key under another name in the audit trail."""
        other = ServiceKey(
            self._key_id, self._key.decode(), subject=subject, permissions=self._permissions, clock=self._clock
        )
        other._ahead = self._ahead
        return other

    def token(self, account_id: str | None) -> str:
        """A token that is valid for five minutes, counted by the service's clock."""
        now = int(self._clock() + self._ahead)
        claims: dict[str, object] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": self._subject,
            "iat": now,
            "exp": now + LIFETIME,
            "scope": " ".join(self._permissions),
        }
        if account_id is not None:
            claims["account_id"] = account_id
        return _signed({"alg": "HS256", "kid": self._key_id, "typ": "JWT"}, claims, self._key)

    def renewed(self, detail: str, server_time: datetime | None) -> bool:
        """Follow the service's clock, if the refusal is about time and the clocks differ."""
        if server_time is None or not ("expired" in detail or "not valid yet" in detail):
            return False
        ahead = server_time.timestamp() - self._clock()
        if abs(ahead - self._ahead) < LEAST_SKEW:
            return False
        self._ahead = ahead
        return True


class GivenToken:
    """A token from outside, such as a person's access token; a function is asked for one at each call."""

    def __init__(self, token: str | Callable[[], str]) -> None:
        self._token = token

    def __repr__(self) -> str:
        return "GivenToken(...)"

    def token(self, account_id: str | None) -> str:  # noqa: ARG002  (it says whose it is itself)
        """The token."""
        return self._token if isinstance(self._token, str) else self._token()

    def renewed(self, detail: str, server_time: datetime | None) -> bool:  # noqa: ARG002
        """Whether a function gave it: asked again, it may give a fresh one."""
        return callable(self._token)


def _signed(header: dict[str, str], claims: dict[str, object], key: bytes) -> str:
    signed = b".".join(_base64(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return b".".join((signed, _base64(hmac.new(key, signed, hashlib.sha256).digest()))).decode()


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
