"""Policies in the API: read, set, previewed, and refused when they make no sense."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from operator_memory.domain.errors import UpstreamTimeoutError
from operator_memory.domain.lifecycle.rounds import PolicyRound
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType

from tests.support.builders import a_memory
from tests.support.fakes.core import FakeClock
from tests.support.management.api import Management
from tests.support.management.checks import belonging_to, is_problem, the_event

POLICY = {
    "default": {"archive_days": 365},
    "rules": [{"scope": "session", "kind": "turn", "time_to_live_days": 30, "idle_days_before_archive": None}],
}


@pytest.fixture
def platform() -> Management:
    return Management()


@pytest.fixture
def user(platform: Management) -> str:
    return platform.platform.new_user()


def old(user: str, text: str, days: float = 400, **fields: Any) -> Memory:
    """A memory of the user's account, so many days before the management's clock."""
    created = FakeClock().now() - timedelta(days=days)
    return replace(belonging_to(user, a_memory(text, **fields)), created_at=created)


def test_nothing_is_set_at_first(platform: Management, user: str) -> None:
    assert platform.call("GET", "/v1/policies", user=user).json == {
        "policy": {"default": {}, "rules": []},
        "updated_at": None,
        "updated_by": None,
        "last_applied_at": None,
        "exempt_from_importance": 0.8,
    }


def test_a_policy_is_given_back_as_it_was_set_and_the_account_is_due(platform: Management, user: str) -> None:
    now = platform.clock.now()
    answer = platform.call("PUT", "/v1/policies", user=user, body=POLICY).json
    assert answer["policy"] == POLICY
    assert (answer["updated_by"], answer["last_applied_at"]) == (f"user:{user}", None)
    assert platform.call("GET", "/v1/policies", user=user).json == answer
    assert platform.expiry.entries[AccountId(user)].due_at == now
    event = the_event(platform, EventType.SETTINGS_CHANGE)
    assert event.metadata == {"of": "policies", "fields": "policies"}
    platform.policies.note_round(AccountId(user), PolicyRound(now, now, "d"))
    applied = platform.call("GET", "/v1/policies", user=user).json["last_applied_at"]
    assert applied.startswith("2026-11-24T09:00:00")


def test_setting_takes_the_place_of_what_was_set_before(platform: Management, user: str) -> None:
    platform.call("PUT", "/v1/policies", user=user, body=POLICY)
    assert platform.call("PUT", "/v1/policies", user=user, body={}).json["policy"] == {"default": {}, "rules": []}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"rules": [{"scope": "team", "time_to_live_days": 1}]}, "rules.scope"),
        ({"default": {"time_to_live_days": 0}}, "default.time_to_live_days"),
        ({"default": {"time_to_live_days": "30"}}, "default.time_to_live_days"),
        ({"default": {"time_to_live_days": True}}, "default.time_to_live_days"),
        ({"default": {"ttl": 1}}, "default.ttl"),
        ({"rules": [{"time_to_live_days": 1}]}, "policy.rules[0]"),
        ({"rules": [{"kind": "fact"}, {"kind": "fact"}]}, "policy.rules[1]"),
        ({"rules": [{"kind": "fact"}] * 21}, "rules"),
        ({"default": {"when_full": None}}, "default.when_full"),
        ({"policy": {}}, "policy"),
    ],
)
def test_what_is_no_policy_is_refused_by_the_name_of_the_field(
    platform: Management, user: str, body: dict[str, Any], field: str
) -> None:
    is_problem(platform.call("PUT", "/v1/policies", user=user, body=body), 422, field)
    assert platform.policies.stored == {}
    assert platform.expiry.entries == {}


def test_an_agents_configuration_brings_a_policy_and_a_bad_one_is_refused(platform: Management, user: str) -> None:
    agent = platform.platform.new_agent(AccountId(user))
    path = f"/v1/agents/{agent}/settings"
    good = {"memory_config": {"policies": {"default": {"time_to_live_days": 30}}}}
    bad = {"memory_config": {"policies": {"rules": [{"scope": "session", "time_to_live_days": 30}]}}}
    is_problem(platform.call("PATCH", path, user=user, body=bad), 422, "memory_config.policies.rules[0].scope")
    assert platform.expiry.entries == {}
    assert platform.call("PATCH", path, user=user, body=good).status == 200
    assert platform.expiry.entries[AccountId(user)].due_at == platform.clock.now()
    assert set(platform.agent_policies.policies(AccountId(user))) == {agent}


def test_a_preview_says_what_goes_and_why_and_takes_nothing(platform: Management, user: str) -> None:
    platform.put(old(user, "old"), old(user, "old but pinned", pinned=True), old(user, "new", days=1))
    body = {"policy": {"default": {"time_to_live_days": 30}}, "samples": 1}
    answer = platform.call("POST", "/v1/policies/preview", user=user, body=body).json
    assert answer["counts"] == [
        {"fate": "delete", "reason": "time_to_live", "count": 1},
        {"fate": "keep", "reason": "not_due", "count": 1},
        {"fate": "keep", "reason": "pinned", "count": 1},
    ]
    assert {(sample["memory"], sample["reason"]) for sample in answer["samples"]} == {
        ("old", "time_to_live"),
        ("old but pinned", "pinned"),
    }
    assert (answer["stopped_early"], answer["continue_at"], answer["leaving_archive"]) == (False, None, None)
    assert len(platform.memories.of(AccountId(user))) == 3
    assert platform.policies.stored == {}
    stored = platform.call("POST", "/v1/policies/preview", user=user, body={}).json
    assert stored["counts"] == [{"fate": "keep", "reason": "not_due", "count": 3}]


def test_a_preview_in_parts(platform: Management, user: str) -> None:
    platform.put(old(user, "old"))
    body: dict[str, Any] = {"policy": {"default": {"time_to_live_days": 30}}}
    platform.seconds_left = lambda: 3.0
    part = platform.call("POST", "/v1/policies/preview", user=user, body=body).json
    assert (part["counts"], part["stopped_early"], part["continue_at"]) == ([], True, "agent/fact")
    platform.seconds_left = lambda: 900.0
    body["continue_at"] = part["continue_at"]
    rest = platform.call("POST", "/v1/policies/preview", user=user, body=body).json
    assert [count["count"] for count in rest["counts"]] == [1]


def test_a_service_that_may_not_read_memories_sees_no_texts(platform: Management, user: str) -> None:
    platform.put(old(user, "a private word"))
    body = {"policy": {"default": {"time_to_live_days": 30}}}

    def preview(*scopes: str) -> str:
        token = platform.service_token(*scopes, account=user)
        return platform.call("POST", "/v1/policies/preview", token=token, body=body).body

    assert "a private word" in preview("memories:clear", "memories:read")
    assert "a private word" not in preview("memories:clear")


@pytest.mark.parametrize("body", [{"samples": 51}, {"samples": -1}, {"samples": True}, {"continue_at": "x" * 2_001}])
def test_a_preview_that_asks_for_too_much_is_refused(platform: Management, user: str, body: dict[str, Any]) -> None:
    is_problem(platform.call("POST", "/v1/policies/preview", user=user, body=body), 422, next(iter(body)))


@pytest.mark.parametrize("continue_at", ["zzz", "~archive", "~archiveX", "\u0000", ""])
def test_a_place_that_nobody_gave_is_no_error(platform: Management, user: str, continue_at: str) -> None:
    body = {"continue_at": continue_at}
    assert platform.call("POST", "/v1/policies/preview", user=user, body=body).status == 200


def test_a_platform_that_cannot_be_asked_sets_no_agents_policy(platform: Management, user: str) -> None:
    agent = platform.platform.new_agent(AccountId(user))
    platform.platform.error = UpstreamTimeoutError("supabase", "no answer")
    body = {"memory_config": {"policies": {"default": {"time_to_live_days": 30}}}}
    is_problem(platform.call("PATCH", f"/v1/agents/{agent}/settings", user=user, body=body), 503)
    assert platform.expiry.entries == {}
