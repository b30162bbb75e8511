"""Receipts of erasures: they say when the account's dead letters were dropped."""

from datetime import datetime

from operator_memory.adapters.dynamodb.erasures import DynamoDBErasures
from operator_memory.domain.management.erasure import DEAD_EVENTS, DEAD_JOBS
from operator_memory.domain.memory.scopes import AccountId

from infra.dead_letters.failed_message import Kind
from infra.dead_letters.location import Location

_NAMES = {Kind.JOB: DEAD_JOBS, Kind.EVENT: DEAD_EVENTS}


def tell_receipts(location: Location, kind: Kind, account_id: AccountId, *, dropped: int, at: datetime) -> str:
    """Note on the account's receipts that its letters of this kind are gone; return a sentence about it.

    ``at``: when the command began; an erasure that began later has letters of its own.

    Raises:
        UpstreamError: the table cannot be reached. The letters are dropped; the same command notes it.
    """
    if location.table is None:
        return "Its receipts do not say so: give --table as well, and run it again."
    erasures = DynamoDBErasures(location.dynamodb(), location.table)
    told = erasures.note_dropped(account_id, _NAMES[kind], count=dropped, at=at)
    if not told:
        return "The account has no receipts."
    return f"{told} of its receipts say{'s' if told == 1 else ''} so now."
