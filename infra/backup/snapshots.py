"""Qdrant's own snapshots: made, checked, fetched, and put into a collection of another name.

A snapshot holds what lies on the node that makes it. Reference: https://qdrant.tech/documentation/snapshots/
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import httpx
from operator_memory.adapters.qdrant.requests import SYSTEM
from operator_memory.domain.errors import (
    ConfigurationError,
    MalformedResponseError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)

_SECONDS = 3600.0
"""For making one or taking one in: of a large collection that is minutes."""
_CHUNK = 1 << 20
_DOES_NOT_KNOW = frozenset({400, 404, 405, 501})
"""How a server without such an API answers."""


class Snapshots:
    """The snapshots of one server. ``key``: its API key, or nothing."""

    def __init__(self, url: str, key: str = "") -> None:
        headers = {"api-key": key} if key else {}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=_SECONDS, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def available(self, collection: str) -> bool:
        """Whether the server makes snapshots, and one node has the whole collection."""
        with _failures():
            listed = self._client.get(f"/collections/{collection}/snapshots")
            if listed.status_code in _DOES_NOT_KNOW:
                return False
            _checked(listed)
            answer = self._client.get("/cluster")
        nodes = _result(answer).get("peers") if answer.status_code == 200 else None
        return not isinstance(nodes, dict) or len(nodes) <= 1

    def make(self, collection: str) -> tuple[str, str | None]:
        """Make one; its name, and its SHA-256 where the server tells it."""
        with _failures():
            made = _result(self._client.post(f"/collections/{collection}/snapshots?wait=true"))
        if not isinstance(made.get("name"), str):
            raise MalformedResponseError(SYSTEM, "the answer does not name the snapshot")
        return made["name"], made.get("checksum") or None

    def fetch(self, collection: str, name: str, reading: "Reading") -> Iterator[bytes]:
        """Its bytes, a megabyte at a time; ``reading`` sums them up."""
        with _failures(), self._client.stream("GET", f"/collections/{collection}/snapshots/{name}") as answer:
            _checked(answer)
            for chunk in answer.iter_bytes(_CHUNK):
                reading.add(chunk)
                yield chunk

    def delete(self, collection: str, name: str) -> None:
        """Delete it on the server."""
        with _failures():
            _checked(self._client.delete(f"/collections/{collection}/snapshots/{name}?wait=true"))

    def recover(self, collection: str, file: BinaryIO, *, checksum: str) -> None:
        """Make ``collection`` of the snapshot in ``file``; the server checks its SHA-256."""
        query = {"wait": "true", "priority": "snapshot", "checksum": checksum}
        path = f"/collections/{collection}/snapshots/upload"
        with _failures():
            _checked(self._client.post(path, params=query, files={"snapshot": file}))


class Reading:
    """Sums up the bytes that go by."""

    def __init__(self) -> None:
        self._sum = hashlib.sha256()
        self.size = 0

    def add(self, chunk: bytes) -> None:
        """Count these, too."""
        self._sum.update(chunk)
        self.size += len(chunk)

    @property
    def sha256(self) -> str:
        """Of what has gone by."""
        return self._sum.hexdigest()


def spooled(chunks: Iterable[bytes], file: BinaryIO, sha256: str, name: str) -> None:
    """Write ``chunks`` into ``file`` and go to its beginning.

    Raises:
        ConfigurationError: they are not what was written.
    """
    reading = Reading()
    for chunk in chunks:
        reading.add(chunk)
        file.write(chunk)
    if reading.sha256 != sha256:
        raise ConfigurationError(f"{name} is damaged: its SHA-256 is not the manifest's.")
    file.seek(0)


def _result(answer: httpx.Response) -> Mapping[str, Any]:
    _checked(answer)
    try:
        result = answer.json()["result"]
    except (KeyError, TypeError, ValueError):
        raise MalformedResponseError(SYSTEM, "the answer is not one of Qdrant's") from None
    if not isinstance(result, dict):
        raise MalformedResponseError(SYSTEM, "the answer is not one of Qdrant's")
    return result


def _checked(answer: httpx.Response) -> None:
    if answer.status_code >= 500 or answer.status_code == 429:
        raise UpstreamUnavailableError(SYSTEM, f"answered {answer.status_code}")
    if answer.status_code >= 400:
        raise UpstreamRejectedError(SYSTEM, f"refused the request with {answer.status_code}")


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException:
        raise UpstreamTimeoutError(SYSTEM, f"no answer within {_SECONDS:.0f} s") from None
    except httpx.HTTPError as error:
        raise UpstreamUnavailableError(SYSTEM, f"connection failed ({type(error).__name__})") from None
