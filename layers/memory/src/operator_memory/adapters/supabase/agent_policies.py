"""The policies of agents, in the platform's ``agents.memory_config``. Standard library only."""

import logging

from operator_memory.adapters.supabase.rest import SYSTEM, Row, SupabaseRest, is_platform_id
from operator_memory.domain.errors import InvalidInputError, MalformedResponseError
from operator_memory.domain.lifecycle.policies import IN_CONFIG, Policy, agent_policy_of
from operator_memory.domain.memory.scopes import AccountId

PAGE = 500

_LOG = logging.getLogger("operator_memory.archive")


class SupabaseAgentPolicies:
    """Port ``AgentPolicies``."""

    def __init__(self, supabase: SupabaseRest, *, timeout: float = 5.0) -> None:
        """``timeout`` of each request, in seconds."""
        self._supabase = supabase
        self._timeout = timeout

    def policies(self, account_id: AccountId) -> dict[str, Policy]:
        """The policies by agent. One that was written past the service and cannot be read deletes nothing."""
        found: dict[str, Policy] = {}
        after: str | None = None
        while is_platform_id(account_id):
            rows = self._page(account_id, after)
            for row in rows:
                policy = _policy(account_id, row)
                if policy is not None and policy.rules:
                    found[row["agent_id"]] = policy
            if len(rows) < PAGE:
                break
            after = rows[-1]["agent_id"]
        return found

    def _page(self, account_id: AccountId, after: str | None) -> list[Row]:
        params = {
            "select": "account_id,agent_id,memory_config",
            "account_id": f"eq.{account_id}",
            f"memory_config->{IN_CONFIG}": "not.is.null",
            "order": "agent_id",
            "limit": str(PAGE),
        }
        if after is not None:
            params["agent_id"] = f"gt.{after}"
        rows = self._supabase.get("agents", params, timeout=self._timeout)
        if any(row.get("account_id") != account_id or not is_platform_id(str(row.get("agent_id"))) for row in rows):
            raise MalformedResponseError(SYSTEM, "agents that were not asked for")
        return rows


def _policy(account_id: AccountId, row: Row) -> Policy | None:
    config = row.get("memory_config")
    try:
        return agent_policy_of(config) if isinstance(config, dict) else None
    except InvalidInputError as error:
        extra = {"account_id": account_id, "agent_id": row["agent_id"], "field": error.field[:100]}
        _LOG.warning("the policy of an agent cannot be read and is left out", extra=extra)
        return None
