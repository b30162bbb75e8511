"""Port ``SwitchReader``: the fake, and `SupabaseSwitches` on a real Postgres with real roles."""

import subprocess
import sys
import threading
from uuid import NAMESPACE_OID, uuid5

import pytest
from operator_memory.adapters.supabase.rest import SupabaseRest
from operator_memory.adapters.supabase.switches import (
    MAX_AGE_SECONDS,
    MAX_STALE_SECONDS,
    RETRY_SECONDS,
    SupabaseSwitches,
)
from operator_memory.domain.errors import UpstreamError, UpstreamUnavailableError
from operator_memory.domain.shared.switches import Switches

from devstack.supabase import SupabaseFront
from tests.support import time_outs
from tests.support.fakes.core import FakeClock
from tests.support.loopback import HttpServer, reply
from tests.support.supabase.platform_worlds import (
    HOSTILE_IDS,
    TIME_OUT,
    Failure,
    RealPlatform,
    World,
    account,
    answering,
)
from tests.support.supabase.tenants import Connect, Tenant, new_tenant, refused
from tests.support.time_outs import AMPLE, TIMES_OUT

pytest_plugins = ["tests.support.supabase.fixtures", "tests.support.supabase.platform_fixtures"]

ON = Switches()
ACCOUNT, AGENT, THREAD = (str(uuid5(NAMESPACE_OID, f"{__name__} {what}")) for what in ("account", "agent", "thread"))
SESSION, SESSION_UUID = "night-train:7", "9f0c3c2e-2f6e-4f0f-8a55-0d8f4c1c2a77"


def read(
    world: World,
    account_id: str,
    agent_id: str | None = None,
    thread_id: str | None = None,
    session_id: str | None = None,
) -> Switches:
    return world.switches.read(
        account(account_id), agent_id=agent_id, thread_id=thread_id, session_id=session_id, timeout=AMPLE
    )


