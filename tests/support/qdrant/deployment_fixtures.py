"""A pytest plugin: `Deployment`, with its collection made."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devstack.qdrant import QdrantFront
from tests.support.qdrant.deployment import Deployment


@pytest.fixture
def deployment(
    aws_url: str, table: tuple[Any, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployment]:
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.setenv(name, "")  # so that what a command sets is taken back
    with QdrantFront() as front:
        made = Deployment(front.url, table, tmp_path / "backups", aws_url)
        made.make()
        yield made
        made.close()
