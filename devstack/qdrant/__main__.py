"""``python -m devstack.qdrant``: run the front until interrupted."""

import argparse
import os
import sys
from pathlib import Path

from devstack.endings import stop_signals
from devstack.qdrant.errors import FolderInUseError
from devstack.qdrant.front import QdrantFront

# While an upsert is being parsed, a search waits at most this long for its turn.
_SWITCH_SECONDS = 0.001


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devstack.qdrant", description="Qdrant REST front on qdrant-edge")
    parser.add_argument("--data", type=Path, required=True, help="folder of the collections, made if missing")
    parser.add_argument("--port", type=int, default=6333, help="0 for a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--api-key", default=os.environ.get("QDRANT_API_KEY"), help="required of every call")
    parser.add_argument("--read-only-api-key", help="a second key that may only read")
    return parser.parse_args()


def main() -> int:
    """Serve until SIGTERM or SIGINT; prints the URL on one line once connections are accepted.

    1 if the folder or the port is taken.
    """
    arguments = _arguments()
    sys.setswitchinterval(_SWITCH_SECONDS)
    signals = stop_signals()
    try:
        front = QdrantFront(
            arguments.data,
            host=arguments.host,
            port=arguments.port,
            api_key=arguments.api_key,
            read_only_api_key=arguments.read_only_api_key,
        )
    except FolderInUseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: cannot serve {arguments.data} on {arguments.host}:{arguments.port}: {error}", file=sys.stderr)
        return 1
    with front:
        print(front.url, flush=True)
        signals.get()
    return 0


if __name__ == "__main__":
    sys.exit(main())
