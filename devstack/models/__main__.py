"""``python -m devstack.models --port N``: serve until interrupted; prints the base URL when ready."""

import argparse
import sys

from devstack.models.minilm import MiniLM
from devstack.models.server import application
from devstack.serving import listen, server_of, url_of


def main() -> int:
    """Load the model, print the URL, serve. 1 if the port is taken."""
    parser = argparse.ArgumentParser(prog="python -m devstack.models", description=__doc__)
    parser.add_argument("--port", type=int, default=8001, help="0 for a free one")
    port: int = parser.parse_args().port
    try:
        sock = listen("127.0.0.1", port)
    except OSError as error:
        print(f"error: cannot listen on port {port}: {error}", file=sys.stderr)
        return 1
    server = server_of(application(MiniLM()))
    print(f"{url_of(sock)}/v1", flush=True)
    server.run(sockets=[sock])
    return 0


if __name__ == "__main__":
    sys.exit(main())
