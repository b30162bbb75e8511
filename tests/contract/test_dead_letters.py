"""``python -m infra.dead_letters``: what was given up is seen, put back and dropped, with SQS's own semantics (moto)."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from operator_memory.adapters.dynamodb_jobs import DynamoDBJobs
from operator_memory.adapters.sqs_queue import SqsJobQueue
from operator_memory.domain.jobs import DeadLetter, JobSubject
from operator_memory.domain.scopes import AccountId

from devstack.aws.intrinsics import load_yaml
from infra.dead_letters import box as box_module
from infra.dead_letters import cli
from infra.dead_letters.actions import Tally, act
from infra.dead_letters.box import Box
from infra.dead_letters.letters import Kind, Letter
from tests.support.aws import Queues, aws_client
from tests.support.loopback import unused_port

pytest_plugins = ["tests.support.aws_fixtures"]

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
SECRET = "I hide the key under the mat"


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, aws_url: str) -> None:
    """AWS is moto's server, which need not be waited for."""
    environment = {
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(box_module, "WAIT_SECONDS", 0)


@dataclass(frozen=True)
class Run:
    """How the command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Run]


@pytest.fixture
def command(queues: Queues, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str) -> Run:
        where = ["--queue-url", queues.dead_letter_url, "--jobs-queue-url", queues.url]
        code = cli.main([*where, *arguments])
        return Run(code, *capsys.readouterr())

    return run


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Says what is answered to a question; one that is not expected fails."""

    def no_question(prompt: str) -> str:
        raise AssertionError(f"asked: {prompt}")

    monkeypatch.setattr("builtins.input", no_question)
    return lambda answer: monkeypatch.setattr("builtins.input", lambda _: answer)


def a_body(job: str, account: str = "acc-1", **fields: object) -> str:
    return json.dumps(
        {
            "job_id": job,
            "account_id": account,
            "thread_id": "thread-1",
            "status": "completed",
            "finished_at": NINE.isoformat(),
            "messages": [{"role": "user", "content": SECRET}, {"role": "assistant", "content": "Noted."}],
            **fields,
        }
    )


def give_up(
    queues: Queues, job: str, account: str = "acc-1", *, body: str | None = None, minute: int = 0, **known: Any
) -> None:
    """What the extraction function does with a job that it gives up."""
    letter = {
        "body": a_body(job, account) if body is None else body,
        "message_id": f"message-of-{job}",
        "group_id": account,
        "reason": "upstream_timeout",
        "detail": "llm: no answer in time",
        "first_error": "upstream_unavailable",
        "receive_count": 10,
        "sent_at": NINE + timedelta(minutes=minute),
        **known,
    }
    queue = SqsJobQueue(queues.client, queue_url=queues.url, dead_letter_queue_url=queues.dead_letter_url)
    queue.dead_letter(DeadLetter(**letter))


def give_up_by_queue(queues: Queues, *jobs: str, account: str = "acc-1", **fields: object) -> None:
    """What SQS does itself with jobs whose workers die every time."""
    arn = queues.client.get_queue_attributes(QueueUrl=queues.dead_letter_url, AttributeNames=["QueueArn"])
    policy = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": 1}
    queues.client.set_queue_attributes(QueueUrl=queues.url, Attributes={"RedrivePolicy": json.dumps(policy)})
    for job in jobs:
        queues.client.send_message(
            QueueUrl=queues.url,
            MessageBody=a_body(job, account, **fields),
            MessageGroupId=account,
            MessageDeduplicationId=job,
        )
        [message] = queues.receive(queues.url)
        queues.client.change_message_visibility(
            QueueUrl=queues.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
        assert queues.receive(queues.url) == []


def waiting(queues: Queues, url: str) -> list[dict[str, Any]]:
    """All messages that can be received, taken out of the queue."""
    found: list[dict[str, Any]] = []
    while messages := queues.receive(url):
        found += messages
        for message in messages:
            queues.client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def jobs_in(messages: list[dict[str, Any]]) -> list[str]:
    return [json.loads(message["Body"])["job_id"] for message in messages]


def ids(command: Command) -> dict[str, str]:
    """The letters' ids, by job."""
    return {letter["job_id"]: letter["id"] for letter in json.loads(command("list", "--json").out)}


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
    "text as a field's name": json.dumps({**json.loads(a_body("job-1")), SECRET: 1}),
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


def facts(text: str) -> dict[str, str]:
    """The lines of a section, by name."""
    pairs = (line.strip().split("  ", 1) for line in text.splitlines()[1:])
    return {name: value.strip() for name, value in pairs}


def test_one_letter_in_full_tells_the_letter_the_job_and_the_jobs_record(
    queues: Queues, command: Command, table: tuple[Any, str]
) -> None:
    client, name = table
    jobs = DynamoDBJobs(client, name, record_days=30)
    known = {"content_hash": "h", "subject": JobSubject("thread-1"), "now": NINE}
    for error in ("upstream_unavailable", "upstream_timeout"):
        claim = jobs.claim(AccountId("acc-1"), "job-1", lease_seconds=330, **known)  # type: ignore[arg-type]
        jobs.save(claim.record.failed(error=error, detail="llm: no answer in time", now=NINE))
    give_up(queues, "job-1", body=a_body("job-1", surprise=1))

    shown = command("--table", name, "show", ids(command)["job-1"][:8])

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


# ---- redrive ---------------------------------------------------------------------------------------------------------


def test_a_job_goes_back_to_its_account_s_group_with_the_time_when_it_was_first_sent(
    queues: Queues, command: Command
) -> None:
    give_up(queues, "job-1", "acc-1")
    give_up(queues, "job-2", "acc-2")

    assert command("redrive", ids(command)["job-1"]) == Run(0, "1 dead letter put back.\n", "")

    [message] = waiting(queues, queues.url)
    assert message["Body"] == a_body("job-1", "acc-1")
    assert message["Attributes"]["MessageGroupId"] == "acc-1"
    assert message["MessageAttributes"] == {
        "sent_at": {"DataType": "String", "StringValue": str(int(NINE.timestamp() * 1000))}
    }
    assert jobs_in(waiting(queues, queues.dead_letter_url)) == ["job-2"]


def test_all_go_back_in_the_order_in_which_they_were_sent(
    queues: Queues, command: Command, answers: Callable[[str], None]
) -> None:
    minutes = [7, 3, 11, 1, 9, 5, 0, 10, 2, 8, 4, 6]
    for minute in minutes:
        give_up(queues, f"job-{minute:02}", f"acc-{minute % 2}", minute=minute)
    answers("y")

    done = command("redrive", "--all")

    assert (done.code, done.out) == (0, "12 dead letters put back.\n")
    assert done.err == "Put back 12 dead letters: 12 upstream_timeout.\n"
    back = waiting(queues, queues.url)
    for account in ("acc-0", "acc-1"):
        mine = jobs_in([message for message in back if message["Attributes"]["MessageGroupId"] == account])
        assert mine == sorted(mine)
        assert len(mine) == 6
    assert command("list").out == "No dead letters of jobs.\n"


def test_those_of_one_reason_go_back_alone(queues: Queues, command: Command, answers: Callable[[str], None]) -> None:
    give_up(queues, "job-1")
    give_up(queues, "job-2", reason="invalid_input")
    answers("never")
    done = command("redrive", "--all", "--reason", "invalid_input", "--yes")
    assert (done.code, done.out) == (0, "1 dead letter put back.\n")
    assert "come back, unless what takes them has been mended" in done.err
    assert jobs_in(waiting(queues, queues.url)) == ["job-2"]
    assert list(ids(command)) == ["job-1"]


def test_what_the_queue_moved_goes_back_too_as_old_as_its_run(queues: Queues, command: Command) -> None:
    give_up_by_queue(queues, "job-1", account="acc-7")
    assert command("redrive", ids(command)["job-1"]).code == 0
    [message] = waiting(queues, queues.url)
    assert message["Attributes"]["MessageGroupId"] == "acc-7"
    assert message["MessageAttributes"]["sent_at"]["StringValue"] == str(int(NINE.timestamp() * 1000))


@pytest.mark.parametrize("finished_at", ["2999-01-01T00:00:00Z", "soon", None, 7, "9999-12-31T23:59:59-23:59"])
def test_a_clock_that_is_wrong_makes_no_job_younger_than_its_letter(
    queues: Queues, command: Command, finished_at: object
) -> None:
    before = int(datetime.now(UTC).timestamp() * 1000)
    give_up_by_queue(queues, "job-1", finished_at=finished_at)
    assert command("redrive", ids(command)["job-1"]).code == 0
    [message] = waiting(queues, queues.url)
    sent = int(message["MessageAttributes"]["sent_at"]["StringValue"])
    assert before - 1_000 <= sent <= datetime.now(UTC).timestamp() * 1000


def test_letters_that_come_into_sight_meanwhile_go_back_with_those_in_front_of_them(
    queues: Queues, command: Command
) -> None:
    jobs = [f"job-{number:02}" for number in range(23)]
    give_up_by_queue(queues, *jobs)
    assert command("redrive", "--all", "--yes").out == "23 dead letters put back.\n"
    assert jobs_in(waiting(queues, queues.url)) == jobs


def test_a_job_that_fails_again_at_once_is_not_put_back_again_and_again(queues: Queues) -> None:
    give_up(queues, "job-1")
    give_up_by_queue(queues, "died")
    box, tally = Box(queues.client, Kind.JOB, url=queues.dead_letter_url, source_url=queues.url), Tally()

    def put_back(letter: Letter) -> None:
        box.put_back(letter)
        give_up(queues, f"{letter.subject_id}-again")

    act(box, lambda found: found.letters, put_back, behind=True, tally=tally, seen=lambda _: None)
    assert (tally.done, tally.missing) == (2, 0)
    assert sorted(jobs_in(waiting(queues, queues.dead_letter_url))) == ["died-again", "job-1-again"]


class _DeletesNothing:
    """A client whose connection breaks at every deletion."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def delete_message(self, **_: str) -> None:
        raise EndpointConnectionError(endpoint_url="http://sqs")


def test_interrupted_between_the_queues_a_job_is_in_both_and_the_next_time_is_not_sent_again(
    queues: Queues, command: Command
) -> None:
    for job in ("job-1", "job-2"):
        give_up(queues, job, minute=int(job[-1]))
    client: Any = _DeletesNothing(queues.client)
    box = Box(client, Kind.JOB, url=queues.dead_letter_url, source_url=queues.url)
    tally = Tally()
    act(box, lambda found: found.letters, box.put_back, behind=True, tally=tally, seen=lambda _: None)
    assert (tally.done, len(tally.failed), tally.missing) == (0, 1, 0)
    assert tally.stopped is not None, "the next one would fail as well"

    assert command("redrive", "--all", "--yes").out == "2 dead letters put back.\n"
    assert jobs_in(waiting(queues, queues.url)) == ["job-1", "job-2"]


def test_ctrl_c_leaves_what_is_not_done_to_be_seen_and_says_what_is_done(
    queues: Queues, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        give_up(queues, f"job-{number}", minute=number)
    put_back = Box.put_back

    def until_ctrl_c(box: Box, letter: Letter) -> None:
        if letter.subject_id == "job-1":
            raise KeyboardInterrupt
        put_back(box, letter)

    monkeypatch.setattr(Box, "put_back", until_ctrl_c)
    done = command("redrive", "--all", "--yes")
    assert (done.code, done.out) == (130, "1 dead letter put back.\n")
    assert done.err.endswith("dead-letters: interrupted\n")
    assert list(ids(command)) == ["job-1", "job-2"]


def test_a_hold_that_is_over_is_taken_anew(queues: Queues, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        give_up(queues, f"job-{number}", minute=number)
    over = iter([False, True, True, False, False])
    monkeypatch.setattr(Box, "hold_is_over", lambda _: next(over))
    assert command("redrive", "--all", "--yes").out == "3 dead letters put back.\n"
    assert jobs_in(waiting(queues, queues.url)) == ["job-0", "job-1", "job-2"]


def test_many_are_counted_as_they_go(queues: Queues, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_MANY", 2)
    for number in range(5):
        give_up(queues, f"job-{number}")
    assert command("redrive", "--all", "--yes").err.splitlines()[1:] == ["2 put back ...", "4 put back ..."]
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    give_up(queues, "job-6")
    on_terminal = command("redrive", "--all", "--yes").err
    assert on_terminal.endswith("\r1 put back ...\x1b[K\r\x1b[K")


# ---- drop and questions ----------------------------------------------------------------------------------------------


def test_a_letter_is_dropped_after_a_question_that_says_what_is_lost(
    queues: Queues, command: Command, answers: Callable[[str], None]
) -> None:
    give_up(queues, "job-1")
    give_up(queues, "job-2")
    answers("yes")
    letter = ids(command)["job-1"]
    done = command("drop", letter[:8])
    assert (done.code, done.out) == (0, "1 dead letter dropped.\n")
    assert done.err.splitlines() == [
        f"Drop dead letter {letter[:8]}: job job-1 of account acc-1, upstream_timeout.",
        "What was said in the run is then not remembered; nothing else changes, nor does the job's record.",
    ]
    assert list(ids(command)) == ["job-2"]
    assert waiting(queues, queues.url) == []


def test_all_of_a_reason_are_dropped(queues: Queues, command: Command) -> None:
    for number in range(12):
        give_up(queues, f"job-{number}", reason="job_conflict" if number else "invalid_input")
    assert command("drop", "--all", "--reason", "job_conflict", "--yes").out == "11 dead letters dropped.\n"
    assert list(ids(command)) == ["job-0"]


@pytest.mark.parametrize("arguments", [["redrive", "--all"], ["drop", "--all", "--reason", "upstream_timeout"]])
@pytest.mark.parametrize("answer", ["", "n", "what?"])
def test_without_a_yes_nothing_changes(
    queues: Queues, command: Command, answers: Callable[[str], None], arguments: list[str], answer: str
) -> None:
    give_up(queues, "job-1")
    answers(answer)
    done = command(*arguments)
    assert (done.code, done.out) == (1, "")
    assert done.err.endswith("dead-letters: nothing was changed\n")
    assert list(ids(command)) == ["job-1"]


def test_where_nobody_can_answer_yes_must_be_given_along(
    queues: Queues, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    give_up(queues, "job-1")
    done = command("redrive", "--all")
    assert (done.code, "--yes goes on without asking" in done.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["redrive"], "say what to redrive: the id of a letter, or --all"),
        (["drop", "abc", "--all"], "say what to drop: the id of a letter, or --all"),
        (["drop", "--all"], "drop --all needs --reason: what is dropped is gone for good"),
        (["redrive", "abc", "--reason", "x"], "--reason goes with --all: a letter that is named needs none"),
        (["--stack", "s", "list"], "say where the dead letters are: --stack NAME, --local, or --queue-url URL"),
        (["redrive", "abc", "--events"], "say where they are put back: --events-queue-url"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_a_sentence(
    command: Command, arguments: list[str], sentence: str
) -> None:
    assert command(*arguments) == Run(2, "", f"dead-letters: {sentence}\n")


def test_nothing_to_do_is_no_failure(command: Command) -> None:
    assert command("redrive", "--all") == Run(0, "No dead letters of jobs.\n", "")


# ---- events of the trail ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EventQueues:
    """The standard queues of events."""

    client: Any
    dead_letter_url: str
    url: str

    def give_up(self, **fields: object) -> str:
        """An event as the queue moves it; returns its body."""
        event = {
            "id": "event-1",
            "account_id": "acc-1",
            "actor": "user:ada",
            "type": "search",
            "occurred_at": NINE.isoformat(),
            "query": SECRET,
            **fields,
        }
        self.client.send_message(QueueUrl=self.dead_letter_url, MessageBody=json.dumps(event))
        return json.dumps(event)


@pytest.fixture
def events(aws_url: str, request: pytest.FixtureRequest) -> Iterator[EventQueues]:
    client = aws_client("sqs", aws_url)
    name = f"{abs(hash(request.node.nodeid))}"
    urls = [client.create_queue(QueueName=f"{queue}-{name}")["QueueUrl"] for queue in ("dead-events", "events")]
    yield EventQueues(client, *urls)
    client.close()


@pytest.fixture
def event_command(events: EventQueues, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str) -> Run:
        where = ["--queue-url", events.dead_letter_url, "--events-queue-url", events.url, "--events"]
        code = cli.main([*where, *arguments])
        return Run(code, *capsys.readouterr())

    return run


def test_events_are_listed_with_what_is_wrong_with_them(events: EventQueues, event_command: Command) -> None:
    events.give_up()
    events.give_up(id="event-2", type="I live in Porto", occurred_at=(NINE + timedelta(minutes=1)).isoformat())
    heading, *rows, _, last = event_command("list").out.splitlines()
    assert heading.split() == ["LETTER", "ACCOUNT", "EVENT", "TYPE", "SENT", "(UTC)", "REASON"]
    assert [row.split()[1:] for row in rows] == [
        ["acc-1", "event-1", "search", "2026-11-20", "09:00", "not_written"],
        ["acc-1", "event-2", "-", "2026-11-20", "09:01", "invalid_input"],
    ]
    assert last == "2 dead letters: 1 not_written, 1 invalid_input."


def test_an_event_in_full_keeps_the_words_that_were_searched_for(events: EventQueues, event_command: Command) -> None:
    events.give_up(memory_ids=["m-1", "m-2"], metadata={"degraded": True})
    [letter] = json.loads(event_command("list", "--json").out)
    shown = event_command("show", letter["id"])
    assert SECRET not in shown.out
    assert facts(shown.out.split("\n\n")[1]) == {
        "contract": "kept",
        "actor": "user:ada",
        "occurred at": "2026-11-20T09:00:00+00:00",
        "memories": "2",
        "query": f"{len(SECRET)} characters",
        "metadata": '{"degraded": true}',
        "size": facts(shown.out.split("\n\n")[1])["size"],
    }
    assert event_command("show", letter["id"], "--text").out.endswith(f"yourself.\n\n{SECRET}\n")


def test_an_event_that_cannot_be_read_is_shown_by_what_is_wrong(events: EventQueues, event_command: Command) -> None:
    events.client.send_message(QueueUrl=events.dead_letter_url, MessageBody=SECRET)
    [letter] = json.loads(event_command("list", "--json").out)
    shown = event_command("show", letter["id"])
    assert facts(shown.out.split("\n\n")[1])["contract"] == "broken: body: is not valid JSON"
    assert SECRET not in shown.out
    assert event_command("show", letter["id"], "--text").out.endswith(f"{SECRET}\n")


def test_events_go_back_as_they_were_or_are_dropped(events: EventQueues, event_command: Command) -> None:
    bodies = sorted(events.give_up(id=f"event-{number}") for number in range(12))
    assert event_command("redrive", "--all", "--yes").out == "12 dead letters put back.\n"
    queues = Queues(events.client, events.url, events.dead_letter_url)
    assert sorted(message["Body"] for message in waiting(queues, events.url)) == bodies

    events.give_up(id="event-13")
    dropped = event_command("drop", "--all", "--reason", "not_written", "--yes")
    assert dropped.out == "1 dead letter dropped.\n"
    assert "missing in the trail" in dropped.err
    assert waiting(queues, events.dead_letter_url) == []


# ---- where the queues are --------------------------------------------------------------------------------------------


def test_a_stack_s_outputs_say_where_everything_is(
    queues: Queues, table: tuple[Any, str], aws_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = {
        "JobsDeadLetterQueueUrl": queues.dead_letter_url,
        "JobsQueueUrl": queues.url,
        "MemoryTableName": table[1],
    }
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    client = aws_client("cloudformation", aws_url)
    client.create_stack(StackName="memory", TemplateBody=json.dumps(template))
    client.close()
    give_up(queues, "job-1")
    assert cli.main(["--stack", "memory", "redrive", "--all", "--yes"]) == 0
    assert jobs_in(waiting(queues, queues.url)) == ["job-1"]
    give_up(queues, "job-2")
    capsys.readouterr()
    assert cli.main(["--stack", "memory", "list", "--json"]) == 0
    letter = json.loads(capsys.readouterr().out)[0]["id"]
    assert cli.main(["--stack", "memory", "show", letter]) == 0
    assert "Record of the job" in capsys.readouterr().out
    assert cli.main(["--stack", "memory", "--events", "list"]) == 2
    assert "has no output EventsDeadLetterQueueUrl: deploy the present template first" in capsys.readouterr().err
    assert cli.main(["--stack", "another", "list"]) == 2
    assert capsys.readouterr().err == "dead-letters: cloudformation: ValidationError\n"


def test_the_template_has_the_outputs_and_an_alarm_for_each_dead_letter_queue() -> None:
    document = load_yaml(TEMPLATE)
    assert {
        "JobsDeadLetterQueueUrl", "JobsQueueUrl", "EventsDeadLetterQueueUrl", "EventsQueueUrl", "MemoryTableName",
    } <= set(document["Outputs"])  # fmt: skip
    text = TEMPLATE.read_text()
    queues = [name for name, r in document["Resources"].items() if r["Type"] == "AWS::SQS::Queue"]
    dead = [name for name in queues if name.endswith("DeadLetterQueue")]
    assert len(dead) == 3
    for queue in [*dead, "MemoryJobsQueue"]:
        assert f"Dimensions: [{{Name: QueueName, Value: !GetAtt {queue}.QueueName}}]" in text


def test_where_nothing_runs_here_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--local", "--data", str(tmp_path), "list"]) == 2
    assert capsys.readouterr().err == "dead-letters: nothing is running here; start it with: make dev\n"


def test_without_a_region_that_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: Command) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    done = command("list")
    assert (done.code, done.err) == (2, "dead-letters: AWS cannot be used: You must specify a region.\n")


# ---- failures --------------------------------------------------------------------------------------------------------


def test_a_queue_that_is_not_there_and_a_server_that_is_not_there(
    queues: Queues, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["--queue-url", queues.dead_letter_url + "x", "list"]) == 2
    assert "dead-letters: sqs: " in capsys.readouterr().err
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused_port()}")
    assert cli.main(["--queue-url", queues.dead_letter_url, "list"]) == 2
    assert capsys.readouterr().err == "dead-letters: sqs: EndpointConnectionError\n"


def test_what_the_jobs_queue_refuses_stays_among_the_dead_letters(
    queues: Queues, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    give_up(queues, "job-1")
    give_up(queues, "job-2", minute=1)
    short = [ids(command)[job][:8] for job in ("job-1", "job-2")]
    where = ["--queue-url", queues.dead_letter_url, "--jobs-queue-url", queues.url + "x"]
    assert cli.main([*where, "redrive", "--all", "--yes"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    for letter in short:
        assert f"{letter} could not be put back and is still here: sqs: " in said.err
    assert list(ids(command)) == ["job-1", "job-2"]


def test_a_letter_that_somebody_else_has_in_hand_is_missed(queues: Queues) -> None:
    give_up(queues, "job-1")
    box, tally = Box(queues.client, Kind.JOB, url=queues.dead_letter_url, source_url=None), Tally()
    with box.opened(60, lambda _: None) as letters:
        other = Box(queues.client, Kind.JOB, url=queues.dead_letter_url, source_url=None)
        act(other, lambda _: letters, other.drop, behind=True, tally=tally, seen=lambda _: None)
    assert (tally.done, tally.missing) == (0, 1)


def test_letters_that_cannot_be_given_back_at_once_are_told(
    queues: Queues, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up(queues, "job-1")
    receive = Box._receive

    def lose_the_handle(box: Box) -> bool:
        found = receive(box)
        queues.client.purge_queue(QueueUrl=queues.dead_letter_url)
        return found

    monkeypatch.setattr(Box, "_receive", lose_the_handle)
    listed = command("list")
    assert listed.out.endswith("1 dead letter: 1 upstream_timeout.\n")
    assert listed.err == "1 dead letter could not be given back at once, and will be seen again in minutes.\n"


def test_a_record_that_cannot_be_read_is_an_error(queues: Queues, command: Command) -> None:
    give_up(queues, "job-1")
    shown = command("--table", "no-such-table", "show", ids(command)["job-1"])
    assert (shown.code, shown.err) == (2, "dead-letters: dynamodb: ResourceNotFoundException\n")
    assert list(ids(command)) == ["job-1"]
