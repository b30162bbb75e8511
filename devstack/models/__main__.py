"""``python -m devstack.models --port N``: serve until interrupted; prints the base URL when ready."""

import argparse
import sys

from devstack.models.minilm import DamagedModelError, MiniLM
from devstack.models.server import EmbeddingModel, application
from devstack.serving import listen, server_of, url_of
from devstack.settings import MODELS


def load(model: str) -> EmbeddingModel:
    """The model of this name."""
    if model == "minilm":
        return MiniLM()
    from devstack.models.multilingual import MultilingualE5  # of a package that most do without

    return MultilingualE5()


def main() -> int:
    """Load the model, print the URL, serve. 1 if the port is taken."""
    parser = argparse.ArgumentParser(prog="python -m devstack.models", description=__doc__)
    parser.add_argument("--port", type=int, default=8001, help="0 for a free one")
    parser.add_argument("--model", choices=MODELS, default="minilm", help="which one embeds")
    args = parser.parse_args()
    port: int = args.port
    try:
        sock = listen("127.0.0.1", port)
    except OSError as error:
        print(f"error: cannot listen on port {port}: {error}", file=sys.stderr)
        return 1
    try:
        model = load(args.model)
    except DamagedModelError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    server = server_of(application(model))
    print(f"{url_of(sock)}/v1", flush=True)
    server.run(sockets=[sock])
    return 0


if __name__ == "__main__":
    sys.exit(main())
