"""The project's migrations on the platform's schema: a real Postgres, real roles, SQL and the real client."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import psycopg
import pytest
from postgrest.exceptions import APIError
from supabase import Client

from devstack.supabase import SupabaseFront
from devstack.supabase.schema import MIGRATIONS
from tests.support.supabase.tenants import Connect, Tenant, new_tenant

pytest_plugins = ["tests.support.supabase.fixtures"]

NOW = datetime.now(UTC)


def event(tenant: Tenant, **fields: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "account_id": tenant.account_id,
        "actor": f"user:{tenant.user_id}",
        "event_type": "search",
        "occurred_at": NOW.isoformat(),
        **fields,
    }


def stored(service: Client, table: str, **where: str) -> list[dict[str, Any]]:
    """The rows of ``table`` as the service sees them."""
    [(column, value)] = where.items()
    return cast(list[dict[str, Any]], service.table(table).select("*").eq(column, value).execute().data)


def test_every_migration_is_later_than_the_platforms_and_can_be_applied_again(supabase_front: SupabaseFront) -> None:
    files = sorted(MIGRATIONS.glob("*.sql"))
    assert files
    assert all(file.name[:14].isdecimal() and file.name[:8] > "20250624" for file in files)
    with psycopg.connect(supabase_front.dsn) as connection:
        for _ in range(2):
            for file in files:
                connection.execute(file.read_text())


def test_a_migration_that_is_applied_again_alone_brings_no_older_function_back(supabase_front: SupabaseFront) -> None:
    functions = (
        "select string_agg(pg_get_functiondef(oid), '' order by oid::regprocedure::text) from pg_proc"
        " where pronamespace = 'public'::regnamespace and proname like 'memory%'"
    )
    with psycopg.connect(supabase_front.dsn) as connection:
        latest = connection.execute(functions).fetchone()
        for file in sorted(MIGRATIONS.glob("*.sql")):
            connection.execute(file.read_text())
            assert connection.execute(functions).fetchone() == latest, file.name
            connection.rollback()


def test_a_function_that_was_given_another_form_is_there_once(supabase_front: SupabaseFront) -> None:
    with psycopg.connect(supabase_front.dsn) as connection:
        connection.execute(
            "create function public.memory_switches(p_account uuid, p_agent uuid default null,"
            " p_thread text default null) returns jsonb language sql as 'select null::jsonb'"
        )
        for file in sorted(MIGRATIONS.glob("*.sql")):
            connection.execute(file.read_text())
        twice = connection.execute(
            "select proname from pg_proc where pronamespace = 'public'::regnamespace group by 1 having count(*) > 1"
        ).fetchall()
        connection.rollback()
    assert twice == []


def test_agents_and_threads_have_their_switches_on_by_default(supabase_front: SupabaseFront, tenant: Tenant) -> None:
    with psycopg.connect(supabase_front.dsn) as connection:
        agent = connection.execute(
            "insert into agents (account_id, name, system_prompt) values (%s, 'a', '')"
            " returning memory_enabled, memory_config",
            (tenant.account_id,),
        ).fetchone()
        thread = connection.execute(
            "insert into threads (account_id) values (%s) returning memory_enabled, memory_session_id",
            (tenant.account_id,),
        ).fetchone()
    assert (agent, thread) == ((True, {}), (True, None))


def test_the_service_writes_an_event_once_however_often_it_tries(service: Client, tenant: Tenant) -> None:
    row = event(tenant, memory_ids=[str(uuid4())], result_count=3)
    for _ in range(2):
        service.table("memory_events").upsert(row, on_conflict="id", ignore_duplicates=True).execute()
    found = stored(service, "memory_events", id=row["id"])
    assert [(e["result_count"], e["memory_ids"]) for e in found] == [(3, row["memory_ids"])]


def test_members_read_their_accounts_trail_and_nobody_elses(
    service: Client, connect: Connect, tenant: Tenant, supabase_front: SupabaseFront
) -> None:
    stranger = new_tenant(supabase_front)
    service.table("memory_events").insert([event(tenant), event(stranger)]).execute()
    mine = connect(user=tenant.user_id).table("memory_events").select("account_id").execute().data
    assert mine == [{"account_id": tenant.account_id}]
    with pytest.raises(APIError, match="permission denied"):
        connect(anon=True).table("memory_events").select("id").execute()


@pytest.mark.parametrize("role", ["user", "anon"])
def test_nobody_but_the_service_adds_changes_or_removes_an_event(
    service: Client, connect: Connect, tenant: Tenant, role: str
) -> None:
    row = event(tenant)
    service.table("memory_events").insert(row).execute()
    client = connect(user=tenant.user_id) if role == "user" else connect(anon=True)
    table = client.table("memory_events")
    for attempt in (
        table.insert(event(tenant)),
        table.update({"event_type": "add"}).eq("id", row["id"]),
        table.delete().eq("id", row["id"]),
    ):
        with pytest.raises(APIError, match="permission denied"):
            attempt.execute()
    assert service.table("memory_events").select("event_type").eq("id", row["id"]).execute().data == [
        {"event_type": "search"}
    ]


def test_not_even_the_service_rewrites_or_backdates_the_trail(service: Client, tenant: Tenant) -> None:
    row = event(tenant, created_at="2001-01-01T00:00:00Z")
    service.table("memory_events").insert(row).execute()
    [kept] = stored(service, "memory_events", id=row["id"])
    assert datetime.fromisoformat(kept["created_at"]) > NOW - timedelta(minutes=1)
    with pytest.raises(APIError, match="permission denied"):
        service.table("memory_events").update({"actor": "nobody"}).eq("id", row["id"]).execute()
    with pytest.raises(APIError, match="future"):
        service.table("memory_events").insert(event(tenant, occurred_at="2999-01-01T00:00:00Z")).execute()
    with pytest.raises(APIError, match="memory_events_event_type_check"):
        service.table("memory_events").insert(event(tenant, event_type="peek")).execute()


def test_the_trail_outlives_an_agent_and_a_thread(
    supabase_front: SupabaseFront, service: Client, tenant: Tenant
) -> None:
    with psycopg.connect(supabase_front.dsn) as connection:
        found = connection.execute(
            "insert into agents (account_id, name, system_prompt) values (%s, 'a', '') returning agent_id",
            (tenant.account_id,),
        ).fetchone()
        assert found is not None
        [agent] = found
        connection.commit()
        row = event(tenant, agent_id=str(agent), thread_id=str(uuid4()))
        service.table("memory_events").insert(row).execute()
        connection.execute("delete from agents where agent_id = %s", (agent,))
    assert service.table("memory_events").select("agent_id").eq("id", row["id"]).execute().data == [
        {"agent_id": str(agent)}
    ]


def test_owners_switch_their_accounts_memory_and_it_is_noted_who(
    service: Client, connect: Connect, tenant: Tenant
) -> None:
    mine = connect(user=tenant.user_id).table("memory_settings")
    mine.insert({"account_id": tenant.account_id, "memory_enabled": False}).execute()
    [kept] = stored(service, "memory_settings", account_id=tenant.account_id)
    assert (kept["memory_enabled"], kept["record_queries"], kept["updated_by"]) == (False, False, tenant.user_id)
    mine.update({"memory_enabled": True}).eq("account_id", tenant.account_id).execute()
    assert mine.select("memory_enabled").execute().data == [{"memory_enabled": True}]
    with pytest.raises(APIError, match="permission denied"):
        mine.update({"updated_by": str(uuid4())}).eq("account_id", tenant.account_id).execute()


def test_who_the_service_set_a_switch_for_stays_on_record(service: Client, tenant: Tenant) -> None:
    row = {"account_id": tenant.account_id, "record_queries": True, "updated_by": tenant.user_id}
    service.table("memory_settings").upsert(row, on_conflict="account_id").execute()
    service.table("memory_settings").upsert(row, on_conflict="account_id").execute()
    [kept] = stored(service, "memory_settings", account_id=tenant.account_id)
    assert kept["updated_by"] == tenant.user_id


def test_a_stranger_and_a_mere_member_switch_nothing(
    supabase_front: SupabaseFront, connect: Connect, tenant: Tenant
) -> None:
    member = new_tenant(supabase_front)
    with psycopg.connect(supabase_front.dsn) as connection:
        connection.execute(
            "insert into basejump.account_user (user_id, account_id, account_role) values (%s, %s, 'member')",
            (member.user_id, tenant.account_id),
        )
    for user in (new_tenant(supabase_front), member):
        with pytest.raises(APIError, match="row-level security"):
            connect(user=user.user_id).table("memory_settings").insert({"account_id": tenant.account_id}).execute()
    connect(user=tenant.user_id).table("memory_settings").insert({"account_id": tenant.account_id}).execute()
    seen = connect(user=member.user_id).table("memory_settings").select("memory_enabled").execute().data
    assert seen == [{"memory_enabled": True}], "a member may look"
