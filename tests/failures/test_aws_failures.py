"""DynamoDB and the queues fail: the claim, the record, the watermark, the event, the retry and the letter."""

import json
import logging

from operator_memory.application.learning.extract_run import ExtractionPolicy
from operator_memory.domain.learning.jobs import JobState
from operator_memory.domain.shared.lease import LEASE_SECONDS

from tests.support.failures.faulty_proxy import Act, answers, breaks, breaks_after, hangs
from tests.support.failures.rig import (
    BURIES,
    BYSTANDER,
    CHAT,
    GIVES_BACK,
    NOTES_EVENT,
    NOTHING,
    SUBJECT,
    TURNS,
    Rig,
    target,
)
from tests.support.failures.table import injects
from tests.support.loopback import reply

pytest_plugins = ["tests.support.failures.fixtures"]

SAVES_DONE = target("PutItem", holding='"state": {"S": "done"}')
SAVES_FAILED = target("PutItem", holding='"state": {"S": "failed"}')
THROTTLED = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
UNCLAIMED = "The message is tried again; nothing has been read, asked or stored."
LEASED = (
    "The message is tried again when the lease of the attempt has run out (330 s). What is stored is found and not"
    " stored again."
)


def an_error(name: str, status: int = 400) -> Act:
    return answers(reply({"__type": name, "message": "no"}, status))


def is_tried_again_unclaimed(rig: Rig, reason: str) -> None:
    """No claim, so no record; only the log can say what happened. Then the first attempt is made."""
    rig.both_sent()
    rig.fails(reason)
    found = rig.outcome()
    assert (found.record, found.stored) == (None, NOTHING)
    rig.succeeds(attempts=1, first_error=None)


@injects("DynamoDB", "is down when the job is claimed", then=UNCLAIMED)
def test_dynamodb_is_down_at_the_claim(rig: Rig) -> None:
    rig.systems.dynamodb.down()
    is_tried_again_unclaimed(rig, "upstream_unavailable")


@injects("DynamoDB", "is slow when the job is claimed", then=UNCLAIMED)
def test_dynamodb_is_slow_at_the_claim(rig: Rig) -> None:
    rig.systems.dynamodb.spoil(hangs)
    is_tried_again_unclaimed(rig, "upstream_timeout")


@injects("DynamoDB", "throttles", then=UNCLAIMED)
def test_dynamodb_throttles(rig: Rig) -> None:
    rig.systems.dynamodb.spoil(an_error(THROTTLED))
    is_tried_again_unclaimed(rig, "upstream_unavailable")


@injects("DynamoDB", "answers 500", then=UNCLAIMED)
def test_dynamodb_answers_500(rig: Rig) -> None:
    rig.systems.dynamodb.spoil(an_error("InternalServerError", 500))
    is_tried_again_unclaimed(rig, "upstream_unavailable")


@injects(
    "DynamoDB",
    "takes the claim and breaks before it answers",
    then="The message is tried again when the lease of the claim has run out (330 s); nothing is stored yet.",
)
def test_the_answer_to_the_claim_is_lost(rig: Rig) -> None:
    rig.systems.dynamodb.spoil(breaks_after, when=target("PutItem"))
    rig.both_sent()
    rig.fails("upstream_unavailable")
    assert rig.outcome().stored == NOTHING
    waits_for_the_lease(rig)


def waits_for_the_lease(rig: Rig) -> None:
    """Until the lease runs out the message waits, and the job is nobody's to repeat; then it is worked off."""
    assert ExtractionPolicy().lease_seconds == LEASE_SECONDS
    waiting = rig.deliver()
    assert (waiting.failed, waiting.delays, waiting.reasons) == ([SUBJECT], [LEASE_SECONDS], ["job_in_progress"])
    record = rig.outcome().record
    assert record is not None
    assert record.state is JobState.RUNNING
    rig.later(seconds=LEASE_SECONDS + 1)
    rig.succeeds(first_error=None)


@injects("DynamoDB", "goes down between the turns and the facts, and the failure cannot be recorded", then=LEASED)
def test_dynamodb_goes_down_in_the_middle(rig: Rig) -> None:
    rig.systems.models.before(CHAT, rig.systems.dynamodb.down)
    rig.both_sent()
    rig.fails("upstream_unavailable")
    assert rig.outcome().stored == TURNS
    waits_for_the_lease(rig)


@injects("DynamoDB", "goes down after the writes, before the record says that the job is done", then=LEASED)
def test_dynamodb_is_down_when_the_record_is_saved(rig: Rig) -> None:
    rig.systems.dynamodb.spoil(breaks, when=SAVES_DONE)
    rig.both_sent()
    rig.fails("upstream_unavailable")
    assert rig.outcome().stored == rig.stored(rig.bystander)
    waits_for_the_lease(rig)


@injects(
    "DynamoDB",
    "throttles after the writes, before the record says that the job is done",
    then=LEASED,
)
def test_dynamodb_throttles_when_the_record_is_saved(rig: Rig) -> None:
    rig.systems.dynamodb.spoil(an_error(THROTTLED), when=SAVES_DONE)
    rig.both_sent()
    rig.fails("upstream_unavailable")
    assert rig.outcome().stored == rig.stored(rig.bystander)
    waits_for_the_lease(rig)


