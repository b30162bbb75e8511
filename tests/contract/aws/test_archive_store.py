"""What every archive does (the one in memory and the one in S3), and what only S3 can do wrong."""

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest
from botocore.config import Config
from operator_memory.adapters.aws.s3_archive import S3Archive
from operator_memory.application.ports.management import ArchiveStore
from operator_memory.domain.errors import (
    InvalidInputError,
    MalformedResponseError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.tombstones import Target, TargetKind

from tests.support import time_outs
from tests.support.aws.clients import aws_client
from tests.support.fakes.archive import InMemoryArchive
from tests.support.loopback import HttpServer, unused_port
from tests.support.time_outs import AMPLE, TIMES_OUT

pytest_plugins = ["tests.support.aws.fixtures"]

ACCOUNT, TENTH = AccountId("acct-1"), AccountId("acct-10")
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
ALL = Target(TargetKind.ACCOUNT)
USER = Target(TargetKind.USER)


def a_line(identity: str = "m", *, account: str = ACCOUNT, scope: str = "user", **fields: object) -> str:
    """An archived memory, said an hour before ``NOW``."""
    created_at = (NOW - timedelta(hours=1)).isoformat()
    held = {"id": identity, "account_id": account, "scope": scope, "created_at": created_at, "text": "Häuser"}
    return json.dumps(held | fields)


class Written(Protocol):
    """An archive, and a way to write what a later part of the system will."""

    @property
    def store(self) -> ArchiveStore: ...

    def put(self, account_id: AccountId, name: str, lines: list[str]) -> None: ...


@dataclass
class InMemory:
    store: InMemoryArchive

    def put(self, account_id: AccountId, name: str, lines: list[str]) -> None:
        self.store.put(account_id, name, lines)


@dataclass
class InS3:
    store: S3Archive
    client: Any
    bucket: str

    def put(self, account_id: AccountId, name: str, lines: list[str]) -> None:
        body = "".join(f"{line}\n" for line in lines).encode()
        self.client.put_object(Bucket=self.bucket, Key=f"accounts/{account_id}/2026/11/{name}.jsonl", Body=body)

    def keys(self) -> list[str]:
        return [item["Key"] for item in self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])]


@pytest.fixture
def s3(aws_url: str) -> Iterator[InS3]:
    client, bucket = aws_client("s3", aws_url), f"archive-{uuid.uuid4()}"
    client.create_bucket(Bucket=bucket)
    yield InS3(S3Archive(client, bucket, page_size=2), client, bucket)  # two keys a call: lists have several pages
    client.close()


@pytest.fixture(params=["in memory", "s3"])
def archive(request: pytest.FixtureRequest) -> Written:
    if request.param == "s3":
        written: Written = request.getfixturevalue("s3")
        return written
    return InMemory(InMemoryArchive())


def everything(store: ArchiveStore, account: AccountId = ACCOUNT, limit: int = 100) -> list[str]:
    """The ids of all lines, read page by page."""
    found: list[str] = []
    after: str | None = None
    while True:
        lines, after = store.lines(account, after=after, limit=limit)
        assert len(lines) <= limit
        found += [json.loads(line)["id"] for line in lines]
        if after is None:
            return found


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


def fill(archive: Written) -> None:
    archive.put(
        ACCOUNT,
        "a",
        [
            a_line("user"),
            a_line("agent", scope="agent", agent_id="helper", author_id="ada"),
            a_line("turn", scope="session", session_id="thread-1", author_id="ben", kind="turn"),
        ],
    )
    archive.put(ACCOUNT, "b", [a_line("learnt there", thread_id="thread-1", agent_id="helper")])
    archive.put(ACCOUNT, "c", [a_line("other agent", scope="agent", agent_id="helper2")])


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


# ---- S3 --------------------------------------------------------------------------------------------------------


def test_an_object_that_ends_up_empty_is_deleted_and_others_are_not_written(s3: InS3) -> None:
    fill(s3)
    before = s3.client.head_object(Bucket=s3.bucket, Key=s3.keys()[0])
    s3.store.erase(ACCOUNT, Target(TargetKind.AGENT, "helper2"), until=NOW)
    assert s3.keys() == [f"accounts/{ACCOUNT}/2026/11/{name}.jsonl" for name in "ab"]
    after = s3.client.head_object(Bucket=s3.bucket, Key=s3.keys()[0])
    assert (after["ETag"], after["LastModified"]) == (before["ETag"], before["LastModified"])


