"""``python -m infra.dead_letters`` looks at what was given up; SQS's own semantics, by moto."""

import json
from datetime import datetime
from typing import Any

import pytest
from operator_memory.adapters.dynamodb.jobs import DynamoDBJobs
from operator_memory.domain.learning.jobs import JobSubject
from operator_memory.domain.memory.scopes import AccountId

from tests.support.aws.clients import Queues
from tests.support.aws.dead_letters import (
    NINE,
    SECRET,
    Command,
    Run,
    a_body,
    facts,
    give_up,
    give_up_by_queue,
    ids,
    jobs_in,
    waiting,
)

pytest_plugins = ["tests.support.aws.dead_letters_fixtures"]


# ---- list ------------------------------------------------------------------------------------------------------------


def test_the_list_says_what_was_given_up_and_why_oldest_first(queues: Queues, command: Command) -> None:
    give_up(queues, "job-2", "acc-2", minute=2, reason="invalid_input", receive_count=1, first_error="invalid_input")
    give_up(queues, "job-1", "acc-1", minute=1)
    give_up(queues, "job-3", "acc-1", minute=3)

    listed = command("list")

    assert (listed.code, listed.err) == (0, "")
    heading, *rows, _, last = listed.out.splitlines()
    assert heading.split() == ["LETTER", "ACCOUNT", "JOB", "SENT", "(UTC)", "TRIES", "REASON", "FIRST", "ERROR"]
    assert [row.split()[1:] for row in rows] == [
        ["acc-1", "job-1", "2026-11-20", "09:01", "10", "upstream_timeout", "upstream_unavailable"],
        ["acc-2", "job-2", "2026-11-20", "09:02", "1", "invalid_input", "invalid_input"],
        ["acc-1", "job-3", "2026-11-20", "09:03", "10", "upstream_timeout", "upstream_unavailable"],
    ]
    assert last == "3 dead letters: 2 upstream_timeout, 1 invalid_input."
    assert rows[0].split()[0] == ids(command)["job-1"][:8]


def test_nothing_given_up_is_said_too(command: Command) -> None:
    assert command("list") == Run(0, "No dead letters of jobs.\n", "")
    assert json.loads(command("list", "--json").out) == []


def test_the_list_can_be_read_by_programs(queues: Queues, command: Command) -> None:
    give_up(queues, "job-1")
    [letter] = json.loads(command("list", "--json").out)
    assert letter.pop("id")
    assert datetime.fromisoformat(letter.pop("given_up_at")) > datetime.fromisoformat(letter["sent_at"])
    assert letter == {
        "account_id": "acc-1",
        "job_id": "job-1",
        "sent_at": "2026-11-20T09:00:00+00:00",
        "reason": "upstream_timeout",
        "detail": "llm: no answer in time",
        "first_error": "upstream_unavailable",
        "receive_count": 10,
    }


def test_only_those_of_one_reason_are_listed_if_that_is_asked(queues: Queues, command: Command) -> None:
    give_up(queues, "job-1")
    give_up(queues, "job-2", reason="job_conflict")
    assert command("list", "--reason", "job_conflict").out.endswith("1 dead letter: 1 job_conflict.\n")
    assert command("list", "--reason", "other").out == "No dead letters of jobs with the reason other.\n"


def test_who_looks_next_sees_the_same_at_once(queues: Queues, command: Command) -> None:
    for number in range(3):
        give_up(queues, f"job-{number}")
    give_up_by_queue(queues, "died-1", "died-2")
    first = command("list")
    assert command("list") == first
    command("show", ids(command)["job-1"])
    assert sorted(jobs_in(waiting(queues, queues.dead_letter_url))) == ["died-1", "died-2", "job-0", "job-1", "job-2"]


def test_more_letters_than_fit_into_one_answer_are_listed_all_of_one_account_or_of_many(
    queues: Queues, command: Command
) -> None:
    for number in range(25):
        give_up(queues, f"job-{number:02}", f"acc-{number % 2}", minute=number)
    listed = json.loads(command("list", "--json").out)
    assert [letter["job_id"] for letter in listed] == [f"job-{number:02}" for number in range(25)]


def test_a_letter_that_the_queue_moved_itself_says_so(queues: Queues, command: Command) -> None:
    give_up_by_queue(queues, "job-1", account="acc-7")
    [letter] = json.loads(command("list", "--json").out)
    assert (letter["account_id"], letter["job_id"], letter["reason"]) == ("acc-7", "job-1", "worker_died")
    assert (letter["receive_count"], letter["first_error"]) == (None, None)
    assert "worker died" in letter["detail"]


def test_what_the_queue_does_not_show_is_said(queues: Queues, command: Command) -> None:
    give_up_by_queue(queues, *(f"job-{number:02}" for number in range(13)))
    listed = command("list")
    assert listed.out.endswith("10 dead letters: 10 worker_died.\n")
    assert listed.err.startswith("About 3 more cannot be seen yet")


def test_a_terminal_that_is_too_narrow_gets_shorter_ids(
    queues: Queues, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up(queues, "job-" + "1" * 32, "a" * 16 + "-" + "b" * 16)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "110")
    heading, row, *_ = command("list").out.splitlines()
    assert len(row) <= 110
    assert row.index("2026-11-20") == heading.index("SENT")
    account = row.split()[1]
    assert (account[0], account[-1], "…" in account) == ("a", "b", True)


