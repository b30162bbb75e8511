"""``python -m infra.dead_letters`` puts jobs that were given up back into their queue."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from infra.dead_letters import cli
from infra.dead_letters.actions import Tally, act
from infra.dead_letters.failed_message import FailedMessage, Kind
from infra.dead_letters.queue import DeadLetterQueue
from tests.support.aws.clients import Queues
from tests.support.aws.dead_letters import NINE, Command, Run, a_body, give_up, give_up_by_queue, ids, jobs_in, waiting

pytest_plugins = ["tests.support.aws.dead_letters_fixtures"]


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
    queue, tally = DeadLetterQueue(queues.client, Kind.JOB, url=queues.dead_letter_url, source_url=queues.url), Tally()

    def put_back(letter: FailedMessage) -> None:
        queue.put_back(letter)
        give_up(queues, f"{letter.subject_id}-again")

    act(queue, lambda found: found.letters, put_back, behind=True, tally=tally, seen=lambda _: None)
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
    queue = DeadLetterQueue(client, Kind.JOB, url=queues.dead_letter_url, source_url=queues.url)
    tally = Tally()
    act(queue, lambda found: found.letters, queue.put_back, behind=True, tally=tally, seen=lambda _: None)
    assert (tally.done, len(tally.failed), tally.missing) == (0, 1, 0)
    assert tally.stopped is not None, "the next one would fail as well"

    assert command("redrive", "--all", "--yes").out == "2 dead letters put back.\n"
    assert jobs_in(waiting(queues, queues.url)) == ["job-1", "job-2"]


def test_ctrl_c_leaves_what_is_not_done_to_be_seen_and_says_what_is_done(
    queues: Queues, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        give_up(queues, f"job-{number}", minute=number)
    put_back = DeadLetterQueue.put_back

    def until_ctrl_c(queue: DeadLetterQueue, letter: FailedMessage) -> None:
        if letter.subject_id == "job-1":
            raise KeyboardInterrupt
        put_back(queue, letter)

    monkeypatch.setattr(DeadLetterQueue, "put_back", until_ctrl_c)
    done = command("redrive", "--all", "--yes")
    assert (done.code, done.out) == (130, "1 dead letter put back.\n")
    assert done.err.endswith("dead-letters: interrupted\n")
    assert list(ids(command)) == ["job-1", "job-2"]


def test_a_hold_that_is_over_is_taken_anew(queues: Queues, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        give_up(queues, f"job-{number}", minute=number)
    over = iter([False, True, True, False, False])
    monkeypatch.setattr(DeadLetterQueue, "hold_is_over", lambda _: next(over))
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
