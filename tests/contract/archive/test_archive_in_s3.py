"""What only an archive in S3 with its index can do wrong."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.config import Config
from operator_memory.adapters.archive.index import ArchiveIndex
from operator_memory.adapters.archive.objects import ArchiveObjects
from operator_memory.adapters.archive.store import StoredArchive
from operator_memory.domain.errors import (
    MalformedResponseError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from operator_memory.domain.shared.tombstones import Target, TargetKind

from tests.support import time_outs
from tests.support.aws.archives import A_DAY, ACCOUNT, ALL, NOW, SOME, USER, InS3, an_hour_ago, everything, kept, texts
from tests.support.aws.clients import aws_client
from tests.support.loopback import HttpServer, unused_port
from tests.support.time_outs import AMPLE, TIMES_OUT

pytest_plugins = ["tests.support.aws.fixtures", "tests.support.aws.archive_fixtures"]

PREFIX = f"accounts/{ACCOUNT}/2026-11/"
ALL_OF_THEM = [kept(memory) for memory in SOME]


def body_of(in_s3: InS3, key: str) -> bytes:
    content: bytes = in_s3.s3.get_object(Bucket=in_s3.bucket, Key=key)["Body"].read()
    return content


def spoil(in_s3: InS3, key: str, *lines: bytes) -> None:
    """Add lines that cannot be read."""
    content = gzip.decompress(body_of(in_s3, key)) + b"".join(line + b"\n" for line in lines)
    in_s3.s3.put_object(Bucket=in_s3.bucket, Key=key, Body=gzip.compress(content))


def test_an_object_is_compressed_json_lines_and_encrypted(in_s3: InS3) -> None:
    in_s3.store.keep(ACCOUNT, ALL_OF_THEM)
    [key] = in_s3.keys()
    assert key.startswith(PREFIX)
    head = in_s3.s3.head_object(Bucket=in_s3.bucket, Key=key)
    assert (head["ServerSideEncryption"], head["ContentType"]) == ("AES256", "application/gzip")
    lines = [json.loads(line) for line in gzip.decompress(body_of(in_s3, key)).splitlines()]
    assert [line["id"] for line in lines] == [memory.id for memory in SOME]
    assert all(set(line) == {"id", "account_id", "entry", "payload", "vectors"} for line in lines)
    in_s3.store.forget(ACCOUNT, [SOME[0].id])
    assert in_s3.s3.head_object(Bucket=in_s3.bucket, Key=key)["ServerSideEncryption"] == "AES256"


def test_the_index_holds_no_text(in_s3: InS3) -> None:
    in_s3.store.keep(ACCOUNT, [kept(an_hour_ago("A very private word."))])
    found = in_s3.dynamodb.scan(TableName=in_s3.table)["Items"]
    assert len(found) == 1
    assert "private" not in json.dumps(found)


def test_one_memory_is_found_and_read_without_the_others(in_s3: InS3) -> None:
    for memory in SOME:
        in_s3.store.keep(ACCOUNT, [kept(memory)])
    calls: list[str] = []
    store = in_s3.with_clients(s3=Noting(in_s3.s3, calls), dynamodb=Noting(in_s3.dynamodb, calls))
    [found] = store.read(ACCOUNT, store.find(ACCOUNT, [SOME[3].id]))
    assert found.entry.id == SOME[3].id
    assert calls == ["batch_get_item", "get_object"]


def test_of_two_hundred_and_five_each_hundred_is_an_object(in_s3: InS3) -> None:
    many = [kept(an_hour_ago(str(number))) for number in range(205)]
    assert len(in_s3.store.keep(ACCOUNT, many)) == 205
    assert len(in_s3.keys()) == 3
    assert len(everything(in_s3.store)) == 205
    assert in_s3.store.forget(ACCOUNT, [memory.entry.id for memory in many]) == 205
    assert (in_s3.keys(), in_s3.items()) == ([], [])


def test_the_kept_lines_are_rewritten_byte_for_byte(in_s3: InS3) -> None:
    in_s3.store.keep(ACCOUNT, ALL_OF_THEM)
    [key] = in_s3.keys()
    spoil(in_s3, key, b'{"a newer":  "form"}')
    before = gzip.decompress(body_of(in_s3, key)).splitlines()
    in_s3.store.forget(ACCOUNT, [SOME[0].id])
    assert gzip.decompress(body_of(in_s3, key)).splitlines() == before[1:]


@pytest.mark.parametrize("line", [b"not json", b"[]", b'{"id": "m"}', b"\xff", b"\x00", b"[" * 5000])
def test_a_line_that_cannot_be_read_is_never_shown_and_told_of(in_s3: InS3, line: bytes) -> None:
    in_s3.store.keep(ACCOUNT, ALL_OF_THEM)
    spoil(in_s3, in_s3.keys()[0], line)
    assert len(texts(in_s3.store)) == 5
    for _ in range(2):
        assert in_s3.store.erase(ACCOUNT, Target(TargetKind.AUTHOR, "ada"), until=NOW) in (0, 1)
        assert in_s3.store.count_erasable(ACCOUNT, Target(TargetKind.AUTHOR, "ada"), until=NOW) == 0
    assert in_s3.store.erase(ACCOUNT, USER, until=NOW) == 1, "it may be one of the user's"
    assert in_s3.store.erase(ACCOUNT, ALL, until=NOW) == 0
    assert (in_s3.keys(), in_s3.items()) == ([], [])


def test_another_accounts_line_is_not_shown(in_s3: InS3) -> None:
    in_s3.store.keep(ACCOUNT, [kept(SOME[0])])
    [key] = in_s3.keys()
    content = gzip.decompress(body_of(in_s3, key)).replace(b'"account_id":"acct-1"', b'"account_id":"acct-2"')
    in_s3.s3.put_object(Bucket=in_s3.bucket, Key=key, Body=gzip.compress(content))
    [entry] = everything(in_s3.store)
    assert in_s3.store.read(ACCOUNT, [entry]) == []
    assert in_s3.store.read(ACCOUNT, [replace(entry, place="accounts/acct-10/2026-11/x.jsonl.gz")]) == []


CUT_SHORT = gzip.compress(b"half of it" * 99, mtime=0)[:20]


@pytest.mark.parametrize("body", [b"no gzip", b"", CUT_SHORT], ids=["no gzip", "empty", "cut short"])
def test_an_object_that_is_damaged_is_one_line_that_cannot_be_read(in_s3: InS3, body: bytes) -> None:
    in_s3.store.keep(ACCOUNT, ALL_OF_THEM)
    [key] = in_s3.keys()
    in_s3.s3.put_object(Bucket=in_s3.bucket, Key=key, Body=body)
    assert texts(in_s3.store) == set()
    assert in_s3.store.erase(ACCOUNT, USER, until=NOW) == 1
    assert body_of(in_s3, key) == body
    assert in_s3.store.count_erasable(ACCOUNT, USER, until=NOW) == 0
    assert in_s3.store.erase(ACCOUNT, ALL, until=NOW) == 0
    assert (in_s3.keys(), in_s3.items()) == ([], [])


def test_a_whole_account_goes_whatever_is_under_its_prefix(in_s3: InS3) -> None:
    for key in ("2026/11/a.jsonl", "notes.bin", "2026/", "x y?&<ü>.jsonl"):
        in_s3.s3.put_object(Bucket=in_s3.bucket, Key=f"accounts/{ACCOUNT}/{key}", Body=b"\xff\n\xfe\n")
    in_s3.store.keep(ACCOUNT, ALL_OF_THEM)
    assert in_s3.store.count_erasable(ACCOUNT, ALL, until=NOW) == 9
    in_s3.store.erase(ACCOUNT, ALL, until=NOW)
    assert (in_s3.keys(), in_s3.items()) == ([], [])


# ---- what a killed worker has left --------------------------------------------------------------------------------


class Noting:
    """A client that notes what is asked."""

    def __init__(self, client: Any, calls: list[str]) -> None:
        self._client, self._calls = client, calls

    def __getattr__(self, name: str) -> Any:
        self._calls.append(name)
        return getattr(self._client, name)


class Dying(Noting):
    """One that fails where something is entered."""

    def put_item(self, **request: Any) -> Any:
        if "ConditionExpression" in request:
            raise KeyboardInterrupt
        return self._client.put_item(**request)


def half_written(in_s3: InS3) -> None:
    with pytest.raises(KeyboardInterrupt):
        in_s3.with_clients(dynamodb=Dying(in_s3.dynamodb, [])).keep(ACCOUNT, ALL_OF_THEM)
    assert (len(in_s3.keys()), len(in_s3.items())) == (1, 1)


def test_what_was_written_and_not_entered_is_swept_when_it_is_old(in_s3: InS3) -> None:
    half_written(in_s3)
    assert everything(in_s3.store) == []
    assert in_s3.store.sweep(ACCOUNT, before=NOW) == 0, "somebody may be at it"
    assert in_s3.store.sweep(ACCOUNT, before=NOW + A_DAY) == 5
    assert (in_s3.keys(), in_s3.items()) == ([], [])


@pytest.mark.parametrize("target", [USER, ALL])
def test_what_was_written_and_not_entered_is_erased(in_s3: InS3, target: Target) -> None:
    half_written(in_s3)
    found = in_s3.store.count_erasable(ACCOUNT, target, until=NOW)
    assert found == (2 if target is USER else 5)
    in_s3.store.erase(ACCOUNT, target, until=NOW)
    assert in_s3.store.count_erasable(ACCOUNT, target, until=NOW) == 0
    assert bool(in_s3.keys()) == (target is USER)


# ---- others at the same time ----------------------------------------------------------------------------------------


class Meddling(Noting):
    """A client after whose reads somebody else does something."""

    def __init__(self, client: Any, meddle: Callable[[], object], times: int = 1) -> None:
        super().__init__(client, [])
        self._meddle, self._times = meddle, times

    def get_object(self, **request: Any) -> Any:
        answer = self._client.get_object(**request)
        if self._times > 0:
            self._times -= 1
            self._meddle()
        return answer


def test_what_another_takes_out_meanwhile_does_not_come_back(in_s3: InS3) -> None:
    in_s3.store.keep(ACCOUNT, ALL_OF_THEM)
    s3 = Meddling(in_s3.s3, lambda: in_s3.store.forget(ACCOUNT, [SOME[1].id]))
    in_s3.with_clients(s3=s3).forget(ACCOUNT, [SOME[0].id])
    [key] = in_s3.keys()
    assert len(gzip.decompress(body_of(in_s3, key)).splitlines()) == 3


def test_an_object_that_changes_all_the_time_is_worth_another_try_later(in_s3: InS3) -> None:
    in_s3.store.keep(ACCOUNT, ALL_OF_THEM)
    [key] = in_s3.keys()
    s3 = Meddling(in_s3.s3, lambda: spoil(in_s3, key, b"x"), times=99)
    with pytest.raises(UpstreamUnavailableError) as raised:
        in_s3.with_clients(s3=s3).forget(ACCOUNT, [SOME[0].id])
    assert raised.value.retryable


@pytest.mark.parametrize(
    ("code", "error"), [("SlowDown", UpstreamUnavailableError), ("AccessDenied", UpstreamRejectedError)]
)
def test_an_object_that_s3_did_not_delete_is_an_error(in_s3: InS3, code: str, error: type[Exception]) -> None:
    class Refusing(Noting):
        def delete_objects(self, **request: Any) -> Any:
            return {"Errors": [{"Key": request["Delete"]["Objects"][0]["Key"], "Code": code}]}

    in_s3.store.keep(ACCOUNT, ALL_OF_THEM)
    with pytest.raises(error, match=f"1 objects were not deleted: {code}"):
        in_s3.with_clients(s3=Refusing(in_s3.s3, [])).erase(ACCOUNT, ALL, until=NOW)


# ---- failures ---------------------------------------------------------------------------------------------------


def calls_of(store: StoredArchive) -> list[Callable[[], object]]:
    return [
        lambda: store.keep(ACCOUNT, ALL_OF_THEM),
        lambda: store.group(ACCOUNT, after=None),
        lambda: store.count_erasable(ACCOUNT, ALL, until=NOW),
        lambda: store.erase(ACCOUNT, ALL, until=NOW),
    ]


def test_a_bucket_that_is_not_there_is_refused(in_s3: InS3) -> None:
    for call in calls_of(StoredArchive(ArchiveObjects(in_s3.s3, "none"), ArchiveIndex(in_s3.dynamodb, in_s3.table))):
        with pytest.raises(UpstreamRejectedError, match="NoSuchBucket"):
            call()


def test_an_entry_that_cannot_be_read_is_an_error(in_s3: InS3) -> None:
    item = {"account_id": {"S": ACCOUNT}, "item": {"S": "ARCHIVED#x"}}
    in_s3.dynamodb.put_item(TableName=in_s3.table, Item=item)
    with pytest.raises(MalformedResponseError):
        in_s3.store.entries(ACCOUNT, after=None, limit=5)
    in_s3.dynamodb.put_item(TableName=in_s3.table, Item={**item, "item": {"S": "ARCHIVING#x"}})
    with pytest.raises(MalformedResponseError):
        in_s3.store.sweep(ACCOUNT, before=NOW)


def test_an_s3_that_is_not_there_or_says_nothing_is_worth_another_try(
    in_s3: InS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = Config(connect_timeout=AMPLE, read_timeout=AMPLE, retries={"total_max_attempts": 1})
    monkeypatch.setattr("tests.support.aws.clients.CLIENT_CONFIG", once)
    client = aws_client("s3", f"http://127.0.0.1:{unused_port()}")
    for call in calls_of(in_s3.with_clients(s3=client)):
        with pytest.raises(UpstreamUnavailableError) as raised:
            call()
        assert raised.value.retryable
    client.close()

    with time_outs.at_once(), HttpServer(lambda _: TIMES_OUT) as server:
        silent = aws_client("s3", server.url)
        with pytest.raises(UpstreamTimeoutError):
            in_s3.with_clients(s3=silent).group(ACCOUNT, after=None)
        silent.close()
