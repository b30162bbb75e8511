"""The database behind moto: what has changed is in it before the call that changed it is answered."""

import base64
import json
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

_SCHEMA = """
create table if not exists kept (
    number integer primary key, -- their order
    kind text not null, -- message, item or object
    name text not null,
    place text not null, -- the queue, table or bucket
    value text not null,
    unique (kind, name)
)
"""
_KEEP = """
insert into kept (kind, name, place, value) values (?, ?, ?, ?)
on conflict (kind, name) do update set place = excluded.place, value = excluded.value
"""
Key = tuple[str, str]
"""Kind and name."""
Read = Callable[[], tuple[str, object] | None]
"""Gives the present place and value (JSON, and bytes), or ``None`` if it is there no more."""


class MotoStore:
    """Entries by kind and name. `touch` notes which have changed, `flush` writes them as they then stand.

    What is flushed survives the end of this process, however that comes. A power cut may cost the last moments,
    since not every write waits for the disk.
    """

    def __init__(self, path: Path) -> None:
        """Open the database, or make it; it belongs to this process alone.

        Raises:
            sqlite3.Error: it cannot be opened, or another process has it.
        """
        self._path = path
        self._db = sqlite3.connect(path, check_same_thread=False)
        for setting in ("locking_mode = exclusive", "journal_mode = wal", "synchronous = normal"):
            self._db.execute(f"pragma {setting}")
        with self._db:
            self._db.execute(_SCHEMA)
        self.lock = threading.RLock()
        """To be held by whoever reads or changes what is kept."""
        self.changed = threading.Condition(self.lock)
        self._touched: dict[Key, Read] = {}

    def close(self) -> None:
        """Give the database up. The lock is kept: whoever wants to change something waits until the process ends."""
        self.lock.acquire()
        self._db.close()

    def touch(self, key: Key, read: Read) -> None:
        """An entry may have changed."""
        self._touched[key] = read

    def forget_touched(self, *, but: Container[Key] = ()) -> None:
        """What has been touched is in the database already, ``but`` these are not."""
        self._touched = {key: read for key, read in self._touched.items() if key in but}

    def flush(self) -> None:
        """Write what has been touched, all or nothing. If that fails this process ends: what it holds is not kept."""
        if not self._touched:
            return
        touched, self._touched = self._touched, {}
        try:
            with self._db:
                for (kind, name), read in touched.items():
                    if (found := read()) is None:
                        self._db.execute("delete from kept where kind = ? and name = ?", (kind, name))
                    else:
                        self._db.execute(_KEEP, (kind, name, found[0], json.dumps(found[1], default=_as_json)))
        except sqlite3.Error as error:
            with suppress(OSError):
                sys.stderr.write(f"what was written cannot be kept in {self._path}: {error}\n")
            os._exit(1)
        self.changed.notify_all()

    def entries(self) -> Iterator[tuple[Key, str, Any]]:
        """Key, place and value of everything, in the order in which it came."""
        for kind, name, place, value in self._db.execute("select kind, name, place, value from kept order by number"):
            yield (kind, name), place, json.loads(value, object_hook=_plain)


def _as_json(value: object) -> object:
    if isinstance(value, bytes):
        return {"__bytes__": base64.b64encode(value).decode()}
    raise TypeError(f"cannot keep a {type(value).__name__}")


def _plain(value: dict[str, Any]) -> object:
    return base64.b64decode(value["__bytes__"]) if set(value) == {"__bytes__"} else value
