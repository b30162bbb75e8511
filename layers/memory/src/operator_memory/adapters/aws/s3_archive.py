"""Archived memories in S3: ``accounts/<account_id>/<yyyy>/<mm>/<name>.jsonl``.

Each line is one memory as a JSON object, in UTF-8 and without a line break inside. It holds at least

- ``id``, ``account_id`` (that of the prefix), ``scope`` (``user``, ``agent`` or ``session``), ``text``,
- ``created_at`` (RFC 3339, with its offset), and ``imported_at`` if a person imported it,
- ``agent_id``, ``session_id``, ``thread_id``, ``author_id`` where the memory has them: erasure goes by them.

More fields may follow and are kept. An object is read whole, so it should stay below some ten megabytes.
Whoever adds lines to an object writes it with ``If-Match`` (or a new one with ``If-None-Match: *``), as we do.
The bucket must not keep old versions, or what was erased would still be there, and its objects must stay in a
storage class that can be read at once.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from operator_memory.adapters.aws.boto3_clients import error_code, translated
from operator_memory.domain.errors import (
    InvalidInputError,
    MalformedResponseError,
    UpstreamRejectedError,
    UpstreamUnavailableError,
)
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope
from operator_memory.domain.shared.tombstones import Target, TargetKind, Tombstone

SYSTEM = "archive"
_ATTEMPTS = 5
_MOST_DELETIONS = 1000  # of one DeleteObjects
_CHANGED_MEANWHILE = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "404", "412"})


@dataclass(frozen=True, slots=True)
class _Object:
    key: str
    etag: str
    lines: list[bytes]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins. ``etag`` tells whether ``line`` still counts what it counted."""

    key: str = ""
    etag: str = ""
    line: int = 0


_Covered = Callable[[bytes], bool | None]
"""Whether a line goes; ``None``: it cannot be read."""


class S3Archive:
    """Port ``ArchiveStore``."""

    def __init__(self, client: Any, bucket: str, *, page_size: int = 1000) -> None:  # noqa: ANN401  (boto3 "s3")
        """``page_size``: how many keys are listed in one call, 1..1000."""
        self._client = client
        self._bucket = bucket
        self._page_size = page_size

    def lines(self, account_id: AccountId, *, after: str | None, limit: int) -> tuple[list[str], str | None]:
        """Up to ``limit`` lines, each a JSON object, and where the next call goes on (``None``: the end).

        A line may come twice if its object was rewritten between two calls; none is left out.

        Raises:
            InvalidInputError: ``after`` is not a place in this account's archive.
            MalformedResponseError: a line is not a JSON object of this account.
        """
        place = _Place() if after is None else _read_cursor(after, account_id)
        found: list[str] = []
        for stored in self._objects(account_id, from_key=place.key):
            start = place.line if (stored.key, stored.etag) == (place.key, place.etag) else 0
            for number, line in enumerate(islice(stored.lines, start, None), start):
                if len(found) == limit:
                    return found, _cursor(_Place(stored.key, stored.etag, number))
                _parsed(line, account_id)
                found.append(line.decode())
        return found, None

    def count_erasable(self, account_id: AccountId, target: Target, *, until: datetime) -> int:
        """How many archived memories there are in ``target``, said at or before ``until``.

        Of a whole account everything counts, whenever it was said, and an object without lines as one: 0 means
        that nothing is there. Of a part, lines that cannot be read are left out.
        """
        if target.kind is TargetKind.ACCOUNT:
            return sum(max(1, len(stored.lines)) for stored in self._objects(account_id))
        covered = _covered_by(Tombstone(target, until), account_id)
        return sum(covered(line) is True for stored in self._objects(account_id) for line in stored.lines)

    def erase(self, account_id: AccountId, target: Target, *, until: datetime) -> int:
        """Take them away: of a whole account all objects, whatever is in them; else the lines.

        Returns how many lines stay because they cannot be read, so that it is not known whether they must go.

        Raises:
            UpstreamUnavailableError: an object was changed by others again and again.
        """
        if target.kind is TargetKind.ACCOUNT:
            self._delete_all(account_id)
            return 0
        covered = _covered_by(Tombstone(target, until), account_id)
        return sum(self._take_out(stored, covered) for stored in self._objects(account_id))

    def _take_out(self, stored: _Object | None, covered: _Covered) -> int:
        """Rewrite the object without what is covered; returns how many of its lines cannot be read."""
        for _ in range(_ATTEMPTS):
            if stored is None:
                return 0
            found = [covered(line) for line in stored.lines]
            kept = [line for line, gone in zip(stored.lines, found, strict=True) if not gone]
            if len(kept) == len(stored.lines) or self._replaced(stored, kept):
                return found.count(None)
            stored = self._read(stored.key)
        raise UpstreamUnavailableError(SYSTEM, "an object is changed faster than it can be rewritten")

    def _replaced(self, stored: _Object, kept: list[bytes]) -> bool:
        """Write ``kept`` in the place of ``stored``; ``False`` if it is not there as it was read."""
        which = {"Bucket": self._bucket, "Key": stored.key, "IfMatch": stored.etag}
        with translated(SYSTEM):
            try:
                if kept:
                    body = b"\n".join(kept) + b"\n"
                    self._client.put_object(**which, Body=body, ContentType="application/x-ndjson")
                else:
                    self._client.delete_object(**which)
            except ClientError as error:
                if error_code(error) in _CHANGED_MEANWHILE:
                    return False
                raise
        return True

    def _delete_all(self, account_id: AccountId) -> None:
        keys = self._keys(account_id)
        while batch := [{"Key": key} for key in islice(keys, _MOST_DELETIONS)]:
            with translated(SYSTEM):
                answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": batch, "Quiet": True})
            if failed := answer.get("Errors"):
                code = str(failed[0].get("Code", ""))
                error = UpstreamUnavailableError if code in ("InternalError", "SlowDown") else UpstreamRejectedError
                raise error(SYSTEM, f"{len(failed)} objects were not deleted: {code}")

    def _objects(self, account_id: AccountId, *, from_key: str = "") -> Iterator[_Object]:
        """The account's objects in the order of their keys, from ``from_key`` (included) on."""
        if from_key and (first := self._read(from_key)):
            yield first
        for key in self._keys(account_id, after=from_key):
            if stored := self._read(key):
                yield stored

    def _keys(self, account_id: AccountId, *, after: str = "") -> Iterator[str]:
        while True:
            start = {"StartAfter": after} if after else {}
            with translated(SYSTEM):
                page = self._client.list_objects_v2(
                    Bucket=self._bucket, Prefix=_prefix(account_id), MaxKeys=self._page_size, **start
                )
            for item in page.get("Contents", []):
                after = str(item["Key"])
                yield after
            if not page.get("IsTruncated"):
                return

    def _read(self, key: str) -> _Object | None:
        """The object, or ``None`` if it is not there (any more)."""
        with translated(SYSTEM):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if error_code(error) == "NoSuchKey":
                    return None
                raise
            content: bytes = answer["Body"].read()
        return _Object(key, str(answer["ETag"]), [line for line in content.split(b"\n") if line.strip()])


