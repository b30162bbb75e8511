"""Archives, in memory and in S3, with a way to write to them."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from operator_memory.adapters.aws.s3_archive import S3Archive
from operator_memory.application.ports.management import ArchiveStore
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.tombstones import Target, TargetKind

from tests.support.fakes.archive import InMemoryArchive

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
