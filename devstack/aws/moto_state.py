"""Moto's queues, tables and buckets, kept across restarts, and three of its habits mended.

Moto holds everything in memory and was made for one caller at a time. Here several functions call it at
once and jobs must outlive a restart.
"""

import base64
import functools
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import moto.sqs.models
from moto.backends import get_backend
from moto.core.utils import unix_time_millis
from moto.sqs.models import Message, SQSBackend

from devstack.aws.intrinsics import ACCOUNT, REGION

_MESSAGE_FIELDS = (
    "body",
    "message_attributes",
    "system_attributes",
    "sent_timestamp",
    "approximate_first_receive_timestamp",
    "approximate_receive_count",
    "deduplication_id",
    "group_id",
    "sequence_number",
    "delayed_until",
)
_POLL_SECONDS = 0.05


class MotoState:
    """Serialises access to moto's state and copies it to and from one JSON file."""

    def __init__(self, path: Path) -> None:
        """``path`` is written whole and then moved into place, so that a kill leaves the old or the new one."""
        self._path = path
        self._saved_before: dict[str, Any] = json.loads(path.read_text(), object_hook=_plain) if path.exists() else {}
        self._saving = threading.Lock()
        self.lock = threading.RLock()
        self.changed = threading.Event()

    def mend_queues(self) -> None:
        """Make moto's SQS safe for concurrent callers and keep the order of a FIFO group.

        Unmended, a send between a delete's copy and its assignment is lost; and when two messages of a group
        become visible again together, the second is delivered first.
        """
        # Moto asks the time of every message's visibility several times a call, and takes 5 microseconds to tell it.
        setattr(moto.sqs.models, unix_time_millis.__name__, _now_millis)
        for name in ("send_message", "delete_message", "change_message_visibility"):
            setattr(SQSBackend, name, self._locked(getattr(SQSBackend, name)))
        receive = SQSBackend.receive_message

        @functools.wraps(receive)
        def receive_in_order(
            backend: SQSBackend,
            queue_name: str,
            count: int,
            wait_seconds_timeout: int,
            *args: Any,  # noqa: ANN401
            **kwargs: Any,  # noqa: ANN401
        ) -> list[Message]:
            deadline = time.monotonic() + wait_seconds_timeout
            while True:
                with self.lock:
                    queue = backend.get_queue(queue_name)
                    for message in [m for m in queue.pending_messages if m.visible]:
                        queue.pending_messages.discard(message)
                    found = receive(backend, queue_name, count, 0, *args, **kwargs)
                if found:
                    self.changed.set()
                # waiting happens outside the lock: a long poll must not hold up whoever sends
                if found or time.monotonic() >= deadline:
                    return found
                time.sleep(_POLL_SECONDS)

        setattr(SQSBackend, receive.__name__, receive_in_order)

    def _locked(self, method: Any) -> Any:  # noqa: ANN401  (moto has no types)
        @functools.wraps(method)
        def locked(*args: object, **kwargs: object) -> Any:  # noqa: ANN401
            with self.lock:
                return method(*args, **kwargs)

        return locked

    def restore(self) -> dict[str, int]:
        """Put back what was saved, into the queues, tables and buckets that exist now; returns how much of it.

        A message that was being worked on when everything stopped can be received at once: whoever had it is
        gone.
        """
        counts = {"messages": 0, "items": 0, "objects": 0}
        with self.lock:
            for queue in _queues():
                for saved in self._saved_before.get("queues", {}).pop(queue.name, ()):
                    queue._messages.append(_message(saved))  # noqa: SLF001  (moto has no public way)
                    counts["messages"] += 1
            for table in _tables():
                for item in self._saved_before.get("tables", {}).pop(table.name, ()):
                    table.put_item(item)
                    counts["items"] += 1
            for name in _s3().buckets:
                for saved in self._saved_before.get("buckets", {}).pop(name, ()):
                    _s3().put_object(name, saved["key"], saved["body"]).set_metadata(saved["metadata"])
                    counts["objects"] += 1
        return counts

    def save(self) -> None:
        """Write the present state."""
        self.changed.clear()
        with self._saving:
            with self.lock:
                # what a table that is not there any more held stays in the file
                queues = {**self._saved_before.get("queues", {}), **{q.name: _saved(q) for q in _queues()}}
                items = {t.name: [item.to_json()["Attributes"] for item in t.all_items()] for t in _tables()}
                tables = {**self._saved_before.get("tables", {}), **items}
                objects = {name: _objects(bucket) for name, bucket in _s3().buckets.items()}
                buckets = {**self._saved_before.get("buckets", {}), **objects}
            text = json.dumps({"queues": queues, "tables": tables, "buckets": buckets}, default=_as_json)
            partial = self._path.with_suffix(".partial")
            partial.write_text(text)
            partial.replace(self._path)


def _now_millis() -> float:
    return time.time() * 1000


def _queues() -> Iterator[Any]:
    yield from get_backend("sqs")[ACCOUNT][REGION].queues.values()


def _tables() -> Iterator[Any]:
    yield from get_backend("dynamodb")[ACCOUNT][REGION].tables.values()


def _s3() -> Any:  # noqa: ANN401  (moto has no types)
    return get_backend("s3")[ACCOUNT]["aws"]


def _objects(bucket: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """The objects of a bucket that keeps no old versions."""
    return [{"key": key.name, "body": key.value, "metadata": dict(key.metadata)} for key in bucket.keys.values()]


def _saved(queue: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    messages = queue._messages  # noqa: SLF001
    return [{"id": m.id, **{name: getattr(m, name) for name in _MESSAGE_FIELDS}} for m in messages]


def _message(saved: dict[str, Any]) -> Message:
    message = Message(saved["id"], saved["body"])
    for name in _MESSAGE_FIELDS:
        setattr(message, name, saved[name])
    return message


def _as_json(value: object) -> object:
    if isinstance(value, bytes):
        return {"__bytes__": base64.b64encode(value).decode()}
    raise TypeError(f"cannot save a {type(value).__name__}")


def _plain(value: dict[str, Any]) -> object:
    return base64.b64decode(value["__bytes__"]) if set(value) == {"__bytes__"} else value
