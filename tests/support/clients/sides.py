"""The two clients behind one face, so that one test is about both."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import httpx
from operator_memory_client.async_client import AsyncMemoryClient
from operator_memory_client.client import MemoryClient
from operator_memory_client.context import Context
from operator_memory_client.settings import ClientSettings

KEY = "a-key-of-at-least-thirty-two-characters"


def settings_for(url: str, **changes: Any) -> ClientSettings:
    """A service's settings, with deadlines that hold on any machine."""
    return ClientSettings(
        **{"url": url, "key_id": "k1", "key": KEY, "context_seconds": 60.0, "call_seconds": 60.0, **changes}
    )


class Blocking:
    """`MemoryClient`."""

    name = "blocking"

    def __init__(
        self, settings: ClientSettings, answer: Callable[[httpx.Request], httpx.Response] | None = None
    ) -> None:
        given = httpx.MockTransport(answer) if answer else None
        self.client = MemoryClient(settings, transport=given)

    def context(self, *args: Any, **options: Any) -> Context:
        return self.client.context(*args, **options)

    def call(self, name: str, *args: Any, **options: Any) -> Any:
        """What the method of this name gives."""
        return getattr(self.client, name)(*args, **options)

    def lines(self, **options: Any) -> list[str]:
        """A whole export."""
        return list(self.client.export(**options))

    def close(self) -> None:
        self.client.close()


class OnLoop:
    """`AsyncMemoryClient`, on an event loop of its own."""

    name = "on a loop"

    def __init__(
        self, settings: ClientSettings, answer: Callable[[httpx.Request], httpx.Response] | None = None
    ) -> None:
        given = httpx.MockTransport(answer) if answer else None
        self.client = AsyncMemoryClient(settings, transport=given)
        self.runner = asyncio.Runner()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def context(self, *args: Any, **options: Any) -> Context:
        found: Context = self.run(self.client.context(*args, **options))
        return found

    def call(self, name: str, *args: Any, **options: Any) -> Any:
        """What the method of this name gives."""
        return self.run(getattr(self.client, name)(*args, **options))

    def lines(self, **options: Any) -> list[str]:
        """A whole export."""

        async def collect() -> list[str]:
            return [line async for line in self.client.export(**options)]

        found: list[str] = self.run(collect())
        return found

    def close(self) -> None:
        self.run(self.client.aclose())
        self.runner.close()


Side = Blocking | OnLoop
Connect = Callable[..., Side]
SIDES: tuple[type[Side], ...] = (Blocking, OnLoop)

CONTEXT: Mapping[str, Any] = {
    "context": "<operator_memory>- Drinks tea. [m335]</operator_memory>",
    "memories": [{"id": "id-1", "citation": "m335", "memory": "Drinks tea.", "scope": "user", "score": 0.5}],
    "token_count": 12,
    "tokenizer": "estimate",
    "degraded": [],
    "timing_ms": {"total": 1.5},
}
"""A good answer of ``POST /v1/context``."""
