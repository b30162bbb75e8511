"""Contract of ``POST /v1/memories/used``."""

from uuid import UUID

from pydantic import BaseModel, Field

from operator_memory.entrypoints.contracts.memories import Closed, Id

MAX_USED = 50
"""As many memories as a context may have."""


class UsedBody(Closed):
    """The memories of a context that an answer has cited."""

    memory_ids: list[UUID] = Field(min_length=1, max_length=MAX_USED, description="Their ids, as the context has them.")
    agent_id: Id | None = Field(default=None, description="The agent that answered.")
    thread_id: Id | None = Field(default=None, description="The thread of the answer.")


class UsedView(BaseModel):
    """What was noted."""

    noted: int = Field(description="How many of them the account has.")
