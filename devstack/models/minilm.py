"""Sentence embeddings by all-MiniLM-L6-v2 (int8, ONNX; Apache-2.0), from files that installed packages carry.

The packages are only located, never imported, and each file's SHA-256 is verified before it is loaded.
"""

import ctypes
import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import onnxruntime
from operator_memory.adapters.models.local_embeddings import MAX_TOKENS, TOKENIZER, WEIGHTS, ModelFile
from tokenizers import Tokenizer

_BATCH_TOKENS = 1024
"""Of one run of the network. It needs about 0.3 MB a token; more tokens at once are not faster."""
_MOST_TEXTS = 32


class DamagedModelError(RuntimeError):
    """A model file is not the one that it should be."""


def _verified(file: ModelFile) -> Path:
    path = Path(str(distribution(file.package).locate_file(file.path)))
    if hashlib.sha256(path.read_bytes()).hexdigest() != file.sha256:
        raise DamagedModelError(f"{file.path} of the package {file.package} is not the expected file: install it again")
    return path


class MiniLM:
    """The model, loaded. Safe to use from several threads, which take turns."""

    name = "all-minilm-l6-v2-int8"

    def __init__(self, *, threads: int = 2) -> None:
        """``threads``: how many cores one embedding may use."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # which would keep for good the most that was ever needed
        self._session = onnxruntime.InferenceSession(
            str(_verified(WEIGHTS)), options, providers=["CPUExecutionProvider"]
        )
        # One thread, because each that ever runs the network keeps 100 MB of its own.
        self._runner = ThreadPoolExecutor(1, thread_name_prefix="minilm")
        give_back_freed_memory()
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
        for batch in _batches(order, [len(encoding.ids) for encoding in encodings]):
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
        hidden = self._runner.submit(self._session.run, None, inputs).result()[0]
        weights = mask[:, :, None].astype(np.float32)
        pooled = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        unit = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        numbers: list[list[float]] = unit.astype(float).tolist()
        return numbers


def _batches(order: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """``order``, in which lengths grow, in pieces of bounded size, padding included."""
    batch: list[int] = []
    for i in order:
        if batch and (len(batch) == _MOST_TEXTS or (len(batch) + 1) * lengths[i] > _BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def give_back_freed_memory() -> None:
    """Give back to the system what the C library would keep for later: 75 MB after loading the network."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if trim is not None:
        trim(0)
