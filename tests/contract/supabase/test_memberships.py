"""Port ``Memberships``: the fake, and `SupabaseMemberships` on a real Postgres with real roles."""

from uuid import uuid4

import pytest
from operator_memory.adapters.supabase.memberships import (
    MAX_AGE_OF_NOTHING_SECONDS,
    MAX_AGE_SECONDS,
    SupabaseMemberships,
)
from operator_memory.domain.errors import MalformedResponseError, UpstreamUnavailableError
from operator_memory.domain.management.identity import Role

from tests.support.fakes.core import FakeClock
from tests.support.loopback import reply
from tests.support.supabase.platform_worlds import (
    HOSTILE_IDS,
    TIME_OUT,
    Failure,
    RealPlatform,
    World,
    account,
    answering,
)

pytest_plugins = ["tests.support.supabase.fixtures", "tests.support.supabase.platform_fixtures"]

USER, TEAM, AGENT = str(uuid4()), str(uuid4()), str(uuid4())


class TestRoles:
    def test_owners_members_and_nobody_else(self, world: World) -> None:
        owner, member, stranger = (world.platform.new_user() for _ in range(3))
        team = world.platform.new_team(owner, member)
        roles = [world.memberships.role(user, team) for user in (owner, member, stranger)]
        assert roles == [Role.OWNER, Role.MEMBER, None]

    def test_everybody_owns_their_personal_account_and_no_other(self, world: World) -> None:
        one, other = world.platform.new_user(), world.platform.new_user()
        assert world.memberships.role(one, account(one)) is Role.OWNER
        assert world.memberships.role(one, account(other)) is None

    def test_a_member_of_one_team_is_nobody_in_another(self, world: World) -> None:
        owner, member = world.platform.new_user(), world.platform.new_user()
        ours, theirs = world.platform.new_team(owner, member), world.platform.new_team(owner)
        assert (world.memberships.role(member, ours), world.memberships.role(member, theirs)) == (Role.MEMBER, None)

    def test_an_account_that_does_not_exist_has_no_members(self, world: World) -> None:
        assert world.memberships.role(world.platform.new_user(), account(TEAM)) is None

    def test_who_was_removed_is_out_within_a_minute(self, world: World) -> None:
        owner, member = world.platform.new_user(), world.platform.new_user()
        team = world.platform.new_team(owner, member)
        assert world.memberships.role(member, team) is Role.MEMBER
        world.platform.remove_member(team, member)
        world.later()
        assert world.memberships.role(member, team) is None

    @pytest.mark.parametrize("hostile", HOSTILE_IDS)
    def test_an_id_that_the_platform_cannot_have_is_nobody_anywhere(self, world: World, hostile: str) -> None:
        user = world.platform.new_user()
        assert world.memberships.role(hostile, account(user)) is None
        assert world.memberships.role(user, account(hostile)) is None
        assert world.memberships.account_of_agent(hostile) is None

    def test_another_spelling_of_an_id_is_not_that_id(self, world: World) -> None:
        user = world.platform.new_user()
        agent = world.platform.new_agent(account(user))
        for spelling in (str.upper, lambda text: text.replace("-", ""), lambda text: f"{{{text}}}"):
            assert world.memberships.role(spelling(user), account(user)) is None
            assert world.memberships.role(user, account(spelling(user))) is None
            assert world.memberships.account_of_agent(spelling(agent)) is None


class TestAgents:
    def test_an_agent_belongs_to_the_account_that_made_it(self, world: World) -> None:
        user = world.platform.new_user()
        team = world.platform.new_team(user)
        mine, ours = world.platform.new_agent(account(user)), world.platform.new_agent(team)
        assert (world.memberships.account_of_agent(mine), world.memberships.account_of_agent(ours)) == (user, team)

    def test_an_unknown_agent_belongs_to_nobody(self, world: World) -> None:
        assert world.memberships.account_of_agent(AGENT) is None

    def test_that_it_is_public_opens_nothing(self, real: World, platform: RealPlatform) -> None:
        owner, stranger = platform.new_user(), platform.new_user()
        agent = platform.new_agent(account(owner))
        platform.sql("update public.agents set is_public = true where agent_id = %s", agent)
        assert real.memberships.account_of_agent(agent) == owner
        assert real.memberships.role(stranger, account(owner)) is None


def member(role: object = "member", **other: object) -> bytes:
    return reply([{"user_id": USER, "account_id": TEAM, "account_role": role, **other}])


