"""Qdrant fails before, during and after a write: what a repetition stores, it stores once."""

from typing import Any

from operator_memory.domain.learning.jobs import Outcome

from tests.support.failures.faulty_proxy import Forward, When, answers, breaks_after, hangs, sends
from tests.support.failures.rig import SEARCH, SUBJECT, TURNS, WRITE, Rig, Stored, path
from tests.support.failures.table import injects
from tests.support.loopback import reply

pytest_plugins = ["tests.support.failures.fixtures"]

NO_COLLECTION = {"status": {"error": "Not found: Collection `failures` doesn't exist!"}, "time": 0.1}
BAD_POINT = {"status": {"error": "Wrong input: Vector dimension error: expected dim: 384, got 383"}, "time": 0.1}
SUPERSEDE = path("/points/payload")


def writing(kind: str) -> When:
    """Writes of points of this kind."""
    return lambda request: WRITE(request) and f'"kind":"{kind}"'.encode() in request.body


def both(rig: Rig) -> Stored:
    """What is stored when all of the run has been written: what the bystander's has."""
    return rig.stored(rig.bystander)


@injects("Qdrant", "is down: refuses connections", then="The message is tried again; nothing is stored yet.",
         reason="upstream_unavailable")  # fmt: skip
def test_qdrant_is_down(rig: Rig) -> None:
    rig.systems.qdrant.down()
    rig.is_tried_again("upstream_unavailable")


@injects(
    "Qdrant",
    "is slow: no answer within `QDRANT_WRITE_TIMEOUT_MS`",
    then="The message is tried again; nothing is stored yet.",
    reason="upstream_timeout",
)
def test_qdrant_is_slow(rig: Rig) -> None:
    rig.systems.qdrant.spoil(hangs)
    rig.is_tried_again("upstream_timeout")


@injects(
    "Qdrant",
    "is slow when the facts are written",
    then="The message is tried again; the turns are stored already.",
    reason="upstream_timeout",
)
def test_qdrant_is_slow_when_facts_are_written(rig: Rig) -> None:
    rig.systems.qdrant.spoil(hangs, when=writing("fact"))
    rig.is_tried_again("upstream_timeout", stored=TURNS)


@injects("Qdrant", "answers 503", then="The message is tried again; nothing is stored yet.",
         reason="upstream_unavailable")  # fmt: skip
def test_qdrant_answers_503(rig: Rig) -> None:
    rig.systems.qdrant.spoil(answers(reply({"status": {"error": "overloaded"}}, 503)))
    rig.is_tried_again("upstream_unavailable")


@injects(
    "Qdrant",
    "answers 403: the key was revoked",
    then="The message is tried again for about an hour, in which the key can be replaced.",
    reason="upstream_rejected",
)
def test_qdrant_refuses_the_key(rig: Rig) -> None:
    rig.systems.qdrant.spoil(answers(reply({"status": {"error": "Forbidden"}}, 403)))
    rig.is_tried_again("upstream_rejected")


@injects(
    "Qdrant",
    "rejects a point of the turns (400)",
    then="A dead letter at once, nothing is stored; put back when Qdrant takes the point, it is worked off.",
    reason="upstream_rejected",
)
def test_qdrant_rejects_a_turn(rig: Rig) -> None:
    rig.systems.qdrant.spoil(answers(reply(BAD_POINT, 400)), when=writing("turn"))
    rig.is_given_up("upstream_rejected")


@injects(
    "Qdrant",
    "rejects one point of the facts (400)",
    then="A dead letter at once, only the turns are stored; put back when Qdrant takes the point, it is worked off.",
    reason="upstream_rejected",
)
def test_qdrant_rejects_a_fact(rig: Rig) -> None:
    def spoilt(request: Any) -> Any:
        *others, last = request["points"]
        assert others  # which Qdrant would take
        shorter = {name: v[:-1] if isinstance(v, list) else v for name, v in last["vector"].items()}
        return {**request, "points": [*others, {**last, "vector": shorter}]}

    rig.systems.qdrant.spoil(sends(spoilt), when=writing("fact"))  # Qdrant itself refuses the request
    rig.is_given_up("upstream_rejected", stored=TURNS)


@injects(
    "Qdrant",
    "dies after it has written the turns, before it answers",
    then="The message is tried again; the turns are found and not stored again.",
    reason="upstream_unavailable",
)
def test_qdrant_dies_after_it_has_written_the_turns(rig: Rig) -> None:
    rig.systems.qdrant.spoil(breaks_after, when=writing("turn"))
    rig.is_tried_again("upstream_unavailable", stored=TURNS)


