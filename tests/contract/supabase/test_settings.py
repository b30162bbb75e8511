"""Port ``PlatformSettings``: the fake, and `SupabasePlatformSettings` on a real Postgres with real roles."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from operator_memory.adapters.supabase.rest import SupabaseRest
from operator_memory.adapters.supabase.settings import SupabasePlatformSettings
from operator_memory.application.ports.management import PlatformSettings
from operator_memory.domain.errors import InvalidInputError, MalformedResponseError, NotFoundError

from tests.support.loopback import reply
from tests.support.supabase.platform_worlds import (
    FAILURES,
    HOSTILE_IDS,
    Failure,
    RealPlatform,
    World,
    account,
    answering,
)
from tests.support.supabase.tenants import Connect

pytest_plugins = ["tests.support.supabase.fixtures", "tests.support.supabase.platform_fixtures"]

ACCOUNT, AGENT = account(str(uuid4())), str(uuid4())
OFF: dict[str, object] = {"memory_enabled": False}


class TestAnAccount:
    def test_has_its_defaults_until_something_is_set(self, world: World) -> None:
        user = account(world.platform.new_user())
        default = {"memory_enabled": True, "record_queries": False, "updated_at": None}
        assert world.settings.account(user) == default
        assert world.settings.account(account("acme")) == default

    def test_what_is_not_named_stays(self, world: World) -> None:
        user = account(world.platform.new_user())
        world.settings.set_account(user, {"record_queries": True}, user_id=user)
        world.settings.set_account(user, OFF, user_id=user)
        found = world.settings.account(user)
        assert (found["memory_enabled"], found["record_queries"]) == (False, True)
        world.settings.set_account(user, {"memory_enabled": True, "record_queries": False}, user_id=user)
        found = world.settings.account(user)
        assert (found["memory_enabled"], found["record_queries"]) == (True, False)

    def test_it_is_noted_when(self, world: World) -> None:
        user = account(world.platform.new_user())
        world.settings.set_account(user, OFF, user_id=user)
        updated_at = datetime.fromisoformat(str(world.settings.account(user)["updated_at"]))
        assert abs(datetime.now(UTC) - updated_at) < timedelta(minutes=1)

    def test_it_is_noted_who_and_that_it_was_no_person(self, real: World, platform: RealPlatform) -> None:
        owner = platform.new_user()
        team = platform.new_team(owner)
        for by, noted in ((owner, owner), (None, None), (owner, owner), ("runtime", None)):
            real.settings.set_account(team, OFF, user_id=by)
            [(updated_by,)] = platform.sql("select updated_by from public.memory_settings where account_id = %s", team)
            assert (updated_by and str(updated_by)) == noted

    def test_a_person_who_sets_it_on_the_platform_is_noted_whatever_was_there(
        self, real: World, platform: RealPlatform, connect: Connect
    ) -> None:
        owner, other = platform.new_user(), platform.new_user()
        team = platform.new_team(owner)
        real.settings.set_account(team, OFF, user_id=other)
        connect(user=owner).table("memory_settings").update({"memory_enabled": True}).eq("account_id", team).execute()
        assert (
            str(platform.sql("select updated_by from public.memory_settings where account_id = %s", team)[0][0])
            == owner
        )
        assert real.settings.account(team)["memory_enabled"] is True

    def test_one_that_does_not_exist_cannot_be_set(self, world: World) -> None:
        for unknown in (ACCOUNT, *map(account, HOSTILE_IDS)):
            with pytest.raises(NotFoundError):
                world.settings.set_account(unknown, OFF, user_id=None)

    def test_accounts_do_not_touch_each_other(self, world: World) -> None:
        one, other = account(world.platform.new_user()), account(world.platform.new_user())
        world.settings.set_account(one, OFF, user_id=one)
        assert world.settings.account(other)["memory_enabled"] is True


class TestAnAgent:
    def test_has_a_switch_and_a_configuration(self, world: World) -> None:
        user = account(world.platform.new_user())
        agent = world.platform.new_agent(user)
        assert world.settings.agent(user, agent) == {"memory_enabled": True, "memory_config": {}}
        configuration = {"max_memories": 5, "häufig": ["\N{BRAIN}", None, {"a": 0.5}]}
        assert world.settings.set_agent(user, agent, {"memory_config": configuration})
        assert world.settings.set_agent(user, agent, OFF)
        assert world.settings.agent(user, agent) == {"memory_enabled": False, "memory_config": configuration}

    def test_of_another_account_is_not_there(self, world: World) -> None:
        owner, stranger = account(world.platform.new_user()), account(world.platform.new_user())
        agent = world.platform.new_agent(owner)
        assert world.settings.agent(stranger, agent) is None
        assert not world.settings.set_agent(stranger, agent, OFF)
        assert world.settings.agent(owner, agent) == {"memory_enabled": True, "memory_config": {}}

    def test_only_the_one_that_is_named_is_set(self, world: World) -> None:
        user = account(world.platform.new_user())
        one, other = world.platform.new_agent(user), world.platform.new_agent(user)
        world.settings.set_agent(user, one, OFF)
        assert world.settings.agent(user, other) == {"memory_enabled": True, "memory_config": {}}

    def test_that_does_not_exist_is_said_also_if_nothing_is_to_be_set(self, world: World) -> None:
        user = account(world.platform.new_user())
        assert world.settings.agent(user, AGENT) is None
        assert not world.settings.set_agent(user, AGENT, OFF)
        assert not world.settings.set_agent(user, AGENT, {})
        assert world.settings.set_agent(user, world.platform.new_agent(user), {})

    @pytest.mark.parametrize("value", [{"a": "\0"}, {"\ud800": 1}, {"a": float("nan")}])
    def test_a_configuration_that_cannot_be_stored_is_the_callers_mistake(
        self, real: World, platform: RealPlatform, value: dict[str, object]
    ) -> None:
        user = account(platform.new_user())
        with pytest.raises(InvalidInputError, match="memory_config: holds a value that cannot be stored"):
            real.settings.set_agent(user, platform.new_agent(user), {"memory_config": value})


class TestAThread:
    def test_has_a_switch_and_a_session(self, world: World) -> None:
        user = account(world.platform.new_user())
        thread = world.platform.new_thread(user)
        assert world.settings.thread(user, thread) == {"memory_enabled": True, "memory_session_id": None}
        assert world.settings.set_thread(user, thread, {"memory_session_id": "s:1", **OFF})
        assert world.settings.thread(user, thread) == {"memory_enabled": False, "memory_session_id": "s:1"}
        assert world.settings.set_thread(user, thread, {"memory_session_id": None})
        assert world.settings.thread(user, thread) == {"memory_enabled": False, "memory_session_id": None}

    def test_of_another_account_is_not_there(self, world: World) -> None:
        owner, stranger = account(world.platform.new_user()), account(world.platform.new_user())
        thread = world.platform.new_thread(owner)
        assert world.settings.thread(stranger, thread) is None
        assert not world.settings.set_thread(stranger, thread, OFF)
        assert world.settings.thread(owner, thread) == {"memory_enabled": True, "memory_session_id": None}


class TestWhatCanBeSet:
    @pytest.mark.parametrize("hostile", [*HOSTILE_IDS, AGENT.upper()])
    def test_ids_that_the_platform_cannot_have_name_nothing(self, world: World, hostile: str) -> None:
        user = account(world.platform.new_user())
        agent, thread = world.platform.new_agent(user), world.platform.new_thread(user)
        for owner, agent_id, thread_id in ((user, hostile, hostile), (account(hostile), agent, thread)):
            assert world.settings.agent(owner, agent_id) is None
            assert world.settings.thread(owner, thread_id) is None
            assert not world.settings.set_agent(owner, agent_id, OFF)
            assert not world.settings.set_thread(owner, thread_id, OFF)
        assert world.settings.agent(user, agent) == {"memory_enabled": True, "memory_config": {}}

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("account_id", str(ACCOUNT)),
            ("is_public", True),
            ("updated_by", AGENT),
            ("memory_enabled", "off"),
            ("memory_enabled", None),
            ("record_queries", 1),
            ("memory_config", []),
            ("memory_config", None),
            ("memory_session_id", "two words"),
            ("memory_session_id", 7),
        ],
    )
    def test_no_other_column_and_no_other_type(self, world: World, name: str, value: object) -> None:
        user = account(world.platform.new_user())
        agent, thread = world.platform.new_agent(user), world.platform.new_thread(user)
        attempts: list[Callable[[], object]] = [
            lambda: world.settings.set_account(user, {name: value}, user_id=user),
            lambda: world.settings.set_agent(user, agent, {name: value}),
            lambda: world.settings.set_thread(user, thread, {name: value}),
        ]
        for attempt in attempts:
            with pytest.raises(InvalidInputError) as raised:
                attempt()
            assert raised.value.field == name


ATTEMPTS: dict[str, Callable[[PlatformSettings], object]] = {
    "account": lambda settings: settings.account(ACCOUNT),
    "agent": lambda settings: settings.agent(ACCOUNT, AGENT),
    "thread": lambda settings: settings.thread(ACCOUNT, AGENT),
    "set_agent": lambda settings: settings.set_agent(ACCOUNT, AGENT, OFF),
    "set_thread": lambda settings: settings.set_thread(ACCOUNT, AGENT, OFF),
}


class TestFailures:
    @pytest.mark.parametrize("attempt", ATTEMPTS)
    def test_what_it_is_and_within_the_time(self, failure: Failure, attempt: str) -> None:
        failure.shows_in(lambda rest: ATTEMPTS[attempt](SupabasePlatformSettings(rest, timeout=0.3)))

    @pytest.mark.parametrize("kind", ["down", "slow", "wrong key", "forbidden", "too many", "broken"])
    def test_a_setting_that_was_not_taken_is_no_success(self, kind: str) -> None:
        failure = FAILURES[kind]
        with failure.server() as rest, pytest.raises(failure.error):
            SupabasePlatformSettings(rest, timeout=0.3).set_account(ACCOUNT, OFF, user_id=None)

    def test_no_request_is_made_for_what_cannot_exist(self) -> None:
        with answering(reply([])) as (server, rest):
            settings = SupabasePlatformSettings(rest)
            settings.account(account("acme"))
            settings.agent(ACCOUNT, "helper")
            settings.set_thread(account("acme"), AGENT, OFF)
        assert server.requests == []

    def test_another_accounts_row_is_shown_to_nobody(self) -> None:
        row = {"agent_id": AGENT, "account_id": str(uuid4()), "memory_enabled": True, "memory_config": {"secret": 1}}
        with answering(reply([row])) as (_, rest), pytest.raises(MalformedResponseError):
            SupabasePlatformSettings(rest).agent(ACCOUNT, AGENT)

    def test_every_filter_and_the_whole_row_go_over_the_wire_once(self) -> None:
        with answering(reply(b"", 201)) as (server, rest):
            SupabasePlatformSettings(rest).set_account(ACCOUNT, OFF, user_id=AGENT)
        [request] = server.requests
        assert (request.method, request.path) == ("POST", "/rest/v1/memory_settings?on_conflict=account_id")
        assert request.json() == {"account_id": ACCOUNT, "memory_enabled": False, "updated_by": AGENT}

    def test_an_update_without_a_filter_is_not_sent(self) -> None:
        with answering(reply([])) as (server, rest), pytest.raises(ValueError, match="filter"):
            rest.update("agents", {"select": "agent_id"}, OFF, timeout=1)
        assert server.requests == []

    @pytest.mark.parametrize("value", ["a&account_id=neq.x", "a#b", "a b+c%2C", "ä\n\r", '"),or=(1.eq.1'])
    def test_whatever_a_value_holds_it_stays_one_value(self, rest: SupabaseRest, value: str) -> None:
        with answering(reply([])) as (server, loopback):
            loopback.get("threads", {"memory_session_id": f"eq.{value}", "select": "thread_id"}, timeout=1)
        [request] = server.requests
        assert request.path.count("&") == 1
        assert request.path.isascii()
        found = rest.get("threads", {"memory_session_id": f"eq.{value}", "select": "thread_id"}, timeout=10)
        assert found == [], "the real front understands it, and it matches nothing"