def _prefix(account_id: AccountId) -> str:
    return f"accounts/{account_id}/"  # the slash: account-1 is not account-10


def _cursor(place: _Place) -> str:
    text = json.dumps([place.key, place.etag, place.line], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str, account_id: AccountId) -> _Place:
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        key, etag, line = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise InvalidInputError("cursor", "is not one that was given out") from None
    known = isinstance(key, str) and isinstance(etag, str) and type(line) is int and line >= 0
    if not known or not key.startswith(_prefix(account_id)) or len(key) > 1024:
        raise InvalidInputError("cursor", "is not one that was given out for this account")
    return _Place(key, etag, line)


def _covered_by(tombstone: Tombstone, account_id: AccountId) -> _Covered:
    def covered(line: bytes) -> bool | None:
        try:
            return tombstone.covers(_memory(_parsed(line, account_id), account_id))
        except MalformedResponseError:
            return None

    return covered


def _parsed(line: bytes, account_id: AccountId) -> dict[str, Any]:
    try:
        held = json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        raise MalformedResponseError(SYSTEM, "a line is not JSON") from error
    if not isinstance(held, dict) or held.get("account_id") != account_id:
        raise MalformedResponseError(SYSTEM, "a line is not a memory of the account whose archive it is in")
    return held


def _memory(held: dict[str, Any], account_id: AccountId) -> Memory:
    """As much of the memory as says to whom it belongs and when it was said."""
    try:
        created_at = _time(held["created_at"])
        imported_at = held.get("imported_at")
        return Memory(
            id=str(held["id"]),
            account_id=account_id,
            scope=Scope(held["scope"]),
            kind=Kind(held.get("kind", Kind.FACT)),
            text=str(held["text"]),
            created_at=created_at,
            updated_at=created_at,
            agent_id=held.get("agent_id"),
            session_id=held.get("session_id"),
            thread_id=held.get("thread_id"),
            author_id=held.get("author_id"),
            imported_at=None if imported_at is None else _time(imported_at),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedResponseError(SYSTEM, "a line lacks what an archived memory must hold") from error


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("a time needs its offset")
    return time
