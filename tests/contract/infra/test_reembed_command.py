"""``make reembed`` from the first command to the last, with an embedder behind an API, and what it refuses."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from operator_memory.adapters.qdrant.index_fields import EMBEDDED_BY
from operator_memory.domain.management.erasure import ErasureState
from operator_memory.domain.shared.tombstones import Target, TargetKind
from operator_memory.entrypoints.adapters_in_use import AdaptersInUse
from operator_memory.entrypoints.load_settings import load_settings
from operator_memory.entrypoints.wiring.shared import erasures_of

from infra.qdrant.points import Points
from infra.reembed.cli import main
from tests.support.builders import ACCOUNT, a_memory
from tests.support.loopback import HttpServer, Request, reply
from tests.support.qdrant.deployment import LIVE, Deployment

pytest_plugins = ["tests.support.aws.fixtures", "tests.support.qdrant.deployment_fixtures"]

TARGET, DIMENSIONS = "memories_b", 12


def vector_of(text: str) -> list[float]:
    return [byte / 255 + 0.01 for byte in hashlib.sha256(text.encode()).digest()[:DIMENSIONS]]


def embeddings(request: Request) -> bytes:
    texts = request.json()["input"]
    assert request.json()["model"] == "model-b"
    data = [{"object": "embedding", "index": n, "embedding": vector_of(text)} for n, text in enumerate(texts)]
    return reply({"object": "list", "data": data, "usage": {"total_tokens": 1}})


@pytest.fixture
def api() -> Iterator[HttpServer]:
    with HttpServer(embeddings) as server:
        yield server


@pytest.fixture
def moving(deployment: Deployment, api: HttpServer) -> Iterator[Deployment]:
    """A deployment with some memories, and the settings for where they go."""
    deployment.extra |= {
        "TO_COLLECTION": TARGET,
        "TO_MODEL": "model-b",
        "TO_DIMENSIONS": str(DIMENSIONS),
        "TO_BASE_URL": f"{api.url}/v1",
        "TO_API_KEY": "key",
    }
    deployment.put(*(a_memory(f"Knows the number {number}.") for number in range(5)))
    yield deployment
    target = Points(deployment.client, TARGET)
    if target.exists():
        target.drop()


def reembed(deployment: Deployment, *arguments: str) -> int:
    return main(list(arguments), deployment.environ)


def test_the_receipt_of_an_erasure_counts_what_is_in_both(moving: Deployment) -> None:
    assert reembed(moving, "start") == 0
    adapters = AdaptersInUse(load_settings(moving.environ), moving.environ, deletes=True)
    erasures = erasures_of(adapters, adapters.trail())
    receipt = erasures.start(ACCOUNT, Target(TargetKind.ACCOUNT), requested_by="user:ada")
    assert (receipt.removed["memories"], receipt.removed["copies"]) == (5, 5)
    assert receipt.state is ErasureState.COMPLETE
    assert set(receipt.remaining.values()) == {0}
    assert (moving.points.count(), Points(moving.client, TARGET).count()) == (0, 0)
    adapters.qdrant.close()
    adapters.dynamodb.close()


def test_from_start_to_drop(moving: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("start", "status", "verify", "switch"):
        assert reembed(moving, command) == 0
    told = capsys.readouterr().out
    assert "memories_b holds 5 new vectors after 2 passes. Next: verify." in told
    assert f"From {LIVE} to {TARGET} (model-b, 12 numbers)." in told
    assert (
        'sam deploy --parameter-overrides "QdrantCollection=memories_b EmbeddingModel=model-b EmbeddingDimensions=12 '
        "OpenAIBaseUrl=http" in told
    )
    assert "number 3" not in told
    late = replace(a_memory("Said during the deployment."), created_at=datetime.now(UTC))
    moving.put(late)
    moving.extra["QDRANT_COLLECTION"] = TARGET
    assert reembed(moving, "drop", "--yes") == 2
    assert "1 memories of memories are not in the new collection: run settle" in capsys.readouterr().err
    assert reembed(moving, "settle") == 0
    assert "Settle once more" in capsys.readouterr().out
    assert reembed(moving, "settle") == 0
    assert "Nothing is left in the old collection." in capsys.readouterr().out
    assert reembed(moving, "drop") == 2
    assert reembed(moving, "drop", "--yes") == 0
    assert not moving.points.exists()
    left = [point for page in Points(moving.client, TARGET).pages() for point in page]
    assert len(left) == 6
    assert {point["payload"][EMBEDDED_BY] for point in left} == {"model-b"}
    assert {len(point["vector"][""]) for point in left} == {DIMENSIONS}
    assert reembed(moving, "status") == 2
    assert "no memories are being moved: run start" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        ({"TO_MODEL": ""}, "TO_MODEL is missing"),
        ({"TO_COLLECTION": LIVE}, "TO_COLLECTION is the collection in use"),
        ({"TO_DIMENSIONS": "many"}, "EMBEDDING_DIMENSIONS"),
        ({"MEMORY_TABLE": ""}, "MEMORY_TABLE is missing"),
        ({"QDRANT_COLLECTION": "nowhere"}, "There is no collection nowhere there."),
    ],
)
def test_what_cannot_be_started_is_one_sentence(
    moving: Deployment, capsys: pytest.CaptureFixture[str], extra: dict[str, str], sentence: str
) -> None:
    moving.extra.update(extra)
    assert reembed(moving, "start") == 2
    assert sentence in capsys.readouterr().err


def test_a_collection_with_something_in_it_is_not_filled(
    moving: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reembed(moving, "start") == 0
    assert reembed(moving, "abandon") == 0
    assert not Points(moving.client, TARGET).exists()
    assert reembed(moving, "start") == 0
    moving.adapters.dynamodb.delete_item(
        TableName=moving.table[1], Key={"account_id": {"S": "MIGRATION#"}, "item": {"S": "MIGRATION"}}
    )
    assert reembed(moving, "start") == 2
    assert "memories_b holds something already" in capsys.readouterr().err


def test_other_settings_than_at_the_start_are_refused(moving: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    assert reembed(moving, "start") == 0
    moving.extra["TO_DIMENSIONS"] = "13"
    assert reembed(moving, "start") == 2
    assert "memories are being moved from memories to memories_b" in capsys.readouterr().err
    assert reembed(moving, "verify") == 2
    assert "as they were when it was started" in capsys.readouterr().err
    assert reembed(moving, "switch") == 2
