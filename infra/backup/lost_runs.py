"""The runs that were learned from after a moment: what a restore of an older backup has lost, by the job records.

Ids only. Runs that people kept out of memory, took back or erased are left out: they are not to be learned from again.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from operator_memory.adapters.aws.boto3_clients import translated
from operator_memory.adapters.dynamodb.job_items import PREFIX
from operator_memory.adapters.dynamodb.table import SYSTEM, Item, plain, typed
from operator_memory.domain.learning.jobs import JobState

_SUBJECT = ("thread_id", "session_id", "agent_id", "author_id")


def lost_runs(client: Any, table: str, *, since: datetime) -> Iterator[str]:  # noqa: ANN401  (boto3 "dynamodb")
    """A JSON object for each, as they come: account, job, when it was done, and whose run it was.

    Reads the whole table, page by page.
    """
    for item in _done(client, table):
        done_at = _moment(item)
        if done_at is not None and done_at >= since and not _left_out(item):
            held = {"account_id": item["account_id"], "job_id": item["item"].removeprefix(PREFIX)}
            held |= {"done_at": done_at.isoformat(), **{name: item[name] for name in _SUBJECT if item.get(name)}}
            yield json.dumps(held, separators=(",", ":"))


def _done(client: Any, table: str) -> Iterator[Item]:  # noqa: ANN401  (boto3 "dynamodb")
    start: dict[str, Any] = {}
    while True:
        with translated(SYSTEM):
            answer = client.scan(
                TableName=table,
                FilterExpression="begins_with(#item, :jobs) AND #state = :done",
                ExpressionAttributeNames={"#item": "item", "#state": "state"},
                ExpressionAttributeValues=typed({":jobs": PREFIX, ":done": JobState.DONE.value}),
                **start,
            )
        yield from map(plain, answer.get("Items", []))
        if not answer.get("LastEvaluatedKey"):
            return
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _moment(item: Item) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(item.get("updated_at")))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _left_out(item: Item) -> bool:
    skipped = item.get("skipped") or {}
    kept_out = any(reason.startswith("memory_disabled") or reason == "erased" for reason in skipped)
    return bool(kept_out or item.get("undone_at") or item.get("erased"))
