"""Backups in a bucket, snapshots of a Qdrant that makes them, and drills of backups that are no good."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.shared.tombstones import Target, TargetKind, Tombstone

from infra import operators
from infra.backup import drill
from infra.backup.scratch import SUFFIX
from infra.backup.snapshots import Snapshots
from infra.qdrant.points import Points
from tests.support.aws.clients import aws_client
from tests.support.builders import AGENT_KEY, a_memory
from tests.support.qdrant.deployment import LIVE, Deployment
from tests.support.qdrant.snapshot_server import SnapshotServer

pytest_plugins = ["tests.support.aws.fixtures", "tests.support.qdrant.deployment_fixtures"]


def lately(text: str, **fields: Any) -> Memory:
    moment = datetime.now(UTC) - timedelta(minutes=5)
    return replace(a_memory(text, **fields), created_at=moment, updated_at=moment)


def collections(deployment: Deployment) -> list[str]:
    answer = deployment.client.request("GET", "/collections", timeout=30)
    return sorted(one["name"] for one in json.loads(answer.body)["result"]["collections"])


@pytest.fixture
def snapshotting(deployment: Deployment) -> Iterator[SnapshotServer]:
    """The deployment behind a server that makes snapshots as well."""
    with SnapshotServer(deployment.url) as server:
        deployment.extra["QDRANT_URL"] = server.url
        yield server


def test_a_bucket_keeps_backups_too(deployment: Deployment, aws_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    client = aws_client("s3", aws_url)
    client.create_bucket(Bucket="backups")
    deployment.target = "s3://backups/memory/daily"
    deployment.put(lately("Likes tea."), lately("Likes milk."))
    before = deployment.all()
    assert deployment.backup("make") == 0
    keys = [item["Key"] for item in client.list_objects_v2(Bucket="backups")["Contents"]]
    assert all(key.startswith(f"memory/daily/{LIVE}/") for key in keys)
    assert deployment.backup("list") == 0
    assert "2 points" in capsys.readouterr().out
    deployment.empty()
    assert deployment.backup("drill") == 0
    assert deployment.backup("restore") == 0
    assert deployment.all() == before
    client.close()


def test_a_snapshot_is_made_fetched_tried_and_restored(
    deployment: Deployment, snapshotting: SnapshotServer, capsys: pytest.CaptureFixture[str]
) -> None:
    gone, kept = lately("Likes tea."), lately("Answers briefly.", key=AGENT_KEY)
    deployment.put(gone, kept)
    assert deployment.backup("make") == 0
    assert "as snapshot" in capsys.readouterr().out
    assert snapshotting.kept == {}, "none is left on the cluster"
    assert deployment.backup("drill") == 0
    assert "The backup is good." in capsys.readouterr().out
    from operator_memory.adapters.dynamodb.tombstones import DynamoDBTombstones

    tombstone = Tombstone(Target(TargetKind.USER), datetime.now(UTC))
    DynamoDBTombstones(*deployment.table).put(gone.account_id, tombstone)
    before = deployment.all()
    deployment.empty()
    assert deployment.backup("restore") == 0
    assert deployment.all() == {kept.id: before[kept.id]}
    assert collections(deployment) == [LIVE]


def test_a_snapshot_that_arrives_damaged_is_no_backup(
    deployment: Deployment, snapshotting: SnapshotServer, capsys: pytest.CaptureFixture[str]
) -> None:
    snapshotting.checksum = hashlib.sha256(b"another").hexdigest()
    assert deployment.backup("make") == 2
    assert "has another checksum" in capsys.readouterr().err
    assert deployment.backup("drill") == 2
    assert not list(Path(str(deployment.target)).rglob("snapshot"))
    assert snapshotting.kept == {}


def test_a_cluster_of_several_nodes_is_backed_up_by_points(
    deployment: Deployment, snapshotting: SnapshotServer, capsys: pytest.CaptureFixture[str]
) -> None:
    snapshotting.nodes = 3
    assert deployment.backup("make", "--form", "snapshot") == 2
    assert "use FORM=points" in capsys.readouterr().err
    assert deployment.backup("make") == 0
    assert "as points" in capsys.readouterr().out


def test_a_key_that_is_refused_is_no_server_without_snapshots(
    deployment: Deployment, snapshotting: SnapshotServer, capsys: pytest.CaptureFixture[str]
) -> None:
    snapshotting.refuses = True
    assert deployment.backup("make") == 2
    assert "refused" in capsys.readouterr().err
    snapshots = Snapshots("http://127.0.0.1:9")
    with pytest.raises(Exception, match="connection failed"):
        snapshots.available(LIVE)
    snapshots.close()


def tamper(points: list[dict[str, Any]], what: str) -> list[dict[str, Any]]:
    first, *rest = points
    if what == "missing":
        return rest
    if what == "payload":
        return [{**first, "payload": {**first["payload"], "data": "Something else."}}, *rest]
    return [{**first, "vector": {**first["vector"], "": [1.0, *[0.0] * 31]}}, *rest]


@pytest.mark.parametrize(
    ("what", "fault"),
    [
        ("missing", "2 points of all, where the backup has 3."),
        ("payload", "has another payload than the backup."),
        ("vector", "has another vector than the backup."),
    ],
)
def test_a_backup_that_comes_back_otherwise_is_no_good(
    deployment: Deployment,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    fault: str,
) -> None:
    deployment.put(*(lately(f"Fact number {number}.") for number in range(3)))
    deployment.backup("make")
    put = Points.put
    monkeypatch.setattr(Points, "put", lambda self, points, **how: put(self, tamper(points, what), **how))
    assert deployment.backup("drill") == 1
    told = capsys.readouterr().out
    assert fault in told
    assert "The backup is no good." in told
    assert "Fact number" not in told
    assert collections(deployment) == [LIVE]


def test_a_drill_tells_what_the_live_collection_has_changed_since(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    stays, edited, deleted = (lately(f"Fact number {number}.") for number in range(3))
    deployment.put(stays, edited, deleted)
    deployment.backup("make")
    deployment.put(replace(edited, text="Corrected.", version=2))
    deployment.points.delete([deleted.id])
    assert deployment.backup("drill") == 0
    told = capsys.readouterr().out
    for said in ("1 the same", "1 changed since", "1 gone since"):
        assert said in told


def test_a_drill_that_fails_leaves_no_scratch_collection(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.put(lately("Likes tea."))
    deployment.backup("make")

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(drill, "compare", interrupted)
    assert deployment.backup("drill") == operators.INTERRUPTED
    assert collections(deployment) == [LIVE]


def test_a_drill_never_touches_the_collection_in_use(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.extra["QDRANT_COLLECTION"] = "memories" + SUFFIX
    folder = Path(str(deployment.target)) / f"memories{SUFFIX}"
    deployment.backup("make")
    deployment.extra.pop("QDRANT_COLLECTION")
    deployment.backup("make")
    (folder.parent / LIVE).rename(folder)
    deployment.extra["QDRANT_COLLECTION"] = "memories" + SUFFIX
    assert deployment.backup("drill") == 2
    assert f"ends in {SUFFIX}" in capsys.readouterr().err


def test_a_backup_of_other_dimensions_is_not_mixed_in(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.backup("make")
    deployment.extra["EMBEDDING_DIMENSIONS"] = "8"
    assert deployment.backup("restore") == 2
    assert "The vectors of the backup have 32 numbers, and EMBEDDING_DIMENSIONS is 8" in capsys.readouterr().err
