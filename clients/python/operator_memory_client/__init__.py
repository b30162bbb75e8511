"""The client of Operator Memory, for agent runtimes.

Names are imported when they are first used: importing this package costs a few milliseconds, and httpx and pydantic
come with the first client and the first typed answer.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from operator_memory_client.version import __version__

if TYPE_CHECKING:
    from operator_memory_client.async_client import AsyncMemoryClient
    from operator_memory_client.client import MemoryClient
    from operator_memory_client.context import Context, ContextMemory
    from operator_memory_client.errors import MemoryClientError
    from operator_memory_client.runs import Submitted
    from operator_memory_client.settings import ClientSettings

__all__ = [
    "AsyncMemoryClient",
    "ClientSettings",
    "Context",
    "ContextMemory",
    "MemoryClient",
    "MemoryClientError",
    "Submitted",
    "__version__",
]

_MODULES = {
    "AsyncMemoryClient": "async_client",
    "ClientSettings": "settings",
    "Context": "context",
    "ContextMemory": "context",
    "MemoryClient": "client",
    "MemoryClientError": "errors",
    "Submitted": "runs",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
