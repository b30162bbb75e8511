"""The data folder: every collection in it, owned by one process."""

import fcntl
import hashlib
import logging
import os
import re
import shutil
import threading
from pathlib import Path
from typing import IO, Self

from devstack.qdrant.aliases import JsonObject
from devstack.qdrant.engine.collection import Collection
from devstack.qdrant.engine.definition import Definition
from devstack.qdrant.errors import FolderInUseError, QdrantError, not_found, validation_error

_LOG = logging.getLogger(__name__)
_MAINTENANCE_SECONDS = 0.5
_FORBIDDEN_IN_NAMES = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
_MAX_NAME = 255


def _take_lock(folder: Path) -> IO[str]:
    lock = (folder / ".lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise FolderInUseError(f"{folder} is in use by process {owner}: one process at a time owns it") from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


class Store:
    """All collections of a data folder, which is made if missing. Without ``maintain`` nothing is flushed or optimised
    in the background, as suits a process that only fills one.

    Raises:
        FolderInUseError: if another process has it open.
    """

    def __init__(self, folder: Path, *, maintain: bool = True) -> None:
        self._folder = folder / "collections"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = _take_lock(folder)
        self._collections: dict[str, Collection] = {}
        for path in sorted(self._folder.iterdir()):
            self._open(path)
        self._stop = threading.Event()
        self._maintenance = threading.Thread(target=self._maintain, name="qdrant-maintenance", daemon=True)
        if maintain:
            self._maintenance.start()

    def _open(self, path: Path) -> None:
        if not Collection.is_complete(path):
            # Creation or deletion was interrupted; nobody was told that it exists.
            shutil.rmtree(path)
            return
        collection = Collection.open(path)
        self._collections[collection.definition.name] = collection

    def _maintain(self) -> None:
        while not self._stop.wait(_MAINTENANCE_SECONDS):
            for collection in list(self._collections.values()):
                try:
                    collection.maintain()
                except Exception:  # noqa: BLE001 - the engine could not: the collection answers as before
                    _LOG.exception("optimising %s", collection.definition.name)

    def names(self) -> list[str]:
        """Names of all collections."""
        return list(self._collections)

    def exists(self, name: str) -> bool:
        """Whether there is a collection of that name."""
        return name in self._collections

    def get(self, name: str) -> Collection:
        """The collection.

        Raises:
            QdrantError: 404 if there is none.
        """
        try:
            return self._collections[name]
        except KeyError:
            raise not_found(f"Collection `{name}` doesn't exist!") from None

    def create(self, name: str, body: JsonObject) -> Collection:
        """Make a collection from the body of its creation request.

        Raises:
            QdrantError: 409 if it exists, 422 for a name that cannot be, 400 for a body that is wrong.
        """
        if name in self._collections:
            raise QdrantError(409, f"Wrong input: Collection `{name}` already exists!")
        if len(name) > _MAX_NAME or _FORBIDDEN_IN_NAMES.search(name) or not name.strip():
            raise validation_error(f"collection_name: value {name!r} invalid")
        readable = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:60]
        folder = self._folder / f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
        collection = Collection.create(folder, Definition.create(name, body))
        self._collections[name] = collection
        return collection

    def delete(self, name: str) -> bool:
        """Delete a collection and its data; whether there was one."""
        collection = self._collections.pop(name, None)
        if collection is None:
            return False
        collection.remove()
        return True

    def optimize(self) -> None:
        """``Collection.optimize`` for every collection."""
        for collection in list(self._collections.values()):
            collection.optimize()

    def close(self) -> None:
        """Close every collection and give the folder up."""
        self._stop.set()
        for collection in self._collections.values():
            collection.close()
        if self._maintenance.ident is not None:
            self._maintenance.join()
        self._collections.clear()
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
