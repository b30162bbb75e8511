"""``POST /v1/memories/used``, and what an agent adds: whose words they are."""

from uuid import uuid4

import pytest
from operator_memory.domain.memory.provenance import SourceClass
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType

from tests.support.builders import a_memory
from tests.support.management.api import Management
from tests.support.management.checks import belonging_to, is_problem, the_event

TEA, COFFEE = a_memory("Drinks tea."), a_memory("Drinks coffee.")


def test_what_an_answer_cited_is_on_record(platform: Management, user: str) -> None:
    tea, coffee = belonging_to(user, TEA), belonging_to(user, COFFEE)
    platform.put(tea, coffee)
    body = {"memory_ids": [tea.id, tea.id, coffee.id], "agent_id": "helper", "thread_id": "thread-1"}
    assert platform.call("POST", "/v1/memories/used", user=user, body=body).json == {"noted": 2}
    event = the_event(platform, EventType.USE)
    assert set(event.memory_ids) == {tea.id, coffee.id}
    assert (event.actor, event.agent_id, event.thread_id) == (f"user:{user}", "helper", "thread-1")
    assert event.query is None


def test_memories_of_others_are_left_out(platform: Management, user: str) -> None:
    other = platform.platform.new_user()
    theirs = belonging_to(other, TEA)
    platform.put(theirs)
    body = {"memory_ids": [theirs.id, str(uuid4())]}
    assert platform.call("POST", "/v1/memories/used", user=user, body=body).json == {"noted": 0}
    assert [event for event in platform.events.events if event.type is EventType.USE] == []


@pytest.mark.parametrize("ids", [[], ["*"], ["m335"], [str(uuid4())] * 51, None])
def test_ids_are_checked(platform: Management, user: str, ids: object) -> None:
    answer = platform.call("POST", "/v1/memories/used", user=user, body={"memory_ids": ids})
    assert answer.status == 422
    assert answer.json["field"].startswith("memory_ids")


def test_what_an_agent_wrote_counts_as_the_assistants(platform: Management, user: str) -> None:
    body = {"memory": "Keeps bees.", "source_class": "assistant"}
    token = platform.service_token()
    answer = platform.call("POST", "/v1/memories", token=token, account_id=user, body=body)
    stored = platform.writer.stored(AccountId(user), [answer.json["id"]])[answer.json["id"]]
    assert stored.source_class is SourceClass.ASSISTANT
    assert the_event(platform, EventType.ADD).metadata == {"source": "assistant"}


def test_nobody_can_claim_more_trust_than_by_hand(platform: Management, user: str) -> None:
    body = {"memory": "Keeps bees.", "source_class": "person"}
    is_problem(platform.call("POST", "/v1/memories", user=user, body=body), 422, "source_class")
