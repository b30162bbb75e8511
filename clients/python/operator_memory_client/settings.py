"""Where the service is and who calls it: from arguments, else from the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from operator_memory_client.errors import NotConfiguredError
from operator_memory_client.transport.credentials import (
    LEAST_KEY_LENGTH,
    PERMISSIONS,
    Credentials,
    GivenToken,
    ServiceKey,
)

CONTEXT_SECONDS = 0.5
CALL_SECONDS = 10.0

URL, TOKEN, KEY_ID, KEY, QUEUE_URL, ENABLED = (
    f"OPERATOR_MEMORY_{name}" for name in ("URL", "TOKEN", "KEY_ID", "KEY", "QUEUE_URL", "ENABLED")
)
_OFF = frozenset(("0", "false", "no", "off"))


@dataclass(frozen=True)
class ClientSettings:
    """What a client needs to know. What is left out is read from the environment (``OPERATOR_MEMORY_...``).

    ``url``: of the service (``URL``). ``token``: a person's access token, or a function that gives one (``TOKEN``).
    ``key_id`` and ``key``: with them the client signs tokens of its own (``KEY_ID``, ``KEY``). ``queue_url``: of the
    jobs queue (``QUEUE_URL``). ``enabled``: ``False`` neither asks for contexts nor submits runs (``ENABLED``).
    ``service``: the caller's name in the audit trail. ``permissions``: what its tokens allow; name those of legal holds
    (``holds:write``) yourself. ``context_seconds`` and ``call_seconds``: the deadlines.
    """

    url: str | None = None
    token: str | Callable[[], str] | None = field(default=None, repr=False)
    key_id: str | None = None
    key: str | None = field(default=None, repr=False)
    queue_url: str | None = None
    enabled: bool | None = None
    service: str = "agent-runtime"
    permissions: Sequence[str] = PERMISSIONS
    context_seconds: float = CONTEXT_SECONDS
    call_seconds: float = CALL_SECONDS

    def is_enabled(self, environment: Mapping[str, str] = os.environ) -> bool:
        """Whether contexts are asked for and runs submitted."""
        if self.enabled is not None:
            return self.enabled
        return environment.get(ENABLED, "").strip().lower() not in _OFF

    def address(self, environment: Mapping[str, str] = os.environ) -> str:
        """The service's URL without a final slash.

        Raises:
            NotConfiguredError: there is none, or it is no URL.
        """
        url = (self.url or environment.get(URL, "")).strip().rstrip("/")
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
            usable = usable and not parts.query and not parts.fragment and (parts.port is None or parts.port > 0)
        except ValueError:
            usable = False
        if not usable:
            raise NotConfiguredError(f"{URL} must be the http(s) address of the memory service")
        return url

    def queue(self, environment: Mapping[str, str] = os.environ) -> str | None:
        """The jobs queue's URL, if there is one."""
        return self.queue_url or environment.get(QUEUE_URL) or None

    def credentials(self, environment: Mapping[str, str] = os.environ) -> Credentials:
        """What calls identify themselves with: arguments before the environment, a token before a key.

        Raises:
            NotConfiguredError: there is nothing.
        """
        if self.token is None and self.key is None and environment.get(TOKEN):
            return GivenToken(environment[TOKEN])
        if self.token is not None:
            return GivenToken(self.token)
        key_id, key = self.key_id or environment.get(KEY_ID), self.key or environment.get(KEY)
        if not key_id or not key:
            raise NotConfiguredError(f"set {TOKEN}, or {KEY_ID} and {KEY}")
        if len(key) < LEAST_KEY_LENGTH:
            raise NotConfiguredError(f"{KEY} must have at least {LEAST_KEY_LENGTH} characters")
        return ServiceKey(key_id, key, subject=self.service, permissions=self.permissions)
