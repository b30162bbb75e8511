"""The multilingual model behind the model server: what it takes off its vectors, and, where it is installed, what it
finds."""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution

import numpy as np
import pytest
from operator_memory.domain.errors import ConfigurationError
from starlette.testclient import TestClient

from devstack.models import multilingual
from devstack.models.minilm import DamagedModelError
from devstack.models.multilingual import COMMONPLACES, DIMENSIONS, NAME, MultilingualE5
from devstack.models.server import application
from devstack.settings import MODELS, read_given


class Narrow:
    """Vectors that point almost the same way, as this model's do: a common part, and a little of each text's own."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode(self, texts: Sequence[str], is_query: bool) -> np.ndarray:
        self.texts += texts
        rows = np.zeros((len(texts), DIMENSIONS))
        rows[:, 0] = 10.0
        for row, text in zip(rows, texts, strict=True):
            row[1 + sum(map(ord, text)) % (DIMENSIONS - 1)] = 1.0
        return rows

    def token_count(self, text: str, is_query: bool) -> int:
        return len(text.split())


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    return float(np.dot(one, other))


def test_what_all_vectors_have_in_common_is_taken_off() -> None:
    raw = Narrow().encode(["tea", "piano"], is_query=True)
    assert np.dot(raw[0], raw[1]) / np.prod(np.linalg.norm(raw, axis=1)) > 0.98
    tea, piano, again = MultilingualE5(Narrow()).embed(["tea", "piano", "tea"])
    assert cosine(tea, piano) < 0.2
    assert cosine(tea, again) == pytest.approx(1.0)
    assert np.linalg.norm(tea) == pytest.approx(1.0)


def test_no_character_ends_a_text_early() -> None:
    encoder = Narrow()
    model = MultilingualE5(encoder)
    model.embed(["a\x00b", "\ud800"])
    assert encoder.texts[len(COMMONPLACES) :] == ["a b", "?"]
    assert model.count_tokens("one\x00two") == 2


def test_the_server_calls_it_by_its_name() -> None:
    client = TestClient(application(MultilingualE5(Narrow())))
    assert client.get("/v1/models").json()["data"][0]["id"] == NAME == MODELS["multilingual"]
    answer = client.post("/v1/embeddings", json={"input": ["tea"], "model": NAME}).json()
    assert (answer["model"], len(answer["data"][0]["embedding"])) == (NAME, DIMENSIONS)


def test_a_missing_or_damaged_model_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multilingual, "PACKAGE", "no-such-package")
    with pytest.raises(DamagedModelError, match="make dev MODEL=multilingual installs it"):
        MultilingualE5()
    monkeypatch.setattr(multilingual, "PACKAGE", "numpy")
    monkeypatch.setattr(multilingual, "WEIGHTS", "numpy/__init__.py")
    with pytest.raises(DamagedModelError, match="not the expected file"):
        MultilingualE5()


def test_the_functions_are_told_which_model_embeds() -> None:
    given = read_given({}, (), model="multilingual")
    assert (given.settings.embedding_model, given.settings.embedding_dimensions) == (NAME, DIMENSIONS)


@pytest.mark.parametrize("environ", [{"EMBEDDER": "local"}, {"OPENAI_API_KEY": "k"}])
def test_who_embeds_elsewhere_needs_no_model_here(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="MODEL is multilingual"):
        read_given(environ, (), model="multilingual")


def installed() -> bool:
    try:
        distribution(multilingual.PACKAGE)
    except PackageNotFoundError:
        return False
    return True


@pytest.mark.skipif(not installed(), reason="the package of the multilingual model is not installed")
def test_it_finds_what_was_said_in_another_language() -> None:
    question, right, wrong = MultilingualE5().embed(["Where do I live?", "我住在北京。", "我喜欢喝茶。"])
    assert cosine(question, right) > cosine(question, wrong) + 0.1
