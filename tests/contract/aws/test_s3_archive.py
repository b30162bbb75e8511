"""What only an archive in S3 can do wrong."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.config import Config
from operator_memory.adapters.aws.s3_archive import S3Archive
from operator_memory.domain.errors import (
    InvalidInputError,
    MalformedResponseError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from operator_memory.domain.shared.tombstones import Target, TargetKind

from tests.support import time_outs
from tests.support.aws.archives import ACCOUNT, ALL, NOW, TENTH, USER, InS3, a_line, everything, fill
from tests.support.aws.clients import aws_client
from tests.support.loopback import HttpServer, unused_port
from tests.support.time_outs import AMPLE, TIMES_OUT

pytest_plugins = ["tests.support.aws.fixtures", "tests.support.aws.archive_fixtures"]


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
