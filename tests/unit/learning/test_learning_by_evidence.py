"""Runs of people as a model reads them: whose a fact is, when it was said, what it changes, what is to be forgotten."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from operator_memory.domain.conversation import RawMessage
from operator_memory.domain.learning.jobs import JobRecord, Outcome
from operator_memory.domain.memory.memory import UNWANTED, Memory
from operator_memory.domain.memory.scopes import Scope

from tests.support.learning.answering import answering_world, fact
from tests.support.learning.extraction import ACCOUNT, World, a_job

DAY = datetime(2026, 11, 20, 8, tzinfo=UTC)


def says(text: str, **fields: Any) -> RawMessage:
    return RawMessage("user", text, **fields)


def run(world: World, number: int, *messages: RawMessage, **fields: Any) -> JobRecord:
    """The ``number``-th run, an hour after the one before, all in one thread."""
    end = fields.pop("finished_at", DAY + timedelta(hours=number))
    world.clock.time = max(world.clock.time, end + timedelta(minutes=1))
    return world.run(a_job(job_id=f"job-{number}", messages=messages, finished_at=end, **fields), f"hash-{number}")


def facts(world: World) -> dict[str, Memory]:
    """What holds, by its text."""
    return {m.text: m for m in world.of_scope(Scope.USER) if m.valid_until is None}


# --- what it changes


@pytest.mark.parametrize(
    ("before", "old", "said", "new"),
    [
        ("我对花生过敏。", "用户对花生过敏", "医生说我对花生不过敏了。", "用户对花生不再过敏"),
        ("我住在上海。", "用户住在上海", "我搬到北京了。", "用户住在北京"),
        ("大阪に住んでいます。", "ユーザーは大阪に住んでいる", "札幌に引っ越しました。", "ユーザーは札幌に住んでいる"),
        ("Je mange de la viande.", "L'utilisateur mange de la viande", "Je ne mange plus de viande.",
         "L'utilisateur ne mange plus de viande"),
        ("저는 담배를 피워요.", "사용자는 담배를 피운다", "담배를 끊었어요.", "사용자는 담배를 끊었다"),
        ("I am Priya and live in Pune.", "Priya lives in Pune", "I moved to Mumbai.", "User lives in Mumbai"),
        ("our day rate is 640 euros", "User's day rate is 640 euros",
         "We've raised the day rate, it's 720 as of today.", "User raised their day rate from 640 to 720 euros"),
    ],
)  # fmt: skip
def test_what_the_model_names_is_replaced_in_every_language(before: str, old: str, said: str, new: str) -> None:
    world, answers, _ = answering_world()
    answers(fact(old, before))
    run(world, 0, says(before))
    answers(fact(new, said, replaces=[{"~": "."}]))
    [outcome] = run(world, 1, says(said)).facts
    assert outcome.outcome is Outcome.SUPERSEDED
    assert list(facts(world)) == [new]


def test_of_a_memory_that_is_half_outdated_the_other_half_stays_with_its_evidence() -> None:
    world, answers, _ = answering_world()
    both = "User lives in Porto and has a dog named Poppy"
    answers(fact(both, "I live in Porto with my dog Poppy"))
    run(world, 0, says("I live in Porto with my dog Poppy."))
    kept = {"User has a dog named Poppy": None}
    answers(fact("User lives in Lisbon", "I moved to Lisbon", replaces=[{"~": "Porto"}], remains=next(iter(kept))))
    run(world, 1, says("I moved to Lisbon."))
    assert set(facts(world)) == {"User lives in Lisbon", "User has a dog named Poppy"}
    assert facts(world)["User has a dog named Poppy"].evidence[0].quote == "I live in Porto with my dog Poppy"


def test_a_paraphrase_that_the_model_knows_is_no_second_memory() -> None:
    world, answers, _ = answering_world()
    answers(fact("User plays the cello", "I play the cello"))
    run(world, 0, says("I play the cello."))
    answers(fact("User is a cellist", "as a cellist", same_as={"~": "cello"}))
    [outcome] = run(world, 1, says("I travel a lot as a cellist.")).facts
    assert outcome.outcome is Outcome.DUPLICATE
    assert list(facts(world)) == ["User plays the cello"]


# --- whose it is


def test_what_a_named_speaker_says_is_theirs() -> None:
    world, answers, model = answering_world()
    answers(
        fact("User's name is Eric", "My name is Eric"),
        fact("User is gravely allergic to walnuts", "I am gravely allergic to walnuts", 1),
    )
    run(world, 0, says("My name is Eric.", name="Eric"), says("I am gravely allergic to walnuts.", name="Tomas"))
    assert "Tomas is gravely allergic to walnuts" in facts(world)
    assert facts(world)["Tomas is gravely allergic to walnuts"].speaker == "Tomas"
    assert "user: [1] (Tomas) I am gravely allergic" in model.prompts[0]


def test_a_members_fact_does_not_replace_another_members() -> None:
    world, answers, _ = answering_world()
    answers(fact("User lives in Oslo", "I live in Oslo"))
    run(world, 0, says("I live in Oslo."), author_id="ana")
    answers(fact("User lives in Rome", "I live in Rome", replaces=[{"~": "Oslo"}]))
    run(world, 1, says("I live in Rome."), author_id="ben")
    assert {text: m.author_id for text, m in facts(world).items()} == {
        "User lives in Oslo": "ana",
        "User lives in Rome": "ben",
    }


# --- what was said before


def test_the_turns_before_the_run_are_shown_and_nothing_is_learned_from_them_alone() -> None:
    world, answers, model = answering_world()
    run(world, 0, says("Plan my week."), RawMessage("assistant", "Do you eat meat?"))
    question = {"message": -1, "quote": "Do you eat meat?"}
    answer = {"message": 0, "quote": "Not since 2019"}
    answers(
        {"text": "User has not eaten meat since 2019", "evidence": [answer, question]},
        {"text": "User wants a plan for the week", "evidence": [{"message": -2, "quote": "Plan my week"}]},
    )
    done = run(world, 1, says("Not since 2019."))
    assert "assistant: [-1] (Fri 2026-11-20 08:00 +0000) Do you eat meat?" in model.prompts[-1]
    assert [(o.outcome, o.reason) for o in done.facts] == [(Outcome.ADDED, None), (Outcome.REJECTED, "no_evidence")]


# --- when


def test_each_message_is_dated_by_its_own_time_in_the_zone_it_was_written_in() -> None:
    world, answers, model = answering_world()
    jst = timezone(timedelta(hours=9))
    first = says("I started my new job at Acme yesterday.", created_at=datetime(2026, 11, 2, 7, tzinfo=jst))
    second = says("I moved to Porto today.", created_at=datetime(2026, 11, 9, 9, tzinfo=UTC))
    answers(
        fact("User started a new job at Acme on 2026-11-01", first.content, when="2026-11-01"),
        fact("User moved to Porto on 2026-11-09", second.content, 1, when="2026-11-09"),
    )
    run(world, 0, first, second)
    known = facts(world)
    job, moved = known["User started a new job at Acme on 2026-11-01"], known["User moved to Porto on 2026-11-09"]
    assert (job.when, job.created_at) == ("2026-11-01", first.created_at)
    assert (moved.when, moved.created_at) == ("2026-11-09", second.created_at)
    assert "[0] (Mon 2026-11-02 07:00 +0900) I started" in model.prompts[0]


@pytest.mark.parametrize(
    ("quote", "when", "kept"),
    [
        ("I moved to Porto on Saturday", "2026-11-14", "2026-11-14"),
        ("I moved to Porto in 2019", "2019", "2019"),
        ("I moved to Porto in 2019", "1987-05", None),
        ("I moved to Porto last year", "2025", "2025"),
        ("I move to Porto next month", "2026-12", "2026-12"),
        ("I moved to Porto long ago", "1950-01-01", None),
        ("I moved to Porto on 3 May", "2026-05-03", "2026-05-03"),
        ("I lived in Porto from 2010 to 2014", "2010/2014", "2010/2014"),
        ("I moved to Porto", "soon", None),
        ("I moved to Porto", "2026-13-45", None),
    ],
)
def test_a_date_that_the_words_cannot_mean_is_not_kept_as_one(quote: str, when: str, kept: str | None) -> None:
    world, answers, _ = answering_world()
    answers(fact("User has to do with Porto", quote, when=when))
    run(world, 0, says(quote))
    assert facts(world)["User has to do with Porto"].when == kept


# --- what people ask of the memory


def test_what_is_not_to_be_remembered_is_not_learned_and_not_recalled_elsewhere() -> None:
    world, answers, _ = answering_world()
    wish = "Please do not remember this: my salary is 90000 euros."
    request = {"kind": "do_not_remember", "message": 0, "quote": "Please do not remember this"}
    answers(fact("User's salary is 90000 euros", "my salary is 90000 euros"), requests=[request])
    done = run(world, 0, says(wish), RawMessage("assistant", "Fine, 90000 euros stay between us."), says("I like tea."))
    assert [(o.outcome, o.reason) for o in done.facts] == [(Outcome.REJECTED, "asked_not_to_remember")]
    assert world.of_scope(Scope.USER) == [], "not even in the quarantine"
    withheld = {m.text: m.withheld_by for m in world.of_scope(Scope.SESSION)}
    assert withheld == {wish: (UNWANTED,), "Fine, 90000 euros stay between us.": (UNWANTED,), "I like tea.": ()}


def test_what_is_to_be_forgotten_is_retired_and_the_record_says_so() -> None:
    world, answers, _ = answering_world()
    answers(fact("User lives in Porto", "I live in Porto"))
    run(world, 0, says("I live in Porto."))
    ask = "Forget that I live in Porto."
    answers(requests=[{"kind": "forget", "message": 0, "quote": ask, "memories": [{"~": "Porto"}]}])
    [outcome] = run(world, 1, says(ask)).facts
    assert outcome.outcome is Outcome.FORGOTTEN
    assert facts(world) == {}
    assert all(m.withheld_by for m in world.of_scope(Scope.SESSION)), "the turns that say it are not recalled either"


@pytest.mark.parametrize(
    "said",
    ['> Forget that I live in Porto.\nWhat does this mail mean?', "What do you know of me?"],
)  # fmt: skip
def test_only_the_persons_own_words_make_memory_forget(said: str) -> None:
    world, answers, _ = answering_world()
    answers(fact("User lives in Porto", "I live in Porto"))
    run(world, 0, says("I live in Porto."))
    quote = "Forget that I live in Porto"
    answers(requests=[{"kind": "forget", "message": 0, "quote": quote, "memories": [{"~": "Porto"}]}])
    assert run(world, 1, says(said)).facts == ()
    assert list(facts(world)) == ["User lives in Porto"]


def test_a_member_does_not_make_memory_forget_what_another_said() -> None:
    world, answers, _ = answering_world()
    answers(fact("User lives in Porto", "I live in Porto"))
    run(world, 0, says("I live in Porto."), author_id="ana")
    ask = "Forget that I live in Porto."
    answers(requests=[{"kind": "forget", "message": 0, "quote": ask, "memories": [{"~": "Porto"}]}])
    assert run(world, 1, says(ask), author_id="ben").facts == ()
    assert list(facts(world)) == ["User lives in Porto"]


# --- why it is remembered


def test_a_memory_keeps_the_words_it_was_learned_from() -> None:
    world, answers, _ = answering_world()
    at = DAY - timedelta(minutes=5)
    answers(fact("User lives in Porto", "I live in Porto"))
    run(world, 0, says("I live in Porto, near the river.", message_id="m-1", created_at=at), author_id="ana")
    [said] = facts(world)["User lives in Porto"].evidence
    assert (said.quote, said.message_id, said.said_at) == ("I live in Porto", "m-1", at)
    assert (said.role, said.author_id, said.run_id) == ("user", "ana", "job-0")


def test_broken_items_are_counted_in_the_record() -> None:
    world, answers, _ = answering_world()
    answers(fact("User lives in Porto", "I live in Porto"), {"id": "1", "text": ""}, {"text": None})
    assert run(world, 0, says("I live in Porto.")).skipped == {"unreadable_facts": 2}
    assert ACCOUNT in world.memories.points
