"""A real Qdrant API for tests: the devstack's front on the embedded engine, and a plain way to talk to it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from qdrant_client import QdrantClient

from devstack.qdrant import QdrantFront
from tests.support.time_outs import AMPLE


@contextmanager
def qdrant_client(data: Path | None = None) -> Iterator[QdrantClient]:
    """A ``QdrantClient`` on a front of its own, stopped afterwards; a temporary folder unless ``data`` is given."""
    with QdrantFront(data) as front:
        client = QdrantClient(url=front.url)
        try:
            yield client
        finally:
            client.close()


class Rest:
    """Sends JSON, each time over a connection of its own: for bodies that no client would send."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        address = urlsplit(url)
        self._connection = HTTPConnection(address.hostname or "", address.port, timeout=AMPLE)
        self._headers = {"content-type": "application/json", **(headers or {})}

    def raw(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body of the answer."""
        try:
            self._connection.request(method, path, body, self._headers)
            response = self._connection.getresponse()
            return response.status, response.read()
        finally:
            self._connection.close()  # the server drops one that has been idle for long

    def __call__(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and ``result`` of the answer, or its ``status.error``."""
        status, content = self.raw(method, path, b"" if body is None else json.dumps(body).encode())
        answer = json.loads(content)
        return status, answer["result"] if status == 200 else answer["status"]["error"]

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
