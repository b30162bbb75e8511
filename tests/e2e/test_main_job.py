"""The main job, end to end: a finished run goes in, the next run gets its memories."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from operator_memory.domain.learning.jobs import JobState, Outcome

from devstack.supabase import seed
from tests.e2e.system import System, a_job, an_account
from tests.support.qdrant.front import Rest
from tests.support.time_outs import eventually


def points_of(system: System, account: str) -> list[dict[str, Any]]:
    """All points that the store holds of the account."""
    key = json.loads((system.stack.data_dir / "secrets.json").read_text())["qdrant_api_key"]
    with closing(Rest(system.at.qdrant_url, {"api-key": key})) as rest:
        _, found = rest("GET", "/collections")
        [collection] = found["collections"]
        body = {"filter": {"must": [{"key": "user_id", "match": {"value": account}}]}, "limit": 500}
        _, page = rest("POST", f"/collections/{collection['name']}/points/scroll", body)
    points: list[dict[str, Any]] = page["points"]
    return points


def scopes_stored(system: System, account: str) -> set[str]:
    return {point["payload"]["scope"] for point in points_of(system, account)}


def test_the_next_run_gets_what_the_last_one_said(system: System) -> None:
    account = an_account()
    job = a_job(account, "I live in Porto and I am allergic to nuts. Always answer in Portuguese.", agent_id="helper")
    record = system.extracted(job)
    assert [fact.outcome for fact in record.facts] == [Outcome.ADDED] * 3
    assert record.llm_calls == 1, "one call serves user and agent memory"
    answer = system.context(account_id=account, agent_id="helper", session_id="thread-1", query="What may I eat?")
    assert "User is allergic to nuts." in answer["context"]
    assert answer["context"].index("User Context:") < answer["context"].index("Agent Context (for helper):")
    assert "always answer in Portuguese" in answer["context"]
    assert {memory["scope"] for memory in answer["memories"]} == {"user", "agent", "session"}
    assert answer["degraded"] == []


def test_memory_follows_the_user_to_another_agent_but_the_agents_does_not(system: System) -> None:
    account = an_account()
    system.extracted(a_job(account, "I live in Porto. Always answer in Portuguese.", agent_id="first"))
    other = system.context(account_id=account, agent_id="second", query="Where do I live?")
    assert "Porto" in other["context"]
    assert "Portuguese" not in other["context"]


def test_another_account_sees_nothing_of_it(system: System) -> None:
    account = an_account()
    system.extracted(a_job(account, "I live in Porto.", agent_id="shared-agent"))
    stranger = system.context(account_id=an_account(), agent_id="shared-agent", session_id="thread-1", query="Porto")
    assert (stranger["context"], stranger["memories"], stranger["degraded"]) == ("", [], [])


def test_a_redelivered_job_changes_nothing(system: System) -> None:
    job = a_job(None, "I live in Porto.", "I prefer tea.")

    def stored() -> set[str]:
        return {json.dumps(point, sort_keys=True) for point in points_of(system, job["account_id"])}

    first = system.extracted(job)
    before = stored()
    system.send(job)
    system.stack.wait_idle(60)
    assert system.record(job) == first
    assert stored() == before
    assert len(before) == 4, "two facts and two turns"


def test_what_is_known_already_is_a_duplicate_not_a_second_memory(system: System) -> None:
    account = an_account()
    system.extracted(a_job(account, "I live in Porto."))
    again = system.extracted(a_job(account, "I live in Porto.", thread_id="thread-2"))
    assert [fact.outcome for fact in again.facts] == [Outcome.DUPLICATE]


def test_a_job_id_used_again_with_other_content_is_refused_with_the_reason(system: System) -> None:
    job = a_job(None, "I live in Porto.")
    first = system.extracted(job)
    system.send({**job, "messages": [{"role": "user", "content": "I live in Rome."}]})
    [letter] = eventually(system.dead_letters)
    assert letter["MessageAttributes"]["reason"]["StringValue"] == "job_conflict"
    assert system.record(job) == first


def test_a_job_that_breaks_the_contract_is_a_dead_letter_and_blocks_nobody(system: System) -> None:
    account = an_account()
    system.send('{"job_id": "*", "account_id": "bad id"}', group=account)
    system.send("not json", group=account)
    good = system.extracted(a_job(account, "I live in Porto."))
    assert good.state is JobState.DONE
    letters: list[dict[str, Any]] = []
    while len(letters) < 2:
        letters += eventually(system.dead_letters)
    assert all("invalid_input" in json.dumps(letter["MessageAttributes"]) for letter in letters)


def test_expired_memories_are_hidden_at_once_and_removed_by_the_sweep(system: System) -> None:
    account = an_account()
    long_ago = (datetime.now(UTC) - timedelta(days=800)).isoformat()
    system.extracted(a_job(account, "I live in Porto.", finished_at=long_ago))
    assert scopes_stored(system, account) == {"user", "session"}
    seen = system.context(account_id=account, session_id="thread-1", query="Porto")
    assert {memory["scope"] for memory in seen["memories"]} == {"user"}
    report = system.stack.aws.run_schedule("ArchiveFunction")
    assert report["accounts"] >= 1
    assert report["failed"] == 0
    eventually(lambda: scopes_stored(system, account) == {"user"})


def test_a_job_without_messages_reads_the_platforms_own(system: System) -> None:
    account, thread = str(seed.account_id("ada")), str(seed.demo_id("thread:ada"))
    with psycopg.connect(system.stack.database_dsn) as connection:
        connection.execute(
            "insert into messages (thread_id, type, is_llm_message, content) values (%s, 'user', true, %s)",
            (thread, json.dumps(json.dumps({"role": "user", "content": "My favourite bridge is Ponte Luiz."}))),
        )
    job = {**a_job(account, thread_id=thread), "messages": None}
    record = system.extracted(job)
    assert "Ponte Luiz" in system.context(account_id=account, query="favourite bridge")["context"]
    again = system.extracted({**a_job(account, thread_id=thread), "messages": None})
    assert (record.turns != (), again.turns) == (True, ()), "what was read is not read again"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"account_id": "*"}', "account_id"),
        (b'{"account_id": "a b"}', "account_id"),
        (b'{"account_id": "a\\u0000b"}', "account_id"),
        (json.dumps({"account_id": "x" * 10_000}).encode(), "account_id"),
        (b'{"account_id": "a", "limit": 51}', "limit"),
        (b'{"account_id": "a", "scopes": ["agent"]}', "agent_id"),
        (b"\xff\xfe\x00", "body"),
        (b"[]", "body"),
        (b"", "body"),
    ],
)
def test_bad_input_is_named_and_answered_as_a_problem(system: System, body: bytes, field: str) -> None:
    status, problem = system.post_context(body)
    assert (status, problem["field"]) == (422, field)
    assert problem["detail"]


def test_a_query_of_100_000_characters_and_any_script_is_answered(system: System) -> None:
    account = an_account()
    system.extracted(a_job(account, "I live in Porto. \u05d0\u05e0\u05d9 \u05d2\u05e8 \U0001f408 \u202edlrow"))
    for query in ("x" * 100_000, "\u05d0\u05e0\u05d9 \U0001f408", "Porto " * 10_000, "\u0000\u0001"):
        assert system.context(account_id=account, query=query)["degraded"] == []


def test_a_token_that_is_forged_or_missing_opens_nothing(system: System) -> None:
    body = json.dumps({"account_id": "a"}).encode()
    for token in ("x", "a.b.c", system.at.token()[:-2] + "xx"):
        status, problem = system.post_context(body, token)
        assert (status, problem["title"]) == (401, "Not authenticated")
