"""The language model fails in every way that it can: nothing is lost, nothing is learned twice or half."""

import json
from typing import Any

from operator_memory.domain.learning.jobs import MAX_RECEIVES, Outcome

from tests.support.failures.faulty_proxy import Act, answers, hangs
from tests.support.failures.rig import BYSTANDER, CHAT, SUBJECT, TURNS, WRITE, Rig, Stored
from tests.support.failures.table import injects
from tests.support.learning.extractor import completion
from tests.support.loopback import reply

pytest_plugins = ["tests.support.failures.fixtures"]

AGAIN = "The message is tried again; the turns are stored already."


def tried_again(rig: Rig, act: Act, reason: str, *, delay: int = 5) -> None:
    """The model does ``act`` when it is asked; the message is given back for ``delay`` seconds."""
    rig.systems.models.spoil(act, when=CHAT)
    assert rig.is_tried_again(reason, stored=TURNS).delays == [delay]


def an_error(status: int, **headers: str) -> Act:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return answers(reply({"error": {"message": "no", "type": "error", "code": None}}, status, headers=named))


@injects("Model", "is down: refuses connections", then=AGAIN, reason="upstream_unavailable")
def test_the_model_is_down(rig: Rig) -> None:
    rig.systems.qdrant.before(WRITE, rig.systems.models.down)  # the turns have been embedded by then
    assert rig.is_tried_again("upstream_unavailable", stored=TURNS).delays == [5]


@injects("Model", "is slow: no answer within `EXTRACTION_TIMEOUT_SECONDS`", then=AGAIN, reason="upstream_timeout")
def test_the_model_is_slow(rig: Rig) -> None:
    tried_again(rig, hangs, "upstream_timeout")


@injects(
    "Model",
    "answers 429 with `Retry-After`",
    then="The message waits as long as the model asks for (at most an hour) and is tried again.",
    reason="upstream_unavailable",
)
def test_the_model_asks_to_be_left_alone_for_a_while(rig: Rig) -> None:
    tried_again(rig, an_error(429, Retry_After="47"), "upstream_unavailable", delay=47)


@injects("Model", "answers 500", then=AGAIN, reason="upstream_unavailable")
def test_the_model_answers_500(rig: Rig) -> None:
    tried_again(rig, an_error(500), "upstream_unavailable")


@injects(
    "Model",
    "answers 401: the key was revoked",
    then="The message is tried again for about an hour, in which the key can be replaced.",
    reason="upstream_unavailable",
)
def test_the_model_refuses_the_key(rig: Rig) -> None:
    tried_again(rig, an_error(401), "upstream_unavailable")


@injects(
    "Model",
    "answers 400 to everything: it cannot serve such requests",
    then="A dead letter at once; put back when the model's name or limits are mended, it is worked off.",
    reason="upstream_rejected",
)
def test_the_model_refuses_the_request(rig: Rig) -> None:
    rig.systems.models.spoil(an_error(400), when=CHAT)
    rig.is_given_up("upstream_rejected", stored=TURNS)


@injects(
    "Model",
    "answers 402: the bill is not paid",
    then="The message is tried again for about an hour, in which it can be paid.",
    reason="upstream_unavailable",
)
def test_the_model_wants_to_be_paid(rig: Rig) -> None:
    tried_again(rig, an_error(402), "upstream_unavailable")


@injects(
    "Model",
    "answers 400 and names a parameter that it does not take",
    then="It is asked again at once, without the parameter or by its other name; the run is done.",
)
def test_the_model_takes_fewer_parameters(rig: Rig) -> None:
    refused = {"message": "Unsupported parameter", "param": "max_tokens", "code": "unsupported_parameter"}
    rig.systems.models.spoil(
        answers(reply({"error": refused}, 400)), when=lambda request: CHAT(request) and b"max_tokens" in request.body
    )
    rig.both_sent()
    assert rig.deliver().failed == []
    found = rig.outcome()
    assert found.record is not None
    assert (found.record.attempts, found.record.error) == (1, None)
    assert found.stored.facts


@injects("Model", "refuses to answer (`refusal`)", then=AGAIN, reason="malformed_response")
def test_the_model_refuses_to_answer(rig: Rig) -> None:
    tried_again(rig, answers(completion(None, refusal="I cannot help with that.")), "malformed_response")


@injects("Model", "answers in prose", then=AGAIN, reason="malformed_response")
def test_the_model_answers_in_prose(rig: Rig) -> None:
    tried_again(rig, answers(completion("Ana lives in Porto. Anything else?")), "malformed_response")


@injects(
    "Model",
    "is cut off at `EXTRACTION_MAX_TOKENS`",
    then="Each half of the conversation is asked about by itself; if that is cut off too, the message is tried again.",
    reason="malformed_response",
)
def test_the_model_is_cut_off(rig: Rig) -> None:
    cut = '{"memory": [{"id": "0", "text": "User\'s name is Ana"}, {"id": "1", "te'
    tried_again(rig, answers(completion(cut, finish="length")), "malformed_response")


@injects("Model", "stops in the middle of its JSON, and says that it is complete", then=AGAIN,
         reason="malformed_response")  # fmt: skip
def test_the_model_ends_too_early_and_does_not_say_so(rig: Rig) -> None:
    cut = '{"memory": [{"id": "0", "text": "User\'s name is Ana"}, {"id": "1", "te'
    tried_again(rig, answers(completion(cut)), "malformed_response")


