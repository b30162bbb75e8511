"""A bucket in a folder and the archive's index in SQLite: on the disk, so that what the worker holds is the worker's.

They stand in for S3 and DynamoDB, with what the archive asks of these: conditional writes, order, pages.
"""

import hashlib
import io
import pickle
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from operator_memory.adapters.archive.index import Writing
from operator_memory.domain.lifecycle.archived import ArchivedEntry
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.archive_views import ArchiveUsage


class FolderBucket:
    """The client of S3 that `ArchiveObjects` calls."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, key: str) -> Path:
        return self._folder / key

    def put_object(self, *, Key: str, Body: bytes, IfMatch: str | None = None, **_: Any) -> None:  # noqa: N803, ANN401
        """Write it, on its condition."""
        self._check(Key, IfMatch, "PutObject")
        path = self._path(Key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(Body)

    def get_object(self, *, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803, ANN401
        """Read it."""
        try:
            body = self._path(Key).read_bytes()
        except FileNotFoundError:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject") from None
        return {"ETag": _etag(body), "Body": io.BytesIO(body)}

    def delete_object(self, *, Key: str, IfMatch: str, **_: Any) -> None:  # noqa: N803, ANN401
        """Delete it, on its condition."""
        self._check(Key, IfMatch, "DeleteObject")
        self._path(Key).unlink()

    def delete_objects(self, *, Delete: Mapping[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803, ANN401
        """Delete them."""
        for item in Delete["Objects"]:
            self._path(item["Key"]).unlink(missing_ok=True)
        return {}

    def list_objects_v2(self, *, Prefix: str, MaxKeys: int, StartAfter: str = "", **_: Any) -> dict[str, Any]:  # noqa: N803, ANN401
        """List the keys of one account, in order."""
        found = sorted(str(path.relative_to(self._folder)) for path in self._path(Prefix).rglob("*.gz"))
        keys = [key for key in found if key > StartAfter]
        return {"Contents": [{"Key": key} for key in keys[:MaxKeys]], "IsTruncated": len(keys) > MaxKeys}

    def _check(self, key: str, etag: str | None, operation: str) -> None:
        if etag is not None and (not self._path(key).exists() or _etag(self._path(key).read_bytes()) != etag):
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, operation)


def _etag(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


class SqliteIndex:
    """What `StoredArchive` asks of `ArchiveIndex`."""

    def __init__(self, file: Path) -> None:
        self._base = sqlite3.connect(file)
        self._base.execute("PRAGMA synchronous = OFF")
        self._base.execute("CREATE TABLE item (account, name, place, held, PRIMARY KEY (account, name)) WITHOUT ROWID")
        self._writing: dict[tuple[AccountId, str], Writing] = {}

    def page(self, account_id: AccountId, *, after: str | None, limit: int) -> tuple[list[ArchivedEntry], str | None]:
        """Entries by id, those after the id ``after``."""
        ask = "SELECT held FROM item WHERE account = ? AND name > ? ORDER BY name LIMIT ?"
        found = [_read(row) for row in self._base.execute(ask, (account_id, after or "", limit + 1))]
        return found[:limit], found[limit - 1].id if len(found) > limit else None

    def all(self, account_id: AccountId) -> Iterator[ArchivedEntry]:
        """Every entry of the account."""
        return map(_read, self._base.execute("SELECT held FROM item WHERE account = ?", (account_id,)))

    def find(self, account_id: AccountId, ids: Iterable[str]) -> list[ArchivedEntry]:
        """The entries of ``ids``."""
        ask = "SELECT held FROM item WHERE account = ? AND name = ?"
        rows = (self._base.execute(ask, (account_id, identity)).fetchone() for identity in dict.fromkeys(ids))
        return [_read(row) for row in rows if row is not None]

    def usage(self, account_id: AccountId) -> ArchiveUsage:
        """Entries, and the bytes they stand for."""
        entries = list(self.all(account_id))
        return ArchiveUsage(len(entries), sum(entry.size for entry in entries))

    def enter(
        self, account_id: AccountId, entries: Sequence[ArchivedEntry], former: Mapping[str, ArchivedEntry]
    ) -> list[ArchivedEntry]:
        """Write them in the place of ``former``; here nobody else writes."""
        del former
        rows = [(account_id, entry.id, entry.place, pickle.dumps(entry)) for entry in entries]
        with self._base:
            self._base.executemany("REPLACE INTO item VALUES (?, ?, ?, ?)", rows)
        return []

    def drop(self, account_id: AccountId, entries: Sequence[ArchivedEntry]) -> list[ArchivedEntry]:
        """Delete those that still have their place; return the others."""
        ask = "DELETE FROM item WHERE account = ? AND name = ? AND place = ?"
        with self._base:
            return [e for e in entries if not self._base.execute(ask, (account_id, e.id, e.place)).rowcount]

    def begin(self, account_id: AccountId, writing: Writing) -> None:
        """Note what is about to be written."""
        self._writing[account_id, writing.key] = writing

    def end(self, account_id: AccountId, writing_key: str) -> None:
        """Forget it."""
        self._writing.pop((account_id, writing_key), None)

    def writing(self, account_id: AccountId) -> list[Writing]:
        """What is being written."""
        return [writing for (account, _), writing in self._writing.items() if account == account_id]

    def close(self) -> None:
        """Close the file."""
        self._base.close()


def _read(row: tuple[bytes]) -> ArchivedEntry:
    entry: ArchivedEntry = pickle.loads(row[0])
    return entry
