"""A policy's rules: which one holds, what is wrong with one, and what is off by default."""

from typing import Any

import pytest
from operator_memory.application.lifecycle.policy_quota import PolicyQuota
from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.lifecycle.policies import (
    Limits,
    Policies,
    StoredPolicy,
    agent_policy_of,
    digest_of,
    policy_of,
    policy_values,
)
from operator_memory.domain.memory.scopes import Kind, Scope
from operator_memory.domain.usage.quota import Quota, WhenFull

from tests.support.builders import ACCOUNT
from tests.support.fakes.lifecycle import InMemoryPolicies
from tests.support.lifecycle.world import a_policy


def test_everything_is_off_by_default() -> None:
    policies = Policies()
    assert not policies.active
    assert not policies.purges
    assert policies.limits(Scope.SESSION, Kind.TURN) == Limits()


def test_the_narrower_rule_wins_field_by_field() -> None:
    policy = a_policy(
        {"scope": "session", "kind": "turn", "time_to_live_days": 4},
        {"kind": "turn", "time_to_live_days": 2, "most_memories": 20},
        {"scope": "session", "time_to_live_days": 3, "most_memories": 30},
        time_to_live_days=1,
        most_memories=10,
        archive_days=9,
    )
    limits = Policies(policy).limits
    assert limits(Scope.USER, Kind.FACT) == Limits(time_to_live_days=1, most_memories=10, archive_days=9)
    assert limits(Scope.AGENT, Kind.TURN) == Limits(time_to_live_days=2, most_memories=20, archive_days=9)
    assert limits(Scope.SESSION, Kind.FACT) == Limits(time_to_live_days=3, most_memories=30, archive_days=9)
    assert limits(Scope.SESSION, Kind.TURN) == Limits(time_to_live_days=4, most_memories=30, archive_days=9)


def test_null_switches_a_broader_rule_off() -> None:
    policy = a_policy({"scope": "user", "time_to_live_days": None}, time_to_live_days=1)
    assert Policies(policy).limits(Scope.USER, Kind.FACT).time_to_live_days is None


def test_an_agents_policy_goes_before_the_accounts_and_is_about_its_memory_only() -> None:
    account = a_policy({"scope": "agent", "kind": "fact", "time_to_live_days": 5}, most_memories=7)
    agent = agent_policy_of({"policies": {"default": {"time_to_live_days": 1}}})
    policies = Policies(account, {"a1": agent})
    assert policies.limits(Scope.AGENT, Kind.FACT, "a1") == Limits(time_to_live_days=1, most_memories=7)
    assert policies.limits(Scope.AGENT, Kind.FACT, "a2").time_to_live_days == 5
    assert policies.limits(Scope.USER, Kind.FACT, "a1").time_to_live_days is None


def test_only_what_the_worker_does_makes_a_policy_active() -> None:
    assert not Policies(a_policy(most_memories=5, when_full="refuse")).active
    assert Policies(a_policy(most_memories=5)).active
    assert Policies(a_policy(archive_days=5)).purges
    assert Policies(agents={"a": a_policy(idle_days_before_archive=1)}).active


def test_a_policy_is_read_back_as_it_was_written() -> None:
    policy = a_policy(
        {"scope": "agent", "most_memories": 3},
        {"kind": "turn", "time_to_live_days": None},
        archive_days=30,
        most_memories=9,
        when_full="refuse",
    )
    assert policy_of(policy_values(policy), "policy") == policy
    assert Policies(policy).limits(Scope.USER, Kind.FACT).when_full is WhenFull.REFUSE
    assert Policies(policy).limits(Scope.AGENT, Kind.FACT).when_full is WhenFull.ARCHIVE, "a rule of its own limit"


def test_other_policies_have_another_digest() -> None:
    one, other = a_policy(archive_days=1), a_policy(archive_days=2)
    digests = {digest_of(Policies(*args)) for args in ((one,), (other,), (one, {"a": other}), (one, {"b": other}))}
    assert len(digests) == 4
    assert digest_of(Policies(one)) == digest_of(Policies(a_policy(archive_days=1)))


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ([], "p"),
        ({"defaults": {}}, "p.defaults"),
        ({"default": 1}, "p.default"),
        ({"default": {"time_to_live": 1}}, "p.default.time_to_live"),
        ({"default": {"time_to_live_days": 0}}, "p.default.time_to_live_days"),
        ({"default": {"time_to_live_days": True}}, "p.default.time_to_live_days"),
        ({"default": {"time_to_live_days": 1.5}}, "p.default.time_to_live_days"),
        ({"default": {"archive_days": 36_501}}, "p.default.archive_days"),
        ({"default": {"most_memories": "5"}}, "p.default.most_memories"),
        ({"default": {"when_full": "explode"}}, "p.default.when_full"),
        ({"rules": {}}, "p.rules"),
        ({"rules": [{"scope": "user"}] * 21}, "p.rules"),
        ({"rules": [1]}, "p.rules[0]"),
        ({"rules": [{"archive_days": 1}]}, "p.rules[0]"),
        ({"rules": [{"scope": "team"}]}, "p.rules[0].scope"),
        ({"rules": [{"scope": "user"}, {"kind": ["turn"]}]}, "p.rules[1].kind"),
        ({"rules": [{"scope": "user"}, {"scope": "user"}]}, "p.rules[1]"),
        ({"default": {"a\x1b[31m": 1}}, "p.default.a?[31m"),
        ({"rules": [{"scope": "user", "most_memories": 1, "when_full": "refuse"}]}, "p.rules[0].when_full"),
    ],
)
def test_what_is_no_policy_is_refused_by_the_name_of_the_field(value: Any, field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        policy_of(value, "p")
    assert refused.value.field == field


def test_an_agent_cannot_shorten_what_is_the_persons() -> None:
    with pytest.raises(InvalidInputError) as refused:
        agent_policy_of({"policies": {"rules": [{"scope": "user", "time_to_live_days": 1}]}})
    assert refused.value.field == "memory_config.policies.rules[0].scope"
    assert agent_policy_of({"tone": "dry"}).rules == ()
    assert agent_policy_of({"policies": None}).rules == ()


def test_an_agent_cannot_have_the_account_refuse() -> None:
    with pytest.raises(InvalidInputError) as refused:
        agent_policy_of({"policies": {"default": {"most_memories": 1, "when_full": "refuse"}}})
    assert refused.value.field == "memory_config.policies.default.when_full"


@pytest.mark.parametrize(
    ("default", "quota"),
    [
        ({}, Quota(100, WhenFull.REFUSE)),
        ({"most_memories": 7}, Quota(100, WhenFull.REFUSE)),
        ({"most_memories": 7, "when_full": "refuse"}, Quota(7, WhenFull.REFUSE)),
        ({"most_memories": 700, "when_full": "refuse"}, Quota(100, WhenFull.REFUSE)),
        ({"when_full": "archive"}, Quota(100, WhenFull.ARCHIVE)),
        ({"most_memories": 7, "when_full": "archive"}, Quota(100, WhenFull.ARCHIVE)),
    ],
)
def test_the_default_rule_says_what_a_full_account_does(default: dict[str, Any], quota: Quota) -> None:
    stored = InMemoryPolicies()
    stored.set_policy(ACCOUNT, StoredPolicy(a_policy(**default)))
    assert PolicyQuota(stored, most=100).quota(ACCOUNT) == quota