def test_the_kept_lines_are_rewritten_byte_for_byte(s3: InS3) -> None:
    kept = '{"account_id":"acct-1",  "id":"1","scope":"agent","text":"é","created_at":"2026-01-01T00:00:00Z"}'
    s3.put(ACCOUNT, "a", [a_line(), kept, ""])
    s3.store.erase(ACCOUNT, USER, until=NOW)
    stored = s3.client.get_object(Bucket=s3.bucket, Key=s3.keys()[0])
    assert stored["Body"].read() == f"{kept}\n".encode()


def test_a_whole_account_goes_whatever_is_under_its_prefix(s3: InS3) -> None:
    for key in ("2026/11/a.jsonl", "notes.bin", "2026/", "x y?&<ü>.jsonl"):
        s3.client.put_object(Bucket=s3.bucket, Key=f"accounts/{ACCOUNT}/{key}", Body=b"\xff\n\xfe\n")
    s3.put(TENTH, "a", [a_line(account=TENTH)])
    assert s3.store.count_erasable(ACCOUNT, ALL, until=NOW) == 8
    s3.store.erase(ACCOUNT, ALL, until=NOW)
    assert s3.keys() == [f"accounts/{TENTH}/2026/11/a.jsonl"]


def test_what_is_not_utf8_is_not_a_line(s3: InS3) -> None:
    s3.client.put_object(Bucket=s3.bucket, Key=f"accounts/{ACCOUNT}/2026/11/a.jsonl", Body=b'{"a": "\xff"}\n')
    with pytest.raises(MalformedResponseError):
        s3.store.lines(ACCOUNT, after=None, limit=1)


def test_no_line_is_left_out_when_an_object_is_rewritten_between_two_pages(s3: InS3) -> None:
    s3.put(ACCOUNT, "a", [a_line("1", scope="agent", agent_id="x"), a_line("2"), a_line("3")])
    _, cursor = s3.store.lines(ACCOUNT, after=None, limit=2)
    s3.store.erase(ACCOUNT, Target(TargetKind.AGENT, "x"), until=NOW)
    lines, _ = s3.store.lines(ACCOUNT, after=cursor, limit=9)
    assert [json.loads(line)["id"] for line in lines] == ["2", "3"]


def test_reading_goes_on_behind_an_object_that_was_deleted_meanwhile(s3: InS3) -> None:
    s3.put(ACCOUNT, "a", [a_line("1"), a_line("2")])
    s3.put(ACCOUNT, "b", [a_line("3")])
    _, cursor = s3.store.lines(ACCOUNT, after=None, limit=1)
    s3.client.delete_object(Bucket=s3.bucket, Key=s3.keys()[0])
    lines, after = s3.store.lines(ACCOUNT, after=cursor, limit=9)
    assert ([json.loads(line)["id"] for line in lines], after) == (["3"], None)


@pytest.mark.parametrize(
    "place",
    [
        ["accounts/acct-10/2026/11/a.jsonl", "e", 0],
        ["accounts/acct-1", "e", 0],
        ["accounts/acct-1/a", "e", -1],
        ["accounts/acct-1/a", "e", True],
        ["accounts/acct-1/a", 1, 1],
        ["accounts/acct-1/" + "a" * 2000, "e", 0],
        [1, 2, 3],
        {"a": 1, "b": 2, "c": 3},
    ],
)
def test_a_forged_cursor_reaches_nothing_of_others(s3: InS3, place: object) -> None:
    s3.put(TENTH, "a", [a_line(account=TENTH)])
    cursor = base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")
    with pytest.raises(InvalidInputError):
        s3.store.lines(ACCOUNT, after=cursor, limit=1)


class Meddling:
    """A client after whose reads somebody else does something."""

    def __init__(self, client: Any, meddle: Callable[[], object], times: int) -> None:
        self._client, self._meddle, self._times = client, meddle, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get_object(self, **request: Any) -> Any:
        answer = self._client.get_object(**request)
        answer["Body"] = Whole(answer["Body"].read())
        if self._times > 0:
            self._times -= 1
            self._meddle()
        return answer


