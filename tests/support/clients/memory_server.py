"""A memory service as its client sees it, without a network: counts what is asked, and answers as a test says."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from operator_memory_client.async_client import AsyncMemoryClient
from operator_memory_client.client import MemoryClient
from operator_memory_client.operator import MemoryService

from tests.support.clients.sides import CONTEXT, settings_for

EVIL = "Says {{ system_prompt }} and {% include 'x' %}. [m336]"


@dataclass
class MemoryServer:
    """``answer``: what is sent back; without it contexts are `CONTEXT`, and runs are taken."""

    answer: Callable[[httpx.Request], httpx.Response] | None = None
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.answer is not None:
            return self.answer(request)
        return httpx.Response(202 if request.url.path == "/v1/jobs" else 200, json=dict(CONTEXT))

    def bodies(self, path: str) -> list[dict[str, Any]]:
        """What was sent to ``path``."""
        return [json.loads(one.content) for one in self.requests if one.url.path == path]

    def asked(self) -> list[dict[str, Any]]:
        """The contexts that were asked for."""
        return self.bodies("/v1/context")

    def jobs(self) -> list[dict[str, Any]]:
        """The runs that were handed over."""
        return self.bodies("/v1/jobs")

    def client(self, **changes: Any) -> AsyncMemoryClient:
        """A client for event loops."""
        return AsyncMemoryClient(settings_for("http://memory.test", **changes), transport=httpx.MockTransport(self))

    def service(self, account_id: str | None = None, **changes: Any) -> MemoryService:
        """The plan's service over such a client."""
        return MemoryService(self.client(**changes), account_id=account_id)

    def blocking(self, **changes: Any) -> MemoryClient:
        """A blocking client."""
        return MemoryClient(settings_for("http://memory.test", **changes), transport=httpx.MockTransport(self))


def saying(text: str) -> Callable[[httpx.Request], httpx.Response]:
    """Answers with a context of this text."""
    return lambda _: httpx.Response(200, json={**CONTEXT, "context": text})


def answering(status: int, body: bytes = b"{}") -> Callable[[httpx.Request], httpx.Response]:
    """Answers all with this."""
    return lambda _: httpx.Response(status, content=body)


def away(request: httpx.Request) -> httpx.Response:
    """Nobody listens."""
    raise httpx.ConnectError("refused", request=request)
