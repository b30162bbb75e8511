"""Requests whose path is sent as it stands, and waiting with a deadline."""

import contextlib
import http.client
import json
import time
from collections.abc import Callable
from typing import Any


class Answer:
    """What came back."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(url: str, method: str, path: str, body: bytes = b"", headers: list[tuple[str, str]] | None = None) -> Answer:
    """One request to the server at ``url``; nothing in ``path`` is escaped or changed."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
    with contextlib.closing(connection):
        connection.putrequest(method, path)
        for name, value in [*(headers or []), ("Content-Length", str(len(body)))]:
            connection.putheader(name, value)
        connection.endheaders(body)
        return Answer(connection.getresponse())


def until(condition: Callable[[], object], seconds: float = 15) -> None:
    """Return when ``condition()`` is true; fails when it is not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)
