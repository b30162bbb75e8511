"""Usage, budgets and quotas, as people and services see them."""

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.management.export_line import memory_line
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, Kind
from operator_memory.domain.shared.audit_events import EventType
from operator_memory.domain.usage.budget import Limit
from operator_memory.domain.usage.counts import Counts, Prices, UsageEvent
from operator_memory.domain.usage.quota import WhenFull

from tests.support.builders import SESSION_KEY, a_memory
from tests.support.fakes.usage import FixedQuota
from tests.support.management.api import Management, Terms
from tests.support.management.checks import belonging_to, is_problem, of_type

NOTHING_USED = {
    "jobs": 0, "jobs_by_rules": 0, "llm_calls": 0, "prompt_tokens": 0, "completion_tokens": 0, "estimated_usd": 0.0,
    "memories_added": 0, "memories_superseded": 0, "facts_rejected": 0, "contexts": 0, "memories_injected": 0,
    "searches": 0,
}  # fmt: skip


def spent(
    platform: Management, user: str, *, days_ago: int = 0, agent: str | None = "agent-1", cents: int = 10
) -> None:
    counts = Counts(jobs=1, llm_calls=2, prompt_tokens=900, completion_tokens=100, cost_micro_cents=cents * 1_000_000)
    at = platform.clock.now() - timedelta(days=days_ago)
    platform.usage.count(AccountId(user), [UsageEvent(at, counts, agent)], now=at)


def facts(user: str, *texts: str, **fields: Any) -> list[Memory]:
    return [belonging_to(user, a_memory(text, **fields)) for text in texts]


# ---- usage ---------------------------------------------------------------------------------------------------------


def test_usage_of_an_account_that_has_used_nothing() -> None:
    platform = Management()
    user = platform.platform.new_user()
    usage = platform.call("GET", "/v1/usage", user=user).json
    assert usage["bytes"] == {"payload": 0, "vectors": 0, "error_percent": 0.0}
    assert usage["archived"] == {"memories": 0, "bytes": 0}
    assert usage["quota"] == {"facts": 0, "most_facts": 20_000, "when_full": "refuse", "state": "ok"}
    assert usage["month"] == {"month": "2026-11", **NOTHING_USED}
    assert usage["budget"] == {
        "limit": {"cents": None, "tokens": None},
        "used": {"cents": 0.0, "tokens": 0},
        "state": "ok",
    }


def test_usage_tells_bytes_the_quota_and_this_months_use() -> None:
    platform = Management(terms=Terms(quota=FixedQuota(2), default_limit=Limit(cents=24)))
    user, other = platform.platform.new_user(), platform.platform.new_user()
    platform.put(*facts(user, "tea", "toast"), *facts(other, "their own"))
    for days_ago in (0, 3, 40):
        spent(platform, user, days_ago=days_ago)
    spent(platform, other)
    usage = platform.call("GET", "/v1/usage", user=user).json
    assert usage["bytes"] == {"payload": len('"tea"') + len('"toast"'), "vectors": 2 * 4 * 32, "error_percent": 0.0}
    assert usage["quota"] == {"facts": 2, "most_facts": 2, "when_full": "refuse", "state": "full"}
    used = {"jobs": 2, "llm_calls": 4, "prompt_tokens": 1800, "completion_tokens": 200, "estimated_usd": 0.2}
    assert usage["month"] == {"month": "2026-11", **NOTHING_USED, **used}
    assert usage["budget"] == {
        "limit": {"cents": 24, "tokens": None},
        "used": {"cents": 20.0, "tokens": 2000},
        "state": "near",
    }


def test_without_prices_no_cost_is_told() -> None:
    platform = Management(terms=Terms(prices=Prices(), default_limit=Limit(tokens=1_000)))
    user = platform.platform.new_user()
    spent(platform, user, cents=0)
    usage = platform.call("GET", "/v1/usage", user=user).json
    assert usage["month"]["estimated_usd"] is None
    assert usage["budget"] == {
        "limit": {"cents": None, "tokens": 1_000},
        "used": {"cents": None, "tokens": 1_000},
        "state": "used_up",
    }


def test_counts_that_cannot_be_read_are_a_503() -> None:
    platform = Management()
    user = platform.platform.new_user()
    platform.usage.error = platform.budgets.error = UpstreamUnavailableError("dynamodb", "throttled")
    for path in ("/v1/usage", "/v1/usage/days", "/v1/budget"):
        is_problem(platform.call("GET", path, user=user), 503)


# ---- days ----------------------------------------------------------------------------------------------------------


