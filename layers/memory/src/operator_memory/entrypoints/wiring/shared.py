"""What several functions are put together with."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.management.identity import Caller
from operator_memory.entrypoints.adapters_in_use import AdaptersInUse

if TYPE_CHECKING:
    from operator_memory.adapters.dynamodb.jobs import DynamoDBJobs
    from operator_memory.application.management.erase_memories import EraseMemories
    from operator_memory.application.ports.archive import ArchivedMemories
    from operator_memory.application.shared.remove_memories import RemoveMemories

Authenticate = Callable[[str], Caller]


def jobs_of(adapters: AdaptersInUse) -> "DynamoDBJobs":
    """The records of jobs."""
    from operator_memory.adapters.dynamodb.jobs import DynamoDBJobs

    table = adapters.required("memory_table")
    return DynamoDBJobs(adapters.dynamodb, table, record_days=adapters.settings.job_record_days)


def erasures_of(adapters: AdaptersInUse, trail: AuditTrail) -> "EraseMemories":
    """What erases, in every store that is configured."""
    from operator_memory.adapters.dynamodb.erasures import DynamoDBErasures
    from operator_memory.adapters.dynamodb.records import DynamoDBRecords
    from operator_memory.adapters.dynamodb.tombstones import DynamoDBTombstones
    from operator_memory.adapters.supabase.event_store import SupabaseEventStore
    from operator_memory.application.management.erase_memories import EraseMemories, ErasurePorts

    table = adapters.required("memory_table")
    ports = ErasurePorts(
        tombstones=DynamoDBTombstones(adapters.dynamodb, table),
        erasures=DynamoDBErasures(adapters.dynamodb, table),
        memories=adapters.erasable(),
        records=DynamoDBRecords(adapters.dynamodb, table),
        archive=adapters.archive(),
        events=SupabaseEventStore(adapters.supabase) if adapters.supabase is not None else None,
        held=adapters.keep_held(),
    )
    return EraseMemories(ports, trail=trail, clock=adapters.clock)


def service_tokens(adapters: AdaptersInUse) -> tuple[Authenticate, Callable[[], object]]:
    """Verifies the runtime's tokens; and what reads their keys."""
    from operator_memory.adapters.net.service_tokens import ServiceTokens, key_provider

    keys = key_provider(adapters.required_secret("service_token_keys"))
    tokens = ServiceTokens(keys)
    return (lambda token: tokens.verify(token, now=_now(adapters))), keys


def _now(adapters: AdaptersInUse) -> datetime:
    return adapters.clock.now()


def removal_of(adapters: AdaptersInUse, *, archived: "ArchivedMemories | None" = None) -> "RemoveMemories":
    """What deletes for a person; with ``archived`` also from the archive."""
    from operator_memory.application.shared.remove_memories import RemoveMemories

    return RemoveMemories(
        library=adapters.library(),
        learned=adapters.learned(),
        writer=adapters.writer(),
        visibility=adapters.turn_visibility(),
        held=adapters.keep_held(),
        clock=adapters.clock,
        archived=archived,
    )
