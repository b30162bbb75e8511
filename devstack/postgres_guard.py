"""Runs one command as a given user and stops it when our own parent goes away.

Started by `devstack.postgres` as a process of its own. The parent holds the other end of our standard
input: closing it, on purpose or by being killed, is the order to stop. So a `kill -9` of the devstack
leaves no server behind. Uses the standard library only: it starts in about 20 ms.
"""

import argparse
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

STOP_GRACE_SECONDS = 20.0
"""How long a fast shutdown (SIGINT) may take before an immediate one (SIGQUIT), which recovers on start."""

_PR_SET_KEEPCAPS, _PR_SET_SECUREBITS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 8, 28, 47, 2
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE = 1


def main(arguments: list[str]) -> int:
    """Run the command to its end; return its exit status (128 + signal number if a signal ended it)."""
    options = _parse(arguments)
    become = _become(options.uid, options.gid, options.keep_file_access) if options.uid is not None else None
    child = subprocess.Popen(options.command, stdin=subprocess.DEVNULL, pass_fds=options.pass_fd, preexec_fn=become)

    def stop(*_: object) -> None:
        child.send_signal(signal.SIGINT)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    threading.Thread(target=_stop_at_end_of_input, args=(child,), daemon=True).start()
    status = child.wait()
    if options.scratch is not None:
        shutil.rmtree(options.scratch, ignore_errors=True)
    return status if status >= 0 else 128 - status


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("--keep-file-access", action="store_true")
    parser.add_argument("--pass-fd", type=int, action="append", default=[])
    parser.add_argument("--scratch", help="a folder to remove when the command has ended")
    parser.add_argument("command", nargs="+")
    return parser.parse_args(arguments)


def _stop_at_end_of_input(child: subprocess.Popen[bytes]) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    child.send_signal(signal.SIGINT)
    try:
        child.wait(STOP_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGQUIT)


def _become(uid: int, gid: int, keep_file_access: bool) -> Callable[[], None]:
    """A function for the child, between fork and exec, that gives up root for ``uid``.

    With ``keep_file_access`` the child keeps one right of root's: passing through folders closed to others
    (a checkout below /root, for example), which beats opening those folders to everyone.
    """
    libc = ctypes.CDLL(None, use_errno=True) if keep_file_access else None

    def become() -> None:
        if libc is not None:
            _checked(libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0))
            # Else access(2), by which Postgres looks for its own programs, would not count the right. Where this is
            # forbidden, Postgres says what it cannot reach.
            libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        if libc is not None:
            _keep_only_file_access(libc)

    return become


def _keep_only_file_access(libc: ctypes.CDLL) -> None:
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    bit = 1 << _CAP_DAC_OVERRIDE
    # Two records of (effective, permitted, inheritable): capabilities 0-31, then 32-63.
    data = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    _checked(libc.capset(header, data))
    _checked(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0))


def _checked(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