def test_days_are_listed_by_day_and_agent() -> None:
    platform = Management()
    user = platform.platform.new_user()
    for days_ago, agent in ((0, "agent-1"), (0, None), (2, "agent-2"), (29, "agent-1"), (30, "agent-1")):
        spent(platform, user, days_ago=days_ago, agent=agent)
    spent(platform, platform.platform.new_user())
    found = platform.call("GET", "/v1/usage/days", user=user).json
    assert [(row["day"], row["agent_id"]) for row in found["days"]] == [
        ("2026-10-26", "agent-1"),
        ("2026-11-22", "agent-2"),
        ("2026-11-24", None),
        ("2026-11-24", "agent-1"),
    ]
    assert found["next_cursor"] is None
    assert found["days"][0]["estimated_usd"] == 0.1
    of_one = platform.call("GET", "/v1/usage/days", user=user, agent_id="agent-2").json
    assert len(of_one["days"]) == 1
    october: dict[str, Any] = {"from": "2026-10-01", "to": "2026-10-25"}
    of_old = platform.call("GET", "/v1/usage/days", user=user, **october).json
    assert [row["day"] for row in of_old["days"]] == ["2026-10-25"]


def test_days_come_in_pages() -> None:
    platform = Management()
    user = platform.platform.new_user()
    for days_ago in range(5):
        spent(platform, user, days_ago=days_ago)
    found: list[str] = []
    cursor = None
    while cursor is not None or not found:
        page = platform.call("GET", "/v1/usage/days", user=user, limit=2, cursor=cursor).json
        found += [row["day"] for row in page["days"]]
        cursor = page["next_cursor"]
    assert found == [(date(2026, 11, 20) + timedelta(days=n)).isoformat() for n in range(5)]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "2026-11-25", "to": "2026-11-24"}, "from"),
        ({"from": "2025-01-01"}, "from"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-13-01"}, "to"),
        ({"limit": 0}, "limit"),
        ({"limit": 1_001}, "limit"),
        ({"cursor": "BUDGET"}, "cursor"),
        ({"cursor": "2026-11-24#a\x7f"}, "cursor"),
        ({"agent_id": "#"}, "agent_id"),
    ],
)
def test_what_is_wrong_with_a_list_of_days_is_named(query: dict[str, Any], field: str) -> None:
    platform = Management()
    is_problem(platform.call("GET", "/v1/usage/days", user=platform.platform.new_user(), **query), 422, field)


def test_the_first_days_of_all_are_no_error() -> None:
    platform = Management()
    answer = platform.call("GET", "/v1/usage/days", user=platform.platform.new_user(), to="0001-01-05")
    assert (answer.status, answer.json["days"]) == (200, [])


# ---- budgets -------------------------------------------------------------------------------------------------------


