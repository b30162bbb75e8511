"""Puts together what counts usage, and keeps budgets and quotas."""

from functools import partial
from typing import TYPE_CHECKING

from operator_memory.application.usage.count_usage import CountUsage, Measure
from operator_memory.domain.usage.budget import Limit
from operator_memory.domain.usage.counts import Prices
from operator_memory.entrypoints.adapters_in_use import AdaptersInUse
from operator_memory.entrypoints.observability import emit_counts
from operator_memory.entrypoints.settings import Settings
from operator_memory.entrypoints.wiring.archive import archiving_of, reading_of
from operator_memory.entrypoints.wiring.policies import policies_of

if TYPE_CHECKING:
    from operator_memory.adapters.dynamodb.usage.counters import DynamoDBUsage
    from operator_memory.application.shared.audit_trail import AuditTrail
    from operator_memory.application.usage.check_budget import CheckBudget
    from operator_memory.application.usage.keep_quota import KeepQuota
    from operator_memory.application.usage.manage_usage import ManageUsage

NOT_KNOWN = Prices()


def counting_of(adapters: AdaptersInUse, function: str, prices: Prices = NOT_KNOWN) -> CountUsage:
    """What counts, with metrics of ``function``. ``prices``: where calls of the model are counted."""
    return CountUsage(_counters(adapters), prices=prices, clock=adapters.clock, measure=_measure(function))


def budget_check_of(adapters: AdaptersInUse, trail: "AuditTrail") -> "CheckBudget":
    """What knows whether the model may be asked."""
    from operator_memory.adapters.dynamodb.usage.budgets import DynamoDBBudgets
    from operator_memory.application.usage.check_budget import CheckBudget

    return CheckBudget(
        DynamoDBBudgets(adapters.dynamodb, adapters.required("memory_table")),
        default=_default_limit(adapters.settings),
        prices=prices_of(adapters.settings),
        trail=trail,
        clock=adapters.clock,
        measure=_measure("extraction"),
    )


def quota_of(adapters: AdaptersInUse, trail: "AuditTrail") -> "KeepQuota":
    """What keeps accounts within their quotas, as their policies say."""
    from operator_memory.application.lifecycle.policy_quota import PolicyQuota
    from operator_memory.application.usage.keep_quota import KeepQuota

    rule = PolicyQuota(policies_of(adapters), most=adapters.settings.memory_quota)
    archiving = archiving_of(adapters, trail)
    archive = None if archiving is None else archiving.archive
    return KeepQuota(
        rule=rule, library=adapters.library(), clock=adapters.clock, archive=archive, holds=adapters.holds()
    )


def usage_of(adapters: AdaptersInUse, quota: "KeepQuota", trail: "AuditTrail") -> "ManageUsage":
    """What shows usage, and sets budgets."""
    from operator_memory.adapters.dynamodb.usage.budgets import DynamoDBBudgets
    from operator_memory.adapters.qdrant.sizes import QdrantSizes
    from operator_memory.application.usage.manage_usage import ManageUsage, UsageSources

    settings = adapters.settings
    sources = UsageSources(
        library=adapters.library(),
        sizes=QdrantSizes(
            adapters.qdrant,
            collection=settings.qdrant_collection,
            timeout=adapters.write_timeout,
            dimensions=settings.embedding_dimensions,
        ),
        counters=_counters(adapters),
        budgets=DynamoDBBudgets(adapters.dynamodb, adapters.required("memory_table")),
        archived=reading_of(adapters, trail),
    )
    return ManageUsage(
        sources,
        quota=quota,
        default=_default_limit(settings),
        prices=prices_of(settings),
        trail=trail,
        clock=adapters.clock,
    )


def prices_of(settings: Settings) -> Prices:
    """What the model's tokens cost."""
    return Prices(settings.extraction_price_prompt, settings.extraction_price_completion)


def _counters(adapters: AdaptersInUse) -> "DynamoDBUsage":
    from operator_memory.adapters.dynamodb.usage.counters import DynamoDBUsage

    return DynamoDBUsage(adapters.dynamodb, adapters.required("memory_table"))


def _measure(function: str) -> Measure:
    return partial(emit_counts, function)


def _default_limit(settings: Settings) -> Limit:
    return Limit(settings.monthly_budget_cents or None, settings.monthly_budget_tokens or None)
