"""A pytest plugin: `Deployment`, with its collection made and empty. One engine serves a module: to make the collection
takes seconds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devstack.qdrant import QdrantFront
from tests.support.qdrant.deployment import Deployment


@pytest.fixture(scope="module")
def deployment_front() -> Iterator[QdrantFront]:
    """The engine."""
    with QdrantFront() as front:
        yield front


@pytest.fixture
def deployment(
    deployment_front: QdrantFront,
    aws_url: str,
    table: tuple[Any, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Deployment]:
    """A deployment of its own, on the module's engine."""
    made = Deployment(deployment_front.url, table, tmp_path / "backups", aws_url)
    for name, value in made.environ.items():  # a command sets them for boto3; in the end they are as before
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    made.make()
    made.empty()
    yield made
    made.close()
