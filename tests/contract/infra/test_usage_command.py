"""``python -m infra.usage`` on moto's server: what it prints, and what it says when it cannot."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from operator_memory.adapters.dynamodb.usage.budgets import DynamoDBBudgets
from operator_memory.adapters.dynamodb.usage.counters import DynamoDBUsage
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.usage.budget import Budget, Limit
from operator_memory.domain.usage.counts import Counts, UsageEvent

from infra import operators
from infra.usage import cli

pytest_plugins = ["tests.support.aws.fixtures"]

ACCOUNT, NOW = AccountId("acc-1"), datetime(2026, 12, 2, 9, tzinfo=UTC)
A_JOB = Counts(1, 0, 2, 12_345, 678, 225_855_000, 5, 1, 2)


@dataclass
class Run:
    """The exit code of a command, and what it printed."""

    code: int
    out: str
    err: str


Command = Callable[..., Run]


@pytest.fixture
def command(table: tuple[Any, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    client, name = table
    monkeypatch.setattr(operators, "client", lambda _service: client)

    def run(*arguments: str) -> Run:
        return Run(cli.main([*arguments, "--table", name], now=NOW), *capsys.readouterr())

    return run


@pytest.fixture
def usage(table: tuple[Any, str]) -> DynamoDBUsage:
    return DynamoDBUsage(*table)


def used(usage: DynamoDBUsage, counts: Counts, *, days_ago: int = 0, agent: str | None = "agent-1") -> None:
    event = UsageEvent(NOW - timedelta(days=days_ago), counts, agent)
    usage.count(ACCOUNT, [event], now=NOW)


TABLE = """\
Account acc-1, 2026-11-03 to 2026-12-02 (UTC)

DAY         AGENT    JOBS  RULES  CALLS  PROMPT  ANSWER     USD  ADDED  REPLACED  REJECTED  CONTEXTS  INJECTED  SEARCHES
2026-11-30  agent-1     1      0      2  12,345     678  2.2586      5         1         2         0         0         0
2026-12-02  -           0      0      0       0       0  0.0000      0         0         0     1,200     9,600         3
2026-12-02  agent-1     2      0      4  24,690   1,356  4.5171     10         2         4         0         0         0
TOTAL                   3      0      6  37,035   2,034  6.7757     15         3         6     1,200     9,600         3

December 2026: 2 jobs, 26,046 tokens, 4.5171 USD.
Budget: granted 5.00 USD, own 1,000,000 tokens.
"""


def test_the_table_has_a_line_for_each_day_and_agent_and_their_sum(
    command: Command, usage: DynamoDBUsage, table: tuple[Any, str]
) -> None:
    used(usage, A_JOB, days_ago=2)
    used(usage, A_JOB)
    used(usage, A_JOB)
    used(usage, Counts(contexts=1_200, memories_injected=9_600, searches=3), agent=None)
    used(usage, A_JOB, days_ago=60)
    DynamoDBBudgets(*table).put(ACCOUNT, Budget(Limit(500), Limit(None, 1_000_000)), expected=Budget())
    done = command("acc-1")
    assert (done.code, done.err) == (0, "")
    assert done.out == TABLE


def test_other_days_and_one_agent(command: Command, usage: DynamoDBUsage) -> None:
    used(usage, A_JOB, days_ago=60)
    used(usage, A_JOB, days_ago=60, agent="agent-2")
    shown = json.loads(command("acc-1", "--days", "100", "--agent", "agent-2", "--json").out)
    assert [(row["day"], row["agent_id"], row["prompt_tokens"]) for row in shown] == [("2026-10-03", "agent-2", 12_345)]


def test_a_long_id_is_shortened_in_the_table_and_whole_in_json(command: Command, usage: DynamoDBUsage) -> None:
    agent = "0d4f2c1a-5b7e-4c7d-9a51-3f1c5e0b8a11"
    used(usage, A_JOB, agent=agent)
    assert "2026-12-02  0d4f2c1a\u2026     1" in command("acc-1").out
    assert json.loads(command("acc-1", "--json").out)[0]["agent_id"] == agent


def test_who_has_used_nothing(command: Command) -> None:
    done = command("nobody")
    assert "Nothing was used.\n" in done.out
    assert "Budget: none of its own; the deployment's default holds.\n" in done.out


def test_an_account_that_is_none_is_said(command: Command) -> None:
    assert command("no/such").code == operators.UNUSABLE
    assert command().err == "usage: say whose usage: ACCOUNT=...\n"


def test_a_table_that_is_not_there(command: Command, monkeypatch: pytest.MonkeyPatch, table: tuple[Any, str]) -> None:
    monkeypatch.setattr(operators, "client", lambda _service: table[0])
    assert cli.main(["acc-1", "--table", "no-table"], now=NOW) == cli.UNREADABLE


@pytest.mark.parametrize("where", [[], ["--local", "--stack", "s"]])
def test_where_must_be_said_once(where: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["acc-1", *where]) == operators.UNUSABLE
    assert "--stack NAME, --local, or --table NAME" in capsys.readouterr().err


def test_where_nothing_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ada", "--local", "--data", str(tmp_path)]) == operators.UNUSABLE
    assert "make dev" in capsys.readouterr().err


@pytest.mark.parametrize("days", ["0", "401", "-1", "ten"])
def test_days_that_are_none(days: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["acc-1", "--local", "--days", days])
    assert "is not a number of days (1 to 400)" in capsys.readouterr().err
