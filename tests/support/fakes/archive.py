"""The archive in memory. It passes the same contract tests as the real one."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from operator_memory.domain.errors import InvalidInputError, MalformedResponseError
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope
from operator_memory.domain.shared.tombstones import Target, TargetKind, Tombstone


@dataclass
class InMemoryArchive:
    """Port ``ArchiveStore``. ``objects``: the lines of each object, by (account, name)."""

    objects: dict[tuple[AccountId, str], list[str]] = field(default_factory=dict)

    def put(self, account_id: AccountId, name: str, lines: list[str]) -> None:
        """Write an object."""
        self.objects[account_id, name] = list(lines)

    def lines(self, account_id: AccountId, *, after: str | None, limit: int) -> tuple[list[str], str | None]:
        everything = [line for key in self._keys(account_id) for line in self.objects[key]]
        start = 0 if after is None else _start(after, account_id)
        page = everything[start : start + limit]
        for line in page:
            _held(line, account_id)
        more = start + limit < len(everything)
        return page, f"{account_id}/{start + limit}" if more else None

    def count_erasable(self, account_id: AccountId, target: Target, *, until: datetime) -> int:
        if target.kind is TargetKind.ACCOUNT:
            return sum(max(1, len(self.objects[key])) for key in self._keys(account_id))
        tombstone = Tombstone(target, until)
        lines = [line for key in self._keys(account_id) for line in self.objects[key]]
        return sum(_is_covered(line, tombstone, account_id) or False for line in lines)

    def erase(self, account_id: AccountId, target: Target, *, until: datetime) -> int:
        tombstone, unreadable = Tombstone(target, until), 0
        whole = target.kind is TargetKind.ACCOUNT
        for key in self._keys(account_id):
            covered = [True if whole else _is_covered(line, tombstone, account_id) for line in self.objects[key]]
            unreadable += covered.count(None)
            kept = [line for line, gone in zip(self.objects[key], covered, strict=True) if not gone]
            if kept:
                self.objects[key] = kept
            else:
                del self.objects[key]
        return unreadable

    def _keys(self, account_id: AccountId) -> list[tuple[AccountId, str]]:
        return sorted(key for key in self.objects if key[0] == account_id)


def _is_covered(line: str, tombstone: Tombstone, account_id: AccountId) -> bool | None:
    """``None``: it cannot be read."""
    try:
        return tombstone.covers(_memory(line, account_id))
    except MalformedResponseError:
        return None


def _start(cursor: str, account_id: AccountId) -> int:
    owner, _, index = cursor.rpartition("/")
    if owner != account_id or not index.isdecimal():
        raise InvalidInputError("cursor", "is not one that was given out for this account")
    return int(index)


def _held(line: str, account_id: AccountId) -> dict[str, Any]:
    try:
        held = json.loads(line)
    except ValueError as error:
        raise MalformedResponseError("archive", "a line is not JSON") from error
    if not isinstance(held, dict) or held.get("account_id") != account_id:
        raise MalformedResponseError("archive", "a line is not of the account")
    return held


def _memory(line: str, account_id: AccountId) -> Memory:
    held = _held(line, account_id)
    try:
        at = datetime.fromisoformat(held["created_at"])
        imported = held.get("imported_at")
        return Memory(
            held["id"],
            account_id,
            Scope(held["scope"]),
            Kind.FACT,
            held["text"],
            at,
            at,
            agent_id=held.get("agent_id"),
            session_id=held.get("session_id"),
            thread_id=held.get("thread_id"),
            author_id=held.get("author_id"),
            imported_at=datetime.fromisoformat(imported) if imported else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedResponseError("archive", "a line lacks something") from error
