"""Operator Memory as a store of LangGraph; `langgraph_chat.py` uses it.

Items: ``{"memory": text}``, the person's in ``(account,)``, an agent's in ``(account, agent)``. Keys are ids."""

import asyncio
from collections.abc import Iterable
from typing import Any

from langgraph.store.base import BaseStore, GetOp, Op, PutOp, Result, SearchItem, SearchOp

from operator_memory_client import MemoryClient, errors, models


class OperatorMemoryStore(BaseStore):
    def __init__(self, memory: MemoryClient) -> None:
        self.memory = memory

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        return [self._search(op) if isinstance(op, SearchOp) else self._get_or_put(op) for op in ops]

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        return await asyncio.to_thread(self.batch, list(ops))

    def _search(self, op: SearchOp) -> list[SearchItem]:
        (account, *agent), most = op.namespace_prefix, op.offset + op.limit
        only: Any = {"kind": "fact", **_owner(agent), **(op.filter or {})}
        if op.query:
            found = self.memory.search_memories(query=op.query, account_id=account, limit=most, filter=only)
        else:
            found = self.memory.list_memories(account_id=account, limit=most, **only)
        return [_item(account, memory) for memory in found.memories[op.offset :]]

    def _get_or_put(self, op: Op) -> SearchItem | None:
        if not isinstance(op, (GetOp, PutOp)):
            raise NotImplementedError("nobody may list the accounts of the service")
        account, *agent = op.namespace
        try:
            memory = self.memory.get_memory(op.key, account_id=account)
            item = _item(account, memory) if _item(account, memory).namespace == op.namespace else None
        except errors.NotFoundError:
            item = None
        if isinstance(op, GetOp):
            return item
        if op.value and item:
            self.memory.edit_memory(op.key, account_id=account, version=memory.version, **op.value)
        elif op.value:
            self.memory.add_memory(account_id=account, source_class="assistant", **op.value, **_owner(agent))
        elif item:
            self.memory.delete_memory(op.key, account_id=account)
        return None


def _owner(agent: list[str]) -> dict[str, Any]:
    return {"scope": "agent", "agent_id": ".".join(agent)} if agent else {}  # labels of a namespace have no periods


def _item(account: str, one: models.MemoryView) -> SearchItem:
    agent = one.agent_id.split(".") if one.agent_id else []
    return SearchItem((account, *agent), one.id, {"memory": one.memory}, one.created_at, one.updated_at, one.score)
