"""``drop --account``: all dead letters of an account go, and its receipts say so."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from operator_memory.adapters.dynamodb.erasures import DynamoDBErasures
from operator_memory.adapters.dynamodb.holds import DynamoDBHolds
from operator_memory.domain.management.erasure import DEAD_EVENTS, DEAD_JOBS, Erasure, ErasureState, not_covered
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.holds import Hold
from operator_memory.domain.shared.tombstones import Target, TargetKind

from infra.dead_letters import cli
from tests.support.aws.clients import Queues
from tests.support.aws.dead_letters import Command, EventQueues, Run, a_body, give_up, give_up_by_queue, ids

pytest_plugins = ["tests.support.aws.dead_letters_fixtures"]

ACCOUNT, OTHER = AccountId("acc-1"), AccountId("acc-2")
NOW = datetime.now(UTC)


def erasure(identity: str, account: AccountId = ACCOUNT, *, minutes: float = -60) -> Erasure:
    at = NOW + timedelta(minutes=minutes)
    target = Target(TargetKind.ACCOUNT)
    return Erasure(identity, account, target, "user:ada", at, ErasureState.COMPLETE, {"memories": 3}, completed_at=at)


@pytest.fixture
def erasures(table: tuple[Any, str]) -> DynamoDBErasures:
    return DynamoDBErasures(*table)


@pytest.fixture
def with_table(queues: Queues, table: tuple[Any, str], capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command on dead jobs, with the table of the receipts."""

    def run(*arguments: str) -> Run:
        where = ["--queue-url", queues.dead_letter_url, "--jobs-queue-url", queues.url, "--table", table[1]]
        return Run(cli.main([*where, *arguments]), *capsys.readouterr())

    return run


def places(erasures: DynamoDBErasures, identity: str, account: AccountId = ACCOUNT) -> set[str]:
    found = erasures.get(account, identity)
    assert found is not None
    return {copy.where for copy in not_covered(found, backup_days=35)}


def test_all_of_the_account_go_and_no_others_and_the_receipts_say_so(
    queues: Queues, with_table: Command, erasures: DynamoDBErasures
) -> None:
    give_up(queues, "job-1")
    give_up(queues, "job-2", reason="job_conflict")
    give_up(queues, "job-3", OTHER)
    for one in (erasure("e-1"), erasure("e-2"), erasure("later", minutes=60), erasure("e-3", OTHER)):
        erasures.save(one, due_at=NOW)
    done = with_table("drop", "--account", "acc-1", "--yes")
    assert (done.code, done.out) == (0, "2 dead letters dropped.\n2 of its receipts say so now.\n")
    assert list(ids(with_table)) == ["job-3"]
    for identity in ("e-1", "e-2"):
        receipt = erasures.get(ACCOUNT, identity)
        assert receipt is not None
        assert (receipt.removed, set(receipt.dropped)) == ({"memories": 3, DEAD_JOBS: 2}, {DEAD_JOBS})
        assert places(erasures, identity) == {DEAD_EVENTS, "backups"}
    assert DEAD_JOBS in places(erasures, "later"), "it has letters of its own"
    assert DEAD_JOBS in places(erasures, "e-3", OTHER)
    assert len(erasures.due(now=NOW + timedelta(seconds=1), limit=9)) == 4, "what is due stays due"


def test_those_that_hide_behind_others_go_too(queues: Queues, with_table: Command, erasures: DynamoDBErasures) -> None:
    give_up_by_queue(queues, *(f"job-{number}" for number in range(13)))
    erasures.save(erasure("e-1"), due_at=None)
    assert with_table("drop", "--account", "acc-1", "--yes").out.startswith("13 dead letters dropped.")
    assert ids(with_table) == {}


def test_none_is_said_in_the_receipt_too(with_table: Command, erasures: DynamoDBErasures) -> None:
    erasures.save(erasure("e-1"), due_at=None)
    assert with_table("drop", "--account", "acc-1").code == 0
    assert DEAD_JOBS not in places(erasures, "e-1")


def test_events_are_another_queue_and_another_line(
    events: EventQueues, table: tuple[Any, str], erasures: DynamoDBErasures, capsys: pytest.CaptureFixture[str]
) -> None:
    events.give_up()
    erasures.save(erasure("e-1"), due_at=None)
    where = ["--queue-url", events.dead_letter_url, "--events", "--table", table[1]]
    assert cli.main([*where, "drop", "--account", "acc-1", "--yes"]) == 0
    assert "1 of its receipts says so now." in capsys.readouterr().out
    assert places(erasures, "e-1") == {DEAD_JOBS, "backups"}


@pytest.mark.parametrize("arguments", [["--reason", "upstream_timeout", "--yes"], []])
def test_a_part_of_them_or_an_answer_of_no_changes_no_receipt(
    queues: Queues,
    with_table: Command,
    erasures: DynamoDBErasures,
    answers: Callable[[str], None],
    arguments: list[str],
) -> None:
    answers("n")
    give_up(queues, "job-1")
    give_up(queues, "job-2", reason="job_conflict")
    erasures.save(erasure("e-1"), due_at=None)
    with_table("drop", "--account", "acc-1", *arguments)
    assert DEAD_JOBS in places(erasures, "e-1")
    assert "job-2" in ids(with_table)


def test_without_a_receipt_that_is_said(queues: Queues, with_table: Command) -> None:
    give_up(queues, "job-1")
    assert with_table("drop", "--account", "acc-1", "--yes").out.endswith("The account has no receipts.\n")


def test_without_the_table_nothing_is_dropped_since_it_could_be_held(
    queues: Queues, with_table: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    give_up(queues, "job-1")
    assert cli.main(["--queue-url", queues.dead_letter_url, "drop", "--account", "acc-1", "--yes"]) == 2
    assert "--table" in capsys.readouterr().err
    assert "job-1" in ids(with_table)


HOLDS = [(None, {"job-1", "job-2"}), ("thread-1", {"job-1"}), ("s-2", {"job-2"})]


@pytest.mark.parametrize(("thread_id", "kept"), HOLDS)
def test_what_is_held_is_not_dropped(
    queues: Queues, with_table: Command, table: tuple[Any, str], thread_id: str | None, kept: set[str]
) -> None:
    give_up(queues, "job-1")
    give_up(queues, "job-2", body=a_body("job-2", thread_id="thread-2", session_id="s-2"))
    give_up(queues, "job-3", OTHER)
    holds = DynamoDBHolds(*table)
    holds.place(ACCOUNT, Hold("Case 7", NOW, "service:legal", thread_id))
    done = with_table("drop", "--account", "acc-1", "--yes")
    assert (done.code, set(ids(with_table))) == (1, {*kept, "job-3"})
    assert done.err.count("a legal hold keeps this") == len(kept)
    holds.lift(ACCOUNT, thread_id)
    assert with_table("drop", "--account", "acc-1", "--yes").code == 0
    assert set(ids(with_table)) == {"job-3"}


def test_a_search_on_its_way_into_the_trail_is_kept_by_any_hold(
    events: EventQueues, event_command: Command, table: tuple[Any, str]
) -> None:
    events.give_up()
    DynamoDBHolds(*table).place(ACCOUNT, Hold("Case 7", NOW, "service:legal", "thread-1"))
    assert event_command("drop", "--account", "acc-1", "--yes").code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["drop", "--account", "acc-1", "--all"],
        ["drop", "--account", "acc-1", "abc"],
        ["drop", "--account", "*"],
    ],
)
def test_what_does_not_fit_together_is_refused(command: Command, arguments: list[str]) -> None:
    assert command(*arguments).code == 2
