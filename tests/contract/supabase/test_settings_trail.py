"""Settings that people change straight in the platform's tables are on record: real Postgres, roles and client."""

import json
from typing import Any, cast
from uuid import uuid4

import psycopg
import pytest
from operator_memory.adapters.supabase.event_store import SupabaseEventStore
from operator_memory.adapters.supabase.rest import SupabaseRest
from operator_memory.adapters.supabase.settings import SupabasePlatformSettings
from operator_memory.domain.memory.scopes import AccountId
from supabase import Client

from devstack.supabase import SupabaseFront
from tests.support.supabase.tenants import Connect, Row, Tenant, new_team, new_tenant, new_thread, refused, rows

pytest_plugins = ["tests.support.supabase.fixtures", "tests.support.supabase.platform_fixtures"]

Database = psycopg.Connection[tuple[Any, ...]]
OFF = {"memory_enabled": False}


@pytest.fixture
def mine(connect: Connect, tenant: Tenant) -> Client:
    """The person's own client, as the platform's front end uses it."""
    return connect(user=tenant.user_id)


def trail(service: Client, account_id: str) -> list[Row]:
    """The account's events, oldest first, without what only the database can know."""
    found = rows(service.table("memory_events").select("*").eq("account_id", account_id).order("created_at"))
    made_up = ("id", "account_id", "occurred_at", "created_at", "query", "memory_ids")
    return [{name: value for name, value in row.items() if name not in made_up} for row in found]


def change(
    tenant: Tenant, of: str, fields: str, *, agent: str | None = None, thread: str | None = None, **on: Any
) -> Row:
    """What the trail says of a change that the person made."""
    return {
        "actor": f"user:{tenant.user_id}",
        "event_type": "settings_change",
        "agent_id": agent,
        "thread_id": thread,
        "result_count": len(fields.split()),
        "metadata": {"of": of, "fields": fields, "by": "platform", **on},
    }


def new_agent(front: SupabaseFront, account_id: str) -> str:
    agent = str(uuid4())
    with psycopg.connect(front.dsn) as database:
        database.execute(
            "insert into public.agents (agent_id, account_id, name, system_prompt) values (%s, %s, 'a', '')",
            (agent, account_id),
        )
    return agent


def heard(database: Database) -> list[str | None]:
    """What the database will have said besides its answers."""
    notices: list[str | None] = []
    database.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    return notices


class TestWhatAPersonChanges:
    def test_the_accounts_switches(self, mine: Client, service: Client, tenant: Tenant) -> None:
        table = mine.table("memory_settings")
        table.insert({"account_id": tenant.account_id, **OFF}).execute()
        both = {"memory_enabled": True, "record_queries": True}
        table.update(both).eq("account_id", tenant.account_id).execute()
        assert trail(service, tenant.account_id) == [
            change(tenant, "account", "memory_enabled", memory_enabled=False),
            change(tenant, "account", "memory_enabled record_queries", memory_enabled=True, record_queries=True),
        ]

    def test_an_agents_switch_and_configuration_without_what_is_in_it(
        self, mine: Client, service: Client, tenant: Tenant, supabase_front: SupabaseFront
    ) -> None:
        agent = new_agent(supabase_front, tenant.account_id)
        mine.table("agents").update({"name": "Ada", **OFF}).eq("agent_id", agent).execute()
        mine.table("agents").update({"memory_config": {"note": "private"}}).eq("agent_id", agent).execute()
        found = trail(service, tenant.account_id)
        assert found == [
            change(tenant, "agent", "memory_enabled", agent=agent, memory_enabled=False),
            change(tenant, "agent", "memory_config", agent=agent),
        ]
        assert "private" not in json.dumps(found)

    def test_a_threads_switch_and_session_without_its_name(
        self, mine: Client, service: Client, tenant: Tenant, supabase_front: SupabaseFront
    ) -> None:
        thread = new_thread(supabase_front, tenant.account_id)
        changes = {"memory_session_id": "my-diary", "memory_enabled": False}
        mine.table("threads").update(changes).eq("thread_id", thread).execute()
        mine.table("threads").update({"memory_session_id": None}).eq("thread_id", thread).execute()
        found = trail(service, tenant.account_id)
        assert found == [
            change(tenant, "thread", "memory_enabled memory_session_id", thread=thread, memory_enabled=False),
            change(tenant, "thread", "memory_session_id", thread=thread),
        ]
        assert "diary" not in json.dumps(found)

    def test_what_is_made_with_a_setting_of_its_own(self, mine: Client, service: Client, tenant: Tenant) -> None:
        agent, thread = str(uuid4()), str(uuid4())
        row = {"agent_id": agent, "account_id": tenant.account_id, "name": "a", "system_prompt": "", **OFF}
        mine.table("agents").insert(row).execute()
        mine.table("threads").insert({"thread_id": thread, "account_id": tenant.account_id, **OFF}).execute()
        assert trail(service, tenant.account_id) == [
            change(tenant, "agent", "memory_enabled", agent=agent, memory_enabled=False),
            change(tenant, "thread", "memory_enabled", thread=thread, memory_enabled=False),
        ]

    def test_an_owner_of_a_team_is_named_and_every_member_sees_it(
        self, connect: Connect, service: Client, tenant: Tenant, supabase_front: SupabaseFront
    ) -> None:
        member = new_tenant(supabase_front)
        team = new_team(supabase_front, tenant, member)
        connect(user=tenant.user_id).table("memory_settings").insert({"account_id": team, **OFF}).execute()
        assert trail(service, team) == [change(tenant, "account", "memory_enabled", memory_enabled=False)]
        seen = connect(user=member.user_id).table("memory_events").select("actor").eq("account_id", team)
        assert rows(seen) == [{"actor": f"user:{tenant.user_id}"}]

    def test_the_services_own_reader_gives_it_out_with_the_rest(
        self, mine: Client, tenant: Tenant, rest: SupabaseRest
    ) -> None:
        mine.table("memory_settings").insert({"account_id": tenant.account_id, **OFF}).execute()
        [row], _ = SupabaseEventStore(rest).events(AccountId(tenant.account_id), after=None, limit=10)
        assert (row["event_type"], row["memory_ids"], row["query"]) == ("settings_change", [], None)