@dataclass
class Whole:
    content: bytes

    def read(self) -> bytes:
        return self.content


@pytest.mark.parametrize("already", [["old"], ["old", "agent"]])
def test_what_another_writer_adds_meanwhile_is_not_overwritten(s3: InS3, already: list[str]) -> None:
    """With the object to be rewritten, and with one to be deleted."""

    def lines(ids: list[str]) -> list[str]:
        return [a_line(i) if i != "agent" else a_line(i, scope="agent", agent_id="x") for i in ids]

    s3.put(ACCOUNT, "a", lines(already))
    new = a_line("new", scope="agent", agent_id="x")
    client = Meddling(s3.client, lambda: s3.put(ACCOUNT, "a", [*lines(already), new]), times=1)
    S3Archive(client, s3.bucket).erase(ACCOUNT, USER, until=NOW)
    assert everything(s3.store) == [*already[1:], "new"]


def test_an_object_that_another_erasure_deletes_meanwhile_is_done(s3: InS3) -> None:
    s3.put(ACCOUNT, "a", [a_line("1"), a_line("2", scope="agent", agent_id="x")])
    client = Meddling(s3.client, lambda: s3.store.erase(ACCOUNT, ALL, until=NOW), times=1)
    S3Archive(client, s3.bucket).erase(ACCOUNT, USER, until=NOW)
    assert s3.keys() == []


def test_an_object_that_changes_all_the_time_is_worth_another_try_later(s3: InS3) -> None:
    s3.put(ACCOUNT, "a", [a_line("0")])
    numbers = iter(range(1, 99))
    client = Meddling(s3.client, lambda: s3.put(ACCOUNT, "a", [a_line(str(next(numbers)))]), times=99)
    with pytest.raises(UpstreamUnavailableError) as raised:
        S3Archive(client, s3.bucket).erase(ACCOUNT, USER, until=NOW)
    assert raised.value.retryable


@pytest.mark.parametrize(
    ("code", "error"), [("SlowDown", UpstreamUnavailableError), ("AccessDenied", UpstreamRejectedError)]
)
def test_an_object_that_s3_did_not_delete_is_an_error(s3: InS3, code: str, error: type[Exception]) -> None:
    class Refusing(Meddling):
        def delete_objects(self, **request: Any) -> Any:
            return {"Errors": [{"Key": request["Delete"]["Objects"][0]["Key"], "Code": code}]}

    s3.put(ACCOUNT, "a", [a_line()])
    with pytest.raises(error, match=f"1 objects were not deleted: {code}"):
        S3Archive(Refusing(s3.client, lambda: None, 0), s3.bucket).erase(ACCOUNT, ALL, until=NOW)


def calls(store: S3Archive) -> list[Callable[[], object]]:
    return [
        lambda: store.lines(ACCOUNT, after=None, limit=1),
        lambda: store.count_erasable(ACCOUNT, ALL, until=NOW),
        lambda: store.erase(ACCOUNT, ALL, until=NOW),
        lambda: store.erase(ACCOUNT, USER, until=NOW),
    ]


def test_a_bucket_that_is_not_there_is_refused(s3: InS3) -> None:
    for call in calls(S3Archive(s3.client, "no-such-bucket")):
        with pytest.raises(UpstreamRejectedError, match="NoSuchBucket"):
            call()


def test_an_s3_that_is_not_there_or_says_nothing_is_worth_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    once = Config(connect_timeout=AMPLE, read_timeout=AMPLE, retries={"total_max_attempts": 1})
    monkeypatch.setattr("tests.support.aws.clients.CLIENT_CONFIG", once)
    client = aws_client("s3", f"http://127.0.0.1:{unused_port()}")
    for call in calls(S3Archive(client, "b")):
        with pytest.raises(UpstreamUnavailableError) as raised:
            call()
        assert raised.value.retryable
    client.close()

    with time_outs.at_once(), HttpServer(lambda _: TIMES_OUT) as server:
        silent = aws_client("s3", server.url)
        with pytest.raises(UpstreamTimeoutError):
            S3Archive(silent, "b").lines(ACCOUNT, after=None, limit=1)
        silent.close()
