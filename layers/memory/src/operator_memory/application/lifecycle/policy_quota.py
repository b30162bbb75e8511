"""An account's quota, as its policy says: how many facts it may have in all, and what happens when it is full."""

from operator_memory.application.ports.lifecycle import PolicyStore
from operator_memory.domain.lifecycle.policies import default_values
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.usage.quota import Quota, WhenFull


class PolicyQuota:
    """Port ``QuotaRule``: the deployment's quota, or less where the account's default rule refuses beyond its limit."""

    def __init__(self, policies: PolicyStore, *, most: int) -> None:
        """``most``: facts that any account may have."""
        self._policies = policies
        self._most = most

    def quota(self, account_id: AccountId) -> Quota:
        """Return it, as the policy was last written."""
        values = default_values(self._policies.policy(account_id).policy)
        when_full, limit = values.get("when_full"), values.get("most_memories")
        most = min(self._most, limit) if limit is not None and when_full is WhenFull.REFUSE else self._most
        return Quota(most, when_full or WhenFull.REFUSE)
