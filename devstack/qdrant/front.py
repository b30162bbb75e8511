"""A running front: the server in a thread of this process, on a free port."""

import socket
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

import uvicorn

from devstack.qdrant.http_api import Api, Keys
from devstack.qdrant.store import Store

_START_SECONDS = 10.0
_KEEP_ALIVE_SECONDS = 75


def _make_server(api: Api) -> uvicorn.Server:
    """The HTTP server of ``api``; it is given its sockets when it runs."""
    config = uvicorn.Config(
        api.application,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )
    return uvicorn.Server(config)


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket; ``port`` 0 is a free one.

    Raises:
        OSError: if the port is taken.
    """
    # asyncio sets TCP_NODELAY only where the protocol is spelled out; without it each answer waits 40 ms for an ACK.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    return sock


def _url_of(sock: socket.socket) -> str:
    """Base URL of a listening socket."""
    host, port = sock.getsockname()
    return f"http://{host}:{port}"


class QdrantFront:
    """A Qdrant-REST server on the embedded engine, for tests and benchmarks.

    Args:
        data: folder of the collections, made if missing and kept; None is a temporary one, removed on close.
        host: address to listen on.
        port: port to listen on, 0 for a free one.
        api_key: required of every call, in ``api-key`` or as bearer token; None lets everybody in.
        read_only_api_key: a second key that may only read.

    Raises:
        FolderInUseError: if another process owns ``data``.
        OSError: if the port is taken.
    """

    def __init__(
        self,
        data: Path | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str | None = None,
        read_only_api_key: str | None = None,
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="qdrant-front-") if data is None else None
        self._store = Store(Path(self._temporary.name) if self._temporary else data or Path())
        try:
            self._socket = _listen(host, port)
        except OSError:
            self._store.close()
            raise
        self._api = Api(self._store, Keys(api_key, read_only_api_key))
        self._server = _make_server(self._api)
        self.url = _url_of(self._socket)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="qdrant-front", daemon=True
        )
        self._thread.start()
        self._wait_until_started()

    def _wait_until_started(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                self.close()
                raise RuntimeError("the Qdrant front did not start")
            time.sleep(0.005)

    def optimize(self) -> None:
        """Build the indexes of every collection now; returns when there is nothing left to do."""
        self._store.optimize()

    def close(self) -> None:
        """Stop serving, flush, and give the folder up. Calls after the first do nothing."""
        if not self._thread.is_alive():
            return
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        self._api.close()
        self._store.close()
        if self._temporary:
            self._temporary.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
