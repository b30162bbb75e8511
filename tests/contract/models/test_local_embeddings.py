"""The model in the function against the same model in onnxruntime, and what it says when a part of it is missing."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from operator_memory.adapters.models.local_embeddings import TOKENIZER, WEIGHTS, LocalEmbeddings
from operator_memory.domain.errors import ConfigurationError, UpstreamTimeoutError

import bench
from devstack.models.minilm import MiniLM
from tests.unit.models.test_wordpiece import SAMPLES

AMPLE = 60.0
LEAST_COSINE = 0.998
SOURCE = Path(bench.__file__).parents[1] / "layers" / "memory" / "src"


@pytest.fixture(scope="module")
def local() -> LocalEmbeddings:
    return LocalEmbeddings()


def varied_texts() -> list[str]:
    """A few hundred: facts, turns and questions, in many scripts, of one token to more than 256."""
    texts: list[str] = []
    for file in sorted((Path(bench.__file__).parent / "retrieval" / "set").glob("*.json")):
        part = json.loads(file.read_text(encoding="utf-8"))
        texts += [memory["text"] for memory in part["memories"][:100]]
        texts += [question["query"] for question in part["questions"][:60]]
    long = [" ".join(texts[start : start + size]) for start, size in ((0, 5), (20, 12), (40, 25), (70, 30))]
    return [*texts, *long, *SAMPLES.values()]


def cosine(one: list[float], other: list[float]) -> float:
    dot = sum(x * y for x, y in zip(one, other, strict=True))
    return dot / math.sqrt(sum(x * x for x in one) * sum(y * y for y in other))


def test_vectors_are_those_of_onnxruntime(local: LocalEmbeddings) -> None:
    texts = varied_texts()
    assert len(texts) > 200
    theirs = MiniLM(threads=1).embed(texts)
    ours = local.embed(texts, timeout=AMPLE)
    assert min(map(cosine, ours, theirs)) >= LEAST_COSINE


def test_a_vector_has_384_numbers_and_length_one(local: LocalEmbeddings) -> None:
    vectors = local.embed(["tea", "", "x " * 1000], timeout=AMPLE)
    assert [len(vector) for vector in vectors] == [384] * 3 == [local.dimensions] * 3
    assert [math.hypot(*vector) for vector in vectors] == pytest.approx([1.0] * 3, abs=1e-5)
    assert {type(number) for number in vectors[0]} == {float}


def test_a_text_has_the_same_vector_alone_and_among_others(local: LocalEmbeddings) -> None:
    texts = ["I live in Porto.", "tea", "What does Ana drink in the morning? " * 20, *[f"note {n}" for n in range(70)]]
    together = local.embed(texts, timeout=AMPLE)
    for text, vector in zip(texts[:3], together, strict=False):
        assert local.embed([text], timeout=AMPLE)[0] == pytest.approx(vector, abs=1e-5)


def test_no_texts_have_no_vectors(local: LocalEmbeddings) -> None:
    assert local.embed([], timeout=AMPLE) == []


def test_a_deadline_that_has_passed_stops_it(local: LocalEmbeddings) -> None:
    with pytest.raises(UpstreamTimeoutError, match="embeddings: 2 texts"):
        local.embed(["a", "b"], timeout=0.0)


@pytest.mark.parametrize("which", ["weights", "tokenizer"])
def test_a_missing_package_is_named_with_what_to_do(which: str) -> None:
    absent = replace({"weights": WEIGHTS, "tokenizer": TOKENIZER}[which], package="no-such-package")
    with pytest.raises(ConfigurationError, match=r"EMBEDDER=local needs no-such-package==[\d.]+: install it"):
        LocalEmbeddings(**{which: absent})


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"its nowhere/model\.onnx cannot be read\. Install it again"):
        LocalEmbeddings(weights=replace(WEIGHTS, path="nowhere/model.onnx"))


def test_a_damaged_file_is_never_used() -> None:
    with pytest.raises(ConfigurationError, match=r"model\.onnx is not the expected file\. Install it again"):
        LocalEmbeddings(weights=replace(WEIGHTS, sha256="0" * 64))


def test_without_numpy_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "operator_memory.adapters.models.minilm.network", raising=False)
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ConfigurationError, match="needs numpy: install it"):
        LocalEmbeddings()


def test_numpy_is_all_that_it_imports_from_outside() -> None:
    """And one thread is enough: more would wait for each other by spinning."""
    code = (
        f"import sys; sys.path.insert(0, {str(SOURCE)!r}); import os\n"
        "from operator_memory.adapters.models.local_embeddings import LocalEmbeddings\n"
        "assert 'numpy' not in sys.modules\n"
        "LocalEmbeddings().embed(['tea'], timeout=60)\n"
        "packages = {name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)\n"
        "print(os.environ['OPENBLAS_NUM_THREADS'], sorted(p for p in packages if not p.startswith('_')))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], env={}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "1 ['numpy', 'operator_memory']"
