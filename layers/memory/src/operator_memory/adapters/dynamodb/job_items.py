"""Items of job records. What of one does not fit into an item (400 KB) is kept beside it, compressed, in pages: items
``JOBPAGE#<job id>#<token>#<number>``. Readers and writers see whole items only."""

import json
import zlib
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from operator_memory.adapters.dynamodb.table import SYSTEM, Item, Key, Table
from operator_memory.domain.errors import MalformedResponseError, UpstreamUnavailableError

PREFIX = "JOB#"
PAGES_PREFIX = "JOBPAGE#"
MOST_INLINE = 300_000
"""Characters of outcomes that an item holds itself, beside what else it says."""

PAGE_BYTES = 300_000
_ATTEMPTS = 5
_OF_RECORD = ("account_id", "ttl", "queued_at", "started_at")
"""What a page says of its record, so that an erasure treats both alike."""


class JobItems:
    """Reads and writes items as if they could be of any size.

    The pages of an item are written before it, under names of their own, and those of the item before are deleted
    after it: whoever reads finds the one or the other. What a worker that dies leaves behind holds ids only, and ends
    with its time to live.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, account_id: str, name: str) -> Item | None:
        """The item as last written, or ``None``."""
        return self.whole(self._table.get(account_id, name))

    def put_if(self, item: Mapping[str, Any], condition: str, values: Mapping[str, Any]) -> bool:
        """Write the whole item if ``condition`` holds for what is stored; says whether it did."""
        small, pages = _split(item)
        if pages:
            self._table.put_many(pages)
        written, before = self._table.replace_if(small, condition, values)
        gone = _page_keys(before) if written and before else []
        self._table.delete_many(gone if written else [(page["account_id"], page["item"]) for page in pages])
        return written

    def whole(self, item: Item | None) -> Item | None:
        """``item`` with what is in its pages; ``None`` if it is there no more.

        Raises:
            UpstreamUnavailableError: it changes faster than it can be read.
        """
        for _ in range(_ATTEMPTS):
            keys = _page_keys(item) if item else []
            if item is None or not keys:
                return item
            found = self._table.get_many(keys)
            if len(found) == len(keys):
                return _joined(item, [found[key] for key in keys])
            item = self._table.get(item["account_id"], item["item"])  # somebody has replaced them meanwhile
        raise UpstreamUnavailableError(SYSTEM, "a job's record changes faster than it can be read")


def _split(item: Mapping[str, Any]) -> tuple[Item, list[Item]]:
    """The item to be written, and its pages if it needs some."""
    small = {name: value for name, value in item.items() if name != "pages"}
    chunks = small.get("chunks") or {}
    long = {
        "facts": small.get("facts", ""),
        "turns": small.get("turns", ""),
        "chunks": {key: chunk.get("facts", "") for key, chunk in chunks.items()},
    }
    if sum(map(len, (long["facts"], long["turns"], *long["chunks"].values()))) <= MOST_INLINE:
        return small, []
    data, token = zlib.compress(json.dumps(long).encode()), uuid4().hex
    parts = [data[start : start + PAGE_BYTES] for start in range(0, len(data), PAGE_BYTES)]
    about = {name: small[name] for name in _OF_RECORD if name in small}
    small |= {"facts": "", "turns": "", "pages": {"token": token, "count": len(parts)}}
    if chunks:
        small["chunks"] = {key: {**chunk, "facts": ""} for key, chunk in chunks.items()}
    names = [name for _, name in _page_keys(small)]
    return small, [about | {"item": name, "data": part} for name, part in zip(names, parts, strict=True)]


def _joined(item: Item, pages: list[Item]) -> Item:
    try:
        data = b"".join(bytes(page["data"].value) for page in pages)
        long = json.loads(zlib.decompress(data))
        whole = {**item, "facts": long["facts"], "turns": long["turns"]}
        if item.get("chunks"):
            facts = long["chunks"]
            whole["chunks"] = {key: {**chunk, "facts": facts[key]} for key, chunk in item["chunks"].items()}
    except (AttributeError, KeyError, TypeError, ValueError, zlib.error) as error:
        raise MalformedResponseError(SYSTEM, "the pages of a job record cannot be read") from error
    return whole


def _page_keys(item: Mapping[str, Any]) -> list[Key]:
    held = item.get("pages")
    if not held:
        return []
    start = f"{PAGES_PREFIX}{str(item['item']).removeprefix(PREFIX)}#{held['token']}"
    return [(item["account_id"], f"{start}#{number:04}") for number in range(int(held["count"]))]
