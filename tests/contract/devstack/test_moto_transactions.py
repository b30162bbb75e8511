"""Transactions of the devstack's DynamoDB: all or nothing, without a copy of the table."""

import copy
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table

from devstack.aws.moto_transactions import mend_transactions

pytest_plugins = ["tests.support.aws.fixtures"]


@pytest.fixture
def mended(table: tuple[Any, str], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, str]:
    monkeypatch.setattr(DynamoDBBackend, "transact_write_items", DynamoDBBackend.transact_write_items)
    mend_transactions()
    return table


def key(item: str) -> dict[str, Any]:
    return {"account_id": {"S": "a"}, "item": {"S": item}}


def put(name: str, item: str) -> dict[str, Any]:
    condition = "attribute_not_exists(account_id)"
    return {"Put": {"TableName": name, "Item": key(item), "ConditionExpression": condition}}


def add(name: str, item: str) -> dict[str, Any]:
    update = {"UpdateExpression": "ADD jobs :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
    return {"Update": {"TableName": name, "Key": key(item), **update}}


def stored(client: Any, name: str) -> dict[str, str | None]:
    items = client.scan(TableName=name)["Items"]
    return {item["item"]["S"]: item.get("jobs", {}).get("N") for item in items}


def test_a_transaction_that_fails_changes_nothing(mended: tuple[Any, str]) -> None:
    client, name = mended
    client.transact_write_items(TransactItems=[put(name, "once"), add(name, "day")])
    assert stored(client, name) == {"once": None, "day": "1"}
    with pytest.raises(ClientError) as refused:
        client.transact_write_items(
            TransactItems=[put(name, "new"), add(name, "day"), add(name, "other"), put(name, "once")]
        )
    reasons = [reason["Code"] for reason in refused.value.response["CancellationReasons"]]
    assert reasons == ["None", "None", "None", "ConditionalCheckFailed"]
    assert stored(client, name) == {"once": None, "day": "1"}


def test_the_table_is_not_copied_for_it_but_is_otherwise(
    mended: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, name = mended
    copied: list[object] = []
    deepcopy = copy.deepcopy

    def noted(thing: Any, memo: Any = None) -> Any:
        made = deepcopy(thing, memo)
        if isinstance(thing, Table) and made is not thing:
            copied.append(thing)
        return made

    monkeypatch.setattr(copy, "deepcopy", noted)
    client.transact_write_items(TransactItems=[put(name, "once"), add(name, "day")])
    assert copied == []
    assert "__deepcopy__" not in vars(Table)
