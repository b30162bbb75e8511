"""The routes of the service. Generated from docs/openapi.json by ``python -m clients.generate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operator_memory_client.transport.calls import Route

if TYPE_CHECKING:
    from operator_memory_client import models
    from operator_memory_client.transport.answers import TextPart

CLEAR_AGENT_MEMORIES: Route[models.ClearedView] = Route("DELETE", "/memory/agent/{agent_id}", "ClearedView")
GET_AGENT_MEMORIES: Route[models.MemoryList] = Route("GET", "/memory/agent/{agent_id}", "MemoryList")
CLEAR_USER_MEMORIES: Route[models.ClearedView] = Route("DELETE", "/memory/user/{user_id}", "ClearedView")
GET_USER_MEMORIES: Route[models.MemoryList] = Route("GET", "/memory/user/{user_id}", "MemoryList")
GET_AGENT_SETTINGS: Route[models.SettingsView] = Route("GET", "/v1/agents/{agent_id}/settings", "SettingsView")
SET_AGENT_SETTINGS: Route[models.SettingsView] = Route("PATCH", "/v1/agents/{agent_id}/settings", "SettingsView")
LIST_ARCHIVE: Route[models.ArchiveList] = Route("GET", "/v1/archive", "ArchiveList")
RESTORE_ARCHIVED: Route[models.RestoreView] = Route("POST", "/v1/archive/restore", "RestoreView", keyed=True)
GET_BUDGET: Route[models.BudgetView] = Route("GET", "/v1/budget", "BudgetView")
SET_BUDGET: Route[models.BudgetView] = Route("PUT", "/v1/budget", "BudgetView")
LIST_ERASURES: Route[models.ErasureList] = Route("GET", "/v1/erasures", "ErasureList")
ERASE: Route[models.ErasureView] = Route("POST", "/v1/erasures", "ErasureView", keyed=True)
GET_ERASURE: Route[models.ErasureView] = Route("GET", "/v1/erasures/{erasure_id}", "ErasureView")
GET_ERASURE_RECEIPT: Route[models.ErasureView] = Route("GET", "/v1/erasures/{erasure_id}/receipt", "ErasureView")
RESUME_ERASURE: Route[models.ErasureView] = Route("POST", "/v1/erasures/{erasure_id}/resume", "ErasureView", keyed=True)
EXPORT_PART: Route[TextPart] = Route("GET", "/v1/export", "text")
LIST_HOLDS: Route[models.HoldsView] = Route("GET", "/v1/holds", "HoldsView")
LIFT_ACCOUNT_HOLD: Route[None] = Route("DELETE", "/v1/holds/account", "")
HOLD_ACCOUNT: Route[models.HoldView] = Route("PUT", "/v1/holds/account", "HoldView")
LIFT_THREAD_HOLD: Route[None] = Route("DELETE", "/v1/holds/threads/{thread_id}", "")
HOLD_THREAD: Route[models.HoldView] = Route("PUT", "/v1/holds/threads/{thread_id}", "HoldView")
IMPORT_MEMORIES: Route[models.ImportView] = Route("POST", "/v1/import", "ImportView", keyed=True)
SUBMIT_JOB: Route[models.JobView] = Route("POST", "/v1/jobs", "JobView", keyed=True)
GET_JOB: Route[models.JobView] = Route("GET", "/v1/jobs/{job_id}", "JobView")
UNDO_JOB: Route[models.UndoView] = Route("POST", "/v1/jobs/{job_id}/undo", "UndoView", keyed=True)
LIST_MEMORIES: Route[models.MemoryList] = Route("GET", "/v1/memories", "MemoryList")
ADD_MEMORY: Route[models.MemoryView] = Route("POST", "/v1/memories", "MemoryView", keyed=True)
DELETE_MEMORIES: Route[models.DeleteAnswer] = Route("POST", "/v1/memories/delete", "DeleteAnswer", keyed=True)
SEARCH_MEMORIES: Route[models.MemoryList] = Route("POST", "/v1/memories/search", "MemoryList", reads=True)
NOTE_USED: Route[models.UsedView] = Route("POST", "/v1/memories/used", "UsedView", keyed=True)
DELETE_MEMORY: Route[None] = Route("DELETE", "/v1/memories/{memory_id}", "")
GET_MEMORY: Route[models.MemoryView] = Route("GET", "/v1/memories/{memory_id}", "MemoryView")
EDIT_MEMORY: Route[models.MemoryView] = Route("PATCH", "/v1/memories/{memory_id}", "MemoryView")
APPROVE_MEMORY: Route[models.MemoryView] = Route("POST", "/v1/memories/{memory_id}/approve", "MemoryView", keyed=True)
GET_MEMORY_HISTORY: Route[models.HistoryView] = Route("GET", "/v1/memories/{memory_id}/history", "HistoryView")
UNPIN_MEMORY: Route[models.MemoryView] = Route("DELETE", "/v1/memories/{memory_id}/pin", "MemoryView")
PIN_MEMORY: Route[models.MemoryView] = Route("PUT", "/v1/memories/{memory_id}/pin", "MemoryView")
RESTORE_MEMORY: Route[models.MemoryView] = Route("POST", "/v1/memories/{memory_id}/restore", "MemoryView", keyed=True)
GET_POLICY: Route[models.PolicyView] = Route("GET", "/v1/policies", "PolicyView")
SET_POLICY: Route[models.PolicyView] = Route("PUT", "/v1/policies", "PolicyView")
PREVIEW_POLICY: Route[models.PreviewView] = Route("POST", "/v1/policies/preview", "PreviewView", reads=True)
GET_ACCOUNT_SETTINGS: Route[models.SettingsView] = Route("GET", "/v1/settings", "SettingsView")
SET_ACCOUNT_SETTINGS: Route[models.SettingsView] = Route("PATCH", "/v1/settings", "SettingsView")
GET_THREAD_SETTINGS: Route[models.SettingsView] = Route("GET", "/v1/threads/{thread_id}/settings", "SettingsView")
SET_THREAD_SETTINGS: Route[models.SettingsView] = Route("PATCH", "/v1/threads/{thread_id}/settings", "SettingsView")
UNDO_MANY: Route[models.UndoManyView] = Route("POST", "/v1/undo", "UndoManyView", keyed=True)
PREVIEW_UNDO_MANY: Route[models.UndoPreview] = Route("POST", "/v1/undo/preview", "UndoPreview", reads=True)
GET_USAGE: Route[models.UsageView] = Route("GET", "/v1/usage", "UsageView")
GET_USAGE_DAYS: Route[models.DaysView] = Route("GET", "/v1/usage/days", "DaysView")