class TestWhatIsNoChange:
    def test_the_same_values_again_and_other_columns(
        self, mine: Client, service: Client, tenant: Tenant, supabase_front: SupabaseFront
    ) -> None:
        agent = new_agent(supabase_front, tenant.account_id)
        thread = new_thread(supabase_front, tenant.account_id)
        same = {"memory_enabled": True, "memory_config": {}, "name": "Ben"}
        mine.table("agents").update(same).eq("agent_id", agent).execute()
        mine.table("threads").update({"metadata": {"a": 1}}).eq("thread_id", thread).execute()
        by_default = {"account_id": tenant.account_id, "memory_enabled": True}
        mine.table("memory_settings").insert(by_default).execute()
        mine.table("memory_settings").update({"memory_enabled": True}).eq("account_id", tenant.account_id).execute()
        mine.table("threads").insert({"account_id": tenant.account_id}).execute()
        assert trail(service, tenant.account_id) == []

    def test_a_change_that_the_platform_refuses(
        self, connect: Connect, service: Client, tenant: Tenant, supabase_front: SupabaseFront
    ) -> None:
        agent = new_agent(supabase_front, tenant.account_id)
        stranger = connect(user=new_tenant(supabase_front).user_id)
        assert rows(stranger.table("agents").update(OFF).eq("agent_id", agent)) == []
        refused(stranger.table("memory_settings").insert({"account_id": tenant.account_id, **OFF}))
        refused(connect(anon=True).table("agents").update(OFF).eq("agent_id", agent))
        assert trail(service, tenant.account_id) == []

    def test_the_service_notes_its_own_changes(
        self, service: Client, tenant: Tenant, supabase_front: SupabaseFront, rest: SupabaseRest
    ) -> None:
        settings, account = SupabasePlatformSettings(rest), AccountId(tenant.account_id)
        thread = new_thread(supabase_front, account)
        settings.set_account(account, {**OFF}, user_id=tenant.user_id)
        assert settings.set_agent(account, new_agent(supabase_front, account), {**OFF})
        assert settings.set_thread(account, thread, {**OFF, "memory_session_id": "s"})
        assert trail(service, account) == []

    def test_who_has_no_token_is_no_user(self, service: Client, tenant: Tenant, supabase_front: SupabaseFront) -> None:
        with psycopg.connect(supabase_front.dsn) as database:
            warnings = heard(database)
            database.execute(
                "insert into memory_settings (account_id, memory_enabled) values (%s, false)", (tenant.account_id,)
            )
        assert (trail(service, tenant.account_id), warnings) == ([], [])


