"""A request of httpx as its own connection pools take it."""

from __future__ import annotations

from typing import Any

import httpcore
import httpx


def core_request(request: httpx.Request, extensions: dict[str, Any]) -> httpcore.Request:
    """``request`` for a pool of httpcore, with these ``extensions``."""
    return httpcore.Request(
        request.method,
        httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        ),
        headers=request.headers.raw,
        content=request.stream,
        extensions=extensions,
    )