class TestWhatIsRead:
    def test_all_is_on_where_nothing_was_set_and_no_words_of_searches_are_kept(self, world: World) -> None:
        user = world.platform.new_user()
        agent, thread = world.platform.new_agent(account(user)), world.platform.new_thread(account(user))
        assert read(world, user, agent, thread) == ON
        assert ON.off is None
        assert not ON.record_queries

    def test_each_switch_is_one_of_its_own(self, world: World) -> None:
        user = account(world.platform.new_user())
        agent, thread = world.platform.new_agent(user), world.platform.new_thread(user)
        off: dict[str, object] = {"memory_enabled": False}

        world.settings.set_agent(user, agent, off)
        assert read(world, user, agent, thread) == Switches(agent=False)
        world.settings.set_thread(user, thread, off)
        world.later()
        assert read(world, user, agent, thread) == Switches(agent=False, thread=False)
        world.settings.set_account(user, {**off, "record_queries": True}, user_id=user)
        world.later()
        assert read(world, user, agent, thread) == Switches(False, False, False, record_queries=True)
        assert read(world, user) == Switches(account=False, record_queries=True), "a run without agent and thread"

    def test_a_thread_is_found_by_its_session_too(self, world: World) -> None:
        user = account(world.platform.new_user())
        thread = world.platform.new_thread(user)
        world.settings.set_thread(user, thread, {"memory_enabled": False, "memory_session_id": "night-train:7"})
        for name in ("night-train:7", thread):
            assert read(world, user, None, name) == Switches(thread=False)
            assert read(world, user, None, None, name) == Switches(thread=False)
        assert read(world, user, None, "night-train:8") == ON
        assert read(world, user, None, None, "night-train:8") == ON

    def test_a_run_that_names_one_thread_and_the_session_of_another_obeys_both(self, world: World) -> None:
        user = account(world.platform.new_user())
        off, on, alone = (world.platform.new_thread(user) for _ in range(3))
        world.settings.set_thread(user, off, {"memory_enabled": False, "memory_session_id": "of-off"})
        world.settings.set_thread(user, on, {"memory_session_id": "of-on"})
        world.settings.set_thread(user, alone, {"memory_enabled": False})
        assert read(world, user, None, on, "of-off") == Switches(thread=False), "its session is not read by a detour"
        assert read(world, user, None, on, off) == Switches(thread=False)
        assert read(world, user, None, on, alone) == Switches(thread=False), "a thread that is its own session"
        assert read(world, user, None, off, "of-on") == Switches(thread=False), "nor is the thread heard elsewhere"
        assert read(world, user, None, on, "of-on") == ON
        assert read(world, user, None, on, "of-nobody") == ON

    def test_a_session_that_is_a_uuid_is_found_however_it_was_written_into_the_thread(self, world: World) -> None:
        user = account(world.platform.new_user())
        thread = world.platform.new_thread(user)
        for written, off in ((SESSION_UUID.upper(), True), (SESSION_UUID, True), (f"{SESSION_UUID.upper()}0", False)):
            world.settings.set_thread(user, thread, {"memory_enabled": False, "memory_session_id": written})
            world.later()
            assert read(world, user, None, None, SESSION_UUID) == Switches(thread=not off), written
        world.settings.set_thread(user, thread, {"memory_session_id": "Night-Train"})
        world.later()
        assert read(world, user, None, None, "night-train") == ON, "other ids are another one in other letters"

    def test_another_accounts_thread_of_the_same_session_switches_nothing(self, world: World) -> None:
        mine, other = account(world.platform.new_user()), account(world.platform.new_user())
        thread = world.platform.new_thread(other)
        world.settings.set_thread(other, thread, {"memory_enabled": False, "memory_session_id": "s"})
        for name in ("s", thread):
            assert read(world, mine, None, name) == read(world, mine, None, None, name) == ON

    def test_a_shared_agent_that_its_owner_switched_off_is_off_for_all(self, world: World) -> None:
        owner, runner = account(world.platform.new_user()), account(world.platform.new_user())
        agent = world.platform.new_agent(owner)
        world.settings.set_agent(owner, agent, {"memory_enabled": False})
        assert read(world, runner, agent) == Switches(agent=False)

    def test_what_does_not_exist_is_on(self, world: World) -> None:
        assert read(world, ACCOUNT, AGENT, THREAD) == ON

    @pytest.mark.parametrize("hostile", [*HOSTILE_IDS, ACCOUNT.upper(), f"{{{ACCOUNT}}}"])
    def test_an_id_that_the_platform_cannot_have_is_on_and_changes_no_other_switch(
        self, world: World, hostile: str
    ) -> None:
        user = account(world.platform.new_user())
        world.settings.set_account(user, {"memory_enabled": False}, user_id=None)
        assert read(world, hostile, hostile, hostile, hostile) == ON
        assert read(world, user, hostile, hostile, hostile) == Switches(account=False)


def switched(**values: bool) -> bytes:
    return reply({"account": True, "agent": True, "thread": True, "record_queries": False, **values})


def ask(switches: SupabaseSwitches, thread: str = THREAD, *, timeout: float = AMPLE) -> Switches:
    return switches.read(account(ACCOUNT), agent_id=AGENT, thread_id=thread, session_id=SESSION, timeout=timeout)