@injects(
    "Qdrant",
    "dies after it has written the facts, before it answers",
    then="The message is tried again; turns and facts are found and not stored again.",
    reason="upstream_unavailable",
)
def test_qdrant_dies_after_it_has_written_the_facts(rig: Rig) -> None:
    rig.systems.qdrant.spoil(breaks_after, when=writing("fact"))
    rig.both_sent()
    rig.fails("upstream_unavailable")
    rig.is_recorded("upstream_unavailable", stored=both(rig))
    rig.succeeds(first_error="upstream_unavailable")


@injects(
    "Qdrant",
    "writes, but too slowly to be waited for",
    then="The message is tried again; what was written is found and not stored again.",
    reason="upstream_timeout",
)
def test_qdrant_writes_too_slowly(rig: Rig) -> None:
    def in_vain(forward: Forward) -> None:
        forward()

    rig.systems.qdrant.spoil(in_vain, when=writing("fact"))
    rig.both_sent()
    rig.fails("upstream_timeout")
    rig.is_recorded("upstream_timeout", stored=both(rig))
    rig.succeeds(first_error="upstream_timeout")


@injects(
    "Qdrant",
    "fails at the search for what was said before the run",
    then="The message is tried again; nothing is stored yet.",
    reason="upstream_unavailable",
)
def test_qdrant_fails_at_the_search_for_earlier_turns(rig: Rig) -> None:
    rig.systems.qdrant.spoil(answers(reply({}, 500)), when=SEARCH)
    rig.is_tried_again("upstream_unavailable")


@injects(
    "Qdrant",
    "fails at the search for what the model is to know",
    then="The message is tried again; the model has not been asked, and the turns are stored already.",
    reason="upstream_unavailable",
)
def test_qdrant_fails_at_the_search_for_the_model(rig: Rig) -> None:
    rig.systems.qdrant.spoil(answers(reply({}, 500)), when=SEARCH, first=2)
    rig.is_tried_again("upstream_unavailable", stored=TURNS)


@injects(
    "Qdrant",
    "fails at the search for what the facts are compared with",
    then="The message is tried again; no fact passes the gate uncompared, and the turns are stored already.",
    reason="upstream_unavailable",
)
def test_qdrant_fails_at_the_search_for_the_gate(rig: Rig) -> None:
    rig.systems.qdrant.spoil(answers(reply({}, 500)), when=SEARCH, first=3)
    rig.is_tried_again("upstream_unavailable", stored=TURNS)


@injects(
    "Qdrant",
    "has no such collection (404)",
    then="A dead letter at once, nothing is stored; put back when the collection is there, it is worked off.",
    reason="upstream_rejected",
)
def test_the_collection_is_missing(rig: Rig) -> None:
    rig.systems.qdrant.spoil(answers(reply(NO_COLLECTION, 404)))
    rig.is_given_up("upstream_rejected")


@injects(
    "Qdrant",
    "answers what is not JSON",
    then="The message is tried again; nothing is stored yet.",
    reason="malformed_response",
)
def test_in_qdrants_place_a_page_answers(rig: Rig) -> None:
    rig.systems.qdrant.spoil(answers(reply(b"<html>Bad gateway</html>")))
    rig.is_tried_again("malformed_response")


@injects(
    "Qdrant",
    "fails between a new fact and the end of the one that it replaces",
    then="The message is tried again, which ends the replaced fact; the new one is not stored again.",
    reason="upstream_unavailable",
)
def test_qdrant_fails_before_a_replaced_fact_is_ended(rig: Rig) -> None:
    rig.send(rig.subject, "before", messages=[{"type": "user", "content": "I live in Lisbon."}])
    assert rig.deliver().failed == []
    assert rig.stored(rig.subject).facts == ["User lives in Lisbon."]
    rig.systems.qdrant.spoil(answers(reply({}, 500)), when=SUPERSEDE)
    rig.send(rig.subject, SUBJECT, messages=[{"type": "user", "content": "I live in Porto now."}])
    rig.send(rig.bystander, "bystander")

    rig.fails("upstream_unavailable")

    record = rig.outcome().record
    assert record is not None
    assert record.error == "upstream_unavailable"
    assert rig.deliver().failed == []
    found = rig.outcome()
    assert found.record is not None
    [fact] = found.record.facts
    assert (fact.outcome, len(fact.others)) == (Outcome.SUPERSEDED, 1)
    assert found.stored.facts == ["User lives in Lisbon.", "User lives in Porto."]
    assert rig.holding(rig.subject) == ["User lives in Porto."]
    assert (found.queued, found.letters) == (0, [])
