"""The table can be recovered: into a scratch table, which is compared and deleted."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from operator_memory.adapters.dynamodb.table import Table
from operator_memory.domain.errors import ConfigurationError

from infra.backup import table as table_module
from infra.backup.table import SUFFIX, try_table
from tests.support.qdrant.deployment import Deployment

pytest_plugins = ["tests.support.aws.fixtures", "tests.support.qdrant.deployment_fixtures"]


def recoverable(table: tuple[Any, str]) -> tuple[Any, str]:
    client, name = table
    on = {"PointInTimeRecoveryEnabled": True}
    client.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=on)
    return table


def names(client: Any) -> list[str]:
    found: list[str] = client.list_tables()["TableNames"]
    return found


def test_it_is_recovered_compared_and_deleted(table: tuple[Any, str]) -> None:
    client, name = recoverable(table)
    items = Table(client, name)
    items.put_many([{"account_id": f"account-{n}", "item": "EXPIRY", "version": 1} for n in range(250)])
    found = try_table(client, name)
    assert (found.faults, found.live) == ([], {"the same": 250})
    assert found.sentences() == ["Compared with the table in use: 250 the same."]
    assert name + SUFFIX not in names(client)


def test_what_has_changed_since_is_told(table: tuple[Any, str], monkeypatch: pytest.MonkeyPatch) -> None:
    client, name = recoverable(table)
    items = Table(client, name)
    items.put_many([{"account_id": f"account-{n}", "item": "EXPIRY", "version": 1} for n in range(3)])
    wait = table_module._wait_for

    def meanwhile(*arguments: Any) -> None:
        items.put({"account_id": "account-0", "item": "EXPIRY", "version": 2})
        items.delete_many([("account-1", "EXPIRY")])
        wait(*arguments)

    monkeypatch.setattr(table_module, "_wait_for", meanwhile)
    assert try_table(client, name).live == {"the same": 1, "changed since": 1, "gone since": 1}


def test_a_table_that_came_back_empty_is_a_fault(table: tuple[Any, str], monkeypatch: pytest.MonkeyPatch) -> None:
    client, name = recoverable(table)
    monkeypatch.setattr(table_module, "_wait_for", lambda *_: Table(client, name).put({"account_id": "a", "item": "b"}))
    found = try_table(client, name)
    assert found.faults == ["the recovered table is empty, and the table in use is not."]


def test_a_drill_that_fails_leaves_no_table(table: tuple[Any, str], monkeypatch: pytest.MonkeyPatch) -> None:
    client, name = recoverable(table)

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(table_module, "_compared", interrupted)
    with pytest.raises(KeyboardInterrupt):
        try_table(client, name)
    assert name + SUFFIX not in names(client)


@pytest.mark.parametrize("code", ["PointInTimeRecoveryUnavailableException", "InvalidRestoreTimeException"])
def test_a_table_without_recovery_is_one_sentence(
    table: tuple[Any, str], monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code}}, "RestoreTableToPointInTime")

    monkeypatch.setattr(table[0], "restore_table_to_point_in_time", refuse)
    with pytest.raises(ConfigurationError, match="cannot be recovered to that moment"):
        try_table(*table, at=datetime.now(UTC))


def test_the_command_tells_it(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    recoverable(deployment.table)
    assert deployment.backup("table-drill") == 0
    assert "Compared with the table in use: no item." in capsys.readouterr().out
    assert deployment.backup("table-drill", "--at", "yesterday") == 2
