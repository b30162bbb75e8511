"""The database's functions behind the trail, on a real Postgres with real roles: what is written, and who may."""

import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from operator_memory.adapters.supabase.event_store import BATCH
from operator_memory.domain.errors import UpstreamRejectedError
from operator_memory.domain.shared.tombstones import Target, TargetKind

from devstack.supabase import SupabaseFront
from tests.support.supabase.platform_worlds import NOW, RealPlatform, World, account, event, ids_of, rows_of
from tests.support.supabase.tenants import Connect, Tenant, new_tenant, refused
from tests.support.time_outs import AMPLE, eventually

pytest_plugins = ["tests.support.supabase.fixtures", "tests.support.supabase.platform_fixtures"]


class TestWritingToPostgres:
    def test_words_that_postgres_cannot_hold_do_not_lose_the_event(self, real: World, platform: RealPlatform) -> None:
        user = account(platform.new_user())
        said = event(
            user,
            actor="service:a\0b",
            agent_id="\ud800",
            memory_ids=("\0",),
            query="null \0 and half a pair \ud83e",
            metadata={"k\0": "v\udfff"},
        )
        real.trail.record([said])
        [row] = rows_of(real, user)
        assert (row["query"], row["actor"]) == ("null \ufffd and half a pair \ufffd", "service:a\ufffdb")
        assert row["metadata"] == {"k\ufffd": "v\ufffd", "agent": "\ufffd", "memory_ids": ["\ufffd"]}

    def test_words_that_look_like_commands_are_words(self, real: World, platform: RealPlatform) -> None:
        user = account(platform.new_user())
        words = "'); drop table memory_events; --\r\nSet-Cookie: a=b \\u0000 $1 %s"
        real.trail.record([event(user, query=words, actor=words, metadata={words: words})])
        [row] = rows_of(real, user)
        assert (row["query"], row["actor"], row["metadata"]) == (words, words, {words: words})

    @pytest.mark.parametrize(
        "broken",
        [{"occurred_at": NOW + timedelta(hours=1)}, {"result_count": -1}, {"result_count": 2**40}],
    )
    def test_one_that_cannot_be_stored_keeps_no_other_out_and_is_not_hidden(
        self, real: World, platform: RealPlatform, broken: dict[str, object]
    ) -> None:
        user = account(platform.new_user())
        good = [event(user) for _ in range(BATCH + 5)]
        with pytest.raises(UpstreamRejectedError) as raised:
            real.trail.record([*good[:3], event(user, **broken), *good[3:]])
        assert not raised.value.retryable
        assert ids_of(real, user) == {one.id for one in good}

    @pytest.mark.parametrize("others", [0, 1, 4])
    def test_an_account_that_is_being_deleted_meanwhile_is_unknown_and_nobody_fails(
        self, real: World, platform: RealPlatform, supabase_front: SupabaseFront, others: int
    ) -> None:
        leaving, staying = account(platform.new_user()), account(platform.new_user())
        events = [event(leaving), *(event(staying) for _ in range(others))]
        found: list[set[str]] = []
        writer = threading.Thread(target=lambda: found.append(real.trail.record(events)))
        with psycopg.connect(supabase_front.dsn) as database:
            database.execute("delete from basejump.accounts where id = %s", (leaving,))
            writer.start()
            until_a_writer_waits(platform)
        writer.join(AMPLE)
        assert found == [{events[0].id}]
        assert ids_of(real, staying) == {one.id for one in events[1:]}

    def test_two_writers_of_the_same_events_wait_in_one_order_and_so_not_for_each_other(
        self, real: World, platform: RealPlatform, supabase_front: SupabaseFront
    ) -> None:
        user = account(platform.new_user())
        low, high = sorted((event(user), event(user)), key=lambda one: one.id)
        insert = (
            "insert into public.memory_events (id, account_id, actor, event_type, occurred_at)"
            " values (%s, %s, 'system:other', 'search', now()) on conflict (id) do nothing"
        )
        found: list[set[str]] = []
        writer = threading.Thread(target=lambda: found.append(real.trail.record([high, low])))
        with psycopg.connect(supabase_front.dsn) as database:
            database.execute(insert, (low.id, user))
            writer.start()
            until_a_writer_waits(platform)
            database.execute(insert, (high.id, user))
        writer.join(AMPLE)
        assert found == [set()]
        assert [row["actor"] for row in rows_of(real, user)] == ["system:other"] * 2

    def test_many_writers_of_the_same_events_write_each_once(self, real: World, platform: RealPlatform) -> None:
        users = [account(platform.new_user()) for _ in range(3)]
        events = [event(user) for user in users for _ in range(BATCH // len(users))]
        found: list[set[str]] = []
        orders = [events, events[::-1]] * 4
        writers = [
            threading.Thread(target=lambda order=order: found.append(real.trail.record(order))) for order in orders
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(AMPLE)
        assert found == [set()] * len(orders)
        assert sum(len(rows_of(real, user)) for user in users) == len(events)


def until_a_writer_waits(platform: RealPlatform) -> None:
    waiting = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like %s"
    eventually(lambda: platform.sql(waiting, "%memory_record_events%"))


FUNCTIONS: dict[str, Callable[[str], dict[str, object]]] = {
    "memory_switches": lambda account_id: {"p_account": account_id},
    "memory_record_events": lambda account_id: {"p_events": [{"id": str(uuid4()), "account_id": account_id}]},
    "memory_forget_queries": lambda account_id: {"p_account": account_id},
}


class TestWordsOfSearches:
    def test_taking_them_out_changes_nothing_else(self, real: World, platform: RealPlatform) -> None:
        user = account(platform.new_user())
        said = event(user, query="a", result_count=2, memory_ids=(str(uuid4()),), metadata={"k": "v"}, thread_id="t")
        real.trail.record([said, event(user)])
        everything = (
            "select to_jsonb(e) - 'query', xmin::text from public.memory_events e where account_id = %s order by id"
        )
        before = platform.sql(everything, user)
        real.trail.forget_queries(user, Target(TargetKind.ACCOUNT))
        after = platform.sql(everything, user)
        assert [row for row, _ in after] == [row for row, _ in before]
        assert sum(old != new for old, new in zip(before, after, strict=True)) == 1, "the other row was not touched"


class TestWhoMay:
    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_neither_visitors_nor_signed_in_people_call_the_functions_not_even_a_member(
        self, real: World, platform: RealPlatform, connect: Connect, name: str
    ) -> None:
        owner, member, stranger = (platform.new_user() for _ in range(3))
        team = platform.new_team(owner, member)
        real.trail.record([event(team, query="kept")])
        clients = [connect(anon=True), *(connect(user=user) for user in (owner, member, stranger))]
        for client in clients:
            assert refused(client.rpc(name, FUNCTIONS[name](team))).code == "42501"
        [row] = rows_of(real, team)
        assert row["query"] == "kept"

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_the_functions_are_granted_to_the_service_and_their_owner_alone(
        self, platform: RealPlatform, name: str
    ) -> None:
        granted = platform.sql(
            "select p.proname, r.rolname from pg_proc p, pg_roles r where p.proname = %s and not r.rolsuper"
            " and has_function_privilege(r.oid, p.oid, 'execute')",
            name,
        )
        assert granted == [(name, "service_role")]

    def test_the_service_itself_cannot_rewrite_the_trail_past_the_function(
        self, real: World, tenant: Tenant, connect: Connect
    ) -> None:
        real.trail.record([event(tenant.account_id, query="kept")])
        table = connect().table("memory_events")
        assert refused(table.update({"query": None}).eq("account_id", tenant.account_id)).code == "42501"

    def test_members_see_their_accounts_events_as_they_were_written(
        self, real: World, platform: RealPlatform, connect: Connect, supabase_front: SupabaseFront
    ) -> None:
        owner, member = platform.new_user(), platform.new_user()
        team = platform.new_team(owner, member)
        said = event(team)
        real.trail.record([said])
        seen = connect(user=member).table("memory_events").select("id").eq("account_id", team).execute().data
        assert seen == [{"id": said.id}]
        stranger = new_tenant(supabase_front).user_id
        assert connect(user=stranger).table("memory_events").select("id").eq("account_id", team).execute().data == []
