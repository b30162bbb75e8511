"""The embedder of an API, in front of a server that answers as a test says."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from operator_memory.adapters.models.openai_embeddings import OpenAIEmbeddings
from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.net.retries import Retries

from tests.support.loopback import HttpServer, Request, reply

AMPLE = 20.0


def vector_of(text: str) -> list[float]:
    """A vector by which a test recognises its text."""
    return [float(len(text)), 0.5]


def items_of(texts: list[str]) -> list[dict[str, Any]]:
    return [{"object": "embedding", "index": n, "embedding": vector_of(t)} for n, t in enumerate(texts)]


def honest(request: Request) -> bytes:
    return reply({"object": "list", "data": items_of(request.json()["input"]), "usage": {"total_tokens": 1}})


class Pauses(list[float]):
    """The pauses between attempts, noted instead of waited for."""

    def retries(self, *, jitter: float = 0.0) -> Retries:
        return Retries(sleep=self.append, jitter=lambda: jitter)


@contextmanager
def embedder(
    answer: Callable[[Request], bytes | None] = honest,
    *,
    send_dimensions: bool = False,
    retries: Retries | None = None,
) -> Iterator[tuple[OpenAIEmbeddings, HttpServer]]:
    """An embedder of two dimensions that does not wait between attempts, and the server it talks to."""
    with HttpServer(answer) as server:
        client = HttpClient(f"{server.url}/v1", system="embeddings")
        patience = retries or Pauses().retries()
        made = OpenAIEmbeddings(client, model="m", dimensions=2, send_dimensions=send_dimensions, retries=patience)
        try:
            yield made, server
        finally:
            client.close()