def as_user(database: Database, tenant: Tenant, **claims: object) -> None:
    """The rest of the transaction is the person's, as the REST layer sets it up."""
    text = json.dumps({"sub": tenant.user_id, "role": "authenticated", **claims})
    database.execute("select set_config('request.jwt.claims', %s, true)", (text,))
    database.execute("set local role authenticated")


def switch_off(database: Database, thread: str) -> int:
    return database.execute("update threads set memory_enabled = false where thread_id = %s", (thread,)).rowcount


class TestTheRecordIsNotInTheWay:
    @pytest.mark.parametrize(
        "broken",
        [
            "alter table memory_events add constraint never check (event_type <> 'settings_change') not valid",
            "drop table memory_events",
            "alter table memory_events drop column result_count",
        ],
    )
    def test_a_record_that_cannot_be_written_does_not_undo_the_change(
        self, tenant: Tenant, supabase_front: SupabaseFront, broken: str
    ) -> None:
        thread = new_thread(supabase_front, tenant.account_id)
        with psycopg.connect(supabase_front.dsn) as database:
            warnings = heard(database)
            database.execute(cast(Any, broken))
            as_user(database, tenant)
            assert switch_off(database, thread) == 1
            database.rollback()
        assert [tenant.user_id in str(warning) for warning in warnings] == [False], "it is told, and of nobody"

    def test_a_thread_of_no_account_has_no_trail(self, supabase_front: SupabaseFront, tenant: Tenant) -> None:
        with psycopg.connect(supabase_front.dsn) as database:
            warnings, thread = heard(database), str(uuid4())
            database.execute("insert into threads (thread_id, account_id) values (%s, null)", (thread,))
            claims = json.dumps({"sub": tenant.user_id, "role": "authenticated"})
            database.execute("select set_config('request.jwt.claims', %s, true)", (claims,))
            assert switch_off(database, thread) == 1
            database.rollback()
        assert warnings == []

    def test_a_change_that_is_taken_back_leaves_no_record(
        self, service: Client, tenant: Tenant, supabase_front: SupabaseFront
    ) -> None:
        thread = new_thread(supabase_front, tenant.account_id)
        with psycopg.connect(supabase_front.dsn) as database:
            as_user(database, tenant)
            assert switch_off(database, thread) == 1
            assert database.execute("select count(*) from memory_events").fetchone() == (1,), "their own trail"
            database.rollback()
        assert trail(service, tenant.account_id) == []


class TestNobodyWritesTheTrailThemselves:
    def test_not_as_a_row_and_not_by_the_function(
        self, mine: Client, connect: Connect, tenant: Tenant, supabase_front: SupabaseFront
    ) -> None:
        mine.table("memory_settings").insert({"account_id": tenant.account_id, **OFF}).execute()
        row = {"id": str(uuid4()), "account_id": tenant.account_id, "actor": "user:me", "event_type": "erase"}
        for attempt in (
            mine.table("memory_events").insert({**row, "occurred_at": "2026-01-01T00:00:00Z"}),
            mine.table("memory_events").update({"actor": "nobody"}).eq("account_id", tenant.account_id),
            mine.table("memory_events").delete().eq("account_id", tenant.account_id),
        ):
            assert refused(attempt).code == "42501"
        for client in (mine, connect(anon=True), connect()):
            refused(client.rpc("memory_settings_trail", {}))

    def test_not_by_a_trigger_of_their_own(self, tenant: Tenant, supabase_front: SupabaseFront) -> None:
        with psycopg.connect(supabase_front.dsn) as database:
            as_user(database, tenant)
            database.execute("create temporary table mine (account_id uuid, memory_enabled boolean)")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                database.execute(
                    "create trigger t after insert on mine for each row"
                    " execute function public.memory_settings_trail('account', 'memory_enabled')"
                )
            database.rollback()

    def test_objects_of_their_own_are_not_taken_for_those_of_the_platform(
        self, service: Client, tenant: Tenant, supabase_front: SupabaseFront
    ) -> None:
        thread = new_thread(supabase_front, tenant.account_id)
        with psycopg.connect(supabase_front.dsn) as database:
            as_user(database, tenant)
            database.execute("create temporary table memory_events (like public.memory_events)")
            database.execute("set local search_path = pg_temp, public")
            assert switch_off(database, thread) == 1
            assert database.execute("select count(*) from pg_temp.memory_events").fetchone() == (0,)
        assert [event["thread_id"] for event in trail(service, tenant.account_id)] == [thread]
