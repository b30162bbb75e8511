"""Port ``AgentPolicies``: the fake, and `SupabaseAgentPolicies` on a real Postgres."""

import logging
from dataclasses import dataclass

import pytest
from operator_memory.adapters.supabase import agent_policies
from operator_memory.adapters.supabase.agent_policies import SupabaseAgentPolicies
from operator_memory.adapters.supabase.rest import SupabaseRest
from operator_memory.adapters.supabase.settings import SupabasePlatformSettings
from operator_memory.application.ports.lifecycle import AgentPolicies
from operator_memory.application.ports.management import PlatformSettings
from operator_memory.domain.errors import InvalidInputError, MalformedResponseError
from operator_memory.domain.lifecycle.policies import agent_policy_of
from operator_memory.domain.memory.scopes import AccountId

from devstack.supabase import SupabaseFront
from tests.support.fakes.lifecycle import FakeAgentPolicies
from tests.support.fakes.platform import FakePlatform, FakePlatformSettings
from tests.support.loopback import reply
from tests.support.supabase.platform_worlds import TIME_OUT, Failure, Platform, RealPlatform, account, answering
from tests.support.time_outs import AMPLE

pytest_plugins = ["tests.support.supabase.fixtures", "tests.support.supabase.platform_fixtures"]

THIRTY_DAYS: dict[str, object] = {"policies": {"default": {"time_to_live_days": 30}}, "tone": "dry"}


@dataclass
class Agents:
    """A platform, its settings, and the port on it."""

    platform: Platform
    settings: PlatformSettings
    policies: AgentPolicies

    def new(self, owner: AccountId, config: dict[str, object] | None = None) -> str:
        agent = self.platform.new_agent(owner)
        if config is not None:
            assert self.settings.set_agent(owner, agent, {"memory_config": config})
        return agent


@pytest.fixture(params=["fake", "postgres"])
def agents(request: pytest.FixtureRequest) -> Agents:
    if request.param == "fake":
        fake = FakePlatform()
        return Agents(fake, FakePlatformSettings(fake), FakeAgentPolicies(fake))
    front: SupabaseFront = request.getfixturevalue("supabase_front")
    rest: SupabaseRest = request.getfixturevalue("rest")
    settings = SupabasePlatformSettings(rest, timeout=AMPLE)
    return Agents(RealPlatform(front), settings, SupabaseAgentPolicies(rest, timeout=AMPLE))


def test_the_accounts_agents_that_have_a_policy_are_given_with_it(agents: Agents) -> None:
    owner, other = account(agents.platform.new_user()), account(agents.platform.new_user())
    one = agents.new(owner, THIRTY_DAYS)
    agents.new(owner)
    agents.new(owner, {"tone": "dry"})
    agents.new(owner, {"policies": None})
    agents.new(owner, {"policies": {}})
    agents.new(other, THIRTY_DAYS)
    assert agents.policies.policies(owner) == {one: agent_policy_of(THIRTY_DAYS)}
    assert agents.policies.policies(account("no-uuid")) == {}


def test_more_than_a_page_of_them(agents: Agents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_policies, "PAGE", 2)
    owner = account(agents.platform.new_user())
    made = {agents.new(owner, THIRTY_DAYS) for _ in range(4)}
    assert set(agents.policies.policies(owner)) == made


def test_a_bad_policy_is_refused_when_it_is_written_by_the_name_of_the_field(agents: Agents) -> None:
    owner = account(agents.platform.new_user())
    agent = agents.new(owner)
    bad: dict[str, object] = {"policies": {"default": {"time_to_live_days": "soon"}}}
    with pytest.raises(InvalidInputError) as refused:
        agents.settings.set_agent(owner, agent, {"memory_config": bad})
    assert refused.value.field == "memory_config.policies.default.time_to_live_days"
    assert agents.policies.policies(owner) == {}


def test_one_that_was_written_past_the_service_and_cannot_be_read_deletes_nothing_and_is_told(
    platform: RealPlatform, rest: SupabaseRest, caplog: pytest.LogCaptureFixture
) -> None:
    owner = account(platform.new_user())
    bad, good = platform.new_agent(owner), platform.new_agent(owner)
    set_config = "update public.agents set memory_config = %s::jsonb where agent_id = %s"
    platform.sql(set_config, '{"policies": {"default": {"time_to_live_days": "a private word"}}}', bad)
    platform.sql(set_config, '{"policies": {"default": {"time_to_live_days": 30}}}', good)
    with caplog.at_level(logging.WARNING):
        assert set(SupabaseAgentPolicies(rest, timeout=AMPLE).policies(owner)) == {good}
    [record] = [vars(record) for record in caplog.records]
    assert (record["agent_id"], record["field"]) == (bad, "memory_config.policies.default.time_to_live_days")
    assert "private" not in repr(record)


def test_a_database_that_fails_is_told(failure: Failure) -> None:
    with failure.server() as broken, pytest.raises(failure.error):
        SupabaseAgentPolicies(broken, timeout=TIME_OUT).policies(account("00000000-0000-4000-8000-000000000001"))


def test_another_accounts_agents_are_nobodys() -> None:
    owner, agent = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
    row = {"account_id": agent, "agent_id": agent, "memory_config": THIRTY_DAYS}
    with answering(reply([row])) as (_, rest), pytest.raises(MalformedResponseError):
        SupabaseAgentPolicies(rest, timeout=AMPLE).policies(account(owner))
