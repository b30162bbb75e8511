"""Lambda ends the extraction function at some step; the message comes again, and all is as if it had not happened."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from operator_memory.domain.shared.lease import HOLD_SECONDS, LEASE_SECONDS

from tests.support.failures.killable import Crossing, Function, Person, World
from tests.support.failures.killed import AGAIN, SAID, assert_as_never_killed, first, kill, killed, people
from tests.support.failures.table import injects

pytest_plugins = ["tests.support.supabase.fixtures", "tests.support.failures.killable_fixtures"]

HOLDS = "SQS.ChangeMessageVisibility"
READ = ("GetItem", "/scroll", "/batch", "/count", ".embeddings", ".chat", ".messages", ".memory_switches")


@pytest.fixture(scope="module")
def never_killed(world: World) -> Person:
    """Whose run was never killed."""
    [person] = people(world, 1)
    world.work_off()
    return person


def test_a_run_that_is_not_killed_is_what_the_others_are_compared_with(world: World, never_killed: Person) -> None:
    assert world.facts(never_killed) == [
        ("The user asked to always answer briefly.", None),
        ("User likes green tea.", None),
        ("User lives in Porto.", "User moved to Berlin."),
        ("User moved to Berlin.", None),
    ]
    assert world.turns(never_killed) == ["I live in Porto.", *(text for _, text in SAID)]
    assert world.outcomes(never_killed) == {
        "state": ["done"],
        "facts": [
            "superseded User moved to Berlin.",
            "added User likes green tea.",
            "added The user asked to always answer briefly.",
        ],
        "turns": [text for _, text in SAID],
    }
    assert len(world.items(never_killed, "WATERMARK#")) == 1
    learnt = sorted([*(text for _, text in SAID), *(text for text, by in world.facts(never_killed) if by is None)])
    assert world.events(never_killed) == [
        "add | I live in Porto. | User lives in Porto.",
        " | ".join(["add", *learnt]),
        "update | User lives in Porto.",
    ]


@injects("Lambda", "killed before the model is asked", then=AGAIN + "The run is repeated.")
def test_killed_before_the_model_is_asked(world: World, never_killed: Person) -> None:
    person, asked = killed(world, first("Model.chat", answered=False))
    assert_as_never_killed(world, person, never_killed)
    assert asked.count("Model.chat") == 1


@injects(
    "Lambda",
    "killed after the model has answered, before a fact is stored",
    then=AGAIN + "The run is repeated; the model is asked once more.",
)
def test_killed_after_the_model_has_answered(world: World, never_killed: Person) -> None:
    person, asked = killed(world, first("Model.chat", answered=True))
    assert_as_never_killed(world, person, never_killed)
    assert asked.count("Model.chat") == 1


@injects(
    "Lambda",
    "killed after the turns are stored",
    then=AGAIN + "The run is repeated; the turns are known and not stored again.",
)
def test_killed_after_the_turns_are_stored(world: World, never_killed: Person) -> None:
    person, asked = killed(world, first("Qdrant.PUT points", answered=True))
    assert_as_never_killed(world, person, never_killed)
    assert asked.count("Qdrant.PUT points") == 1, "the facts only"


@injects(
    "Lambda",
    "killed after the facts are stored, before what they replace is marked",
    then=AGAIN + "The run is repeated; the facts are known, and what they replace is marked.",
)
def test_killed_before_what_the_facts_replace_is_marked(world: World, never_killed: Person) -> None:
    person, asked = killed(world, first("Qdrant.PUT points", '"fact"', answered=True))
    assert_as_never_killed(world, person, never_killed)
    assert asked.count("Qdrant.POST points/payload") == 1


@injects(
    "Lambda",
    "killed after what the facts replace is marked, before the record says that the job is done",
    then=AGAIN + "The run is repeated and stores nothing.",
)
def test_killed_before_the_record(world: World, never_killed: Person) -> None:
    person, asked = killed(world, first("Qdrant.POST points/payload", answered=True))
    assert_as_never_killed(world, person, never_killed)
    assert "Qdrant.PUT points" not in asked


@injects(
    "Lambda",
    "killed after the event is in the trail's queue, before the record says that the job is done",
    then=AGAIN + "The run is repeated and stores nothing; its event has the same id, and counts once.",
)
def test_killed_after_the_event(world: World, never_killed: Person) -> None:
    person, _ = killed(world, lambda c: c.what == "DynamoDB.PutItem" and '"done"' in c.body and not c.answered)
    assert_as_never_killed(world, person, never_killed)


@injects(
    "Lambda",
    "killed after the record says that the job is done, before the thread's watermark moves",
    then=AGAIN + "The job is known to be done. The thread's next run reads the same messages and stores none twice.",
)
def test_killed_before_the_watermark(world: World, never_killed: Person) -> None:
    person, asked = killed(world, first("DynamoDB.PutItem", '"done"', answered=True))
    assert asked == [HOLDS, "DynamoDB.GetItem"], "the repetition does no more than ask whether the job is done"
    assert world.items(person, "WATERMARK#") == []
    memories = world.memories(person)
    world.send(person, "job-2", minutes_ago=20)
    world.work_off()
    assert len(world.items(person, "WATERMARK#")) == 1
    assert world.memories(person) == memories
    assert world.outcomes(person) == world.outcomes(never_killed)
    assert (world.waiting("jobs"), world.waiting("dead")) == (0, 0)


@injects(
    "Lambda",
    "killed when all is done, before the message is deleted",
    then=AGAIN + "The job is known to be done, and the message is deleted.",
)
def test_killed_before_the_message_is_deleted(world: World, never_killed: Person) -> None:
    [person] = people(world, 1)
    batch = world.receive()
    answer, _ = world.invoke(batch)
    assert answer == {"batchItemFailures": []}
    world.time_out(person, *batch)
    again = world.receive()
    answer, asked = world.invoke(again)
    world.acknowledge(again, answer)
    assert asked == [HOLDS, "DynamoDB.GetItem"]
    assert_as_never_killed(world, person, never_killed)


def test_killed_at_any_request_that_changes_something(world: World, never_killed: Person) -> None:
    """Before the first request, and after each that changes something, before its answer arrives.

    To the outside, to be killed at a request that only reads is to be killed after the change before it.
    """
    [person] = people(world, 1)
    batch = world.receive()
    answer, asked = world.invoke(batch)
    world.acknowledge(batch, answer)
    moments = [(1, False), *((n, True) for n, what in enumerate(asked, 1) if not what.endswith(READ))]
    everybody = people(world, len(moments))
    batches = [world.receive() for _ in everybody]

    def kill_at(batch: list[dict[str, Any]], number: int, answered: bool) -> None:
        kill(world, lambda c: c.number >= number and c.answered is answered, batch)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda pair: kill_at(pair[0], *pair[1]), zip(batches, moments, strict=True)))
        by_account = {batch[0]["Attributes"]["MessageGroupId"]: batch for batch in batches}
        for person in everybody:
            world.time_out(person, *by_account[person.account_id])
        list(threads.map(world.work_off, [world.receive() for _ in everybody]))
    behind = []
    for person, moment in zip(everybody, moments, strict=True):
        if world.attempts(person) == 1 and not world.items(person, "WATERMARK#"):
            behind.append(moment)  # done, but for the watermark: see above
            world.send(person, "job-2", minutes_ago=30)
            world.work_off()
        assert world.state(person) == world.state(never_killed), moment
        assert world.outcomes(person) == world.outcomes(never_killed), moment
        assert world.events(person) == world.events(never_killed), moment
    assert len(behind) <= 1, behind
    assert (world.waiting("jobs"), world.waiting("dead")) == (0, 0)


@injects(
    "Lambda",
    "its time ends in the middle of a batch of several messages (the template sends one a batch)",
    then="All of the batch come again. Jobs that were done are known and not repeated, the others are worked off.",
)
def test_its_time_ends_in_the_middle_of_a_batch(world: World, never_killed: Person) -> None:
    everybody = people(world, 3)
    batch = world.receive(3)
    order = [message["Attributes"]["MessageGroupId"] for message in batch]
    calls: list[Crossing] = []

    def second_call(crossing: Crossing) -> bool:
        if crossing.what == "Model.chat" and not crossing.answered:
            calls.append(crossing)
        return len(calls) == 2

    asked = kill(world, second_call, batch)
    assert asked.count("Model.chat") == 2
    assert world.waiting("jobs") == 3
    for person in everybody:
        world.time_out(person, *(m for m in batch if m["Attributes"]["MessageGroupId"] == person.account_id))
    again = world.receive(3)
    answer, asked = world.invoke(again)
    world.acknowledge(again, answer)
    assert answer == {"batchItemFailures": []}
    assert asked.count("Model.chat") == 2, "of the second and the third"
    by_account = {person.account_id: person for person in everybody}
    assert [world.attempts(by_account[account_id]) for account_id in order] == [1, 2, 1]
    for person in everybody:
        assert_as_never_killed(world, person, never_killed)


@injects(
    "Lambda",
    "killed each time that it has the message",
    then="When it has been received 20 times, the queue itself moves it to the dead letters, without a reason.",
)
def test_killed_each_time(world: World) -> None:
    [person] = people(world, 1)
    batch = world.receive()
    kill(world, first("DynamoDB.PutItem", answered=True), batch)
    for _ in range(19):
        world.time_out(person, *batch)
        batch = world.receive()
        assert batch[0]["Attributes"]["MessageGroupId"] == person.account_id
    world.time_out(person, *batch)
    assert world.receive() == []
    assert (world.waiting("jobs"), world.waiting("dead")) == (0, 1)
    world.sqs.purge_queue(QueueUrl=world.urls["dead"])


@injects(
    "Lambda",
    "told to end (SIGTERM) while the model is asked",
    then="The message and the job are given back at once; the next worker goes on.",
)
def test_told_to_end_while_the_model_is_asked(world: World, never_killed: Person) -> None:
    [person] = people(world, 1)
    batch = world.receive()

    def watch(function: Function, crossing: Crossing) -> None:
        if crossing.what == "Model.chat" and not crossing.answered:
            function.terminate()
            function.has_ended()

    answer, asked = world.invoke(batch, watch)
    assert (answer, asked[-2:]) == (None, ["DynamoDB.PutItem", HOLDS])
    assert world.outcomes(person)["state"] == ["queued"]
    world.work_off()
    assert_as_never_killed(world, person, never_killed)


def test_a_message_is_held_for_as_long_as_the_lease_and_not_for_the_queues_half_hour(world: World) -> None:
    """The first thing that the function asks of anybody: whatever ends it then, the account goes on soon."""
    [person] = people(world, 1)
    batch, holds = world.receive(), []

    def watch(_function: Function, crossing: Crossing) -> None:
        if crossing.number == 1 and not crossing.answered:
            holds.append((crossing.what, json.loads(crossing.body)["VisibilityTimeout"]))

    answer, _ = world.invoke(batch, watch)
    world.acknowledge(batch, answer)
    assert world.attempts(person) == 1
    timeout = world.template.functions["ExtractionFunction"].timeout
    time_out = int(world.template.queues["MemoryJobsQueue"].attributes["VisibilityTimeout"])
    assert holds == [(HOLDS, HOLD_SECONDS)]
    assert timeout < LEASE_SECONDS < HOLD_SECONDS < time_out, "and no earlier: the function may still be at it"
