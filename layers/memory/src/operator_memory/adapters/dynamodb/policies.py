"""The policy of an account in DynamoDB: item ``POLICY``; and when its policies were applied: ``POLICY#ROUND``."""

import json
from typing import TYPE_CHECKING

from operator_memory.adapters.dynamodb.table import SYSTEM, Table, from_text, text
from operator_memory.domain.errors import InvalidInputError, MalformedResponseError
from operator_memory.domain.lifecycle.policies import StoredPolicy, policy_of, policy_values
from operator_memory.domain.lifecycle.rounds import PolicyRound
from operator_memory.domain.memory.scopes import AccountId

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ITEM = "POLICY"
ROUND = "POLICY#ROUND"


class DynamoDBPolicies:
    """Port ``PolicyStore``."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._table = Table(client, table_name)

    def policy(self, account_id: AccountId) -> StoredPolicy:
        """The policy; an empty one if none was ever set.

        Raises:
            MalformedResponseError: what is stored is no policy. Nothing is deleted by half of one.
        """
        item = self._table.get(account_id, ITEM)
        if item is None:
            return StoredPolicy()
        try:
            policy = policy_of(json.loads(item["policy"]), "policy")
            return StoredPolicy(policy, from_text(item["updated_at"]), item.get("updated_by"))
        except (InvalidInputError, KeyError, TypeError, ValueError) as error:
            raise MalformedResponseError(SYSTEM, "a stored policy cannot be read") from error

    def set_policy(self, account_id: AccountId, stored: StoredPolicy) -> None:
        """Write it, whatever is stored."""
        self._table.put(
            {
                "account_id": account_id,
                "item": ITEM,
                "policy": json.dumps(policy_values(stored.policy)),
                "updated_at": None if stored.updated_at is None else text(stored.updated_at),
                "updated_by": stored.updated_by,
            }
        )

    def last_round(self, account_id: AccountId) -> PolicyRound | None:
        """The last round. One that cannot be read counts as none: another one is harmless."""
        item = self._table.get(account_id, ROUND)
        if item is None:
            return None
        try:
            return PolicyRound(from_text(item["ran_at"]), from_text(item["next_at"]), str(item["digest"]))
        except (KeyError, ValueError):
            return None

    def note_round(self, account_id: AccountId, done: PolicyRound) -> None:
        """Write it in the place of the one before."""
        times = {"ran_at": text(done.ran_at), "next_at": text(done.next_at)}
        self._table.put({"account_id": account_id, "item": ROUND, "digest": done.digest, **times})