@injects(
    "DynamoDB",
    "saves that the job is done, and breaks before it answers",
    then="The message is tried again, the job is known to be done, and nothing is repeated.",
)
def test_the_answer_to_the_saved_record_is_lost(rig: Rig) -> None:
    rig.systems.dynamodb.spoil(breaks_after, when=SAVES_DONE)
    rig.both_sent()
    rig.fails("upstream_unavailable")
    asked = len(rig.systems.models.requests)
    rig.succeeds(attempts=1, first_error=None)
    assert len(rig.systems.models.requests) == asked


@injects(
    "DynamoDB",
    "is down when another system's failure is to be recorded",
    then="The message is tried again when the lease of the attempt has run out (330 s).",
)
def test_dynamodb_is_down_when_a_failure_is_recorded(rig: Rig) -> None:
    rig.systems.models.spoil(answers(reply({}, 500)), when=CHAT)
    rig.systems.dynamodb.spoil(breaks, when=SAVES_FAILED)
    rig.both_sent()
    rig.fails("upstream_unavailable")
    waits_for_the_lease(rig)


@injects(
    "DynamoDB",
    "is down when the thread's watermark moves",
    then="The message is tried again and the job is known to be done. The thread's next run reads the same messages"
    " and stores none twice.",
)
def test_dynamodb_is_down_when_the_watermark_moves(rig: Rig) -> None:
    rig.systems.dynamodb.spoil(breaks, when=target("PutItem", holding="WATERMARK#"))
    thread = rig.new_thread()
    rig.both_sent(thread=thread, messages=None)
    rig.fails("upstream_unavailable")
    rig.succeeds(attempts=1, first_error=None)
    rig.stores_nothing_more(thread)


@injects(
    "Events queue",
    "is down",
    then="The run is done at its first try. Its event is not in the trail but in the log, at level ERROR, from where it"
    " can be put into the queue by hand.",
)
def test_the_events_queue_is_down(rig: Rig) -> None:
    rig.systems.sqs.spoil(breaks, when=NOTES_EVENT)
    rig.both_sent()

    delivery = rig.deliver()

    assert (delivery.tried, delivery.failed) == ([SUBJECT, BYSTANDER], [])
    found = rig.outcome()
    assert found.record is not None
    assert (found.record.state, found.record.attempts) == (JobState.DONE, 1)
    assert found.stored == rig.stored(rig.bystander)
    assert (found.queued, found.letters) == (0, [])
    [event] = [event for event in lost_events(delivery.logged) if event["account_id"] == rig.subject]
    assert event["memory_ids"] == [o.memory_id for o in (*found.record.facts, *found.record.turns)]


def lost_events(logged: list[logging.LogRecord]) -> list[dict[str, object]]:
    errors = [vars(line) for line in logged if line.levelno == logging.ERROR]
    return [json.loads(line["event"]) for line in errors if "event" in line]


@injects(
    "Queue",
    "does not take a failed message back (`ChangeMessageVisibility`)",
    then="The message comes again when its worker's hold of it ends (335 s).",
    reason="upstream_unavailable",
)
def test_the_queue_does_not_take_a_message_back(rig: Rig) -> None:
    rig.systems.models.spoil(answers(reply({}, 500)), when=CHAT)
    rig.systems.sqs.spoil(breaks, when=GIVES_BACK)
    rig.is_tried_again("upstream_unavailable", stored=TURNS)


@injects(
    "Queue",
    "of dead letters is down when a message is to be given up",
    then="The message stays in the jobs queue and is tried again; given up for good, it is a letter, once.",
    reason="upstream_rejected",
)
def test_the_dead_letter_queue_is_down(rig: Rig) -> None:
    rig.systems.models.spoil(answers(reply({}, 400)), when=CHAT)
    rig.systems.sqs.spoil(breaks, when=BURIES)
    rig.both_sent()
    delivery = rig.deliver()
    assert (delivery.tried, delivery.failed) == ([SUBJECT, BYSTANDER], [SUBJECT])
    rig.is_recorded("upstream_rejected", stored=TURNS)
    found = rig.outcome()
    assert (found.queued, found.letters) == (1, [])
    is_given_up_next(rig)


@injects(
    "Queue",
    "of dead letters takes a letter and breaks before it answers",
    then="The message stays in the jobs queue and is tried again; its letter is there once.",
    reason="upstream_rejected",
)
def test_the_answer_of_the_dead_letter_queue_is_lost(rig: Rig) -> None:
    rig.systems.models.spoil(answers(reply({}, 400)), when=CHAT)
    rig.systems.sqs.spoil(breaks_after, when=BURIES)
    rig.both_sent()
    assert rig.deliver().failed == [SUBJECT]
    is_given_up_next(rig)


def is_given_up_next(rig: Rig) -> None:
    """The queue of dead letters is well again, and the model still refuses: one letter, and a redrive mends it."""
    rig.heal()
    rig.systems.models.spoil(answers(reply({}, 400)), when=CHAT)
    assert rig.deliver().failed == []

    found = rig.outcome()
    assert found.queued == 0
    assert [letter["reason"] for letter in found.letters] == ["upstream_rejected"]
    rig.redrive()
    rig.succeeds(attempts=3, first_error="upstream_rejected")
