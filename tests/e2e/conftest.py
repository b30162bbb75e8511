"""One running system for all end-to-end tests; each test uses accounts of its own."""

from collections.abc import Iterator

import pytest

from devstack.stack import DevStack
from tests.e2e.system import System

UNHURRIED = {"RATE_LIMIT_READS": "0", "RATE_LIMIT_WRITES": "0"}
"""Expensive calls keep their limit, so that one test can meet it; each test has an account of its own."""


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with DevStack(tmp_path_factory.mktemp("system"), environ=UNHURRIED) as stack:
        yield System(stack)
