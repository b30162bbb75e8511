"""Moto's queues, tables and buckets, kept across restarts, and some of its habits mended.

Moto holds everything in memory and was made for one caller at a time. Here several functions call it at
once, and what it has acknowledged must outlive it.
"""

import functools
import json
import time
from typing import Any

import moto.sqs.models
from moto.backends import get_backend
from moto.core.utils import unix_time_millis
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table
from moto.sqs.models import Message, Queue, SQSBackend

from devstack.aws.intrinsics import ACCOUNT, REGION
from devstack.aws.moto_store import Key, MotoStore
from devstack.aws.moto_transactions import mend_transactions

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
    "visible_at",
    "receipt_handle",
    "_old_receipt_handles",
)
_LEASE = "lease_until"
"""The attribute by which one of the product's workers holds an item of the table."""


class MotoState:
    """Moto's state in this process, and its copy in a `MotoStore`."""

    def __init__(self, store: MotoStore) -> None:
        """Mend moto; from now on every change is kept."""
        self._store = store
        self._objects: dict[str, dict[str, object]] = {}
        self._mend_queues()
        self._watch_tables()
        mend_transactions()

    def restore(self, *, callers_gone: bool) -> None:
        """Put back what is kept, into the queues, tables and buckets that exist now; what has no place stays kept.

        ``callers_gone``: whoever worked on something has ended. Messages that were being worked on can then be
        received at once, and no item is held by a worker any more.
        """
        with self._store.lock:
            changed: set[Key] = set()
            for key, place, value in self._store.entries():
                kind, name = key
                if kind == "message":
                    _put_message(place, name, value | ({"visible_at": 0.0} if callers_gone else {}))
                elif kind == "object" and place in _s3().buckets:
                    _s3().put_object(place, value["key"], value["body"]).set_metadata(value["metadata"])
                elif kind == "item" and place in _tables():
                    if callers_gone and value.pop(_LEASE, None) is not None:
                        changed.add(key)
                    _tables()[place].put_item(value)
            self.note_objects()
            self._store.forget_touched(but=changed)
            self._store.flush()
            self._store.changed.notify_all()

    def note_objects(self) -> None:
        """Find out which objects have changed since the last time. Call it with the lock held."""
        for bucket_name, bucket in _s3().buckets.items():
            present, known = dict(bucket.keys.items()), self._objects.get(bucket_name, {})
            for name in present.keys() | known.keys():
                if present.get(name) is not known.get(name):
                    self._touch_object(bucket, name)
            self._objects[bucket_name] = present

    def _touch_object(self, bucket: Any, name: str) -> None:  # noqa: ANN401  (moto has no types)
        def read() -> tuple[str, object] | None:
            found = bucket.keys.get(name)
            return found and (bucket.name, {"key": name, "body": found.value, "metadata": dict(found.metadata)})

        self._store.touch(("object", json.dumps([bucket.name, name])), read)

    # ---- tables ------------------------------------------------------------------------------------------------

    def _watch_tables(self) -> None:
        put, delete, update = Table.put_item, Table.delete_item, DynamoDBBackend.update_item

        @functools.wraps(put)
        def put_item(table: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            item = put(table, *args, **kwargs)
            self._touch_item(table.name, item.hash_key, item.range_key)
            return item

        @functools.wraps(delete)
        def delete_item(table: Any, hash_key: Any, range_key: Any) -> Any:  # noqa: ANN401
            self._touch_item(table.name, hash_key, range_key)
            return delete(table, hash_key, range_key)

        @functools.wraps(update)
        def update_item(backend: Any, table_name: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            item = update(backend, table_name, *args, **kwargs)
            self._touch_item(table_name, item.hash_key, item.range_key)
            return item

        for owner, method in ((Table, put_item), (Table, delete_item), (DynamoDBBackend, update_item)):
            setattr(owner, method.__name__, method)

    def _touch_item(self, table_name: str, hash_key: Any, range_key: Any) -> None:  # noqa: ANN401
        def read() -> tuple[str, object] | None:
            item = _tables()[table_name].get_item(hash_key, range_key)  # a failed transaction puts the old table back
            return item and (table_name, item.to_json()["Attributes"])

        name = json.dumps([table_name, hash_key.to_json(), range_key and range_key.to_json()])
        self._store.touch(("item", name), read)

    # ---- queues ------------------------------------------------------------------------------------------------

    def _mend_queues(self) -> None:
        """Make moto's SQS safe for concurrent callers, keep the order of a FIFO group, and keep every change.

        Unmended, a send between a delete's copy and its assignment is lost; and when two messages of a group
        become visible again together, the second is delivered first.
        """
        # Moto asks the time of every message's visibility several times a call, and takes 5 microseconds to tell it.
        setattr(moto.sqs.models, unix_time_millis.__name__, _now_millis)
        for name in ("send_message", "delete_message", "change_message_visibility", "purge_queue", "receive_message"):
            setattr(SQSBackend, name, self._kept(getattr(SQSBackend, name)))
        receive = self._in_order(SQSBackend.receive_message)
        setattr(SQSBackend, receive.__name__, receive)

    def _kept(self, method: Any) -> Any:  # noqa: ANN401
        @functools.wraps(method)
        def kept(backend: SQSBackend, queue_name: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            with self._store.lock:
                queue = backend.get_queue(queue_name)
                before = _stamps(queue)
                answer = method(backend, queue_name, *args, **kwargs)
                present = _stamps(queue)
                for message in before.keys() | present.keys():
                    if before.get(message) != present.get(message):
                        self._touch_message(queue, message)
                self._store.flush()
                return answer

        return kept

    def _in_order(self, receive: Any) -> Any:  # noqa: ANN401
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
            with self._store.lock:
                while True:
                    queue = backend.get_queue(queue_name)
                    for message in [m for m in queue.pending_messages if m.visible]:
                        queue.pending_messages.discard(message)
                    found: list[Message] = receive(backend, queue_name, count, 0, *args, **kwargs)
                    left = deadline - time.monotonic()
                    if found or left <= 0:
                        return found
                    # until something changes, or a message is due; others have the lock meanwhile
                    self._store.changed.wait(min(left, _seconds_until_due(queue)))

        return receive_in_order

    def _touch_message(self, queue: Queue, message: Message) -> None:
        def read() -> tuple[str, object] | None:
            for place in filter(None, (queue, queue.dead_letter_queue)):
                if message in place._messages:  # noqa: SLF001  (moto has no public way)
                    return place.name, {name: getattr(message, name) for name in _MESSAGE_FIELDS}
            return None

        self._store.touch(("message", message.id), read)


def _stamps(queue: Queue) -> dict[Message, tuple[float, int]]:
    """What tells whether a message has changed."""
    return {m: (m.visible_at, m.approximate_receive_count) for m in queue._messages}  # noqa: SLF001


def _seconds_until_due(queue: Queue) -> float:
    """Until a message turns visible that is not; long if there is none."""
    now = _now_millis()
    times = (max(m.visible_at, m.delayed_until) for m in queue._messages)  # noqa: SLF001
    return (min((at for at in times if at >= now), default=now + 60_000) - now) / 1000 + 0.002


def _put_message(queue_name: str, message_id: str, saved: dict[str, Any]) -> None:
    queue = get_backend("sqs")[ACCOUNT][REGION].queues.get(queue_name)
    if queue is None:
        return
    message = Message(message_id, saved["body"])
    for name in _MESSAGE_FIELDS:
        setattr(message, name, saved[name])
    queue._messages.append(message)  # noqa: SLF001
    if not message.visible:
        queue.pending_messages.add(message)


def _tables() -> dict[str, Any]:
    tables: dict[str, Any] = get_backend("dynamodb")[ACCOUNT][REGION].tables
    return tables


def _s3() -> Any:  # noqa: ANN401  (moto has no types)
    return get_backend("s3")[ACCOUNT]["aws"]


def _now_millis() -> float:
    return time.time() * 1000
