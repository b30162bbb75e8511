"""What accounts use, in DynamoDB: items ``USAGE#<day>#<agent or ->`` and ``USAGE#month#<month>`` of the account.

Counts are added in one transaction: to the day, to the month, and with them an item ``USAGE#once#<cause>`` for each
event that may be told again. So of two tellings, at once or a week apart, one counts. The request carries a token, so
that the SDK's own repetition of it counts once too.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from operator_memory.adapters.aws.boto3_clients import error_code, translated
from operator_memory.adapters.dynamodb.table import SYSTEM, Item, Table, epoch, key, text, typed
from operator_memory.domain.errors import MalformedResponseError, UpstreamUnavailableError
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.usage.counts import COUNTED, NOTHING, Counts, DayUsage, UsageEvent, month_of, total

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PREFIX = "USAGE#"
MONTHS_PREFIX = f"{PREFIX}month#"
ONCE_PREFIX = f"{PREFIX}once#"
DAYS_PREFIX = f"{PREFIX}2"
"""What the names of days begin with in this millennium."""

NO_AGENT = "-"
"""In the place of an agent's id, which begins with a letter or digit."""

KEPT = timedelta(days=400)
"""From the end of its day or month on: the same month of last year can be compared."""

CAUSES_KEPT = timedelta(days=40)
"""A message lives for 28 days at most, in its queue and among the dead letters."""

ATTEMPTS = 6
_AT_ONCE = 40
"""Events of one transaction, which may hold 100 items: each has a cause, a day and at most a month of its own."""
_FIRST_WAIT = 0.03
_KNOWN = "ConditionalCheckFailed"
_LAST = "\x7f"
"""After every character of an id."""