@injects("Model", "answers with a JSON list", then=AGAIN, reason="malformed_response")
def test_the_model_answers_with_a_list(rig: Rig) -> None:
    tried_again(rig, answers(completion(json.dumps([1, 2]))), "malformed_response")


@injects("Model", "answers with other keys than asked for", then=AGAIN, reason="malformed_response")
def test_the_model_answers_with_other_keys(rig: Rig) -> None:
    tried_again(rig, answers(completion(json.dumps({"facts": ["User's name is Ana"]}))), "malformed_response")


@injects(
    "Model",
    "gives facts without their texts",
    then="The message is tried again; the turns are stored already, and no fact is.",
    reason="malformed_response",
)
def test_one_of_the_models_facts_has_no_text(rig: Rig) -> None:
    facts = [{"id": "0", "fact": "User's name is Ana"}, {"id": "1", "fact": "User lives in Porto"}]
    tried_again(rig, answers(completion(json.dumps({"memory": facts}))), "malformed_response")


@injects("Model", "answers with an empty object", then=AGAIN, reason="malformed_response")
def test_the_model_answers_with_an_empty_object(rig: Rig) -> None:
    tried_again(rig, answers(completion("{}")), "malformed_response")


@injects("Model", "answers with nothing", then=AGAIN, reason="malformed_response")
def test_the_model_answers_with_nothing(rig: Rig) -> None:
    tried_again(rig, answers(completion("")), "malformed_response")


@injects("Model", "is a proxy's error page with status 200", then=AGAIN, reason="malformed_response")
def test_in_the_models_place_a_page_answers(rig: Rig) -> None:
    tried_again(rig, answers(reply(b"<html>Bad gateway</html>", headers={"Content-Type": "text/html"})),
                "malformed_response")  # fmt: skip


@injects(
    "Model",
    "states facts in another language than the conversation",
    then="The job is done; each fact has an outcome in the record, and what cannot be traced to what was said waits"
    " in quarantine.",
)
def test_the_model_answers_in_another_language(rig: Rig) -> None:
    facts: list[dict[str, Any]] = [
        {
            "id": "0",
            "text": "Die Nutzerin heißt Ana",
            "attributed_to": "user",
            "evidence": [{"message": 0, "quote": "My name is Ana"}],
        },
        {"id": "1", "text": "Die Nutzerin züchtet in ihrer Freizeit Alpakas", "attributed_to": "user"},
    ]
    rig.systems.models.spoil(answers(completion(json.dumps({"memory": facts}))), when=CHAT)
    rig.both_sent()

    delivery = rig.deliver()

    assert (delivery.tried, delivery.failed) == ([SUBJECT, BYSTANDER], [])
    found = rig.outcome()
    assert found.record is not None
    outcomes = [(fact.outcome, fact.reason) for fact in found.record.facts]
    assert outcomes == [(Outcome.ADDED, None), (Outcome.REJECTED, "no_evidence")]
    assert found.stored == Stored(sorted(str(fact["text"]) for fact in facts), TURNS.turns)
    assert (found.queued, found.letters) == (0, [])


@injects(
    "Model",
    "fails ten times, first with 500 and in the end with prose",
    then="A dead letter after about an hour, with the first and the last error; put back, it is worked off.",
    reason="malformed_response",
)
def test_the_model_fails_until_the_message_is_given_up(rig: Rig) -> None:
    rig.systems.models.spoil(an_error(500), when=CHAT)
    rig.both_sent()
    delays = rig.fails("upstream_unavailable").delays
    for _ in range(2, MAX_RECEIVES):
        rig.systems.models.spoil(answers(completion("Sorry.")), when=CHAT)
        delays += rig.deliver().delays
    rig.is_recorded("malformed_response", stored=TURNS)
    rig.systems.models.spoil(answers(completion("Sorry.")), when=CHAT)

    assert rig.deliver().failed == []

    assert delays == [5, 25, 125, *[600] * 6]
    [letter] = rig.outcome().letters
    assert (letter["reason"], letter["first_error"]) == ("malformed_response", "upstream_unavailable")
    assert letter["receive_count"] == str(MAX_RECEIVES)
    rig.redrive()
    rig.succeeds(attempts=MAX_RECEIVES + 1, first_error="upstream_unavailable")


@injects(
    "Model",
    "fails while the account's next run waits behind",
    then="Both are tried again, in order; the next one is not begun before the first is done. Other accounts' go on.",
    reason="upstream_unavailable",
)
def test_the_accounts_next_run_waits_behind_the_one_that_failed(rig: Rig) -> None:
    rig.systems.models.spoil(an_error(500), when=CHAT)
    rig.send(rig.subject, SUBJECT, messages=[{"type": "user", "content": "I live in Lisbon."}])
    rig.send(rig.subject, "next", messages=[{"type": "user", "content": "I live in Porto now."}])
    rig.send(rig.bystander, BYSTANDER)

    delivery = rig.deliver()

    assert (delivery.tried, delivery.failed) == ([SUBJECT, "next", BYSTANDER], [SUBJECT, "next"])
    assert rig.outcome(job="next").record is None
    assert rig.outcome(rig.bystander, BYSTANDER).queued == 2
    while rig.outcome().queued:
        assert rig.deliver().failed == []
    assert rig.holding(rig.subject) == ["User lives in Porto."]
    assert rig.stored(rig.subject).facts == ["User lives in Lisbon.", "User lives in Porto."]
    assert rig.outcome().letters == []
