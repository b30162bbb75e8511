"""What both clients are made of: settings, circuits, and the conditions of a call."""

from __future__ import annotations

import copy
import logging
import time
from typing import Any, TypeVar

from operator_memory_client.errors import InvalidCallError, NotConfiguredError
from operator_memory_client.settings import ClientSettings
from operator_memory_client.transport.calls import Call, Route, make_call
from operator_memory_client.transport.credentials import Credentials, ServiceKey
from operator_memory_client.transport.exchange import Conditions, Line, Steps, exchange
from operator_memory_client.transport.queue import JobsQueue

LOG = logging.getLogger("operator_memory_client")
CONTEXTS_TO_OPEN = 3
"""Contexts that fail one after the other until none is asked for: each costs a run its whole deadline."""

LONGEST_QUERY = 100_000
"""Characters; the service refuses a longer one, and nobody needs the rest to find memories."""

CONTEXT_ROUTE: Route[Any] = Route("POST", "/v1/context", "", reads=True)

Self_ = TypeVar("Self_", bound="Base")


class Base:
    """The part of the clients that does no I/O. Contexts have a circuit of their own: their deadline is short."""

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        self.enabled = settings.is_enabled()
        self._contexts, self._others = Line(time.monotonic, CONTEXTS_TO_OPEN), Line(time.monotonic)
        self._fault: NotConfiguredError | None = None
        self._url = ""
        self._credentials: Credentials | None = None
        queue_url = settings.queue()
        self._queue = JobsQueue(queue_url, settings.call_seconds) if queue_url else None
        try:
            self._url, self._credentials = settings.address(), settings.credentials()
        except NotConfiguredError as error:  # told at the first call: a platform starts without its memory
            self._fault = error

    def __repr__(self) -> str:
        return f"{type(self).__name__}(url={self._url!r}, credentials={self._credentials!r}, enabled={self.enabled})"

    def acting_as(self: Self_, subject: str) -> Self_:
        """This client under another name in the audit trail, with the same connections and circuits.

        A given token says itself who calls; then this changes nothing.
        """
        other = copy.copy(self)
        if isinstance(self._credentials, ServiceKey):
            other._credentials = self._credentials.acting_as(subject)  # noqa: SLF001  (a copy of this one)
        return other

    def _steps(self, call: Call[Any], seconds: float | None = None, *, for_run: bool = False) -> Steps:
        if self._credentials is None:
            raise self._fault or NotConfiguredError("there are no credentials")
        line = self._contexts if for_run else self._others
        under = Conditions(self._credentials, line, time.monotonic, patient=not for_run)
        return exchange(call, under, seconds or self.settings.call_seconds)

    def _context_steps(self, account_id: str, deadline: float | None, options: dict[str, Any]) -> Steps:
        body = {"account_id": account_id, **{name: value for name, value in options.items() if value is not None}}
        if isinstance(body.get("query"), str):
            body["query"] = body["query"][:LONGEST_QUERY]
        if not account_id or not isinstance(account_id, str):
            raise InvalidCallError("account_id is required")
        call = make_call(CONTEXT_ROUTE, {}, {}, {}, body)
        return self._steps(call, deadline or self.settings.context_seconds, for_run=True)
