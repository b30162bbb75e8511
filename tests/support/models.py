"""The bundled model server, for tests that need real embeddings; asked for with ``pytest_plugins``."""

from collections.abc import Iterator

import pytest

from devstack.models import ModelServer


@pytest.fixture(scope="session")
def model_url() -> Iterator[str]:
    """Base URL (ending in ``/v1``) of one server for the whole session."""
    with ModelServer() as server:
        yield server.url
