"""An erasure: its state, and the receipt that says what was removed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.tombstones import Target


class ErasureState(StrEnum):
    """``running`` until nothing is left; ``complete`` when that was counted; ``verified`` after a last look, when
    every worker that could have been writing meanwhile has ended."""

    RUNNING = "running"
    COMPLETE = "complete"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True)
class Erasure:
    """The account of one erasure, and its receipt once it is complete. Holds no memory text.

    ``removed`` and ``remaining`` are counts by store: ``memories``, ``entities``, ``archived``, ``job_records``,
    ``queries``; in ``remaining`` maybe ``archived_unreadable``: lines of the archive that do not say whose they are.
    An erasure that leaves such lines ends as ``complete``, and is never ``verified``.
    """

    id: str
    account_id: AccountId
    target: Target
    requested_by: str
    erased_at: datetime
    state: ErasureState = ErasureState.RUNNING
    removed: Mapping[str, int] = field(default_factory=dict)
    remaining: Mapping[str, int] = field(default_factory=dict)
    completed_at: datetime | None = None
    verified_at: datetime | None = None
    reason: str = "erase"
    """``erase``, or ``clear`` where a person emptied a scope."""
