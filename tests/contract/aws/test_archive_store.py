"""What every archive does: the one in memory, and the one in S3."""

import json
from datetime import timedelta

import pytest
from operator_memory.domain.errors import (
    InvalidInputError,
    MalformedResponseError,
)
from operator_memory.domain.shared.tombstones import Target, TargetKind

from tests.support.aws.archives import ACCOUNT, ALL, NOW, TENTH, USER, Written, a_line, everything, fill

pytest_plugins = ["tests.support.aws.fixtures", "tests.support.aws.archive_fixtures"]

# ---- reading ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_give_every_line_once_and_in_order(archive: Written, limit: int) -> None:
    for name in "abcde":
        archive.put(ACCOUNT, name, [a_line(f"{name}{number}") for number in range(1 + ord(name) % 3)])
    expected = ["a0", "a1", "b0", "b1", "b2", "c0", "d0", "d1", "e0", "e1", "e2"]
    assert everything(archive.store, limit=limit) == expected


def test_a_page_that_ends_with_the_archive_has_no_next(archive: Written) -> None:
    archive.put(ACCOUNT, "a", [a_line("1"), a_line("2")])
    assert archive.store.lines(ACCOUNT, after=None, limit=2)[1] is None


def test_lines_come_as_they_were_written(archive: Written) -> None:
    line = json.dumps(json.loads(a_line("1", more={"kept": [1, None]})), ensure_ascii=False)
    archive.put(ACCOUNT, "a", [line])
    assert archive.store.lines(ACCOUNT, after=None, limit=9) == ([line], None)


def test_an_account_without_an_archive_has_no_lines(archive: Written) -> None:
    assert archive.store.lines(ACCOUNT, after=None, limit=10) == ([], None)
    assert archive.store.count_erasable(ACCOUNT, ALL, until=NOW) == 0
    archive.store.erase(ACCOUNT, ALL, until=NOW)


def test_an_account_whose_id_begins_with_anothers_is_another_account(archive: Written) -> None:
    archive.put(ACCOUNT, "a", [a_line("mine")])
    archive.put(TENTH, "a", [a_line("theirs", account=TENTH)])
    assert everything(archive.store) == ["mine"]
    assert archive.store.count_erasable(ACCOUNT, ALL, until=NOW) == 1
    archive.store.erase(ACCOUNT, ALL, until=NOW)
    archive.store.erase(ACCOUNT, USER, until=NOW)
    assert everything(archive.store) == []
    assert everything(archive.store, TENTH) == ["theirs"]


@pytest.mark.parametrize("cursor", ["", "nonsense", "%00", "é", "acct-10/1", "W10", "bnVsbA", "[" * 9])
def test_a_cursor_that_was_not_given_out_is_refused(archive: Written, cursor: str) -> None:
    archive.put(ACCOUNT, "a", [a_line()])
    with pytest.raises(InvalidInputError) as raised:
        archive.store.lines(ACCOUNT, after=cursor, limit=1)
    assert raised.value.field == "cursor"


def test_a_cursor_of_another_account_is_refused(archive: Written) -> None:
    archive.put(TENTH, "a", [a_line("1", account=TENTH), a_line("2", account=TENTH)])
    _, cursor = archive.store.lines(TENTH, after=None, limit=1)
    with pytest.raises(InvalidInputError):
        archive.store.lines(ACCOUNT, after=cursor, limit=1)


@pytest.mark.parametrize("line", [a_line(account=TENTH), "not json", "[]", '{"id": "m"}', "\x00"])
def test_a_line_that_is_not_the_accounts_is_never_shown(archive: Written, line: str) -> None:
    archive.put(ACCOUNT, "a", [line])
    with pytest.raises(MalformedResponseError):
        archive.store.lines(ACCOUNT, after=None, limit=10)


# ---- erasing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "left"),
    [
        (USER, ["agent", "turn", "other agent"]),
        (Target(TargetKind.AGENT, "helper"), ["user", "turn", "learnt there", "other agent"]),
        (Target(TargetKind.SESSION, "thread-1"), ["user", "agent", "other agent"]),
        (Target(TargetKind.AUTHOR, "ada"), ["user", "turn", "learnt there", "other agent"]),
        (Target(TargetKind.AUTHOR, "nobody"), ["user", "agent", "turn", "learnt there", "other agent"]),
        (ALL, []),
    ],
)
def test_a_part_is_taken_out_and_the_rest_stays(archive: Written, target: Target, left: list[str]) -> None:
    fill(archive)
    assert archive.store.count_erasable(ACCOUNT, target, until=NOW) == 5 - len(left)
    for _ in range(2):
        archive.store.erase(ACCOUNT, target, until=NOW)
        assert everything(archive.store) == left
        assert archive.store.count_erasable(ACCOUNT, target, until=NOW) == 0


def test_what_was_said_or_imported_later_stays(archive: Written) -> None:
    said = NOW - timedelta(hours=1)
    later = (NOW + timedelta(seconds=1)).isoformat()
    archive.put(ACCOUNT, "a", [a_line("then"), a_line("later", created_at=later), a_line("back", imported_at=later)])
    for until, count in ((said - timedelta(microseconds=1), 0), (said, 1), (NOW, 1)):
        assert archive.store.count_erasable(ACCOUNT, USER, until=until) == count
    archive.store.erase(ACCOUNT, USER, until=NOW)
    assert everything(archive.store) == ["later", "back"]


def test_of_a_whole_account_the_time_does_not_matter(archive: Written) -> None:
    fill(archive)
    archive.store.erase(ACCOUNT, ALL, until=NOW - timedelta(days=999))
    assert archive.store.count_erasable(ACCOUNT, ALL, until=NOW) == 0


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        a_line(account=TENTH),
        a_line(scope="everybody"),
        a_line(created_at="yesterday"),
        a_line(created_at=7),
        json.dumps({"account_id": ACCOUNT}),
    ],
)
def test_a_line_that_cannot_be_read_stays_when_a_part_goes_and_is_told_of(archive: Written, line: str) -> None:
    archive.put(ACCOUNT, "a", [line, a_line("1"), line])
    archive.put(ACCOUNT, "b", [line])
    archive.put(ACCOUNT, "c", [a_line("2")])
    assert archive.store.count_erasable(ACCOUNT, USER, until=NOW) == 2
    for _ in range(2):
        assert archive.store.erase(ACCOUNT, USER, until=NOW) == 3
        assert archive.store.count_erasable(ACCOUNT, USER, until=NOW) == 0
    assert archive.store.count_erasable(ACCOUNT, ALL, until=NOW) == 3
    assert archive.store.erase(ACCOUNT, ALL, until=NOW) == 0
    assert archive.store.count_erasable(ACCOUNT, ALL, until=NOW) == 0


def test_an_object_without_lines_counts_until_it_is_gone(archive: Written) -> None:
    archive.put(ACCOUNT, "empty", [])
    assert archive.store.count_erasable(ACCOUNT, ALL, until=NOW) == 1
    archive.store.erase(ACCOUNT, ALL, until=NOW)
    assert archive.store.count_erasable(ACCOUNT, ALL, until=NOW) == 0
