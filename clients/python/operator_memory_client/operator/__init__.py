"""The platform's side, by the names of its plan: mixins for its classes, its agent run with memory, and what its actor
does after a run.

Nothing of the platform is copied or imported before it is used; its classes are given by the caller.
"""

from __future__ import annotations

from operator_memory_client.operator.agent_run import PlatformMemory, run_agent_with_memory
from operator_memory_client.operator.context_manager import EnhancedContextManager
from operator_memory_client.operator.memory_service import MemoryService
from operator_memory_client.operator.post_run import PostRun, after_run, default_post_run
from operator_memory_client.operator.run_memory import RunMemory, current_run
from operator_memory_client.operator.thread_manager import MemoryAwareThreadManager

__all__ = [
    "EnhancedContextManager",
    "MemoryAwareThreadManager",
    "MemoryService",
    "PlatformMemory",
    "PostRun",
    "RunMemory",
    "after_run",
    "current_run",
    "default_post_run",
    "run_agent_with_memory",
]
