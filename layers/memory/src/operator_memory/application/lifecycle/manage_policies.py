"""Use case: reads and sets an account's policy."""

from operator_memory.application.ports.core import Clock
from operator_memory.application.ports.lifecycle import ExpiryIndex, PolicyStore
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.lifecycle.policies import Policy, StoredPolicy
from operator_memory.domain.lifecycle.rounds import PolicyRound
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType, Touched


class ManagePolicies:
    """Reads and sets it. An account whose policy was set is due: the next schedule applies it."""

    def __init__(self, *, policies: PolicyStore, index: ExpiryIndex, trail: AuditTrail, clock: Clock) -> None:
        self._policies = policies
        self._index = index
        self._trail = trail
        self._clock = clock

    def get(self, account_id: AccountId) -> tuple[StoredPolicy, PolicyRound | None]:
        """Return the policy, and when it was applied last."""
        return self._policies.policy(account_id), self._policies.last_round(account_id)

    def set(self, actor: str, account_id: AccountId, policy: Policy) -> tuple[StoredPolicy, PolicyRound | None]:
        """Set it in the place of the one before; return it as `get` does."""
        now = self._clock.now()
        self._policies.set_policy(account_id, StoredPolicy(policy, now, actor))
        self._index.register(account_id, now)
        touched = Touched(count=len(policy.rules))
        self._trail.note(
            account_id, actor, EventType.SETTINGS_CHANGE, touched, metadata={"of": "policies", "fields": "policies"}
        )
        return self.get(account_id)
