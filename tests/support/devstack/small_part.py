"""A part that does nothing: ``python -m tests.support.devstack.small_part --port N [--once FILE]``.

It prints its address and lives until it is told to stop. With ``--once`` it starts only if FILE is not there, and
makes it; else it says why not.
"""

import argparse
import signal
import sys
from pathlib import Path

from devstack.serving import listen, url_of


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--once", type=Path)
    arguments = parser.parse_args()
    if arguments.once is not None:
        if arguments.once.exists():
            sys.stdout.write("there is no second time\n")
            return 3
        arguments.once.touch()
    with listen("127.0.0.1", arguments.port) as sock:
        sys.stdout.write(f"{url_of(sock)}\n")
        sys.stdout.flush()
        signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
