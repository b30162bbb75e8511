"""Brings what an earlier version has stored up to date, account by account. Interrupted, it goes on where it was.

The only place that looks across accounts: it reads which accounts there are, and then reads and writes one at a time.
"""

import sys
from collections.abc import Mapping
from typing import Any

from operator_memory.adapters.qdrant import requests
from operator_memory.adapters.qdrant.index_fields import EMBEDDED_BY, FORM, INDEXED_AS, index_fields, keyword
from operator_memory.domain.errors import ConflictError, MalformedResponseError
from operator_memory.domain.memory.keyword_text import keyword_text
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId

from infra.qdrant.collection import Collection

Json = dict[str, Any]


def number_accounts(collection: Collection) -> None:
    """Give memories the number of their account (payload field ``tenant``): searches look for it, so what lacks it is
    not found."""
    numbered = 0
    while accounts := collection.unnumbered():
        for account in accounts:
            collection.number(account)
        numbered += len(accounts)
        sys.stdout.write(f"Memories of {numbered} accounts have their account's number now.\n")


def index_again(collection: Collection, embedder: str | None) -> None:
    """Index memories in today's form: the words of scripts without spaces, and the days that facts speak of.

    Raises:
        ConflictError: some of them are being changed again and again meanwhile.
    """
    done = 0
    while accounts := collection.unindexed():
        for account in accounts:
            last: list[str | int] = []
            while page := collection.page_to_index(account):
                ids = [point["id"] for point in page]
                if ids == last:
                    raise ConflictError("memories are being changed at this moment: try again")
                collection.change(_operations(collection, account, page, embedder))
                done, last = done + len(page), ids
        sys.stdout.write(f"{done} memories are indexed in today's form now.\n")


def _operations(collection: Collection, account: AccountId, page: list[Json], embedder: str | None) -> list[Json]:
    memories = {point["id"]: _memory(account, point) for point in page}
    followed = [memory.follows for memory in memories.values() if memory is not None and memory.follows]
    before = {str(point["id"]): str(point["payload"].get("data", "")) for point in collection.points(account, followed)}
    operations: list[Json] = []
    alike: dict[str, list[str | int]] = {}
    for point in page:
        memory, made_by = memories[point["id"]], point["payload"].get(EMBEDDED_BY) or embedder or ""
        again = [] if memory is None else _again(memory, before.get(memory.follows or "", ""), made_by)
        if again:
            operations += again
        else:
            alike.setdefault(made_by, []).append(point["id"])
    for made_by, ids in alike.items():
        condition = requests.tenant_filter(account, {"has_id": ids})
        operations.append({"set_payload": {"payload": _mark(made_by), "filter": condition}})
    return operations


def _memory(account: AccountId, point: Mapping[str, Any]) -> Memory | None:
    """The memory, or ``None`` of a point that holds none: it is only marked."""
    try:
        return requests.memory_of(account, point)
    except MalformedResponseError:
        return None


def _mark(made_by: str) -> Json:
    return {INDEXED_AS: FORM, **({EMBEDDED_BY: made_by} if made_by else {})}


def _again(memory: Memory, before: str, made_by: str) -> list[Json]:
    """What makes the index of ``memory`` anew, unless it says something else by now; nothing where it would be the
    same."""
    text = keyword_text(memory, before)
    made, fields = keyword(text), {name: value for name, value in index_fields(memory).items() if value is not None}
    condition = requests.unchanged(memory, memory.version)
    operations: list[Json] = []
    if made["text"] != text or "options" in made:
        points = [{"id": memory.id, "vector": {requests.KEYWORD_VECTOR: made}}]
        operations.append({"update_vectors": {"points": points, "update_filter": condition}})
    if operations or len(fields) > 1:
        operations.append({"set_payload": {"payload": {**fields, **_mark(made_by)}, "filter": condition}})
    return operations
