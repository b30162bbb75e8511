"""Fixtures: a test module asks for them with ``pytest_plugins = ["tests.support.management.user_token_fixtures"]``."""

from collections.abc import Iterator

import pytest

from tests.support.management.user_tokens import Project


@pytest.fixture
def project() -> Iterator[Project]:
    """A project of Supabase Auth on the loopback interface, with its keys."""
    with Project() as running:
        yield running
