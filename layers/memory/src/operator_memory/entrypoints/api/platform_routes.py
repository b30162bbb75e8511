"""``/memory/...``: the routes that the platform's own front end calls, by the names it knows."""

from typing import Annotated

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.params import Query

from operator_memory.domain.management.identity import Action, Caller
from operator_memory.domain.management.listing import Sort
from operator_memory.domain.management.rate_limits import Bucket
from operator_memory.domain.memory.scopes import AccountId, Scope
from operator_memory.domain.shared.memory_filter import MemoryFilter
from operator_memory.domain.shared.tombstones import Target, TargetKind
from operator_memory.entrypoints.api.account import PathId
from operator_memory.entrypoints.api.memories import found_list
from operator_memory.entrypoints.api.problems import documented
from operator_memory.entrypoints.api.routes import Routes
from operator_memory.entrypoints.api.services import Services
from operator_memory.entrypoints.contracts.memories import MAX_PAGE, ClearedView, MemoryList, memory_view

Words = Annotated[
    # a whole request line and its headers may take ten kilobytes; a longer text goes to POST /v1/memories/search
    str | None, Query(max_length=2_000, description="Search for this; without it the newest are listed.")
]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
PLATFORM = documented("platform", 401, 403, 404, 422, 429, 503)


class PlatformRoutes(Routes):
    """``user_id`` is the account: a person's own id, or a team's account id."""

    def __init__(self, services: Services, api: APIGatewayHttpResolver) -> None:
        super().__init__(services, api)
        user, agent = "/memory/user/<user_id>", "/memory/agent/<agent_id>"
        api.get(user, summary="The user memory", **PLATFORM)(self.get_user_memories)
        api.delete(user, summary="Clear the user memory", **PLATFORM)(self.clear_user_memories)
        api.get(agent, summary="What an agent of yours learned", **PLATFORM)(self.get_agent_memories)
        api.delete(agent, summary="Clear what it learned", **PLATFORM)(self.clear_agent_memories)

    def get_user_memories(self, user_id: PathId, query: Words = None, limit: Limit = 20) -> MemoryList:
        """The newest, or with ``query`` those that fit best."""
        caller, account = self._admit(user_id, Action.READ, Bucket.READS)
        return self._found(caller, account, MemoryFilter(scope=Scope.USER), query, limit)

    def get_agent_memories(self, agent_id: PathId, query: Words = None, limit: Limit = 20) -> MemoryList:
        """The same of an agent, for the members of the account that owns it."""
        caller, account = self._services.access.admit_for_agent(self._event, agent_id, Action.READ, Bucket.READS)
        return self._found(caller, account, MemoryFilter(scope=Scope.AGENT, agent_id=agent_id), query, limit)

    def clear_user_memories(self, user_id: PathId) -> ClearedView:
        """Takes away the user memory for good; runs that are still queued do not bring it back."""
        caller, account = self._admit(user_id, Action.CLEAR, Bucket.EXPENSIVE)
        return self._cleared(caller, account, Target(TargetKind.USER))

    def clear_agent_memories(self, agent_id: PathId) -> ClearedView:
        """The same of an agent's."""
        caller, account = self._services.access.admit_for_agent(self._event, agent_id, Action.CLEAR, Bucket.EXPENSIVE)
        return self._cleared(caller, account, Target(TargetKind.AGENT, agent_id))

    def _found(
        self, caller: Caller, account: AccountId, where: MemoryFilter, query: str | None, limit: int
    ) -> MemoryList:
        if query:
            found = self._services.finder.search(account, where, query=query, limit=limit, actor=caller.actor)
            return found_list(found)
        page = self._services.memories.page(caller, account, where, Sort(), limit=limit)
        return MemoryList(memories=[memory_view(memory) for memory in page.memories])

    def _cleared(self, caller: Caller, account: AccountId, target: Target) -> ClearedView:
        self._services.erasures.start(account, target, requested_by=caller.actor, reason="clear")
        return ClearedView()
