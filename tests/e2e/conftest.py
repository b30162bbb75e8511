"""One running system for all end-to-end tests; each test uses accounts of its own."""

from collections.abc import Iterator

import pytest

from devstack.stack import DevStack
from tests.e2e.system import System


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with DevStack(tmp_path_factory.mktemp("system"), environ={}) as stack:
        yield System(stack)
