"""Puts together what applies and previews policies, for the archive function and the management API."""

from typing import TYPE_CHECKING

from operator_memory.application.lifecycle.plan_policies import PlanPolicies
from operator_memory.entrypoints.adapters_in_use import AdaptersInUse
from operator_memory.entrypoints.wiring.archive import archiving_of

if TYPE_CHECKING:
    from operator_memory.adapters.dynamodb.expiry import DynamoDBExpiryIndex
    from operator_memory.adapters.dynamodb.policies import DynamoDBPolicies
    from operator_memory.adapters.qdrant.lifecycle.policy_memories import QdrantPolicyMemories
    from operator_memory.application.ports.lifecycle import ArchiveRetention, StoreToArchive


def expiry_index_of(adapters: AdaptersInUse) -> "DynamoDBExpiryIndex":
    """Which accounts are due."""
    from operator_memory.adapters.dynamodb.expiry import DynamoDBExpiryIndex

    return DynamoDBExpiryIndex(adapters.dynamodb, adapters.required("memory_table"))


def policies_of(adapters: AdaptersInUse) -> "DynamoDBPolicies":
    """The accounts' policies."""
    from operator_memory.adapters.dynamodb.policies import DynamoDBPolicies

    return DynamoDBPolicies(adapters.dynamodb, adapters.required("memory_table"))


def policy_memories_of(adapters: AdaptersInUse) -> "QdrantPolicyMemories":
    """The store as policies see it."""
    from operator_memory.adapters.qdrant.lifecycle.policy_memories import QdrantPolicyMemories

    name = adapters.settings.qdrant_collection
    return QdrantPolicyMemories(adapters.qdrant, collection=name, timeout=adapters.write_timeout)


def archive_of(adapters: AdaptersInUse) -> "tuple[ArchiveRetention, StoreToArchive] | None":
    """The archive, and what moves memories into it; ``None`` where there is none: then nothing is archived."""
    archive, archiving = adapters.archive(), archiving_of(adapters, adapters.trail())
    return None if archive is None or archiving is None else (archive, archiving.archive)


def plan_of(adapters: AdaptersInUse) -> PlanPolicies:
    """What decides about an account."""
    from operator_memory.adapters.supabase.agent_policies import SupabaseAgentPolicies

    return PlanPolicies(
        memories=policy_memories_of(adapters),
        policies=policies_of(adapters),
        agents=None if adapters.supabase is None else SupabaseAgentPolicies(adapters.supabase),
        holds=adapters.holds(),
        archiving=archive_of(adapters) is not None,
    )