class TestHowItIsRead:
    def test_the_filters_name_both_ids_in_basejumps_own_schema(self) -> None:
        with answering(member()) as (server, rest):
            SupabaseMemberships(rest, clock=FakeClock()).role(USER, account(TEAM))
        [request] = server.requests
        assert request.path == (
            f"/rest/v1/account_user?select=user_id%2Caccount_id%2Caccount_role&user_id=eq.{USER}&account_id=eq.{TEAM}"
        )
        assert (request.method, request.headers["accept-profile"]) == ("GET", "basejump")

    def test_no_request_is_made_for_what_cannot_exist(self) -> None:
        with answering(member()) as (server, rest):
            memberships = SupabaseMemberships(rest, clock=FakeClock())
            memberships.role("ada", account(TEAM))
            memberships.role(USER, account("acme"))
            memberships.account_of_agent("helper")
        assert server.requests == []

    def test_a_role_is_used_for_a_minute_and_not_longer(self) -> None:
        clock = FakeClock()
        with answering(member("owner"), reply([])) as (server, rest):
            memberships = SupabaseMemberships(rest, clock=clock)
            assert memberships.role(USER, account(TEAM)) is Role.OWNER
            clock.advance(seconds=MAX_AGE_SECONDS - 0.001)
            assert memberships.role(USER, account(TEAM)) is Role.OWNER
            assert len(server.requests) == 1
            clock.advance(seconds=0.001)
            assert memberships.role(USER, account(TEAM)) is None
        assert MAX_AGE_SECONDS <= 60

    def test_that_there_was_none_is_used_for_half_a_minute(self) -> None:
        clock = FakeClock()
        with answering(reply([]), member()) as (server, rest):
            memberships = SupabaseMemberships(rest, clock=clock)
            assert memberships.role(USER, account(TEAM)) is None
            clock.advance(seconds=MAX_AGE_OF_NOTHING_SECONDS - 0.001)
            assert memberships.role(USER, account(TEAM)) is None
            assert len(server.requests) == 1
            clock.advance(seconds=0.001)
            assert memberships.role(USER, account(TEAM)) is Role.MEMBER

    def test_an_agents_account_is_used_for_a_minute(self) -> None:
        clock = FakeClock()
        with answering(reply([{"agent_id": AGENT, "account_id": TEAM}]), reply([])) as (server, rest):
            memberships = SupabaseMemberships(rest, clock=clock)
            assert [memberships.account_of_agent(AGENT) for _ in range(3)] == [TEAM] * 3
            assert len(server.requests) == 1
            clock.advance(seconds=MAX_AGE_SECONDS)
            assert memberships.account_of_agent(AGENT) is None

    def test_no_more_answers_are_kept_than_allowed(self) -> None:
        with answering(reply([])) as (server, rest):
            memberships = SupabaseMemberships(rest, clock=FakeClock(), max_entries=2)
            users = [str(uuid4()) for _ in range(3)]
            for user in (*users, *users[1:]):
                memberships.role(user, account(TEAM))
            assert len(server.requests) == 3
            memberships.role(users[0], account(TEAM))
            assert len(server.requests) == 4


class TestFailures:
    def test_what_it_is_and_within_the_time(self, failure: Failure) -> None:
        with failure.server() as rest:
            memberships = SupabaseMemberships(rest, clock=FakeClock(), timeout=TIME_OUT)
            with pytest.raises(failure.error, match="supabase") as raised:
                memberships.role(USER, account(TEAM))
            with pytest.raises(failure.error, match="supabase"):
                memberships.account_of_agent(AGENT)
        assert "secret" not in str(raised.value)

    def test_no_right_outlives_its_minute_while_supabase_is_down(self) -> None:
        clock = FakeClock()
        with answering(member(), reply(b"", 503)) as (_, rest):
            memberships = SupabaseMemberships(rest, clock=clock)
            memberships.role(USER, account(TEAM))
            clock.advance(seconds=MAX_AGE_SECONDS - 1)
            assert memberships.role(USER, account(TEAM)) is Role.MEMBER
            clock.advance(seconds=1)
            with pytest.raises(UpstreamUnavailableError):
                memberships.role(USER, account(TEAM))

    @pytest.mark.parametrize(
        "answer",
        [
            member("admin"),
            member(None),
            member(user_id=str(uuid4())),
            member(account_id=str(uuid4())),
            reply([{"account_role": "owner"}]),
            reply([{"user_id": USER, "account_id": TEAM, "account_role": "owner"}] * 2),
        ],
    )
    def test_an_answer_about_others_or_of_no_known_role_gives_no_rights(self, answer: bytes) -> None:
        with answering(answer) as (_, rest), pytest.raises(MalformedResponseError):
            SupabaseMemberships(rest, clock=FakeClock()).role(USER, account(TEAM))

    @pytest.mark.parametrize("owner", [None, 7, "acme"])
    def test_an_agent_of_no_account_is_malformed(self, owner: object) -> None:
        answer = reply([{"agent_id": AGENT, "account_id": owner}])
        with answering(answer) as (_, rest), pytest.raises(MalformedResponseError):
            SupabaseMemberships(rest, clock=FakeClock()).account_of_agent(AGENT)
