"""Methods for event loops. Generated from docs/openapi.json by ``python -m clients.generate``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from operator_memory_client.api import routes
from operator_memory_client.transport.calls import UNSET, Route, Unset

if TYPE_CHECKING:
    from datetime import datetime

    from operator_memory_client import models
    from operator_memory_client.api.types import (
        FilterBody,
        Kind,
        LimitsBody,
        Order,
        PolicyBody,
        RuleBody,
        Scope,
        State,
        TargetKind,
    )
    from operator_memory_client.transport.answers import TextPart

A = TypeVar("A")


class AsyncMethods:
    """A method for each route. What is left out is not sent: the service's own default holds."""

    async def _call(
        self,
        route: Route[A],
        path: Mapping[str, object],
        query: Mapping[str, object],
        headers: Mapping[str, object],
        body: object = UNSET,
    ) -> A:
        raise NotImplementedError

    async def clear_agent_memories(
        self,
        agent_id: str,
    ) -> models.ClearedView:
        """Clear what it learned."""
        return await self._call(routes.CLEAR_AGENT_MEMORIES, {"agent_id": agent_id}, {}, {})

    async def get_agent_memories(
        self,
        agent_id: str,
        *,
        query: str | None = None,
        limit: int | None = None,
    ) -> models.MemoryList:
        """What an agent of yours learned."""
        return await self._call(routes.GET_AGENT_MEMORIES, {"agent_id": agent_id}, {"query": query, "limit": limit}, {})

    async def clear_user_memories(
        self,
        user_id: str,
    ) -> models.ClearedView:
        """Clear the user memory."""
        return await self._call(routes.CLEAR_USER_MEMORIES, {"user_id": user_id}, {}, {})

    async def get_user_memories(
        self,
        user_id: str,
        *,
        query: str | None = None,
        limit: int | None = None,
    ) -> models.MemoryList:
        """The user memory."""
        return await self._call(routes.GET_USER_MEMORIES, {"user_id": user_id}, {"query": query, "limit": limit}, {})

    async def get_agent_settings(
        self,
        agent_id: str,
        *,
        account_id: str | None = None,
    ) -> models.SettingsView:
        """An agent's switch and configuration."""
        return await self._call(routes.GET_AGENT_SETTINGS, {"agent_id": agent_id}, {"account_id": account_id}, {})

    async def set_agent_settings(
        self,
        agent_id: str,
        *,
        account_id: str | None = None,
        memory_enabled: bool | Unset | None = UNSET,
        memory_config: dict[str, Any] | Unset | None = UNSET,
    ) -> models.SettingsView:
        """Set them."""
        return await self._call(
            routes.SET_AGENT_SETTINGS,
            {"agent_id": agent_id},
            {"account_id": account_id},
            {},
            {"memory_enabled": memory_enabled, "memory_config": memory_config},
        )

    async def list_archive(
        self,
        *,
        account_id: str | None = None,
        scope: Scope | None = None,
        kind: Kind | None = None,
        agent_id: str | None = None,
        thread_id: str | None = None,
        created_after: datetime | str | None = None,
        created_before: datetime | str | None = None,
        archived_after: datetime | str | None = None,
        archived_before: datetime | str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.ArchiveList:
        """List archived memories."""
        return await self._call(
            routes.LIST_ARCHIVE,
            {},
            {
                "account_id": account_id,
                "scope": scope,
                "kind": kind,
                "agent_id": agent_id,
                "thread_id": thread_id,
                "created_after": created_after,
                "created_before": created_before,
                "archived_after": archived_after,
                "archived_before": archived_before,
                "limit": limit,
                "cursor": cursor,
            },
            {},
        )

    async def restore_archived(
        self,
        *,
        account_id: str | None = None,
        idempotency_key: str | None = None,
        memory_ids: list[str] | Unset | None = UNSET,
        agent_id: str | Unset | None = UNSET,
        thread_id: str | Unset | None = UNSET,
        everything: Literal[True] | Unset | None = UNSET,
        created_after: datetime | str | Unset | None = UNSET,
        created_before: datetime | str | Unset | None = UNSET,
        archived_after: datetime | str | Unset | None = UNSET,
        archived_before: datetime | str | Unset | None = UNSET,
    ) -> models.RestoreView:
        """Bring archived memories back."""
        return await self._call(
            routes.RESTORE_ARCHIVED,
            {},
            {"account_id": account_id},
            {"idempotency-key": idempotency_key},
            {
                "memory_ids": memory_ids,
                "agent_id": agent_id,
                "thread_id": thread_id,
                "everything": everything,
                "created_after": created_after,
                "created_before": created_before,
                "archived_after": archived_after,
                "archived_before": archived_before,
            },
        )

    async def get_budget(
        self,
        *,
        account_id: str | None = None,
    ) -> models.BudgetView:
        """What may be spent on the model."""
        return await self._call(routes.GET_BUDGET, {}, {"account_id": account_id}, {})

    async def set_budget(
        self,
        *,
        account_id: str | None = None,
        cents: int | Unset | None = UNSET,
        tokens: int | Unset | None = UNSET,
    ) -> models.BudgetView:
        """Set it."""
        return await self._call(
            routes.SET_BUDGET, {}, {"account_id": account_id}, {}, {"cents": cents, "tokens": tokens}
        )

    async def list_erasures(
        self,
        *,
        account_id: str | None = None,
    ) -> models.ErasureList:
        """The account's erasures."""
        return await self._call(routes.LIST_ERASURES, {}, {"account_id": account_id}, {})

    async def erase(
        self,
        *,
        target: TargetKind,
        confirm: Literal["erase"],
        account_id: str | None = None,
        idempotency_key: str | None = None,
        id: str | Unset | None = UNSET,
    ) -> models.ErasureView:
        """Erase for good."""
        return await self._call(
            routes.ERASE,
            {},
            {"account_id": account_id},
            {"idempotency-key": idempotency_key},
            {"target": target, "id": id, "confirm": confirm},
        )

    async def get_erasure(
        self,
        erasure_id: str,
        *,
        account_id: str | None = None,
    ) -> models.ErasureView:
        """How an erasure stands."""
        return await self._call(routes.GET_ERASURE, {"erasure_id": erasure_id}, {"account_id": account_id}, {})

    async def get_erasure_receipt(
        self,
        erasure_id: str,
        *,
        account_id: str | None = None,
    ) -> models.ErasureView:
        """Download the receipt."""
        return await self._call(routes.GET_ERASURE_RECEIPT, {"erasure_id": erasure_id}, {"account_id": account_id}, {})

    async def resume_erasure(
        self,
        erasure_id: str,
        *,
        account_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.ErasureView:
        """Go on with an erasure that was interrupted."""
        return await self._call(
            routes.RESUME_ERASURE,
            {"erasure_id": erasure_id},
            {"account_id": account_id},
            {"idempotency-key": idempotency_key},
        )

    async def export_part(
        self,
        *,
        account_id: str | None = None,
        cursor: str | None = None,
    ) -> TextPart:
        """Everything that is held about the account."""
        return await self._call(routes.EXPORT_PART, {}, {"account_id": account_id, "cursor": cursor}, {})

    async def list_holds(
        self,
        *,
        account_id: str | None = None,
    ) -> models.HoldsView:
        """The account's legal holds."""
        return await self._call(routes.LIST_HOLDS, {}, {"account_id": account_id}, {})

    async def lift_account_hold(
        self,
        *,
        account_id: str | None = None,
    ) -> None:
        """Lift the hold on the account."""
        return await self._call(routes.LIFT_ACCOUNT_HOLD, {}, {"account_id": account_id}, {})

    async def hold_account(
        self,
        *,
        reason: str,
        account_id: str | None = None,
    ) -> models.HoldView:
        """Hold the whole account."""
        return await self._call(routes.HOLD_ACCOUNT, {}, {"account_id": account_id}, {}, {"reason": reason})

    async def lift_thread_hold(
        self,
        thread_id: str,
        *,
        account_id: str | None = None,
    ) -> None:
        """Lift the hold on a thread."""
        return await self._call(routes.LIFT_THREAD_HOLD, {"thread_id": thread_id}, {"account_id": account_id}, {})

    async def hold_thread(
        self,
        thread_id: str,
        *,
        reason: str,
        account_id: str | None = None,
    ) -> models.HoldView:
        """Hold a thread."""
        return await self._call(
            routes.HOLD_THREAD, {"thread_id": thread_id}, {"account_id": account_id}, {}, {"reason": reason}
        )

    async def import_memories(
        self,
        lines: str,
        *,
        account_id: str | None = None,
        import_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.ImportView:
        """Bring memories of an export back."""
        return await self._call(
            routes.IMPORT_MEMORIES,
            {},
            {"account_id": account_id, "import_id": import_id},
            {"idempotency-key": idempotency_key},
            lines,
        )

    async def submit_job(
        self,
        *,
        thread_id: str,
        status: str,
        finished_at: datetime | str,
        account_id: str | None = None,
        idempotency_key: str | None = None,
        job_id: str | Unset | None = UNSET,
        agent_id: str | Unset | None = UNSET,
        session_id: str | Unset | None = UNSET,
        author_id: str | Unset | None = UNSET,
        memory_enabled: bool | Unset = UNSET,
        messages: list[Any] | Unset | None = UNSET,
    ) -> models.JobView:
        """Submit a finished run."""
        return await self._call(
            routes.SUBMIT_JOB,
            {},
            {"account_id": account_id},
            {"idempotency-key": idempotency_key},
            {
                "job_id": job_id,
                "thread_id": thread_id,
                "status": status,
                "finished_at": finished_at,
                "agent_id": agent_id,
                "session_id": session_id,
                "author_id": author_id,
                "memory_enabled": memory_enabled,
                "messages": messages,
            },
        )

    async def get_job(
        self,
        job_id: str,
        *,
        account_id: str | None = None,
    ) -> models.JobView:
        """What became of a run."""
        return await self._call(routes.GET_JOB, {"job_id": job_id}, {"account_id": account_id}, {})

    async def undo_job(
        self,
        job_id: str,
        *,
        account_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.UndoView:
        """Take back what a run taught."""
        return await self._call(
            routes.UNDO_JOB, {"job_id": job_id}, {"account_id": account_id}, {"idempotency-key": idempotency_key}
        )

    async def list_memories(
        self,
        *,
        account_id: str | None = None,
        scope: Scope | None = None,
        kind: Kind | None = None,
        agent_id: str | None = None,
        session_id: str | None = None,
        thread_id: str | None = None,
        author_id: str | None = None,
        source_run_id: str | None = None,
        import_id: str | None = None,
        pinned: bool | None = None,
        created_after: datetime | str | None = None,
        created_before: datetime | str | None = None,
        text: str | None = None,
        state: State | None = None,
        sort: Order | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        evidence: bool | None = None,
    ) -> models.MemoryList:
        """List memories."""
        return await self._call(
            routes.LIST_MEMORIES,
            {},
            {
                "account_id": account_id,
                "scope": scope,
                "kind": kind,
                "agent_id": agent_id,
                "session_id": session_id,
                "thread_id": thread_id,
                "author_id": author_id,
                "source_run_id": source_run_id,
                "import_id": import_id,
                "pinned": pinned,
                "created_after": created_after,
                "created_before": created_before,
                "text": text,
                "state": state,
                "sort": sort,
                "limit": limit,
                "cursor": cursor,
                "evidence": evidence,
            },
            {},
        )

    async def add_memory(
        self,
        *,
        memory: str,
        account_id: str | None = None,
        idempotency_key: str | None = None,
        scope: Scope | Unset = UNSET,
        agent_id: str | Unset | None = UNSET,
        session_id: str | Unset | None = UNSET,
        thread_id: str | Unset | None = UNSET,
        importance: float | Unset = UNSET,
        pinned: bool | Unset = UNSET,
        expires_at: datetime | str | Unset | None = UNSET,
        source_class: Literal["by_hand", "assistant"] | Unset = UNSET,
    ) -> models.MemoryView:
        """Add a memory by hand."""
        return await self._call(
            routes.ADD_MEMORY,
            {},
            {"account_id": account_id},
            {"idempotency-key": idempotency_key},
            {
                "memory": memory,
                "scope": scope,
                "agent_id": agent_id,
                "session_id": session_id,
                "thread_id": thread_id,
                "importance": importance,
                "pinned": pinned,
                "expires_at": expires_at,
                "source_class": source_class,
            },
        )

    async def delete_memories(
        self,
        *,
        filter: FilterBody,
        account_id: str | None = None,
        idempotency_key: str | None = None,
        dry_run: bool | Unset = UNSET,
        expected: int | Unset | None = UNSET,
    ) -> models.DeleteAnswer:
        """Delete by filter, with a dry run first."""
        return await self._call(
            routes.DELETE_MEMORIES,
            {},
            {"account_id": account_id},
            {"idempotency-key": idempotency_key},
            {"filter": filter, "dry_run": dry_run, "expected": expected},
        )

    async def search_memories(
        self,
        *,
        query: str,
        account_id: str | None = None,
        limit: int | Unset = UNSET,
        filter: FilterBody | Unset = UNSET,
        evidence: bool | Unset = UNSET,
    ) -> models.MemoryList:
        """Search by meaning and by words."""
        return await self._call(
            routes.SEARCH_MEMORIES,
            {},
            {"account_id": account_id},
            {},
            {"query": query, "limit": limit, "filter": filter, "evidence": evidence},
        )

    async def note_used(
        self,
        *,
        memory_ids: list[str],
        account_id: str | None = None,
        idempotency_key: str | None = None,
        agent_id: str | Unset | None = UNSET,
        thread_id: str | Unset | None = UNSET,
    ) -> models.UsedView:
        """Note which memories an answer cited."""
        return await self._call(
            routes.NOTE_USED,
            {},
            {"account_id": account_id},
            {"idempotency-key": idempotency_key},
            {"memory_ids": memory_ids, "agent_id": agent_id, "thread_id": thread_id},
        )

    async def delete_memory(
        self,
        memory_id: str,
        *,
        account_id: str | None = None,
        version: int | None = None,
    ) -> None:
        """Delete a memory and its history."""
        return await self._call(
            routes.DELETE_MEMORY,
            {"memory_id": memory_id},
            {"account_id": account_id},
            {"if-match": None if version is None else f'"{version}"'},
        )

    async def get_memory(
        self,
        memory_id: str,
        *,
        account_id: str | None = None,
    ) -> models.MemoryView:
        """Read a memory."""
        return await self._call(routes.GET_MEMORY, {"memory_id": memory_id}, {"account_id": account_id}, {})

    async def edit_memory(
        self,
        memory_id: str,
        *,
        account_id: str | None = None,
        version: int | None = None,
        memory: str | Unset | None = UNSET,
        importance: float | Unset | None = UNSET,
        pinned: bool | Unset | None = UNSET,
        expires_at: datetime | str | Unset | None = UNSET,
    ) -> models.MemoryView:
        """Correct a memory."""
        return await self._call(
            routes.EDIT_MEMORY,
            {"memory_id": memory_id},
            {"account_id": account_id},
            {"if-match": None if version is None else f'"{version}"'},
            {"memory": memory, "importance": importance, "pinned": pinned, "expires_at": expires_at},
        )

    async def approve_memory(
        self,
        memory_id: str,
        *,
        account_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.MemoryView:
        """Let a memory out of quarantine."""
        return await self._call(
            routes.APPROVE_MEMORY,
            {"memory_id": memory_id},
            {"account_id": account_id},
            {"idempotency-key": idempotency_key},
        )

    async def get_memory_history(
        self,
        memory_id: str,
        *,
        account_id: str | None = None,
    ) -> models.HistoryView:
        """What a memory said before."""
        return await self._call(routes.GET_MEMORY_HISTORY, {"memory_id": memory_id}, {"account_id": account_id}, {})

    async def unpin_memory(
        self,
        memory_id: str,
        *,
        account_id: str | None = None,
    ) -> models.MemoryView:
        """Unpin a memory."""
        return await self._call(routes.UNPIN_MEMORY, {"memory_id": memory_id}, {"account_id": account_id}, {})

    async def pin_memory(
        self,
        memory_id: str,
        *,
        account_id: str | None = None,
    ) -> models.MemoryView:
        """Pin a memory."""
        return await self._call(routes.PIN_MEMORY, {"memory_id": memory_id}, {"account_id": account_id}, {})

    async def restore_memory(
        self,
        memory_id: str,
        *,
        account_id: str | None = None,
        keep_newer: bool | None = None,
        idempotency_key: str | None = None,
    ) -> models.MemoryView:
        """Undo that a memory was replaced."""
        return await self._call(
            routes.RESTORE_MEMORY,
            {"memory_id": memory_id},
            {"account_id": account_id, "keep_newer": keep_newer},
            {"idempotency-key": idempotency_key},
        )

    async def get_policy(
        self,
        *,
        account_id: str | None = None,
    ) -> models.PolicyView:
        """How long memories are kept."""
        return await self._call(routes.GET_POLICY, {}, {"account_id": account_id}, {})

    async def set_policy(
        self,
        *,
        account_id: str | None = None,
        default: LimitsBody | Unset = UNSET,
        rules: list[RuleBody] | Unset = UNSET,
    ) -> models.PolicyView:
        """Set how long memories are kept."""
        return await self._call(
            routes.SET_POLICY, {}, {"account_id": account_id}, {}, {"default": default, "rules": rules}
        )

    async def preview_policy(
        self,
        *,
        account_id: str | None = None,
        policy: PolicyBody | Unset | None = UNSET,
        samples: int | Unset = UNSET,
        continue_at: str | Unset | None = UNSET,
    ) -> models.PreviewView:
        """What a policy would do, without doing it."""
        return await self._call(
            routes.PREVIEW_POLICY,
            {},
            {"account_id": account_id},
            {},
            {"policy": policy, "samples": samples, "continue_at": continue_at},
        )

    async def get_account_settings(
        self,
        *,
        account_id: str | None = None,
    ) -> models.SettingsView:
        """The account's switches."""
        return await self._call(routes.GET_ACCOUNT_SETTINGS, {}, {"account_id": account_id}, {})

    async def set_account_settings(
        self,
        *,
        account_id: str | None = None,
        memory_enabled: bool | Unset | None = UNSET,
        record_queries: bool | Unset | None = UNSET,
    ) -> models.SettingsView:
        """Set the account's switches."""
        return await self._call(
            routes.SET_ACCOUNT_SETTINGS,
            {},
            {"account_id": account_id},
            {},
            {"memory_enabled": memory_enabled, "record_queries": record_queries},
        )

    async def get_thread_settings(
        self,
        thread_id: str,
        *,
        account_id: str | None = None,
    ) -> models.SettingsView:
        """A thread's switch and session."""
        return await self._call(routes.GET_THREAD_SETTINGS, {"thread_id": thread_id}, {"account_id": account_id}, {})

    async def set_thread_settings(
        self,
        thread_id: str,
        *,
        account_id: str | None = None,
        memory_enabled: bool | Unset | None = UNSET,
        memory_session_id: str | Unset | None = UNSET,
    ) -> models.SettingsView:
        """Set them."""
        return await self._call(
            routes.SET_THREAD_SETTINGS,
            {"thread_id": thread_id},
            {"account_id": account_id},
            {},
            {"memory_enabled": memory_enabled, "memory_session_id": memory_session_id},
        )

    async def undo_many(
        self,
        *,
        account_id: str | None = None,
        idempotency_key: str | None = None,
        run_id: str | Unset | None = UNSET,
        import_id: str | Unset | None = UNSET,
        learned_after: datetime | str | Unset | None = UNSET,
        learned_before: datetime | str | Unset | None = UNSET,
        agent_id: str | Unset | None = UNSET,
    ) -> models.UndoManyView:
        """Take back a run, an import, or what a time taught."""
        return await self._call(
            routes.UNDO_MANY,
            {},
            {"account_id": account_id},
            {"idempotency-key": idempotency_key},
            {
                "run_id": run_id,
                "import_id": import_id,
                "learned_after": learned_after,
                "learned_before": learned_before,
                "agent_id": agent_id,
            },
        )

    async def preview_undo_many(
        self,
        *,
        account_id: str | None = None,
        run_id: str | Unset | None = UNSET,
        import_id: str | Unset | None = UNSET,
        learned_after: datetime | str | Unset | None = UNSET,
        learned_before: datetime | str | Unset | None = UNSET,
        agent_id: str | Unset | None = UNSET,
    ) -> models.UndoPreview:
        """What an undo would take back."""
        return await self._call(
            routes.PREVIEW_UNDO_MANY,
            {},
            {"account_id": account_id},
            {},
            {
                "run_id": run_id,
                "import_id": import_id,
                "learned_after": learned_after,
                "learned_before": learned_before,
                "agent_id": agent_id,
            },
        )

    async def get_usage(
        self,
        *,
        account_id: str | None = None,
    ) -> models.UsageView:
        """How much is stored, and was used this month."""
        return await self._call(routes.GET_USAGE, {}, {"account_id": account_id}, {})

    async def get_usage_days(
        self,
        *,
        account_id: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        agent_id: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.DaysView:
        """What was used, by day and agent."""
        return await self._call(
            routes.GET_USAGE_DAYS,
            {},
            {"account_id": account_id, "from": from_, "to": to, "agent_id": agent_id, "limit": limit, "cursor": cursor},
            {},
        )
