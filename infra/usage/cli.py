"""What an account has used, by day and agent (``make usage ACCOUNT=...``).

Exit code 0: done. 1: the table cannot be read. 2: the options are wrong, or AWS cannot be used. 130: interrupted.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from operator_memory.adapters.dynamodb.usage.budgets import DynamoDBBudgets
from operator_memory.adapters.dynamodb.usage.counters import DynamoDBUsage
from operator_memory.domain.errors import ConfigurationError, InvalidInputError, MemoryServiceError
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.usage.counts import DayUsage, day_of, month_of

from infra import operators
from infra.operators import INTERRUPTED, UNUSABLE
from infra.usage import report

OK, UNREADABLE = 0, 1
MOST_DAYS = 400
_PAGE = 1_000

Place = tuple[Any, str, AccountId]
"""A client of DynamoDB, the name of the table, and whose usage is wanted."""


def main(arguments: Sequence[str], *, now: datetime | None = None) -> int:
    """The command; returns its exit code."""
    args = _parser().parse_args(arguments)
    try:
        client, table, account = _place(args)
        last = day_of(now or datetime.now(UTC))
        first = last - timedelta(days=args.days - 1)
        month = month_of(now or datetime.now(UTC))
        rows = list(_rows(DynamoDBUsage(client, table), account, (first, last), args.agent))
        budget, used = DynamoDBBudgets(client, table).with_month(account, month)
    except (ConfigurationError, InvalidInputError) as error:
        return _complain(str(error), UNUSABLE)
    except MemoryServiceError as error:
        return _complain(str(error), UNREADABLE)
    except KeyboardInterrupt:
        return _complain("interrupted", INTERRUPTED)
    if args.json:
        print(report.as_json(rows))
        return OK
    print(f"Account {account}, {first} to {last} (UTC)\n")
    print(report.table(rows) if rows else "Nothing was used.")
    print(f"\n{report.month_in_words(month, used, budget)}")
    return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.usage", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("account", nargs="?", help="whose usage; with --local also the name of a demo person")
    parser.add_argument("--days", type=_days, default=30, help="so many days until today (default: 30)")
    parser.add_argument("--agent", help="only what this agent used")
    parser.add_argument("--json", action="store_true", help="a JSON array, one object a row")
    where = parser.add_argument_group("where the counts are (one of --stack, --local, --table)")
    where.add_argument("--stack", help="name of the CloudFormation stack")
    where.add_argument("--local", action="store_true", help="the system that make dev runs here")
    where.add_argument("--data", type=Path, default=Path(".devstack"), help="of --local: its folder for data")
    where.add_argument("--table", help="the table's name")
    return parser


def _days(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= MOST_DAYS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days (1 to {MOST_DAYS})")
    return int(text)


def _place(args: argparse.Namespace) -> Place:
    if sum(map(bool, (args.stack, args.local, args.table))) != 1:
        raise ConfigurationError("say where the counts are: --stack NAME, --local, or --table NAME")
    if not args.account:
        raise ConfigurationError("say whose usage: ACCOUNT=...")
    if args.local:
        endpoints = operators.running_here(args.data)
        account = operators.account_named(args.account, local=True)
        return endpoints.aws_client("dynamodb"), endpoints.memory_table, account
    account = operators.account_named(args.account, local=False)
    return operators.client("dynamodb"), args.table or operators.table_of(args.stack), account


def _rows(usage: DynamoDBUsage, account: AccountId, days: tuple[Any, Any], agent: str | None) -> list[DayUsage]:
    found: list[DayUsage] = []
    after: str | None = None
    while True:
        page, after = usage.days(account, first=days[0], last=days[1], agent_id=agent, after=after, limit=_PAGE)
        found += page
        if after is None:
            return found


def _complain(what: str, code: int) -> int:
    print(f"usage: {what}", file=sys.stderr)
    return code
