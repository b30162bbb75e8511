"""A UUID in capital letters is the same account, agent, thread, session, member or memory: not another one."""

from typing import Any

import pytest
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType

from tests.support.management.api import Management
from tests.support.management.checks import added, the_event

USER = "9f0c3c2e-2f6e-4f0f-8a55-0d8f4c1c2a77"
SESSION = "5a1e0c9d-77aa-4b6b-9d3f-3d4c0f1f8abc"
OFF = {"memory_enabled": False}
RUN = {"job_id": SESSION, "thread_id": "t", "status": "completed", "finished_at": "2026-11-24T12:00:00Z"}


@pytest.fixture
def platform() -> Management:
    made = Management()
    made.platform.new_user(USER)
    return made


def listed(platform: Management, path: str = "/v1/memories", **query: Any) -> list[str]:
    answer = platform.call("GET", path, user=USER, **query)
    assert answer.status == 200, answer.body
    return answer.ids


def test_an_account_is_one_in_the_query_and_in_the_path(platform: Management) -> None:
    memory = added(platform, USER, "I like tea", account_id=USER.upper())
    again = platform.call("POST", "/v1/memories", user=USER, account_id=USER, body={"memory": "I like tea"})
    assert (again.status, again.json["id"]) == (200, memory["id"]), "the same words of the same account"
    assert listed(platform) == listed(platform, account_id=USER.upper()) == [memory["id"]]
    assert listed(platform, f"/memory/user/{USER.upper()}") == [memory["id"]]
    assert the_event(platform, EventType.ADD).account_id == USER


def test_agents_sessions_threads_and_members_are_found_by_either_spelling(platform: Management) -> None:
    agent, thread = platform.platform.new_agent(AccountId(USER)), platform.platform.new_thread(AccountId(USER))
    names = {"scope": "agent", "agent_id": agent.upper(), "thread_id": thread.upper()}
    of_agent = added(platform, USER, "Answers in French", **names)
    of_session = added(platform, USER, "It is raining", scope="session", session_id=SESSION.upper())
    assert (of_agent["agent_id"], of_agent["thread_id"], of_session["session_id"]) == (agent, thread, SESSION)
    for spelled in (str.lower, str.upper):
        assert listed(platform, f"/memory/agent/{spelled(agent)}") == [of_agent["id"]]
        assert listed(platform, agent_id=spelled(agent)) == listed(platform, thread_id=spelled(thread))
        assert listed(platform, session_id=spelled(SESSION)) == [of_session["id"]]
        search = {"query": "raining", "filter": {"session_id": spelled(SESSION)}}
        assert platform.call("POST", "/v1/memories/search", user=USER, body=search).ids == [of_session["id"]]
        found = platform.call("GET", f"/v1/memories/{spelled(of_agent['id'])}", user=USER).json
        assert {**found, "provenance": None} == of_agent


@pytest.mark.parametrize("what", ["agent", "thread"])
def test_a_switch_is_set_whichever_spelling_names_it(platform: Management, what: str) -> None:
    made: Any = platform.platform.new_agent if what == "agent" else platform.platform.new_thread
    identity = made(AccountId(USER))
    path = f"/v1/{what}s/{identity.upper()}/settings"
    assert platform.call("PATCH", path, user=USER, account_id=USER.upper(), body=OFF).status == 200
    agent, thread = (identity, None) if what == "agent" else (None, identity)
    found = platform.switches.read(AccountId(USER), agent_id=agent, thread_id=thread, session_id=None, timeout=1)
    assert found.off == what


def test_the_session_of_a_thread_is_kept_in_the_spelling_in_which_runs_name_it(platform: Management) -> None:
    thread = platform.platform.new_thread(AccountId(USER))
    body = {"memory_session_id": SESSION.upper()}
    answer = platform.call("PATCH", f"/v1/threads/{thread}/settings", user=USER, body=body)
    assert answer.json["settings"]["memory_session_id"] == SESSION


def test_what_is_erased_is_gone_in_either_spelling(platform: Management) -> None:
    added(platform, USER, "It is raining", scope="session", session_id=SESSION)
    body = {"target": "session", "id": SESSION.upper(), "confirm": "erase"}
    erased = platform.call("POST", "/v1/erasures", user=USER, body=body)
    assert (erased.status, erased.json["target_id"], erased.json["removed"]["memories"]) == (200, SESSION, 1)
    assert listed(platform, session_id=SESSION) == []


def test_a_job_is_one_in_either_spelling_and_a_member_speaks_for_themselves(platform: Management) -> None:
    run = {**RUN, "job_id": SESSION.upper(), "account_id": USER.upper(), "author_id": USER.upper()}
    sent = platform.call("POST", "/v1/jobs", user=USER, account_id=USER, body=run)
    assert (sent.status, sent.json["job_id"]) == (202, SESSION), sent.body
    for spelled in (SESSION, SESSION.upper()):
        assert platform.call("GET", f"/v1/jobs/{spelled}", user=USER).json == sent.json


def test_a_service_that_is_bound_to_an_account_is_bound_to_its_id(platform: Management) -> None:
    token = platform.service_token(account=USER.upper())
    assert platform.call("GET", "/v1/memories", token=token).status == 200
    assert platform.call("GET", "/v1/memories", token=token, account_id=USER).status == 200
    other = USER.replace("9f", "8f")
    assert platform.call("GET", "/v1/memories", token=token, account_id=other.upper()).status == 403
