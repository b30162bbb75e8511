"""The objects of the archive in S3: ``accounts/<account>/<yyyy-mm>/<batch>.jsonl.gz``. ``lines`` says what is in one.

The bucket must not keep old versions, or what was erased would still be there, and its objects must stay in a storage
class that can be read at once. Every object is written with server-side encryption, and only if it is as it was read.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from operator_memory.adapters.aws.boto3_clients import error_code, translated
from operator_memory.domain.errors import InvalidInputError, UpstreamRejectedError, UpstreamUnavailableError
from operator_memory.domain.memory.scopes import AccountId

SYSTEM = "archive"
_MOST_DELETIONS = 1000  # of one DeleteObjects
_CHANGED_MEANWHILE = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "404", "412"})
_NAME = re.compile(r"[0-9]{4}-[0-9]{2}/[0-9a-f]{32}\.jsonl\.gz")
_STORED_AS = {"ContentType": "application/gzip", "ServerSideEncryption": "AES256"}


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it was read. ``etag`` tells whether it still is."""

    key: str
    etag: str
    body: bytes


class ArchiveObjects:
    """Reads and writes the objects of accounts."""

    def __init__(self, client: Any, bucket: str, *, page_size: int = 1000) -> None:  # noqa: ANN401  (boto3 "s3")
        """``page_size``: how many keys are listed in one call, 1..1000."""
        self._client = client
        self._bucket = bucket
        self._page_size = page_size

    def new_key(self, account_id: AccountId, at: datetime) -> str:
        """Return the key of an object that nobody has."""
        return f"{_prefix(account_id)}{at:%Y-%m}/{uuid4().hex}.jsonl.gz"

    def is_of(self, account_id: AccountId, key: str) -> bool:
        """Whether ``key`` is in the account's part of the bucket."""
        return key.startswith(_prefix(account_id))

    def write_new(self, key: str, body: bytes) -> None:
        """Write an object that is not there yet."""
        with translated(SYSTEM):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*", **_STORED_AS)

    def read(self, key: str) -> StoredObject | None:
        """Return the object, or ``None`` if it is not there (any more)."""
        with translated(SYSTEM):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if error_code(error) == "NoSuchKey":
                    return None
                raise
            return StoredObject(key, str(answer["ETag"]), answer["Body"].read())

    def replace(self, stored: StoredObject, body: bytes | None) -> bool:
        """Write ``body`` in the place of ``stored`` (``None``: delete it); ``False`` if it is not as it was read."""
        which = {"Bucket": self._bucket, "Key": stored.key, "IfMatch": stored.etag}
        with translated(SYSTEM):
            try:
                if body is None:
                    self._client.delete_object(**which)
                else:
                    self._client.put_object(**which, Body=body, **_STORED_AS)
            except ClientError as error:
                if error_code(error) in _CHANGED_MEANWHILE:
                    return False
                raise
        return True

    def delete(self, keys: Iterable[str]) -> None:
        """Delete the objects, whatever is in them."""
        rest = iter(keys)
        while batch := [{"Key": key} for key in islice(rest, _MOST_DELETIONS)]:
            with translated(SYSTEM):
                answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": batch, "Quiet": True})
            if failed := answer.get("Errors"):
                code = str(failed[0].get("Code", ""))
                error = UpstreamUnavailableError if code in ("InternalError", "SlowDown") else UpstreamRejectedError
                raise error(SYSTEM, f"{len(failed)} objects were not deleted: {code}")

    def key_after(self, account_id: AccountId, name: str | None) -> str | None:
        """Return the first key after the account's object ``name``; ``None``: there is no more.

        Raises:
            InvalidInputError: no object has such a name.
        """
        if name is not None and not _NAME.fullmatch(name):
            raise InvalidInputError("cursor", "is not a place in this account's archive")
        return next(self.keys(account_id, after="" if name is None else f"{_prefix(account_id)}{name}"), None)

    def name_of(self, account_id: AccountId, key: str) -> str:
        """Return the key without the account."""
        return key.removeprefix(_prefix(account_id))

    def keys(self, account_id: AccountId, *, after: str = "") -> Iterator[str]:
        """Yield the keys of all objects of the account, in order, those after ``after``."""
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


def _prefix(account_id: AccountId) -> str:
    return f"accounts/{account_id}/"  # the slash: account-1 is not account-10
