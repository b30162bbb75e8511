"""A pytest plugin: one engine for a module of attacks, and for each test a world on it with somebody in it."""

from collections.abc import Iterator

import pytest

from devstack.qdrant import QdrantFront
from tests.support.attack.world import AttackWorld, Tenant


@pytest.fixture(scope="module")
def attacked_engine() -> Iterator[QdrantFront]:
    with QdrantFront() as running:
        yield running


@pytest.fixture
def attacked(attacked_engine: QdrantFront) -> Iterator[AttackWorld]:
    made = AttackWorld(attacked_engine.url)
    yield made
    made.close()


@pytest.fixture
def me(attacked: AttackWorld) -> Tenant:
    return attacked.person()