class DynamoDBUsage:
    """Port ``UsageCounters``."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._table = Table(client, table_name)

    def count(self, account_id: AccountId, events: Sequence[UsageEvent], *, now: datetime) -> int:
        """Add the events to their days and months; return how many were not counted before.

        Raises:
            UpstreamUnavailableError: others write the same counts all the time. What is counted by then stays so.
        """
        of_cause = {event.cause or f"\x00{number}": event for number, event in enumerate(events)}
        wanted = [event for event in of_cause.values() if event.counts != NOTHING]
        parts = (wanted[start : start + _AT_ONCE] for start in range(0, len(wanted), _AT_ONCE))
        return sum(self._count(account_id, part, now) for part in parts)

    def days(
        self, account_id: AccountId, *, first: date, last: date, agent_id: str | None, after: str | None, limit: int
    ) -> tuple[list[DayUsage], str | None]:
        """Up to ``limit`` rows by day and agent, and the name after which the next call goes on."""
        start = f"{PREFIX}{first.isoformat()}#" if after is None else f"{PREFIX}{after}\x00"
        values = {":account": account_id, ":first": start, ":last": f"{PREFIX}{last.isoformat()}#{_LAST}"}
        request: dict[str, Any] = {
            "TableName": self._table.name,
            "ConsistentRead": True,
            "KeyConditionExpression": "account_id = :account AND #item BETWEEN :first AND :last",
            "ExpressionAttributeNames": {"#item": "item"},
        }
        if agent_id is not None:
            values[":agent"] = agent_id
            request["FilterExpression"] = "agent_id = :agent"
        rows: list[DayUsage] = []
        for item in self._table.query({**request, "ExpressionAttributeValues": typed(values)}):
            if len(rows) == limit:
                return rows, f"{rows[-1].day.isoformat()}#{rows[-1].agent_id or NO_AGENT}"
            rows.append(_row(item))
        return rows, None

    def month(self, account_id: AccountId, month: date) -> Counts:
        """The counts of the month."""
        return counts_of(self._table.get(account_id, month_item(month)))

    def _count(self, account_id: AccountId, events: Sequence[UsageEvent], now: datetime) -> int:
        left = list(events)
        for attempt in range(ATTEMPTS):
            if not left:
                return 0
            reasons = self._try(account_id, left, now)
            if reasons is None:
                return len(left)
            causes = [event for event in left if event.cause is not None]
            counted = {event.cause for event, reason in zip(causes, reasons, strict=False) if reason == _KNOWN}
            left = [event for event in left if event.cause is None or event.cause not in counted]
            if not counted:  # somebody else writes the same counts at this moment
                time.sleep(_FIRST_WAIT * 2**attempt)
        raise UpstreamUnavailableError(SYSTEM, "the counts change faster than they can be written")

    def _try(self, account_id: AccountId, events: Sequence[UsageEvent], now: datetime) -> list[str] | None:
        """Write them, and return ``None``; or why not, for each item in order."""
        items = [*self._causes(account_id, events, now), *self._additions(account_id, events, now)]
        with translated(SYSTEM):
            try:
                self._table.client.transact_write_items(TransactItems=items)  # type: ignore[arg-type]
            except ClientError as error:
                if error_code(error) != "TransactionCanceledException":
                    raise
                reasons: Any = error.response.get("CancellationReasons") or []
                return [str(reason.get("Code")) for reason in reasons]
        return None

    def _causes(self, account_id: AccountId, events: Sequence[UsageEvent], now: datetime) -> Iterator[dict[str, Any]]:
        for event in events:
            if event.cause is not None:
                item = {
                    "account_id": account_id,
                    "item": ONCE_PREFIX + event.cause,
                    "since": text(now),
                    "ttl": epoch(now + CAUSES_KEPT),
                }
                condition = "attribute_not_exists(account_id)"
                yield {"Put": {"TableName": self._table.name, "Item": typed(item), "ConditionExpression": condition}}

    def _additions(
        self, account_id: AccountId, events: Sequence[UsageEvent], now: datetime
    ) -> Iterator[dict[str, Any]]:
        of_item: dict[str, list[UsageEvent]] = {}
        for event in events:
            of_item.setdefault(day_item(event.day, event.agent_id), []).append(event)
            of_item.setdefault(month_item(month_of(event.at)), []).append(event)
        for name, those in of_item.items():
            first = those[0]
            of_day = not name.startswith(MONTHS_PREFIX)
            begins = first.day if of_day else month_of(first.at)
            about = {"agent_id": first.agent_id, "day": begins.isoformat()} if of_day else {"day": begins.isoformat()}
            ends = _begin_of(begins) + timedelta(days=1 if of_day else 31)
            beside = {**about, "ttl": epoch(ends + KEPT)}
            yield {"Update": self._addition(account_id, name, total(e.counts for e in those), beside, now)}

    def _addition(
        self, account_id: AccountId, name: str, counts: Counts, beside: Mapping[str, Any], now: datetime
    ) -> dict[str, Any]:
        """An update that adds ``counts`` to the item, and sets ``beside`` as well."""
        set_to = {name: value for name, value in beside.items() if value is not None}
        adding = counts.positive()
        sets = ["#since = if_not_exists(#since, :since)", *(f"#{each} = :{each}" for each in set_to)]
        adds = [f"#{each} :{each}" for each in adding]
        return {
            "TableName": self._table.name,
            "Key": key(account_id, name),
            "UpdateExpression": f"SET {', '.join(sets)} ADD {', '.join(adds)}",
            "ExpressionAttributeNames": {f"#{each}": each for each in ("since", *set_to, *adding)},
            "ExpressionAttributeValues": typed(
                {":since": text(now), **{f":{each}": value for each, value in {**set_to, **adding}.items()}}
            ),
        }


def day_item(day: date, agent_id: str | None) -> str:
    """The name of the item that counts the day's use by the agent."""
    return f"{PREFIX}{day.isoformat()}#{agent_id or NO_AGENT}"


def month_item(month: date) -> str:
    """The name of the item that counts the month."""
    return f"{MONTHS_PREFIX}{month.isoformat()[:7]}"


def counts_of(item: Item | None) -> Counts:
    """The counts in an item; none without one."""
    if item is None:
        return NOTHING
    try:
        return Counts(**{name: int(item.get(name, 0)) for name in COUNTED})
    except (TypeError, ValueError) as error:
        raise MalformedResponseError(SYSTEM, "counts cannot be read") from error


def _row(item: Item) -> DayUsage:
    try:
        return DayUsage(date.fromisoformat(str(item["day"])), item.get("agent_id"), counts_of(item))
    except (KeyError, ValueError) as error:
        raise MalformedResponseError(SYSTEM, "a day's counts cannot be read") from error


def _begin_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
