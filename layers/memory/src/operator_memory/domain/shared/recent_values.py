"""What was read lately, kept for a while: bounded, and safe to use from several threads."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

MAX_ENTRIES = 4096


class RecentValues(Generic[Key, Value]):
    """Values by key, each with the moment for which it was true. Beyond ``max_entries`` the oldest goes."""

    def __init__(self, max_entries: int = MAX_ENTRIES) -> None:
        self._max_entries = max_entries
        self._entries: OrderedDict[Key, tuple[Value, float]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> tuple[Value, float] | None:
        """The value and its moment, or ``None``."""
        with self._lock:
            return self._entries.get(key)

    def put(self, key: Key, value: Value, moment: float) -> None:
        """Keep ``value``, unless one of a later moment is there: a slow answer must not replace a newer one."""
        with self._lock:
            known = self._entries.get(key)
            if known is not None and known[1] > moment:
                return
            self._entries[key] = value, moment
            self._entries.move_to_end(key)
            if len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)
