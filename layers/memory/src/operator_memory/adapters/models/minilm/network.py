"""all-MiniLM-L6-v2 in numpy: token ids in, unit vectors out.

A BERT of 6 layers, 12 heads and 384 dimensions (https://arxiv.org/abs/2002.10957), mean pooling, length 1. The
file holds its matrices as 8-bit numbers with a scale for each column. numpy multiplies no 8-bit matrices with any
speed, so those of the layers are unpacked once (42 MB); of the 30,522 word vectors only those that a text uses are.

Texts are not padded to the same length: the tokens of all stand below each other in one matrix, and only attention
looks at each text alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from operator_memory.adapters.models.minilm.weights import FLOAT, INT8, Tensor

DIMENSIONS = 384
MAX_TOKENS = 256
_LAYERS, _HEADS, _HEAD = 6, 12, 32
_MATRICES = 6  # of a layer, in the file's order: query, key, value, output, up, down
_TOKENS_AT_ONCE = 2048
_EPSILON = np.float32(1e-12)

Floats: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Norm:
    """Layer normalization: each row to mean 0 and variance 1, then scaled and shifted."""

    weight: Floats
    bias: Floats

    def __call__(self, x: Floats) -> Floats:
        """Changes ``x`` in place."""
        x -= x.sum(axis=1, keepdims=True) / np.float32(DIMENSIONS)
        variance = np.einsum("ij,ij->i", x, x)[:, None] / np.float32(DIMENSIONS)
        x /= np.sqrt(variance + _EPSILON)
        x *= self.weight
        x += self.bias
        return x


@dataclass(frozen=True, slots=True)
class _Linear:
    """``x @ weight + bias``."""

    weight: Floats
    bias: Floats

    def __call__(self, x: Floats) -> Floats:
        product: Floats = x @ self.weight
        product += self.bias
        return product


@dataclass(frozen=True, slots=True)
class _Layer:
    """One transformer layer; ``attend`` gives queries (already scaled), keys and values in one product."""

    attend: _Linear
    output: _Linear
    norm: _Norm
    up: _Linear
    down: _Linear
    last_norm: _Norm

    def __call__(self, x: Floats, texts: Sequence[slice]) -> Floats:
        projected = self.attend(x)
        mixed = np.empty_like(x)
        for text in texts:
            _attention(projected[text], out=mixed[text])
        attended = self.output(mixed)
        attended += x
        attended = self.norm(attended)
        made = self.down(_gelu(self.up(attended)))
        made += attended
        return self.last_norm(made)


class MiniLMNetwork:
    """The network with its weights. Holds no state between calls: safe to use from several threads."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        """``weights``: the initializers of the ONNX file; ``weights`` may be a view of it, which is kept.

        Raises:
            ValueError: if they are not those of this network.
        """
        reader = _Reader(weights)
        self._words, self._word_scale = reader.packed("inner.embeddings.word_embeddings.weight")
        positions = reader.unpacked("inner.embeddings.position_embeddings.weight")[:MAX_TOKENS]
        self._positions = positions + reader.floats("inner.embeddings.token_type_embeddings.weight")[0]
        self._norm = reader.norm("inner.embeddings.LayerNorm")
        self._layers = list(reader.layers())

    def embed(self, texts: Sequence[Sequence[int]]) -> Floats:
        """One unit vector per text (token ids, at least one and at most ``MAX_TOKENS``): shape (texts, 384)."""
        vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        start = 0
        while start < len(texts):
            end, tokens = start + 1, len(texts[start])
            while end < len(texts) and tokens + len(texts[end]) <= _TOKENS_AT_ONCE:
                tokens += len(texts[end])
                end += 1
            vectors[start:end] = self._embed(texts[start:end])
            start = end
        return vectors

    def _embed(self, texts: Sequence[Sequence[int]]) -> Floats:
        ends = list(accumulate(map(len, texts)))
        rows = [slice(end - len(text), end) for text, end in zip(texts, ends, strict=True)]
        ids = np.concatenate([np.asarray(text, dtype=np.intp) for text in texts])
        x: Floats = self._words[ids] * self._word_scale[ids]
        for text in rows:
            x[text] += self._positions[: text.stop - text.start]
        x = self._norm(x)
        for layer in self._layers:
            x = layer(x, rows)
        pooled = np.stack([x[text].sum(axis=0) for text in rows])  # the mean, but for a length that goes with the next
        unit: Floats = pooled / np.sqrt(np.einsum("ij,ij->i", pooled, pooled))[:, None]
        return unit


def _attention(projected: Floats, *, out: Floats) -> None:
    """Of one text: (tokens, 3 * 384) to (tokens, 384)."""
    tokens = len(projected)
    query, key, value = projected.reshape(tokens, 3, _HEADS, _HEAD).transpose(1, 2, 0, 3)
    scores = query @ key.transpose(0, 2, 1)
    scores -= scores.max(axis=2, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=2, keepdims=True)
    out.reshape(tokens, _HEADS, _HEAD)[:] = (scores @ value).transpose(1, 0, 2)


def _gelu(x: Floats) -> Floats:
    """``x * Phi(x)`` in place, to within 3e-5.

    numpy has no error function. ``Phi(x)`` is ``(1 + tanh(x * p(x^2))) / 2`` with a polynomial ``p`` that was fitted
    for the smallest greatest error; beyond 5.5 the tanh is 1 whatever ``p`` is, and would not be for a larger one.
    """
    square = np.minimum(x * x, np.float32(30.0))
    curve = square * np.float32(-3.515164750e-4)
    curve += np.float32(3.70056475e-2)
    curve *= square
    curve += np.float32(0.797507885)
    curve *= x
    np.tanh(curve, out=curve)
    curve += np.float32(1.0)
    curve *= np.float32(0.5)
    x *= curve
    return x


class _Reader:
    """Takes arrays from the file's initializers, and checks that they are of the form that is expected."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self._weights = weights
        matrices = [name.removesuffix("_q") for name in weights if name.startswith("val_") and name.endswith("_q")]
        if len(matrices) != _LAYERS * _MATRICES:
            raise ValueError("these are not the weights of all-MiniLM-L6-v2")
        self._matrices = matrices

    def layers(self) -> Iterator[_Layer]:
        for number in range(_LAYERS):
            query, key, value, output, up, down = self._matrices[number * _MATRICES : (number + 1) * _MATRICES]
            base = f"inner.encoder.layer.{number}"
            biases = [self.floats(f"{base}.attention.self.{name}.bias") for name in ("query", "key", "value")]
            weight = np.hstack([self.unpacked(name) for name in (query, key, value)])
            bias = np.concatenate(biases)
            weight[:, :DIMENSIONS] *= np.float32(_HEAD**-0.5)
            bias[:DIMENSIONS] *= np.float32(_HEAD**-0.5)
            yield _Layer(
                attend=_Linear(weight, bias),
                output=self._linear(output, f"{base}.attention.output.dense"),
                norm=self.norm(f"{base}.attention.output.LayerNorm"),
                up=self._linear(up, f"{base}.intermediate.dense"),
                down=self._linear(down, f"{base}.output.dense"),
                last_norm=self.norm(f"{base}.output.LayerNorm"),
            )

    def norm(self, name: str) -> _Norm:
        return _Norm(self.floats(f"{name}.weight"), self.floats(f"{name}.bias"))

    def _linear(self, matrix: str, name: str) -> _Linear:
        return _Linear(self.unpacked(matrix), self.floats(f"{name}.bias"))

    def unpacked(self, name: str) -> Floats:
        numbers, scale = self.packed(name)
        return numbers * scale

    def packed(self, name: str) -> tuple[NDArray[np.int8], Floats]:
        tensor = self._tensor(f"{name}_q", INT8)
        return np.frombuffer(tensor.data, dtype=np.int8).reshape(tensor.shape), self.floats(f"{name}_scale")

    def floats(self, name: str) -> Floats:
        tensor = self._tensor(name, FLOAT)
        return np.frombuffer(tensor.data, dtype="<f4").reshape(tensor.shape).astype(np.float32)

    def _tensor(self, name: str, element_type: int) -> Tensor:
        tensor = self._weights.get(name)
        if tensor is None or tensor.element_type != element_type:
            raise ValueError(f"the weights hold no {name} of the expected type")
        return tensor
