"""Where backups are kept: a folder, or a part of an S3 bucket. Names are paths with ``/``."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError
from operator_memory.adapters.aws.boto3_clients import CLIENT_CONFIG, translated
from operator_memory.domain.errors import ConfigurationError

_CHUNK = 1 << 20
_SYSTEM = "backups"


class Place(Protocol):
    """Keeps files. Whoever may read it may read what people said."""

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write a file, whole or not at all."""
        ...

    def read(self, name: str) -> Iterator[bytes]:
        """Read a file, some of it at a time.

        Raises:
            ConfigurationError: there is none of this name.
        """
        ...

    def names(self, under: str = "") -> list[str]:
        """Return the names of all files whose names begin with ``under``, in order."""
        ...

    def delete(self, name: str) -> None:
        """Delete a file."""
        ...


def place_of(target: str, client: Any | None = None) -> Place:  # noqa: ANN401  (boto3 "s3")
    """Return what ``target`` names: a folder's path, or ``s3://bucket/prefix``.

    Raises:
        ConfigurationError: it names nothing that can be used.
    """
    if not target:
        raise ConfigurationError("BACKUPS_AT is missing: set it to a folder, or to s3://bucket/prefix.")
    if not target.startswith("s3://"):
        if "://" in target:
            raise ConfigurationError("BACKUPS_AT must be a folder, or s3://bucket/prefix.")
        return Folder(Path(target))
    parts = urlsplit(target)
    if not parts.netloc:
        raise ConfigurationError("BACKUPS_AT names no bucket: set it to s3://bucket/prefix.")
    return Bucket(client or _s3(), parts.netloc, parts.path.strip("/"))


def _s3() -> Any:  # noqa: ANN401  (boto3's clients are made at run time)
    make: Any = boto3.session.Session().client
    try:
        return make("s3", config=CLIENT_CONFIG)
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationError(f"AWS cannot be used: {error}") from error


class Folder:
    """A `Place` on this machine. Its files are for their owner only."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write it beside, then move it there."""
        path = self._root / name
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            part = path.with_name(path.name + ".part")
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be written: {error.strerror}.") from error

    def read(self, name: str) -> Iterator[bytes]:
        """Its bytes, a megabyte at a time."""
        try:
            with (self._root / name).open("rb") as file:
                while chunk := file.read(_CHUNK):
                    yield chunk
        except OSError as error:
            raise ConfigurationError(f"{self._root / name} cannot be read: {error.strerror}.") from error

    def names(self, under: str = "") -> list[str]:
        """All files, those that were never finished as well."""
        found = (path.relative_to(self._root).as_posix() for path in self._root.rglob("*") if path.is_file())
        return sorted(name for name in found if name.startswith(under))

    def delete(self, name: str) -> None:
        """Delete it, and its folder if that is empty then."""
        path = self._root / name
        path.unlink(missing_ok=True)
        if path.parent != self._root and not any(path.parent.iterdir()):
            path.parent.rmdir()


class Bucket:
    """A `Place` in S3, below a prefix."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:  # noqa: ANN401  (boto3 "s3")
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        """Upload it, in parts if it is large."""
        with tempfile.TemporaryFile() as file:
            for chunk in chunks:
                file.write(chunk)
            file.seek(0)
            with translated(_SYSTEM):
                self._client.upload_fileobj(file, self._bucket, self._prefix + name)

    def read(self, name: str) -> Iterator[bytes]:
        """Its bytes, a megabyte at a time."""
        with translated(_SYSTEM):
            try:
                body = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)["Body"]
            except self._client.exceptions.NoSuchKey:
                raise ConfigurationError(f"There is no s3://{self._bucket}/{self._prefix}{name}.") from None
            yield from iter(lambda: body.read(_CHUNK), b"")

    def names(self, under: str = "") -> list[str]:
        """All objects."""
        found: list[str] = []
        with translated(_SYSTEM):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + under
            )
            for page in pages:
                found += [item["Key"].removeprefix(self._prefix) for item in page.get("Contents", [])]
        return sorted(found)

    def delete(self, name: str) -> None:
        """Delete it."""
        with translated(_SYSTEM):
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + name)
