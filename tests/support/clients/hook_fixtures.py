"""A pytest plugin: hooks that are closed after each test, and places where runs wait."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from operator_memory_client.operator import PostRun


@pytest.fixture
def hooks() -> Iterator[list[PostRun]]:
    made: list[PostRun] = []
    yield made
    for hook in made:
        hook.close(0)


@pytest.fixture(params=["folder", "no folder"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "spool" if request.param == "folder" else None
