"""A Qdrant that makes snapshots, as its documentation says: the embedded engine, with those routes in front of it.

Reference: https://qdrant.tech/documentation/snapshots/. A snapshot is opaque to whoever fetches it; here it is the
collection's points as JSON.
"""

import hashlib
import http.client
import json
import re
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from operator_memory.adapters.net.http import HttpClient

from infra.qdrant.points import Points
from tests.support.loopback import HttpServer, Request, reply
from tests.support.qdrant.collections import make_collection

_DIMENSIONS = 32


class SnapshotServer:
    """Knows the snapshots it has made, by name; everything else is the engine's to answer."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._client = HttpClient(engine, system="qdrant")
        self._server = HttpServer(self._answer)
        self.url = self._server.url
        self.kept: dict[str, bytes] = {}
        self.checksum: str | None = None
        """Told instead of the right one."""
        self.nodes = 1
        self.refuses = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self._client.close()

    def _answer(self, request: Request) -> bytes:
        if self.refuses:
            return reply({"status": {"error": "Invalid API key"}}, 403)
        path = urlsplit(request.path)
        if path.path == "/cluster":
            peers = {str(number): {"uri": "http://node"} for number in range(self.nodes)}
            return _result({"status": "enabled", "peers": peers})
        found = re.fullmatch(r"/collections/([^/]+)/snapshots(?:/(.+))?", path.path)
        if found is None:
            return self._of_the_engine(request)
        collection, name = found.groups()
        if name == "upload":
            return self._upload(request, collection, parse_qs(path.query))
        return self._of_snapshots(request.method, collection, name)

    def _of_snapshots(self, method: str, collection: str, name: str | None) -> bytes:
        if method == "POST":
            content = json.dumps(list(Points(self._client, collection).pages())).encode()
            name = f"{collection}-1.snapshot"
            self.kept[name] = content
            checksum = self.checksum or hashlib.sha256(content).hexdigest()
            return _result({"name": name, "creation_time": None, "size": len(content), "checksum": checksum})
        if name is None:
            return _result([{"name": kept} for kept in self.kept])
        if name not in self.kept:
            return reply({"status": {"error": "Not found"}}, 404)
        return reply(self.kept[name]) if method == "GET" else _result(self.kept.pop(name) is not None)

    def _upload(self, request: Request, collection: str, query: dict[str, list[str]]) -> bytes:
        (boundary,) = re.findall(r"boundary=(\S+)", request.headers["content-type"])
        part = request.body.split(f"--{boundary}".encode())[1]
        content = part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        if query["checksum"] != [hashlib.sha256(content).hexdigest()] or query["priority"] != ["snapshot"]:
            return reply({"status": {"error": "Snapshot checksum mismatch"}}, 400)
        make_collection(self._engine, collection, _DIMENSIONS)
        for page in json.loads(content):
            Points(self._client, collection).put(page)
        return _result(True)

    def _of_the_engine(self, request: Request) -> bytes:
        address = urlsplit(self._engine)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
        try:
            headers = {"content-type": "application/json"}
            connection.request(request.method, request.path, request.body or None, headers)
            answer = connection.getresponse()
            return reply(answer.read(), answer.status)
        finally:
            connection.close()


def _result(result: Any) -> bytes:
    return reply({"result": result, "status": "ok", "time": 0.0})