# ---- what people said is not shown -----------------------------------------------------------------------------------

BODIES = {
    "well-formed": a_body("job-1"),
    "not JSON": SECRET,
    "not an object": json.dumps([SECRET]),
    "text in the place of ids": json.dumps(dict.fromkeys(["job_id", "account_id", "thread_id", "status"], SECRET)),
    "text in the place of a time": a_body("job-1", finished_at=SECRET),
    "messages that are none": a_body("job-1", messages=SECRET),
    "messages of a strange type": a_body("job-1", messages=[SECRET, {"type": SECRET, "content": SECRET}]),
    "a terminal's commands": a_body("job\x1b[2J", messages="\x1b[2J"),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_neither_the_list_nor_the_letter_in_full_shows_what_people_said(
    queues: Queues, command: Command, body: str
) -> None:
    give_up(queues, "job-1", body=body)
    listed = command("list", "--json")
    shown = command("show", json.loads(listed.out)[0]["id"])
    for text in (listed.out, command("list").out, shown.out):
        assert "key under the mat" not in text
        assert "\x1b" not in text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (a_body("job-1"), f"user: {SECRET}\nassistant: Noted.\n"),
        (a_body("job-1", messages=[{"type": "user", "content": ["é\n", {"a": 1}]}]), 'user: ["é\\n", {"a": 1}]\n'),
        (a_body("job-1", messages=[{"role": "user", "content": "a\x1b[2J\nb"}]), "user: a?[2J\nb\n"),
        (a_body("job-1", messages=None), "The job holds no messages: they are in the platform's thread.\n"),
        ("not JSON\x07", "not JSON?\n"),
    ],
)
def test_people_s_words_are_shown_when_asked_for_and_said_to_be_theirs(
    queues: Queues, command: Command, body: str, said: str
) -> None:
    give_up(queues, "job-1", body=body)
    [letter] = json.loads(command("list", "--json").out)
    shown = command("show", letter["id"], "--text")
    assert shown.out.endswith(f"What follows are people's words. Keep them to yourself.\n\n{said}")


# ---- show ------------------------------------------------------------------------------------------------------------


def failed_twice(client: Any, table: str) -> None:
    """Put the record of ``job-1`` there, whose two attempts failed."""
    jobs = DynamoDBJobs(client, table, record_days=30)
    known = {"content_hash": "h", "subject": JobSubject("thread-1"), "now": NINE}
    for error in ("upstream_unavailable", "upstream_timeout"):
        claim = jobs.claim(AccountId("acc-1"), "job-1", lease_seconds=330, **known)  # type: ignore[arg-type]
        jobs.save(claim.record.failed(error=error, detail="llm: no answer in time", now=NINE))


def test_one_letter_in_full_tells_the_letter_the_job_and_the_jobs_record(
    queues: Queues, command: Command, table: tuple[Any, str]
) -> None:
    failed_twice(*table)
    give_up(queues, "job-1", body=a_body("job-1", surprise=1))

    shown = command("--table", table[1], "show", ids(command)["job-1"][:8])

    letter, job, record = shown.out.split("\n\n")
    assert facts(letter) == {
        "id": ids(command)["job-1"],
        "account id": "acc-1",
        "job id": "job-1",
        "sent at": "2026-11-20T09:00:00+00:00",
        "given up at": facts(letter)["given up at"],
        "reason": "upstream_timeout",
        "detail": "llm: no answer in time",
        "first error": "upstream_unavailable",
        "receive count": "10",
    }
    assert facts(job) == {
        "contract": "broken: surprise: Extra inputs are not permitted",
        "thread id": "thread-1",
        "status": "completed",
        "finished at": "2026-11-20T09:00:00+00:00",
        "other fields": "1",
        "messages": "2 (1 user, 1 assistant)",
        "size": facts(job)["size"],
    }
    assert facts(record) == {
        "state": "failed",
        "attempts": "2",
        "first error": "upstream_unavailable",
        "last error": "upstream_timeout",
        "detail": "llm: no answer in time",
        "started at": "2026-11-20T09:00:00+00:00",
        "updated at": "2026-11-20T09:00:00+00:00",
    }


def test_a_job_without_a_record_and_one_without_an_id_are_shown_all_the_same(
    queues: Queues, command: Command, table: tuple[Any, str]
) -> None:
    give_up(queues, "job-1", body=a_body("job-1", messages=None))
    give_up(queues, "job-2", account="not*an*id", body="{}")
    for letter in json.loads(command("list", "--json").out):
        shown = command("--table", table[1], "show", letter["id"])
        assert (shown.code, shown.err) == (0, "")
        assert shown.out.endswith("Record of the job\n  none: it never began, or was erased, or is too old\n")


def test_an_id_that_none_or_more_than_one_has_is_refused(queues: Queues, command: Command) -> None:
    give_up(queues, "job-1")
    give_up(queues, "job-2")
    assert command("show", "zzz") == Run(1, "", "dead-letters: no dead letter has an id that begins with 'zzz'\n")
    both = command("show", "")
    assert (both.code, both.err) == (
        1,
        "dead-letters: 2 dead letters have ids that begin with '': give more of it\n",
    )
