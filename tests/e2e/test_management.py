"""People and their memories, end to end: real tokens, real roles, real queues, the trail in Postgres."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from devstack.supabase import seed
from tests.e2e.system import System, a_job
from tests.e2e.test_main_job import points_of
from tests.support.time_outs import eventually


def learned(system: System, user: str, *said: str, **fields: object) -> None:
    system.extracted(a_job(user, *said, **fields))


def known(system: System, user: str) -> list[str]:
    """What holds about the user."""
    return [m["memory"] for m in system.call(user, "GET", "/v1/memories?scope=user").json["memories"]]


def test_a_person_corrects_what_was_learned_and_the_next_run_hears_it(system: System) -> None:
    user = system.new_user()
    learned(system, user, "I live in Porto.")
    [memory] = system.call(user, "GET", "/v1/memories?scope=user").json["memories"]
    path = f"/v1/memories/{memory['id']}"
    late = a_job(user, "I live in Porto.", thread_id="thread-2")  # said before it is put right, worked off after
    read = system.call(user, "GET", path)
    assert read.headers["etag"] == '"1"'
    change = {"memory": "User lives in Lisbon."}
    assert system.call(user, "PATCH", path, change, If_Match='"7"').status == 412
    assert system.call(user, "PATCH", path, change, If_Match=read.headers["etag"]).status == 200
    context = system.context(account_id=user, query="Where do I live?")["context"]
    assert "Lisbon" in context
    assert "Porto" not in context
    [past] = system.call(user, "GET", f"{path}/history").json["history"]
    assert (past["memory"], past["changed_by"]) == ("User lives in Porto.", f"user:{user}")
    assert known(system, user) == ["User lives in Lisbon."]
    system.extracted(late)
    assert known(system, user) == ["User lives in Lisbon."], "what was corrected is not learned back in its old words"
    system.extracted(a_job(user, "I live in Porto.", thread_id="thread-3"))
    assert known(system, user) == ["User lives in Porto."], "but a person may change their mind"


def test_the_platforms_own_routes_answer_as_it_knows_them(system: System) -> None:
    ada, agent = str(seed.demo_id("user:ada")), str(seed.demo_id("agent:ada"))
    learned(system, ada, "I collect stamps. Always answer in Dutch.", agent_id=agent)
    found = system.call(ada, "GET", f"/memory/user/{ada}?query=stamps&limit=1").json
    assert [m["memory"] for m in found["memories"]] == ["User collects stamps."]
    assert any("Dutch" in m["memory"] for m in system.call(ada, "GET", f"/memory/agent/{agent}").json["memories"])
    ben = str(seed.demo_id("user:ben"))
    assert system.call(ben, "GET", f"/memory/user/{ada}").status == 403
    assert system.call(ben, "DELETE", f"/memory/agent/{agent}").status == 403
    assert system.call(ada, "DELETE", f"/memory/agent/{agent}").json == {"status": "cleared"}
    assert system.call(ada, "GET", f"/memory/agent/{agent}").json["memories"] == []
    assert system.call(ada, "DELETE", f"/memory/user/{ada}").json == {"status": "cleared"}


def test_members_read_a_teams_memory_and_only_its_owner_clears_it(system: System) -> None:
    owner, member, stranger = system.new_user(), system.new_user(), system.new_user()
    team = system.new_team(owner, member)
    learned(system, team, "Our deploys freeze on Fridays. I prefer tabs.", author_id=member)
    assert system.call(member, "GET", f"/memory/user/{team}").json["memories"]
    assert system.call(stranger, "GET", f"/memory/user/{team}").status == 403
    erase = {"target": "account", "confirm": "erase"}
    assert system.call(member, "DELETE", f"/memory/user/{team}").status == 403
    assert system.call(member, "POST", f"/v1/erasures?account_id={team}", erase).status == 403
    own = {"target": "author", "id": member, "confirm": "erase"}
    receipt = system.call(member, "POST", f"/v1/erasures?account_id={team}", own)
    assert (receipt.status, receipt.json["state"]) == (200, "complete")
    assert receipt.json["removed"]["memories"] > 0
    assert points_of(system, team) == []
    assert system.call(owner, "DELETE", f"/memory/user/{team}").json == {"status": "cleared"}


def test_every_touch_is_in_the_trail_and_what_was_used_is_counted(system: System) -> None:
    user, stranger = system.new_user(), system.new_user()
    job = a_job(user, "I am allergic to nuts.")
    system.extracted(job)
    system.context(account_id=user, query="What may I eat?")
    [memory] = system.call(user, "GET", "/v1/memories?scope=user").json["memories"]
    system.call(user, "PUT", f"/v1/memories/{memory['id']}/pin")
    system.call(stranger, "GET", f"/v1/memories?account_id={user}")
    system.call(user, "PATCH", "/v1/settings", {"record_queries": True})
    system.call(user, "POST", "/v1/memories/search", {"query": "something to eat"})
    system.call(user, "GET", "/v1/export")
    system.call(user, "DELETE", f"/v1/memories/{memory['id']}")
    expected = ["add", "inject", "search", "update", "denied", "settings_change", "search", "export", "delete"]
    trail = eventually(lambda: found if len(found := system.trail(user)) >= len(expected) else None)
    assert [event["event_type"] for event in trail] == expected
    assert trail[0]["metadata"]["job_id"] == job["job_id"]
    assert [event["actor"] for event in trail[:2]] == ["system:extraction", "service:agent-runtime"]
    assert trail[4]["actor"] == f"user:{stranger}"
    assert [event["query"] for event in trail if event["query"]] == ["something to eat"]
    assert "nuts" not in json.dumps(trail, default=str)


def test_a_memory_that_was_injected_says_how_often_and_when(system: System) -> None:
    user = system.new_user()
    learned(system, user, "I am allergic to nuts.")
    [memory] = system.call(user, "GET", "/v1/memories?scope=user").json["memories"]
    assert (memory["access_count"], memory["last_accessed_at"]) == (0, None)
    for _ in range(2):
        system.context(account_id=user, query="What may I eat?")
    path = f"/v1/memories/{memory['id']}"

    def used() -> dict[str, object] | None:
        seen: dict[str, object] = system.call(user, "GET", path).json
        return seen if seen["access_count"] == 2 else None

    assert eventually(used)["last_accessed_at"]


@pytest.mark.parametrize("which", ["account", "agent", "thread"])
def test_a_switch_silences_recall_and_learning_and_leaves_viewing_and_erasing(system: System, which: str) -> None:
    user, agent, thread = system.new_user(), str(uuid.uuid4()), str(uuid.uuid4())
    with psycopg.connect(system.stack.database_dsn) as database:
        database.execute(
            "insert into agents (agent_id, account_id, name, system_prompt) values (%s, %s, 'a', '')", (agent, user)
        )
        database.execute("insert into threads (thread_id, account_id) values (%s, %s)", (thread, user))
    learned(system, user, "I live in Porto.", agent_id=str(uuid.uuid4()), thread_id=str(uuid.uuid4()))
    path = {
        "account": "/v1/settings",
        "agent": f"/v1/agents/{agent}/settings",
        "thread": f"/v1/threads/{thread}/settings",
    }
    assert (
        system.call(user, "PATCH", path[which], {"memory_enabled": False}).json["settings"]["memory_enabled"] is False
    )
    run = {"agent_id": agent, "thread_id": thread}
    if which == "account":  # known for half a minute to a worker that has just asked; this account's is new to none
        run = {"agent_id": str(uuid.uuid4()), "thread_id": str(uuid.uuid4())}
    record = system.extracted(a_job(user, "I like tea.", **run))
    assert record.skipped == {f"memory_disabled_{which}": 1}
    answer = system.context(account_id=user, query="Where do I live?", **run)
    assert (answer["context"], answer["degraded"]) == ("", [f"memory_disabled_{which}"])
    assert len(system.call(user, "GET", "/v1/memories?scope=user").json["memories"]) == 1
    assert b"Porto" in system.call(user, "GET", "/v1/export").body
    receipt = system.call(user, "POST", "/v1/erasures", {"target": "account", "confirm": "erase"}).json
    assert receipt["state"] == "complete"
    assert points_of(system, user) == []


def test_one_run_can_be_kept_out_of_memory(system: System) -> None:
    user = system.new_user()
    record = system.extracted(a_job(user, "I like tea.", memory_enabled=False))
    assert record.skipped == {"memory_disabled_run": 1}
    learned(system, user, "I live in Porto.")
    answer = system.context(account_id=user, query="Where do I live?", memory_enabled=False)
    assert (answer["context"], answer["degraded"]) == ("", ["memory_disabled_run"])


def test_a_job_over_http_goes_the_same_way_and_twice_is_once(system: System) -> None:
    user = system.new_user()
    job = {name: value for name, value in a_job(user, "I live in Porto.").items() if name != "job_id"}
    first = system.call(user, "POST", "/v1/jobs", job, Idempotency_Key="run-1")
    again = system.call(user, "POST", "/v1/jobs", job, Idempotency_Key="run-1")
    assert (first.status, again.status) == (202, 202)
    assert first.json["job_id"] == again.json["job_id"]
    other = system.call(user, "POST", "/v1/jobs", {**job, "thread_id": "thread-9"}, Idempotency_Key="run-1")
    assert other.status == 409
    path = first.headers["location"]
    done = eventually(lambda: seen if (seen := system.call(user, "GET", path).json)["state"] == "done" else None)
    assert done["counts"] == {"added": 1}
    assert len(points_of(system, user)) == 2


def test_an_export_holds_everything_and_brings_it_back_after_an_erasure(system: System) -> None:
    user = system.new_user()
    learned(system, user, "I live in Porto. I prefer tea.")
    eventually(lambda: system.trail(user))
    exported = system.call(user, "GET", "/v1/export")
    lines = [json.loads(line) for line in exported.body.decode().splitlines()]
    assert {line["type"] for line in lines} >= {"account", "memory", "job", "event", "end"}
    assert lines[-1] == {"type": "end"}
    system.call(user, "POST", "/v1/erasures", {"target": "account", "confirm": "erase"})
    assert points_of(system, user) == []
    report = system.request("POST", "/v1/import", exported.body, token=system.at.user_token(user)).json
    assert (report["added"], report["rejected"]) == (3, [])
    assert "Porto" in system.context(account_id=user, query="Where do I live?")["context"]
    assert system.stack.aws.run_schedule("ArchiveFunction")["failed"] == 0
    assert len(points_of(system, user)) == 3, "what a person brought back on purpose stays"


def test_expensive_calls_are_limited_and_say_when_to_come_back(system: System) -> None:
    user = system.new_user()
    answers = [system.call(user, "GET", "/v1/export") for _ in range(12)]
    refused = [answer for answer in answers if answer.status != 200]
    assert 1 <= len(refused) <= 2
    assert {answer.status for answer in refused} == {429}
    assert 1 <= int(refused[0].headers["retry-after"]) <= 60
    assert "try again" in refused[0].json["detail"]


# --- erasure against what is still on its way


def before(**fields: object) -> dict[str, object]:
    return {"finished_at": (datetime.now(UTC) - timedelta(minutes=1)).isoformat(), **fields}


def test_a_job_that_was_in_flight_when_its_account_was_erased_brings_nothing_back(system: System) -> None:
    user = system.new_user()
    job = a_job(user, "I live in Porto.", **before())
    receipt = system.call(user, "POST", "/v1/erasures", {"target": "account", "confirm": "erase"}).json
    record = system.extracted(job)
    assert record.skipped == {"erased": 1}
    assert points_of(system, user) == []
    download = system.call(user, "GET", f"/v1/erasures/{receipt['id']}/receipt")
    assert download.headers["content-disposition"] == f'attachment; filename="erasure-{receipt["id"]}.json"'
    assert download.json["remaining"] == dict.fromkeys(receipt["remaining"], 0)


def test_a_dead_letter_that_is_sent_again_after_the_erasure_brings_nothing_back(system: System) -> None:
    user = system.new_user()
    learned(system, user, "I live in Porto.")
    job = a_job(user, "I like tea.", **before())
    sqs, dead = system.at.aws_client("sqs"), system.stack.aws.queue_url("MemoryJobsDeadLetterQueue")
    sqs.send_message(QueueUrl=dead, MessageBody=json.dumps(job), MessageGroupId=user, MessageDeduplicationId="d")
    system.call(user, "POST", "/v1/erasures", {"target": "account", "confirm": "erase"})
    [letter] = [m for m in system.dead_letters() if m["Body"] == json.dumps(job)]
    system.send(letter["Body"], group=user)
    system.stack.wait_idle(60)
    assert points_of(system, user) == []


def test_a_redelivered_job_whose_record_was_erased_brings_nothing_back(system: System) -> None:
    user = system.new_user()
    job = a_job(user, "I live in Porto.", **before())
    system.extracted(job)
    receipt = system.call(user, "POST", "/v1/erasures", {"target": "account", "confirm": "erase"}).json
    assert receipt["removed"]["memories"] == 2
    assert receipt["removed"]["job_records"] >= 1
    assert system.record(job) is None
    assert system.extracted(job).skipped == {"erased": 1}
    assert points_of(system, user) == []


def test_the_context_function_serves_nothing_that_was_erased(system: System) -> None:
    user = system.new_user()
    learned(system, user, "I live in Porto.")
    assert "Porto" in system.context(account_id=user, query="Where do I live?")["context"]
    system.call(user, "DELETE", f"/memory/user/{user}")
    assert "User lives" not in system.context(account_id=user, query="Where do I live?")["context"]
