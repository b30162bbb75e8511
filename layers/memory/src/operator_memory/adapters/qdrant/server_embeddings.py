"""Embeddings made by Qdrant itself: the text goes in the same request, and there is no embedding call.

Qdrant Cloud serves models next to the cluster; a self-hosted Qdrant needs an inference service. Reference:
https://qdrant.tech/documentation/concepts/inference/. Standard library only (hot path).
"""

from collections.abc import Sequence

from operator_memory.domain.memory.vectors import InferenceText
from operator_memory.domain.text import valid

_EMPTY = " "  # embedders refuse an empty string


class ServerEmbeddings:
    """Port ``Embedder``. A failure of the model shows as a failure of the request that carries the text."""

    def __init__(self, *, model: str, dimensions: int) -> None:
        """``model`` is the server's name for it; ``dimensions`` the length of its vectors."""
        self._model = model
        self._dimensions = dimensions

    @property
    def dimensions(self) -> int:
        """Length of every vector that the server will make."""
        return self._dimensions

    def embed(self, texts: Sequence[str], *, timeout: float) -> list[InferenceText]:  # noqa: ARG002  (the port's)
        """For each text what stands in its vector's place. Asks nobody, and cannot fail."""
        return [InferenceText(valid(text) or _EMPTY, self._model) for text in texts]
