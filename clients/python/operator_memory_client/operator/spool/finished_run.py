"""A finished run as it waits: names and times, and nothing that anybody said."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from operator_memory_client.errors import InvalidCallError

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}")
_STATUS = re.compile(r"[a-z][a-z_-]{0,63}")
_ENDED = "ended"
"""In place of a status that is no word: an error's text may quote somebody."""


@dataclass(frozen=True)
class FinishedRun:
    """What the service needs to read the run from its thread. ``finished_at``: ISO 8601 with an offset."""

    job_id: str
    account_id: str
    thread_id: str
    finished_at: str
    agent_id: str | None = None
    session_id: str | None = None
    author_id: str | None = None
    status: str = "completed"
    memory_enabled: bool = True

    @property
    def thread(self) -> str:
        """A name of its thread, for files: the runs of a thread are sent in their order."""
        return _digest(self.account_id, self.thread_id)[:16]

    @property
    def key(self) -> str:
        """A name of the run, for files. Names of files sort by the time when runs ended."""
        ended = datetime.fromisoformat(self.finished_at).astimezone(timezone.utc)
        return f"{ended:%Y%m%dT%H%M%S.%f}-{self.thread}-{_digest(self.account_id, self.job_id)[:32]}"

    def as_json(self) -> bytes:
        """For `read_run`."""
        return json.dumps({name: value for name, value in asdict(self).items() if value is not None}).encode("ascii")

    def fields(self) -> dict[str, Any]:
        """What ``submit_run`` takes beside the account, the job and the thread."""
        left = asdict(self)
        for name in ("account_id", "job_id", "thread_id"):
            del left[name]
        return {**left, "finished_at": datetime.fromisoformat(self.finished_at)}


def finished_run(given: Mapping[str, Any]) -> FinishedRun:
    """The run of which the actor says so much. Ids may be UUIDs.

    Raises:
        InvalidCallError: an id is none; it is not repeated.
    """
    ids = {name: _id(name, given.get(name)) for name in ("job_id", "account_id", "thread_id")}
    others = {name: _id(name, given[name]) for name in ("agent_id", "session_id", "author_id") if given.get(name)}
    status = str(given.get("status") or "completed").strip().lower()
    return FinishedRun(
        **ids,
        **others,
        finished_at=_moment(given.get("finished_at")),
        status=status if _STATUS.fullmatch(status) else _ENDED,
        memory_enabled=given.get("memory_enabled") is not False,
    )


def read_run(raw: bytes) -> FinishedRun:
    """What `FinishedRun.as_json` has written.

    Raises:
        ValueError: it is something else, such as half of it.
    """
    try:
        found = json.loads(raw)
        return finished_run({**found, "finished_at": datetime.fromisoformat(found["finished_at"])})
    except (ValueError, TypeError, KeyError, RecursionError, InvalidCallError):
        raise ValueError("no finished run") from None


def _id(name: str, value: object) -> str:
    text = "" if value is None else str(value)
    if not _ID.fullmatch(text):
        raise InvalidCallError(f"{name} is no id")
    return text


def _moment(value: object) -> str:
    if value is None:
        return datetime.now(timezone.utc).isoformat()
    if not isinstance(value, datetime):
        raise InvalidCallError("finished_at is no time")
    return (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).isoformat()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
