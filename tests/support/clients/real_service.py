"""The service's own handlers behind an address."""

from collections.abc import Callable
from email.utils import format_datetime
from urllib.parse import parse_qsl, unquote

import httpx

from tests.support.management.api import Management


def over_http(platform: Management) -> Callable[[httpx.Request], httpx.Response]:
    """The API as a web server has it; its clock is that of the platform."""

    def answer(request: httpx.Request) -> httpx.Response:
        path, _, query = request.url.raw_path.decode().partition("?")
        found = platform.call(
            request.method,
            unquote(path),
            token=request.headers["authorization"].removeprefix("Bearer "),
            body=request.content or None,
            headers=dict(request.headers),
            **dict(parse_qsl(query)),
        )
        headers = {**found.headers, "date": format_datetime(platform.clock.now(), usegmt=True)}
        return httpx.Response(found.status, headers=headers, content=found.body.encode())

    return answer
