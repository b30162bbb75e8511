"""Who may change an account's switches past our API, straight in the platform's table: real Postgres, real roles."""

import psycopg
import pytest
from supabase import Client

from devstack.supabase import SupabaseFront
from tests.support.supabase.tenants import Connect, Row, Tenant, new_team, new_tenant, refused, rows

pytest_plugins = ["tests.support.supabase.fixtures"]

CHANGES = [{"memory_enabled": False}, {"record_queries": True}, {"memory_enabled": False, "record_queries": True}]
each_change = pytest.mark.parametrize("change", CHANGES, ids=lambda change: " ".join(change))


@pytest.fixture
def member(supabase_front: SupabaseFront) -> Tenant:
    return new_tenant(supabase_front)


@pytest.fixture
def team(supabase_front: SupabaseFront, tenant: Tenant, member: Tenant, service: Client) -> str:
    """A team of the tenant's, with ``member`` and with a row of switches."""
    team = new_team(supabase_front, tenant, member)
    service.table("memory_settings").insert({"account_id": team}).execute()
    return team


def switches(service: Client, team: str) -> Row:
    [row] = rows(service.table("memory_settings").select("*").eq("account_id", team))
    return row


@each_change
def test_a_mere_member_changes_nothing(
    connect: Connect, service: Client, team: str, member: Tenant, change: dict[str, bool]
) -> None:
    before, mine = switches(service, team), connect(user=member.user_id).table("memory_settings")
    assert rows(mine.select("memory_enabled").eq("account_id", team)) == [{"memory_enabled": True}], "but may look"
    assert rows(mine.update(change).eq("account_id", team)) == []
    refused(mine.upsert({"account_id": team, **change}, on_conflict="account_id"))
    assert switches(service, team) == before


@each_change
def test_an_owner_does(connect: Connect, service: Client, team: str, tenant: Tenant, change: dict[str, bool]) -> None:
    [changed] = rows(connect(user=tenant.user_id).table("memory_settings").update(change).eq("account_id", team))
    assert {name: changed[name] for name in change} == change
    assert switches(service, team)["updated_by"] == tenant.user_id


@pytest.mark.parametrize("who", ["a stranger", "nobody"])
def test_others_change_nothing_and_see_nothing(
    connect: Connect, service: Client, supabase_front: SupabaseFront, team: str, who: str
) -> None:
    before = switches(service, team)
    if who == "nobody":
        refused(connect(anon=True).table("memory_settings").update({"memory_enabled": False}).eq("account_id", team))
    else:
        theirs = connect(user=new_tenant(supabase_front).user_id).table("memory_settings")
        assert rows(theirs.select("*").eq("account_id", team)) == []
        assert rows(theirs.update({"memory_enabled": False}).eq("account_id", team)) == []
    assert switches(service, team) == before


def test_no_row_becomes_another_accounts_and_none_is_deleted(
    connect: Connect, service: Client, team: str, tenant: Tenant
) -> None:
    before, mine = switches(service, team), connect(user=tenant.user_id).table("memory_settings")
    assert refused(mine.update({"account_id": tenant.account_id}).eq("account_id", team)).code == "42501"
    assert refused(mine.delete().eq("account_id", team)).code == "42501"
    assert switches(service, team) == before


def test_who_has_become_a_mere_member_changes_nothing_any_more(
    connect: Connect, service: Client, supabase_front: SupabaseFront, team: str, member: Tenant
) -> None:
    def becomes(role: str) -> None:
        with psycopg.connect(supabase_front.dsn) as database:
            database.execute(
                "update basejump.account_user set account_role = %s where user_id = %s and account_id = %s",
                (role, member.user_id, team),
            )

    mine = connect(user=member.user_id).table("memory_settings")
    becomes("owner")
    assert len(rows(mine.update({"memory_enabled": False}).eq("account_id", team))) == 1
    becomes("member")
    assert rows(mine.update({"memory_enabled": True}).eq("account_id", team)) == []
    assert switches(service, team)["memory_enabled"] is False
