"""Secrets from SSM Parameter Store: all of a function's SecureStrings in one call, cached for minutes."""

import threading
from collections.abc import Sequence

from operator_memory.adapters.aws.signed_json import AwsJsonClient
from operator_memory.application.ports.core import Clock
from operator_memory.domain.errors import MalformedResponseError, RefusedKeyError, UpstreamError, UpstreamRejectedError

MAX_AGE_SECONDS = 300.0
"""How long a value is used before it is read again; a rotated secret is picked up within this time."""

REFRESH_TIMEOUT = 0.25
"""How long a request waits for fresh values, in seconds, when it could use those known so far."""

RETRY_SECONDS = 10.0
"""How long after a failed refresh the known values are used before the next attempt."""


class SsmSecrets:
    """The decrypted values of the named parameters."""

    def __init__(self, client: AwsJsonClient, names: Sequence[str], *, clock: Clock, timeout: float = 2.0) -> None:
        """``names``: 1..10 parameter names, read together. ``timeout`` of the first read, in seconds."""
        if len(names) > 10:
            raise ValueError("SSM reads at most 10 parameters in one call")
        self._client = client
        self._names = sorted(set(names))
        self._clock = clock
        self._timeout = timeout
        self._values: dict[str, str] = {}
        self._fresh_until = float("-inf")
        self._lock = threading.Lock()

    def get(self, name: str) -> str:
        """The value of ``name``, without white space around it (a file that was uploaded ends in a newline).

        If it cannot be refreshed, the value known so far is used.

        Raises:
            UpstreamError: if it was never read.
        """
        with self._lock:
            if self._clock.monotonic() >= self._fresh_until:
                self._refresh()
            return self._values[name]

    def _refresh(self) -> None:
        try:
            self._values = self._read()
            self._fresh_until = self._clock.monotonic() + MAX_AGE_SECONDS
        except UpstreamError:
            if not self._values:
                raise
            self._fresh_until = self._clock.monotonic() + RETRY_SECONDS

    def _read(self) -> dict[str, str]:
        request = {"Names": self._names, "WithDecryption": True}
        timeout = min(self._timeout, REFRESH_TIMEOUT) if self._values else self._timeout
        try:
            answer = self._client.call("AmazonSSM.GetParameters", request, timeout=timeout)
        except UpstreamRejectedError as error:
            # A permission or a key that is not there yet: somebody mends it, as with a key that is refused.
            raise RefusedKeyError("ssm", error.detail) from error
        missing = answer.get("InvalidParameters")
        if missing:
            raise UpstreamRejectedError("ssm", f"no such parameter: {', '.join(map(str, missing))}")
        try:
            values = {str(item["Name"]): str(item["Value"]).strip() for item in answer["Parameters"]}
        except (KeyError, TypeError) as error:
            raise MalformedResponseError("ssm", "unexpected answer to GetParameters") from error
        if set(values) != set(self._names):
            raise MalformedResponseError("ssm", "the answer lacks a parameter")
        return values
