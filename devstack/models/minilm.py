"""Sentence embeddings by all-MiniLM-L6-v2 (int8, ONNX; Apache-2.0), from files that installed packages carry.

The packages are only located, never imported, and each file's SHA-256 is verified before it is loaded.
"""

import hashlib
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import onnxruntime
from operator_memory.adapters.models.local_embeddings import MAX_TOKENS, TOKENIZER, WEIGHTS, ModelFile
from tokenizers import Tokenizer

_BATCH = 32


class DamagedModelError(RuntimeError):
    """A model file is not the one that it should be."""


def _verified(file: ModelFile) -> Path:
    path = Path(str(distribution(file.package).locate_file(file.path)))
    if hashlib.sha256(path.read_bytes()).hexdigest() != file.sha256:
        raise DamagedModelError(f"{file.path} of the package {file.package} is not the expected file: install it again")
    return path


class MiniLM:
    """The model, loaded. Safe to use from several threads."""

    def __init__(self, *, threads: int = 2) -> None:
        """``threads``: how many cores one embedding may use."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(_verified(WEIGHTS)), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(_verified(TOKENIZER)))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        self._counter = Tokenizer.from_file(str(_verified(TOKENIZER)))
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
