"""A full account that learns: what matters least goes to the archive, where its quota says so."""

from dataclasses import replace

import pytest
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.learning.jobs import FactOutcome, JobState, Outcome
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.shared.holds import Hold, Holds
from operator_memory.domain.usage.quota import Quota, QuotaState, WhenFull, quota_state

from tests.support.builders import NOW, a_memory
from tests.support.fakes.usage import FakeArchiver
from tests.support.learning.extraction import ACCOUNT, World, a_job


class FixedHolds:
    """Port ``HoldReader``: the same for every account."""

    def __init__(self, holds: Holds) -> None:
        self._holds = holds

    def holds(self, account_id: str) -> Holds:
        return self._holds


def world(quota: int, when_full: WhenFull = WhenFull.ARCHIVE, **fields: object) -> World:
    made = World(quota=quota, when_full=when_full, **fields)  # type: ignore[arg-type]
    made.archiver = FakeArchiver(made.memories)
    return made


def put(made: World, *memories: Memory) -> None:
    for memory in memories:
        [vector] = made.embedder.embed([memory.text], timeout=1)
        made.memories.upsert(ACCOUNT, [EmbeddedMemory(replace(memory, account_id=ACCOUNT), vector)])


def learned(made: World, *facts: str, job_id: str = "job-1") -> list[FactOutcome]:
    made.extractor.facts = lambda _turns: [(fact, "user") for fact in facts]
    said = " ".join(f"{fact}." for fact in facts).replace("User", "I")
    return list(made.run(a_job(("user", said), job_id=job_id)).facts)


def archived(made: World) -> list[str]:
    assert made.archiver is not None
    return list(made.archiver.archived)


WEAK, WEAKER = a_memory("User likes chess", importance=0.2), a_memory("User likes rugby", importance=0.1)
PINNED = a_memory("User likes opera", importance=0.0, pinned=True)
STRONG = a_memory("User is allergic to nuts", importance=0.95)


def test_the_least_important_unpinned_facts_make_room() -> None:
    made = world(4)
    put(made, WEAK, WEAKER, PINNED, STRONG)
    outcomes = learned(made, "User likes green tea", "User plays the cello")
    assert [outcome.outcome for outcome in outcomes] == [Outcome.ADDED, Outcome.ADDED]
    assert set(archived(made)) == {WEAKER.id, WEAK.id}
    assert made.memories.count_facts(ACCOUNT, now=NOW) == 4


def test_only_as_many_as_are_needed_leave() -> None:
    made = world(4)
    put(made, WEAK, WEAKER, STRONG)
    outcomes = learned(made, "User likes green tea", "User likes chess", "User likes rugby now")
    assert outcomes[1].outcome is Outcome.DUPLICATE
    assert archived(made) == [WEAKER.id]
    assert WEAK.id in {memory.id for memory in made.memories.of(ACCOUNT)}


def test_what_is_just_said_again_stays() -> None:
    made = world(2)
    put(made, WEAKER, WEAK)
    outcomes = learned(made, "User likes rugby", "User likes green tea")
    assert [outcome.outcome for outcome in outcomes] == [Outcome.DUPLICATE, Outcome.ADDED]
    assert WEAKER.id not in archived(made)


def test_a_full_account_of_pinned_facts_rejects_and_says_why() -> None:
    made = world(1)
    put(made, PINNED)
    [outcome] = learned(made, "User likes green tea")
    assert (outcome.outcome, outcome.reason) == (Outcome.REJECTED, "over_quota")
    assert archived(made) == []


def test_a_refusing_quota_archives_nothing() -> None:
    made = world(1, WhenFull.REFUSE)
    put(made, STRONG)
    [outcome] = learned(made, "User likes green tea")
    assert (outcome.outcome, outcome.reason) == (Outcome.REJECTED, "over_quota")
    assert archived(made) == []


HELD = Hold("a court asks", NOW, "user:owner", "thread-held")


@pytest.mark.parametrize(
    ("holds", "left"),
    [(Holds(account=replace(HELD, thread_id=None)), []), (Holds(threads={"thread-held": HELD}), [STRONG.id])],
    ids=["account", "thread"],
)
def test_what_is_held_stays_where_it_is(holds: Holds, left: list[str]) -> None:
    made = world(2, holds=FixedHolds(holds))
    put(made, replace(WEAK, thread_id="thread-held"), STRONG)
    learned(made, "User likes green tea")
    assert archived(made) == left


def test_an_archive_that_fails_fails_the_job_and_the_next_attempt_goes_on() -> None:
    made = world(1)
    put(made, WEAK)
    assert made.archiver is not None
    made.archiver.error = UpstreamUnavailableError("s3", "throttled")
    with pytest.raises(UpstreamUnavailableError):
        learned(made, "User likes green tea")
    assert [memory.text for memory in made.memories.of(ACCOUNT) if memory.id == WEAK.id] == [WEAK.text]
    made.archiver.error = None
    [outcome] = learned(made, "User likes green tea")
    record = made.jobs.get(ACCOUNT, "job-1")
    assert record is not None
    assert (record.state, outcome.outcome) == (JobState.DONE, Outcome.ADDED)
    assert archived(made) == [WEAK.id]


@pytest.mark.parametrize(
    ("used", "state"),
    [(0, QuotaState.OK), (89, QuotaState.OK), (90, QuotaState.NEAR), (100, QuotaState.FULL), (101, QuotaState.FULL)],
)
def test_how_full_an_account_is(used: int, state: QuotaState) -> None:
    assert quota_state(Quota(100), used) is state
