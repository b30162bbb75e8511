"""A pytest plugin: both clients, each test once with each."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.clients.sides import SIDES, Connect, Side, settings_for


@pytest.fixture(params=SIDES, ids=lambda side: side.name)
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes clients of one kind for the service at a URL, and closes them."""
    made: list[Side] = []

    def client_of(url: str, **changes: Any) -> Side:
        made.append(request.param(settings_for(url, **changes)))
        return made[-1]

    yield client_of
    for side in made:
        side.close()
