"""Puts together what the archive function calls."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from operator_memory.entrypoints.adapters_in_use import AdaptersInUse
from operator_memory.entrypoints.wiring.shared import erasures_of

if TYPE_CHECKING:
    from operator_memory.application.lifecycle.erase_gone_accounts import EraseGoneAccounts
    from operator_memory.application.lifecycle.expire_memories import ExpireMemories
    from operator_memory.application.management.erase_memories import EraseMemories


@dataclass(frozen=True, slots=True)
class ArchiveApp:
    """What the archive function calls."""

    expiry: "ExpireMemories"
    erasures: "EraseMemories"
    gone: "EraseGoneAccounts | None"
    """``None`` where there is no platform whose accounts could be gone."""


def build_archive(environ: Mapping[str, str] | None = None) -> ArchiveApp:
    """The archive function's sweeps."""
    from operator_memory.adapters.dynamodb.expiry import DynamoDBExpiryIndex
    from operator_memory.application.lifecycle.erase_gone_accounts import EraseGoneAccounts
    from operator_memory.application.lifecycle.expire_memories import ExpireMemories

    adapters = AdaptersInUse.from_environment(os.environ if environ is None else environ, deletes=True)
    index = DynamoDBExpiryIndex(adapters.dynamodb, adapters.required("memory_table"))
    adapters.warm()
    expire = ExpireMemories(memories=adapters.memories(), index=index, holds=adapters.holds(), clock=adapters.clock)
    erasures = erasures_of(adapters, adapters.trail())
    platform, gone = adapters.gone_accounts(), None
    if platform is not None:
        gone = EraseGoneAccounts(platform=platform, known=adapters.known_accounts(), erase=erasures.erase_gone_account)
    return ArchiveApp(expire, erasures, gone)
