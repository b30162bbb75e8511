"""The data folder: one system at a time has it."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from devstack.processes import PartFailedError

_LEFT_OVER_SECONDS = 30.0


@contextmanager
def claimed(folder: Path) -> Iterator[int]:
    """Have ``folder``, which is made if missing, to oneself; gives a file descriptor for the parts to inherit.

    Two locks: one says that a system runs, the other that parts of one still do. Those of a system that was killed
    end by themselves and are waited for: two Qdrants or two queues on the same files would spoil them.

    Raises:
        PartFailedError: another system has it.
        OSError: it cannot be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as cleanup:
        system = cleanup.enter_context((folder / "system.lock").open("a+"))
        if not _locked(system):
            system.seek(0)
            raise PartFailedError(f"a system is already running with the data in {folder} (process {system.read()})")
        system.truncate(0)
        system.write(str(os.getpid()))
        system.flush()
        parts = cleanup.enter_context((folder / "parts.lock").open("a"))
        deadline = time.monotonic() + _LEFT_OVER_SECONDS
        while not _locked(parts):
            if time.monotonic() > deadline:
                raise PartFailedError(f"parts of an earlier system still run with the data in {folder}: end them")
            time.sleep(0.05)
        yield parts.fileno()


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
