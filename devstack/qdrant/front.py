"""A running front: the server in a thread of this process, on a free port."""

import tempfile
from pathlib import Path
from typing import Self

from devstack.qdrant.engine.store import Store
from devstack.qdrant.http_api import Api, Keys
from devstack.serving import ServerThread


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
        self._api = Api(self._store, Keys(api_key, read_only_api_key))
        try:
            self._server = ServerThread(self._api.application, host=host, port=port)
        except (OSError, RuntimeError):
            self._store.close()
            raise
        self.url = self._server.url
        self._open = True

    def optimize(self) -> None:
        """Build the indexes of every collection now; returns when there is nothing left to do."""
        self._store.optimize()

    def close(self) -> None:
        """Stop serving, flush, and give the folder up. Calls after the first do nothing."""
        if not self._open:
            return
        self._open = False
        self._server.close()
        self._api.close()
        self._store.close()
        if self._temporary:
            self._temporary.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