def limits(view: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {name: (view[name]["cents"], view[name]["tokens"]) for name in ("limit", "granted", "own", "default")}


def test_a_service_grants_and_an_owner_stays_below() -> None:
    platform = Management(terms=Terms(default_limit=Limit(cents=100)))
    user = platform.platform.new_user()
    token = platform.service_token()
    assert limits(platform.call("GET", "/v1/budget", user=user).json)["limit"] == (100, None)
    granted = platform.call("PUT", "/v1/budget", token=token, account_id=user, body={"cents": 500}).json
    assert limits(granted) == {
        "limit": (500, None),
        "granted": (500, None),
        "own": (None, None),
        "default": (100, None),
    }
    own = platform.call("PUT", "/v1/budget", user=user, body={"cents": 9_000, "tokens": 77}).json
    assert limits(own)["limit"] == (500, 77), "an owner sets nothing above what is granted"
    lower = platform.call("PUT", "/v1/budget", user=user, body={"cents": 0}).json
    assert (limits(lower)["limit"], lower["state"]) == ((0, None), "used_up")
    none = platform.call("PUT", "/v1/budget", user=user, body={}).json
    assert (limits(none)["limit"], none["state"]) == ((500, None), "ok")
    back = platform.call("PUT", "/v1/budget", token=token, account_id=user, body={"cents": None}).json
    assert limits(back)["limit"] == (100, None)


def test_setting_a_budget_is_on_the_trail() -> None:
    platform = Management()
    user = platform.platform.new_user()
    platform.call("PUT", "/v1/budget", user=user, body={"tokens": 5})
    [event] = of_type(platform, EventType.SETTINGS_CHANGE)
    assert (event.actor, dict(event.metadata)) == (f"user:{user}", {"of": "budget", "part": "own", "tokens": 5})


def test_a_cost_that_cannot_be_estimated_cannot_be_limited() -> None:
    platform = Management(terms=Terms(prices=Prices()))
    user = platform.platform.new_user()
    is_problem(platform.call("PUT", "/v1/budget", user=user, body={"cents": 5}), 422, "cents")
    assert platform.call("PUT", "/v1/budget", user=user, body={"tokens": 5}).status == 200


@pytest.mark.parametrize("body", [{"cents": -1}, {"tokens": 1.5}, {"cents": 10**10}, {"dollars": 1}, {"cents": "much"}])
def test_a_budget_that_is_none_is_refused(body: dict[str, Any]) -> None:
    platform = Management()
    user = platform.platform.new_user()
    is_problem(platform.call("PUT", "/v1/budget", user=user, body=body), 422, next(iter(body)))
    assert platform.budgets.budgets == {}


# ---- quotas --------------------------------------------------------------------------------------------------------


def test_a_full_account_refuses_one_more_and_says_how_full_it_is() -> None:
    platform = Management(terms=Terms(quota=FixedQuota(2)))
    user = platform.platform.new_user()
    platform.put(*facts(user, "tea", "toast"), *facts(user, "a turn", key=SESSION_KEY, kind=Kind.TURN))
    answer = platform.call("POST", "/v1/memories", user=user, body={"memory": "Likes jam."})
    is_problem(answer, 409)
    assert (answer.json["title"], answer.json["facts"], answer.json["most_facts"]) == ("Quota full", 2, 2)


def test_what_is_there_already_needs_no_room() -> None:
    platform = Management(terms=Terms(quota=FixedQuota(1)))
    user = platform.platform.new_user()
    first = platform.call("POST", "/v1/memories", user=user, body={"memory": "Likes jam."})
    again = platform.call("POST", "/v1/memories", user=user, body={"memory": "Likes jam."})
    assert (first.status, again.status) == (201, 200)


def test_a_full_account_archives_the_least_important_where_its_policy_says_so() -> None:
    platform = Management(terms=Terms(quota=FixedQuota(3, WhenFull.ARCHIVE)))
    user = platform.platform.new_user()
    weak, pinned, strong = (
        facts(user, "weak", importance=0.2)
        + facts(user, "pinned", importance=0.1, pinned=True)
        + (facts(user, "strong", importance=0.9))
    )
    platform.put(weak, pinned, strong)
    assert platform.call("POST", "/v1/memories", user=user, body={"memory": "Likes jam."}).status == 201
    assert platform.archiver.archived == {weak.id: "over_quota"}
    assert platform.call("GET", "/v1/usage", user=user).json["quota"]["facts"] == 3


def test_an_account_full_of_pinned_facts_refuses() -> None:
    platform = Management(terms=Terms(quota=FixedQuota(1, WhenFull.ARCHIVE)))
    user = platform.platform.new_user()
    platform.put(*facts(user, "pinned", pinned=True))
    is_problem(platform.call("POST", "/v1/memories", user=user, body={"memory": "Likes jam."}), 409)
    assert platform.archiver.archived == {}


def test_an_archive_that_fails_loses_nothing() -> None:
    platform = Management(terms=Terms(quota=FixedQuota(1, WhenFull.ARCHIVE)))
    user = platform.platform.new_user()
    platform.put(*facts(user, "weak"))
    platform.archiver.error = UpstreamUnavailableError("s3", "throttled")
    is_problem(platform.call("POST", "/v1/memories", user=user, body={"memory": "Likes jam."}), 503)
    assert [memory.text for memory in platform.memories.of(AccountId(user))] == ["weak"]


def imported(platform: Management, user: str, *memories: Memory) -> Any:
    body = "\n".join(json.dumps(memory_line(memory)) for memory in memories).encode()
    return platform.call("POST", "/v1/import", user=user, body=body).json


def test_an_import_brings_back_as_many_facts_as_there_is_room_for() -> None:
    platform = Management(terms=Terms(quota=FixedQuota(2)))
    user = platform.platform.new_user()
    platform.put(*facts(user, "there"))
    turn = belonging_to(user, a_memory("a turn", key=SESSION_KEY, kind=Kind.TURN))
    report = imported(platform, user, *facts(user, "one", "two"), turn, *facts(user, "there", "three"))
    assert (report["added"], report["duplicates"]) == (2, 1)
    full = "the account is full: it may have no more facts"
    assert report["rejected"] == [{"line": 2, "reason": full}, {"line": 5, "reason": full}]


def test_what_is_not_in_force_needs_no_room() -> None:
    platform = Management(terms=Terms(quota=FixedQuota(1)))
    user = platform.platform.new_user()
    platform.put(*facts(user, "there"))
    [old] = facts(user, "old")
    ended = replace(old, superseded_by=facts(user, "there")[0].id, valid_until=platform.clock.now())
    assert imported(platform, user, ended)["added"] == 1


def test_an_import_into_a_full_account_makes_room_where_its_policy_says_so() -> None:
    platform = Management(terms=Terms(quota=FixedQuota(2, WhenFull.ARCHIVE)))
    user = platform.platform.new_user()
    old = facts(user, "old", "older", importance=0.1)
    platform.put(*old)
    report = imported(platform, user, *facts(user, "one", "two", importance=0.9))
    assert (report["added"], report["rejected"]) == (2, [])
    assert set(platform.archiver.archived) == {memory.id for memory in old}
