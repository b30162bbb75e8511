"""Runs that wait in a folder, which several processes may share: one small file for each run.

A file appears whole or not at all, and stays until its run is sent. Whoever sends it holds a lock on it, which the
system takes away when the process dies: no claim outlives its owner, and no clock is asked.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from operator_memory_client.base import LOG
from operator_memory_client.operator.spool.finished_run import FinishedRun, read_run
from operator_memory_client.operator.spool.waiting import FULL, MOST_BYTES, MOST_RUNS, UNREADABLE, Claim

fcntl: Any = importlib.import_module("fcntl") if os.name == "posix" else None
"""Without it (Windows) a run may be sent twice, which changes nothing."""

_WHOLE, _PART = ".run", ".part"
_LARGEST = 8192
"""Bytes of a run; a larger file is none."""
_SHARERS = 64
"""Processes that may write at once without overrunning the bounds."""
_OPEN = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


class _FileClaim:
    def __init__(self, path: Path, descriptor: int, run: FinishedRun) -> None:
        self.run, self._path, self._descriptor = run, path, descriptor

    def done(self) -> None:
        _remove(self._path)

    def release(self) -> None:
        _close(self._descriptor)


class FolderSpool:
    """Keeps at most so many runs and bytes; the oldest goes where there is no room, and is counted in ``dropped``."""

    def __init__(self, folder: str | Path, *, most_runs: int = MOST_RUNS, most_bytes: int = MOST_BYTES) -> None:
        self._folder, self._most_runs, self._most_bytes = Path(folder), most_runs, most_bytes
        self.dropped: Counter[str] = Counter()
        self._uncounted = 0

    def put(self, run: FinishedRun) -> None:
        """Keep ``run``: when this returns, it outlives the process. The same run again is once.

        Raises:
            OSError: the folder cannot be written.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path, raw = self._folder / f"{run.key}{_WHOLE}", run.as_json()
        if path.exists():
            return
        self._make_room(len(raw))
        try:
            self._write(path, raw)
        except FileNotFoundError:  # between making and locking it, somebody took the part for a dead one's
            self._write(path, raw)

    def claims(self) -> Iterator[tuple[str, Claim | None]]:
        """The runs that were there when this began. What a killed process has left half-written is removed."""
        self._tidy()
        for name, _ in self._files(_WHOLE):
            path = self._folder / name
            descriptor = _locked(path)
            if descriptor is None:
                if path.exists():
                    yield _thread_of(name), None
                continue
            claim = self._claim(path, descriptor)
            if claim is not None:
                yield claim.run.thread, claim

    def count(self) -> int:
        """How many wait."""
        return len(self._files(_WHOLE))

    def _claim(self, path: Path, descriptor: int) -> _FileClaim | None:
        try:
            return _FileClaim(path, descriptor, read_run(os.read(descriptor, _LARGEST)))
        except (ValueError, OSError):
            LOG.warning("a file of the spool is no finished run and is dropped (%s): %s", UNREADABLE, path.name)
            self._drop(path, UNREADABLE)
            _close(descriptor)
            return None

    def _write(self, path: Path, raw: bytes) -> None:
        part = self._folder / f".{path.stem}.{secrets.token_hex(8)}{_PART}"
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, 0o600)
        try:
            _lock(descriptor)
            if os.write(descriptor, raw) != len(raw):
                raise OSError("the disk took half of it")
            os.fsync(descriptor)
            part.replace(path)
        except BaseException:
            _remove(part)
            raise
        finally:
            _close(descriptor)
        _sync(self._folder)

    def _make_room(self, size: int) -> None:
        """The folder is counted now and then, more often the fuller it is: others write into it, too."""
        if self._uncounted > 0:
            self._uncounted -= 1
            return
        files = self._files(_WHOLE)
        count, used = len(files), sum(size for _, size in files)
        most_runs, most_bytes = self._most_runs - 1, self._most_bytes - size
        if count > most_runs or used > most_bytes:  # a little more, so that the next is not in the same straits
            most_runs, most_bytes = most_runs - self._most_runs // 100, most_bytes - self._most_bytes // 100
        before = self.dropped[FULL]
        for name, freed in files:
            if count <= most_runs and used <= most_bytes:
                break
            path = self._folder / name
            descriptor = _locked(path)
            if descriptor is not None:  # else it is being sent, and soon gone
                self._drop(path, FULL)
                _close(descriptor)
                count, used = count - 1, used - freed
        if self.dropped[FULL] > before:
            LOG.warning("the spool is full: the %d oldest runs are dropped (%s)", self.dropped[FULL] - before, FULL)
        self._uncounted = min(self._most_runs - count, (self._most_bytes - used) // _LARGEST) // _SHARERS

    def _drop(self, path: Path, reason: str) -> None:
        _remove(path)
        self.dropped[reason] += 1

    def _tidy(self) -> None:
        for name, _ in self._files(_PART):
            descriptor = _locked(self._folder / name)
            if descriptor is not None:  # nobody is writing it
                _remove(self._folder / name)
                _close(descriptor)

    def _files(self, ending: str) -> list[tuple[str, int]]:
        """Names and sizes, the oldest run first."""
        found = []
        with contextlib.suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.endswith(ending):
                    with contextlib.suppress(FileNotFoundError):
                        found.append((entry.name, entry.stat(follow_symlinks=False).st_size))
        return sorted(found)


def _thread_of(name: str) -> str:
    return name.split("-")[1] if name.count("-") > 1 else ""


def _locked(path: Path) -> int | None:
    """The file, open and locked; ``None`` if somebody else has it or it is gone."""
    try:
        descriptor = os.open(path, os.O_RDWR | _OPEN)
    except OSError:
        return None
    try:
        if _lock(descriptor) and os.path.samestat(path.stat(), os.fstat(descriptor)):
            return descriptor
    except OSError:  # gone since it was opened
        pass
    _close(descriptor)
    return None


def _lock(descriptor: int) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)  # else this file system knows no locks
    return True


def _close(descriptor: int) -> None:
    """Unlocked first: a forked child may hold the file open, too."""
    with contextlib.suppress(OSError):
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def _sync(folder: Path) -> None:
    """So that a file's name outlives a power cut, too, where folders can be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
