"""A small run of the benchmark of the life cycle: counts that must not grow with the number of memories. No times."""

from pathlib import Path

import pytest
from operator_memory.application.lifecycle import tend_account
from operator_memory.domain.lifecycle.rounds import RoundReport

from bench.lifecycle.measure import Rounds, erase, export, rounds
from bench.lifecycle.run import LEAVER, make_collection, store_leaver
from bench.lifecycle.workload import EXPIRED, IDLE, OF, OLD, kept, load, sizes
from bench.lifecycle.world import COLLECTION, World
from devstack.qdrant import QdrantFront
from infra.qdrant.points import Points
from tests.support.qdrant.shelves import ObservedClient

MEMORIES, ACCOUNTS = 2000, 50
PAGE = 20
"""Memories that a round takes at once here: the largest account has ten pages."""


def expected(size: int) -> RoundReport:
    """What a round does with the memories of one account."""
    parts = [number % OF for number in range(size)]
    expired = sum(part < EXPIRED for part in parts)
    old = sum(EXPIRED <= part < EXPIRED + OLD for part in parts)
    idle = sum(EXPIRED + OLD <= part < EXPIRED + OLD + IDLE for part in parts)
    return RoundReport(expired, old, idle + max(0, size - expired - old - idle - kept(size)))


def total(of: list[RoundReport]) -> RoundReport:
    return RoundReport(*(sum(getattr(one, name) for one in of) for name in ("expired", "deleted", "archived")))


class Run:
    """The rounds over so many memories in so many accounts, on an engine of its own."""

    def __init__(self, memories: int, accounts: int, folder: Path) -> None:
        self.sizes = sizes(memories, accounts)
        with QdrantFront() as engine:
            make_collection(engine.url)
            client, self.world = ObservedClient(engine.url), World(engine.url, folder)
            points = Points(client, COLLECTION)
            load(self.world, points, self.sizes, lambda _: None)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(tend_account, "PAGE", PAGE)
                self.made: Rounds = rounds(self.world, accounts)
            self.most_held = max(self.world.client.most_read, self.world.client.most_whole)
            self.left = points.count()
            store_leaver(self.world, points, 250)
            self.exported = export(self.world, LEAVER, 250)
            self.erased = erase(self.world, LEAVER)
            self.left_after = points.count()
            client.close()
            self.world.close()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(MEMORIES, ACCOUNTS, tmp_path_factory.mktemp("large"))


def test_each_memory_goes_where_its_policy_says(large: Run) -> None:
    done = total([expected(size) for size in large.sizes.values()])
    assert large.made.done == done
    assert large.left == MEMORIES - done.changed


def test_an_account_of_ordinary_size_ends_with_one_message(large: Run) -> None:
    assert set(large.made.messages.values()) == {1}
    assert len(large.made.ended) == ACCOUNTS


def test_the_worker_holds_no_more_than_a_page(large: Run) -> None:
    assert max(large.sizes.values()) > 5 * PAGE
    assert PAGE <= large.most_held <= PAGE + 1, "one more shows where the next page begins"


def test_an_account_takes_as_many_requests_among_many_as_among_few(large: Run, tmp_path: Path) -> None:
    few = Run(MEMORIES // 5, ACCOUNTS // 5, tmp_path)
    each = [run.made.tended.requests / len(run.sizes) for run in (few, large)]
    assert each[1] <= 1.05 * each[0]


def test_an_export_and_an_erasure_reach_the_store_and_the_archive(large: Run) -> None:
    assert large.exported.lines == 250 + 2, "the account and the end beside them"
    assert large.erased.removed == {"memories": 238, "archived": 12, "job_records": 0}
    assert not any(large.erased.remaining.values())
    assert large.left_after == large.left