class TestHowItIsRead:
    def test_one_request_with_all_ids_as_the_service(self) -> None:
        with answering(switched()) as (server, rest):
            ask(SupabaseSwitches(rest, clock=FakeClock()))
        [request] = server.requests
        assert (request.method, request.path) == ("POST", "/rest/v1/rpc/memory_switches")
        assert request.json() == {"p_account": ACCOUNT, "p_agent": AGENT, "p_thread": THREAD, "p_session": SESSION}
        assert (request.headers["apikey"], request.headers["authorization"]) == ("key", "Bearer key")

    def test_no_request_for_an_account_that_cannot_exist_and_no_agent_id_that_cannot(self) -> None:
        with answering(switched()) as (server, rest):
            switches = SupabaseSwitches(rest, clock=FakeClock())
            assert (
                switches.read(account("acme"), agent_id=AGENT, thread_id=THREAD, session_id=None, timeout=AMPLE) == ON
            )
            assert server.requests == []
            switches.read(account(ACCOUNT), agent_id="helper", thread_id=None, session_id=None, timeout=AMPLE)
        [request] = server.requests
        assert request.json() == {"p_account": ACCOUNT, "p_agent": None, "p_thread": None, "p_session": None}

    def test_a_rotated_key_is_heard_of(self) -> None:
        keys = ["old", "new"]
        with HttpServer(lambda _request: switched()) as server:
            rest = SupabaseRest(server.url, lambda: keys.pop(0))
            ask(SupabaseSwitches(rest, clock=FakeClock()))
            ask(SupabaseSwitches(rest, clock=FakeClock()))
            rest.close()
        assert [request.headers["apikey"] for request in server.requests] == ["old", "new"]

    def test_nothing_but_the_standard_library_is_imported(self) -> None:
        code = (
            "import sys, operator_memory.adapters.supabase.switches, operator_memory.adapters.supabase.event_store;"
            "print({m.partition('.')[0] for m in sys.modules} - sys.stdlib_module_names - {'operator_memory'})"
        )
        path = ":".join(entry for entry in sys.path if entry)
        done = subprocess.run(
            [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": path}
        )
        assert done.stdout.strip() in ("set()", "{'__main__'}")


class TestHowLongItIsUsed:
    def test_thirty_seconds_and_not_one_more(self) -> None:
        clock = FakeClock()
        with answering(switched(), switched(agent=False)) as (server, rest):
            switches = SupabaseSwitches(rest, clock=clock)
            assert ask(switches) == ON
            clock.advance(seconds=MAX_AGE_SECONDS - 0.001)
            assert ask(switches) == ON
            assert len(server.requests) == 1
            clock.advance(seconds=0.001)
            assert ask(switches) == Switches(agent=False)
            assert len(server.requests) == 2

    def test_another_age_can_be_set(self) -> None:
        clock = FakeClock()
        with answering(switched()) as (server, rest):
            switches = SupabaseSwitches(rest, clock=clock, max_age=0)
            ask(switches)
            ask(switches)
        assert len(server.requests) == 2

    def test_each_account_agent_thread_and_session_for_itself(self) -> None:
        with answering(switched()) as (server, rest):
            switches = SupabaseSwitches(rest, clock=FakeClock())
            for ids in (
                (ACCOUNT, AGENT, THREAD, SESSION),
                (ACCOUNT, AGENT, THREAD, None),
                (ACCOUNT, AGENT, None, SESSION),
                (ACCOUNT, AGENT, SESSION, None),
                (ACCOUNT, None, THREAD, SESSION),
                (THREAD, AGENT, THREAD, SESSION),
            ):
                for _ in range(2):
                    who = account(ids[0] or "")
                    switches.read(who, agent_id=ids[1], thread_id=ids[2], session_id=ids[3], timeout=AMPLE)
        assert len(server.requests) == 6

    def test_no_more_entries_than_allowed_the_oldest_goes(self) -> None:
        with answering(switched()) as (server, rest):
            switches = SupabaseSwitches(rest, clock=FakeClock(), max_entries=2)
            for thread in ("a", "b", "c", "b", "c"):
                ask(switches, thread)
            assert len(server.requests) == 3
            ask(switches, "a")
            assert len(server.requests) == 4

    def test_many_threads_at_once_read_right(self) -> None:
        with answering(switched(account=False)) as (_, rest):
            switches = SupabaseSwitches(rest, clock=FakeClock(), max_entries=3)
            found: list[Switches] = []
            workers = [
                threading.Thread(target=lambda n=n: found.extend(ask(switches, f"t{n % 5}") for _ in range(20)))
                for n in range(8)
            ]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join(AMPLE)
        assert found == [Switches(account=False)] * 160


class TestWhenItCannotBeRead:
    def test_what_is_known_is_used_for_ten_minutes_then_the_error_is_raised(self) -> None:
        clock = FakeClock()
        with answering(switched(agent=False), reply(b"", 503)) as (_, rest):
            switches = SupabaseSwitches(rest, clock=clock)
            ask(switches)
            clock.advance(seconds=MAX_STALE_SECONDS - 1)
            assert ask(switches) == Switches(agent=False)
            clock.advance(seconds=1)
            with pytest.raises(UpstreamUnavailableError):
                ask(switches)

    def test_a_failure_is_not_waited_for_with_every_run(self) -> None:
        clock = FakeClock()
        with time_outs.at_once(most=TIME_OUT) as waits, answering(switched(), TIMES_OUT) as (server, rest):
            switches = SupabaseSwitches(rest, clock=clock)
            ask(switches, timeout=TIME_OUT)
            clock.advance(seconds=MAX_AGE_SECONDS)
            assert [ask(switches, timeout=TIME_OUT) for _ in range(20)] == [ON] * 20
            assert len(waits) == 1
            clock.advance(seconds=RETRY_SECONDS)
            ask(switches, timeout=TIME_OUT)
            assert len(waits) == 2
        assert len(server.requests) == 3

    def test_it_is_read_again_as_soon_as_it_can_be(self) -> None:
        clock = FakeClock()
        with answering(switched(), reply(b"", 500), switched(thread=False)) as (_, rest):
            switches = SupabaseSwitches(rest, clock=clock)
            ask(switches)
            clock.advance(seconds=MAX_AGE_SECONDS)
            assert ask(switches) == ON
            clock.advance(seconds=RETRY_SECONDS)
            assert ask(switches) == Switches(thread=False)

    def test_with_none_known_the_error_says_what_it_is_and_within_the_time(self, failure: Failure) -> None:
        with failure.server() as rest, pytest.raises(failure.error, match="supabase") as raised:
            ask(SupabaseSwitches(rest, clock=FakeClock()), timeout=TIME_OUT)
        assert "secret" not in str(raised.value)

    @pytest.mark.parametrize("missing", ["account", "agent", "thread", "record_queries"])
    def test_an_answer_that_leaves_one_open_is_none(self, missing: str) -> None:
        for value in (None, "true", 1):
            answer = {"account": True, "agent": True, "thread": True, "record_queries": False, missing: value}
            with answering(reply(answer)) as (_, rest), pytest.raises(UpstreamError, match="not the switches"):
                ask(SupabaseSwitches(rest, clock=FakeClock()))


class TestTheFunction:
    def test_nobody_but_the_service_can_ask(
        self, supabase_front: SupabaseFront, connect: Connect, tenant: Tenant
    ) -> None:
        arguments = {"p_account": tenant.account_id}
        assert connect().rpc("memory_switches", arguments).execute().data == {
            "account": True,
            "agent": True,
            "thread": True,
            "record_queries": False,
        }
        for client in (
            connect(user=tenant.user_id),
            connect(user=new_tenant(supabase_front).user_id),
            connect(anon=True),
        ):
            assert refused(client.rpc("memory_switches", arguments)).code == "42501"

    def test_a_thread_is_found_without_looking_at_the_accounts_other_threads(
        self, platform: RealPlatform, tenant: Tenant
    ) -> None:
        platform.sql(
            "insert into public.threads (account_id) select %s::uuid from generate_series(1, 20000)", tenant.account_id
        )
        platform.sql("analyze public.threads")
        plan = platform.sql(
            "explain select from public.threads t where t.account_id = %s and not t.memory_enabled"
            " and array[t.thread_id::text, t.memory_session_id] && array['x', 'y']",
            tenant.account_id,
        )
        assert "threads_memory_off" in str(plan)
        platform.sql("delete from public.threads where account_id = %s", tenant.account_id)
