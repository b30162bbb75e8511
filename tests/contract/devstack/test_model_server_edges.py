"""The model server at its edges: odd texts, malformed bodies, and the command that starts it."""

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from tests.support.time_outs import eventually

pytest_plugins = ["tests.support.models"]

ROOT = Path(__file__).parents[3]


@pytest.fixture
def client(model_url: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=model_url, api_key="unused", max_retries=0, timeout=60) as made:
        yield made


@pytest.mark.parametrize(
    "text", ["x" * 100_000, "\u00e9 " * 50_000, "\U0001f600", "\u0645\u0631\u062d\u0628\u0627", " ", "\u200b"]
)
def test_any_text_has_a_unit_vector(client: OpenAI, text: str) -> None:
    vector = client.embeddings.create(model="any", input=text).data[0].embedding
    assert math.hypot(*vector) == pytest.approx(1, abs=1e-5)


def test_usage_counts_the_whole_text_though_its_first_256_tokens_make_the_vector(client: OpenAI) -> None:
    start = client.embeddings.create(model="any", input="apple " * 254)
    longer = client.embeddings.create(model="any", input="apple " * 254 + "zebra " * 10_000)
    assert start.data[0].embedding == pytest.approx(longer.data[0].embedding, abs=1e-4)
    assert (start.usage.total_tokens, longer.usage.total_tokens) == (256, 10_256)


def test_many_texts_come_back_in_their_order(client: OpenAI) -> None:
    texts = [f"User {'really ' * (n * 7 % 60)}likes hiking trail number {n}." for n in range(70)]
    data = client.embeddings.create(model="any", input=texts).data
    assert [item.index for item in data] == list(range(70))
    for n in range(0, 70, 10):
        [alone] = client.embeddings.create(model="any", input=texts[n]).data
        assert math.fsum(a * b for a, b in zip(alone.embedding, data[n].embedding, strict=True)) > 0.999


@pytest.mark.parametrize(
    ("question", "near", "far"),
    [
        ("Where is home for this person?", "User lives in Lisbon.", "User plays the cello."),
        ("What must not be in the food?", "User is allergic to peanuts.", "User works as a bridge engineer."),
        ("Which seat on the plane?", "User prefers window seats.", "User's daughter is named Ebba."),
        ("How much may it cost?", "User's budget is 400 euros.", "User is vegetarian."),
    ],
)
def test_a_question_is_nearer_to_its_answer(client: OpenAI, question: str, near: str, far: str) -> None:
    data = client.embeddings.create(model="any", input=[question, near, far]).data
    query, *others = (item.embedding for item in data)
    to_near, to_far = (math.fsum(a * b for a, b in zip(query, other, strict=True)) for other in others)
    assert to_near > to_far + 0.1


@pytest.mark.parametrize(
    ("body", "parameter"), [({"dimensions": 1536}, "dimensions"), ({"encoding_format": "hex"}, "encoding_format")]
)
def test_a_refusal_names_the_parameter(client: OpenAI, body: dict[str, object], parameter: str) -> None:
    with pytest.raises(BadRequestError) as raised:
        client.embeddings.create(model="any", input="x", extra_body=body)
    assert (raised.value.param, raised.value.type) == (parameter, "invalid_request_error")


def test_unknown_paths_are_refused_in_openais_shape(client: OpenAI) -> None:
    with pytest.raises(NotFoundError) as raised:
        client.files.list()
    assert raised.value.type == "invalid_request_error"


BODIES = {
    "nothing": b"",
    "half an object": b"{",
    "a list": b"[]",
    "not UTF-8": b"\xff",
    "deeply nested": b"[" * 100_000,
    "no input": b"{}",
    "half a surrogate pair": b'{"input": "\\ud800"}',
    "too many texts": json.dumps({"input": ["x"] * 2049}).encode(),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/chat/completions"])
def test_malformed_bodies_are_refused_in_openais_shape(model_url: str, path: str, body: bytes) -> None:
    address = urlsplit(model_url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=30)
    try:
        connection.request("POST", path, body, {"content-type": "application/json"})
        response = connection.getresponse()
        error = json.loads(response.read())["error"]
    finally:
        connection.close()
    assert response.status == 400
    assert error["type"] == "invalid_request_error"
    assert error["message"]


@pytest.fixture
def process() -> Iterator[tuple[int, str]]:
    """The id and the address of a server of its own."""
    command = [sys.executable, "-m", "devstack.models", "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "layers/memory/src"), str(ROOT)))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as started:
        try:
            assert started.stdout is not None
            yield started.pid, started.stdout.readline().strip()
        finally:
            started.terminate()


def test_the_command_prints_its_url_when_it_is_ready(process: tuple[int, str]) -> None:
    _, url = process
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1", url)
    with OpenAI(base_url=url, api_key="unused", max_retries=0) as client:
        assert len(client.embeddings.create(model="any", input="ready").data[0].embedding) == 384


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_many_long_texts_at_once_need_little_memory_and_it_is_given_back(process: tuple[int, str]) -> None:
    pid, url = process

    def embedded(_: int) -> int:
        with OpenAI(base_url=url, api_key="unused", max_retries=0, timeout=150) as client:
            return len(client.embeddings.create(model="any", input=["apple " * 300] * 2).data)

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(embedded, range(8))) == [2] * 8
    assert _megabytes(pid, "VmHWM") < 550, "the most that it ever had"
    eventually(lambda: _megabytes(pid, "VmRSS") < 280, 60)


def _megabytes(pid: int, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found.group(1)) // 1024


def test_a_body_of_many_megabytes_is_refused(client: OpenAI) -> None:
    with pytest.raises(BadRequestError, match="at most 8388608 bytes"):
        client.embeddings.create(model="any", input="x" * 9_000_000)
