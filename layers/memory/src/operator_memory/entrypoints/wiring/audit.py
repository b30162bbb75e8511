"""Puts together what the audit function calls."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from operator_memory.entrypoints.adapters_in_use import AdaptersInUse

if TYPE_CHECKING:
    from operator_memory.application.management.record_events import RecordEvents


def build_audit(environ: Mapping[str, str] | None = None) -> "RecordEvents":
    """The audit function: what records a batch of events."""
    from operator_memory.adapters.dynamodb.tombstones import DynamoDBTombstones
    from operator_memory.adapters.supabase.event_store import SupabaseEventStore
    from operator_memory.application.management.record_events import RecordEvents

    adapters = AdaptersInUse.from_environment(os.environ if environ is None else environ)
    supabase = adapters.required_supabase()
    tombstones = DynamoDBTombstones(adapters.dynamodb, adapters.required("memory_table"))
    adapters.warm()
    return RecordEvents(
        store=SupabaseEventStore(supabase), library=adapters.library(), tombstones=tombstones, holds=adapters.holds()
    )
