"""Legal holds on dead letters: what is held is not dropped."""

from collections.abc import Callable

from operator_memory.adapters.dynamodb.holds import DynamoDBHolds
from operator_memory.domain.errors import ConfigurationError, HeldError, InvalidInputError
from operator_memory.domain.memory.scopes import account_id
from operator_memory.domain.shared.holds import Hold, Holds

from infra.dead_letters.failed_message import FailedMessage, Kind, json_fields, well_formed
from infra.dead_letters.location import Location

Act = Callable[[FailedMessage], None]


def unless_held(location: Location, drop: Act) -> Act:
    """Return ``drop`` for letters that no hold keeps. The holds are read anew for each letter.

    Raises:
        ConfigurationError: nobody says where the holds are.
    """
    if location.table is None:
        raise ConfigurationError("say where legal holds are kept, with --table: what is held is not dropped")
    holds = DynamoDBHolds(location.dynamodb(), location.table)

    def checked(letter: FailedMessage) -> None:
        try:
            account = account_id(letter.account_id)
        except InvalidInputError:
            account = None  # of no account that could be held
        hold = None if account is None else hold_on(letter, holds.holds(account))
        if hold is not None:
            raise HeldError(hold.reason)
        drop(letter)

    return checked


def hold_on(letter: FailedMessage, holds: Holds) -> Hold | None:
    """Return the hold that keeps ``letter``. One that does not say its thread, such as an event, is kept by any."""
    if letter.kind is Kind.EVENT:
        return holds.first
    fields = json_fields(letter.body)
    thread, session = well_formed(fields.get("thread_id")), well_formed(fields.get("session_id"))
    if holds.account is not None or thread is None:
        return holds.first
    return holds.threads.get(thread) or holds.threads.get(session or thread)
