"""The embedder fails: no vector that is not one is stored, and what was paid for is stored once in the end."""

from typing import Any

from tests.support.failures.faulty_proxy import answers, changes, hangs
from tests.support.failures.rig import CHAT, EMBEDDINGS, SUBJECT, TURNS, Rig
from tests.support.failures.table import injects
from tests.support.loopback import Request, reply

pytest_plugins = ["tests.support.failures.fixtures"]

AGAIN = "The message is tried again; nothing is stored yet."


def test_without_a_failure_a_run_costs_three_embedding_calls(rig: Rig) -> None:
    """Of the turns, of the conversation, of the facts: the tests below count on it."""
    rig.send(rig.subject, SUBJECT)
    assert rig.deliver().failed == []
    assert len([request for request in rig.systems.models.requests if EMBEDDINGS(request)]) == 3


@injects("Embedder", "is down: refuses connections", then=AGAIN, reason="upstream_unavailable")
def test_the_embedder_is_down(rig: Rig) -> None:
    rig.systems.models.down()
    rig.is_tried_again("upstream_unavailable")


@injects("Embedder", "is slow: no answer in time", then=AGAIN, reason="upstream_timeout")
def test_the_embedder_is_slow(rig: Rig) -> None:
    rig.systems.models.spoil(hangs, when=EMBEDDINGS)
    rig.is_tried_again("upstream_timeout")


@injects(
    "Embedder",
    "answers 429 with `Retry-After`",
    then="The message waits as long as the embedder asks for (at most an hour) and is tried again.",
    reason="upstream_unavailable",
)
def test_the_embedder_asks_to_be_left_alone_for_a_while(rig: Rig) -> None:
    busy = reply({"error": {}}, 429, headers={"Retry-After": "47"})
    rig.systems.models.spoil(answers(busy), when=EMBEDDINGS)
    assert rig.is_tried_again("upstream_unavailable").delays == [47]


@injects(
    "Embedder",
    "answers 401: the key was revoked",
    then="The message is tried again for about an hour, in which the key can be replaced.",
    reason="upstream_rejected",
)
def test_the_embedder_refuses_the_key(rig: Rig) -> None:
    rig.systems.models.spoil(answers(reply({"error": {}}, 401)), when=EMBEDDINGS)
    rig.is_tried_again("upstream_rejected")


@injects(
    "Embedder",
    "answers 400: the text is too long",
    then="It gets the beginning of the text, half as long each time until it takes it; the run is done.",
)
def test_the_embedder_takes_only_short_texts(rig: Rig) -> None:
    long = "I collect old maps of harbours. " * 125

    def takes_little(request: Request) -> bool:
        return EMBEDDINGS(request) and max(map(len, request.json()["input"])) > 1_500

    rig.systems.models.spoil(answers(reply({"error": {"message": "too long"}}, 400)), when=takes_little)
    rig.both_sent(messages=[{"type": "user", "content": long}])
    assert rig.deliver().failed == []
    assert rig.outcome().stored.turns == [long.strip()], "stored whole, and found by its beginning"


@injects(
    "Embedder",
    "gives vectors of another dimension than `EMBEDDING_DIMENSIONS`",
    then=AGAIN,
    reason="malformed_response",
)
def test_the_embedders_vectors_have_another_dimension(rig: Rig) -> None:
    rig.systems.models.spoil(changes(with_vectors(lambda vector: vector[:-1])), when=EMBEDDINGS)
    rig.is_tried_again("malformed_response")


@injects("Embedder", "gives half a batch", then=AGAIN, reason="malformed_response")
def test_the_embedder_gives_half_a_batch(rig: Rig) -> None:
    def half(answer: Any) -> Any:
        return {**answer, "data": answer["data"][: len(answer["data"]) // 2]}

    rig.systems.models.spoil(changes(half), when=EMBEDDINGS)
    rig.is_tried_again("malformed_response")


@injects("Embedder", "gives one text's vector twice, and another's not", then=AGAIN, reason="malformed_response")
def test_the_embedder_gives_one_vector_twice(rig: Rig) -> None:
    def twice(answer: Any) -> Any:
        return {**answer, "data": answer["data"][:1] * len(answer["data"])}

    rig.systems.models.spoil(changes(twice), when=EMBEDDINGS)
    rig.is_tried_again("malformed_response")


@injects("Embedder", "gives a vector with `NaN` in it", then=AGAIN, reason="malformed_response")
def test_a_vector_holds_nan(rig: Rig) -> None:
    rig.systems.models.spoil(changes(with_vectors(lambda vector: [float("nan"), *vector[1:]])), when=EMBEDDINGS)
    rig.is_tried_again("malformed_response")


@injects("Embedder", "gives a vector with `null` in it", then=AGAIN, reason="malformed_response")
def test_a_vector_holds_null(rig: Rig) -> None:
    rig.systems.models.spoil(changes(with_vectors(lambda vector: [None, *vector[1:]])), when=EMBEDDINGS)
    rig.is_tried_again("malformed_response")


@injects(
    "Embedder",
    "fails before the model is asked",
    then="The message is tried again; the turns are stored already, and the model has cost nothing.",
    reason="upstream_unavailable",
)
def test_the_embedder_fails_before_the_model_is_asked(rig: Rig) -> None:
    rig.systems.models.spoil(answers(reply({"error": {}}, 500)), when=EMBEDDINGS, first=2)
    rig.is_tried_again("upstream_unavailable", stored=TURNS)
    assert len([request for request in rig.systems.models.requests if CHAT(request)]) == 2  # and the bystander's


@injects(
    "Embedder",
    "fails after the model has answered",
    then="The message is tried again and the model asked again; the turns are stored already.",
    reason="upstream_unavailable",
)
def test_the_embedder_fails_after_the_model_has_answered(rig: Rig) -> None:
    rig.systems.models.spoil(answers(reply({"error": {}}, 500)), when=EMBEDDINGS, first=3)
    rig.is_tried_again("upstream_unavailable", stored=TURNS)


@injects(
    "Embedder",
    "gives half of the facts' vectors",
    then="The message is tried again; the turns are stored already, and no fact is.",
    reason="malformed_response",
)
def test_the_embedder_gives_half_of_the_facts(rig: Rig) -> None:
    def half(answer: Any) -> Any:
        return {**answer, "data": answer["data"][: len(answer["data"]) // 2]}

    rig.systems.models.spoil(changes(half), when=EMBEDDINGS, first=3)
    rig.is_tried_again("malformed_response", stored=TURNS)


def with_vectors(change: Any) -> Any:
    """An answer in which the last vector is as ``change`` makes it."""

    def changed(answer: Any) -> Any:
        *kept, last = answer["data"]
        return {**answer, "data": [*kept, {**last, "embedding": change(last["embedding"])}]}

    return changed
