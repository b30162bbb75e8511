"""Run a devstack part as a child that never outlives its parent: ``python -m devstack.child MODULE ARGS...``.

The parent holds the other end of our standard input. When the parent goes, however it goes, reading gives
end-of-file and we stop ourselves as if by SIGTERM.
"""

import os
import runpy
import signal
import sys
import threading


def _stop_with_parent() -> None:
    while os.read(0, 4096):  # not sys.stdin: a daemon thread inside its buffer makes Python abort at exit
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Watch standard input and become the named module."""
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
