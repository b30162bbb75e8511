"""Requests whose path is sent as it stands."""

import contextlib
import http.client
import json
from typing import Any

from tests.support.time_outs import AMPLE


class Answer:
    """What came back."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(url: str, method: str, path: str, body: bytes = b"", headers: list[tuple[str, str]] | None = None) -> Answer:
    """One request to the server at ``url``; nothing in ``path`` is escaped or changed."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=AMPLE)
    with contextlib.closing(connection):
        connection.putrequest(method, path)
        for name, value in [*(headers or []), ("Content-Length", str(len(body)))]:
            connection.putheader(name, value)
        connection.endheaders(body)
        return Answer(connection.getresponse())
