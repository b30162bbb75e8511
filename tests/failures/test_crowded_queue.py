"""More than one worker at a time: on one job, on one account, on one thread; and one account that fills the queue."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.failures.killable import PATIENCE, Crossing, Function, Person, World
from tests.support.failures.table import injects

pytest_plugins = ["tests.support.supabase.fixtures", "tests.support.failures.killable_fixtures"]

Batch = list[dict[str, Any]]
BERLIN = [{"role": "user", "content": "I moved to Berlin. I like green tea."}]
DONE: dict[str, Any] = {"batchItemFailures": []}


def kept(batch: Batch) -> dict[str, Any]:
    """The answer that leaves the whole batch in the queue."""
    return {"batchItemFailures": [{"itemIdentifier": message["MessageId"]} for message in batch]}


def from_porto(world: World) -> Person:
    """An account that knows of Porto."""
    person = world.person()
    world.send(person, "older", minutes_ago=90, messages=[{"role": "user", "content": "I live in Porto."}])
    world.work_off()
    return person


@contextmanager
def held(world: World, batch: Batch, what: str) -> Iterator[list[dict[str, Any] | None]]:
    """While the block runs, a worker has the batch and waits at a request; then it goes on, and its answer is there."""
    reached, go = threading.Event(), threading.Event()
    answers: list[dict[str, Any] | None] = []

    def watch(_: Function, crossing: Crossing) -> None:
        if crossing.what == what and not crossing.answered:
            reached.set()
            go.wait(PATIENCE)

    worker = threading.Thread(target=lambda: answers.append(world.invoke(batch, watch)[0]))
    worker.start()
    try:
        assert reached.wait(PATIENCE), f"it never came to {what}"
        yield answers
    finally:
        go.set()
        worker.join(PATIENCE)
    assert answers


def together(world: World, batches: list[Batch], what: str, holding: str = "") -> list[dict[str, Any] | None]:
    """The answers of workers that have a batch each and wait for one another before a request of that kind."""
    everybody = threading.Barrier(len(batches), timeout=PATIENCE)
    answers: list[dict[str, Any] | None] = [None] * len(batches)

    def work(number: int) -> None:
        met: list[Crossing] = []

        def watch(_: Function, crossing: Crossing) -> None:
            if crossing.what == what and holding in crossing.body and not crossing.answered and not met:
                met.append(crossing)
                everybody.wait()

        answers[number] = world.invoke(batches[number], watch)[0]

    workers = [threading.Thread(target=work, args=(number,)) for number in range(len(batches))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE)
    assert everybody.n_waiting == 0
    assert not everybody.broken
    return answers


def assert_nothing_waits(world: World) -> None:
    assert (world.waiting("jobs"), world.waiting("dead")) == (0, 0)


def assert_told_once(world: World, person: Person) -> None:
    """One attempt has worked off the run that tells of ``BERLIN``, and stored it once."""
    assert world.attempts(person) == 1
    assert world.facts(person) == [("User likes green tea.", None), ("User moved to Berlin.", None)]
    assert len(world.turns(person)) == 1
    assert_nothing_waits(world)


@injects(
    "Queue",
    "a message comes again while a worker still has its job",
    then="The second worker leaves the job alone, and the message is tried again when the lease of the first is over.",
)
def test_a_second_worker_leaves_the_job_to_the_first(world: World) -> None:
    person = world.person()
    world.send(person, messages=BERLIN)
    batch = world.receive()
    with held(world, batch, "Model.chat") as first:
        world.seen_again(*batch)
        again = world.receive()
        answer, asked = world.invoke(again)
        world.acknowledge(again, answer)
        assert answer == kept(again)
        assert set(asked) == {"DynamoDB.GetItem", "SQS.ChangeMessageVisibility"}
        assert world.receive() == [], "not at once: it would only use up receives"
        assert world.waiting() == 1, "and not lost"
    assert first == [DONE]
    world.time_out(person, *again)  # the first worker's receipt has expired: it may not delete the message
    world.work_off()
    assert_told_once(world, person)


@injects(
    "Queue",
    "a message is delivered to two workers at the same moment",
    then="One gets the job; the other's message is tried again, finds the job done and is deleted.",
)
def test_a_message_delivered_twice_at_once(world: World) -> None:
    person = world.person()
    world.send(person, messages=BERLIN)
    first = world.receive()
    world.seen_again(*first)
    second = world.receive()
    answers = together(world, [first, second], "DynamoDB.PutItem", "lease_until")
    assert sorted(answers, key=str) == sorted([DONE, kept(first)], key=str)
    assert world.attempts(person) == 1
    world.time_out(person, *second)
    world.work_off()
    assert_told_once(world, person)


@injects(
    "Queue",
    "two runs of one account at the same moment (the queue gives an account's out one by one)",
    then="Both are worked off. A fact that both tell is stored once, and what it replaces is marked.",
)
def test_two_runs_of_one_account_that_tell_the_same(world: World) -> None:
    person = from_porto(world)
    world.send(person, "job-1", messages=BERLIN)
    world.send(person, "job-2", group="other", messages=[*BERLIN, {"role": "user", "content": "I play chess."}])
    batches = [world.receive(), world.receive()]
    assert together(world, batches, "Qdrant.PUT points", '"fact"') == [DONE, DONE]
    for batch in batches:
        world.acknowledge(batch, DONE)
    assert world.facts(person) == [
        ("User likes green tea.", None),
        ("User lives in Porto.", "User moved to Berlin."),
        ("User moved to Berlin.", None),
        ("User plays chess.", None),
    ]
    assert len(world.turns(person)) == 4
    assert world.outcomes(person, "job-1")["state"] == world.outcomes(person, "job-2")["state"] == ["done"]
    assert_nothing_waits(world)


@injects(
    "Queue",
    "two runs of one account at the same moment that tell different things in the place of the same memory",
    then="Both facts are stored, and the memory names one of them as what took its place.",
)
def test_two_runs_of_one_account_that_replace_the_same_memory(world: World) -> None:
    person = from_porto(world)
    world.send(person, "job-1", messages=BERLIN)
    world.send(person, "job-2", group="other", messages=[{"role": "user", "content": "I moved to Rome."}])
    batches = [world.receive(), world.receive()]
    assert together(world, batches, "Qdrant.PUT points", '"fact"') == [DONE, DONE]
    for batch in batches:
        world.acknowledge(batch, DONE)
    facts = dict(world.facts(person))
    assert facts.pop("User lives in Porto.") in ("User moved to Berlin.", "User moved to Rome.")
    assert facts == {"User likes green tea.": None, "User moved to Berlin.": None, "User moved to Rome.": None}
    assert world.outcomes(person, "job-1")["state"] == world.outcomes(person, "job-2")["state"] == ["done"]
    assert_nothing_waits(world)


@pytest.mark.parametrize("at", ["Model.chat", "Qdrant.PUT points", "Supabase.messages"])
@injects(
    "Queue",
    "two runs of one thread at the same moment, read from the platform",
    then="Each message is read and stored once, and the thread's watermark does not go back.",
)
def test_two_runs_of_one_thread(world: World, at: str) -> None:
    person = world.person(("user", "I moved to Berlin."), ("assistant", "Noted."))
    world.send(person, "job-1", minutes_ago=40)
    first = world.receive()
    with held(world, first, at) as answers:
        world.say(person, ("user", "I like green tea."), minutes_ago=35)
        world.send(person, "job-2", minutes_ago=30, group="other")
        world.work_off()
        [after_second] = world.items(person, "WATERMARK#")
    assert answers == [DONE]
    world.acknowledge(first, DONE)
    assert world.items(person, "WATERMARK#") == [after_second]
    assert world.turns(person) == ["I moved to Berlin.", "Noted.", "I like green tea."]
    assert world.facts(person) == [("User likes green tea.", None), ("User moved to Berlin.", None)]
    world.say(person, ("user", "I play chess."), minutes_ago=20)
    world.send(person, "job-3", minutes_ago=10)
    world.work_off()
    assert world.outcomes(person, "job-3")["turns"] == ["I play chess."], "what is later is read, and nothing again"
    assert_nothing_waits(world)


@injects(
    "Queue",
    "1,000 runs of one account wait when another account's run comes",
    then="The other's run is in the next batch. The 1,000 are worked off in their order, one at a time.",
)
def test_a_thousand_runs_of_one_account_hold_up_no_other(world: World) -> None:
    crowd, other = world.person(), world.person()
    jobs = [f"job-{number:04}" for number in range(1, 1001)]
    world.send(crowd, *jobs, messages=BERLIN)
    world.send(other, messages=BERLIN)
    first, second = world.receive(), world.receive()
    assert told([*first, *second]) == [(crowd.account_id, "job-0001"), (other.account_id, "job-1")]
    assert world.receive() == [], "while one of an account is worked off its next is not given out"
    world.work_off(second)
    assert world.facts(other) == [("User likes green tea.", None), ("User moved to Berlin.", None)]
    world.work_off(first)
    assert world.outcomes(crowd, "job-0001")["state"] == ["done"]
    assert world.waiting() == 999
    assert told(world.receive(10)) == [(crowd.account_id, job_id) for job_id in jobs[1:11]]
    world.sqs.purge_queue(QueueUrl=world.urls["jobs"])
    assert_nothing_waits(world)


def told(batch: Batch) -> list[tuple[str, str]]:
    """Account and job of each message."""
    bodies = [json.loads(message["Body"]) for message in batch]
    return [(body["account_id"], body["job_id"]) for body in bodies]
