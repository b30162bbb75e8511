"""The real ``supabase`` client against the devstack's front: queries, writes, calls, and who may see what."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from postgrest.types import CountMethod, ReturnMethod
from supabase import Client

from devstack.supabase import SupabaseFront
from devstack.supabase.app import MAX_ROWS
from tests.support.supabase.tenants import (
    Connect,
    Row,
    StoredMessage,
    Tenant,
    add_messages,
    names,
    new_team,
    new_tenant,
    new_thread,
    refused,
    rows,
)

pytest_plugins = ["tests.support.supabase.fixtures"]


@pytest.fixture
def projects(service: Client, tenant: Tenant) -> list[Row]:
    """Four projects of one tenant, in order of their names; one has no description."""
    varied: list[Row] = [
        {"name": "alpha", "description": "first, of four", "sandbox": {"cpu": 1, "tags": ["a", "b"]}},
        {"name": "beta", "description": 'the "second"', "sandbox": {"cpu": 20, "tags": ["b"]}},
        {"name": "delta", "description": None, "sandbox": {"cpu": 3}},
        {"name": "gamma", "description": "100% (last)", "sandbox": {}, "is_public": False},
    ]
    full = [{"account_id": tenant.account_id, "is_public": False, **row} for row in varied]
    return sorted(rows(service.table("projects").insert(full)), key=lambda row: str(row["name"]))


class TestReading:
    @pytest.mark.parametrize(
        ("operator", "column", "value", "expected"),
        [
            ("eq", "name", "beta", ["beta"]),
            ("neq", "name", "beta", ["alpha", "delta", "gamma"]),
            ("gt", "name", "beta", ["delta", "gamma"]),
            ("gte", "name", "delta", ["delta", "gamma"]),
            ("lt", "name", "beta", ["alpha"]),
            ("lte", "name", "beta", ["alpha", "beta"]),
            ("like", "name", "%ta", ["beta", "delta"]),
            ("like", "name", "*ta", ["beta", "delta"]),
            ("ilike", "name", "%AM%", ["gamma"]),
            ("is_", "description", None, ["delta"]),
            ("is_", "is_public", False, ["alpha", "beta", "delta", "gamma"]),
            ("in_", "name", ["alpha", "gamma", "nobody"], ["alpha", "gamma"]),
            ("in_", "description", ["first, of four", 'the "second"', "100% (last)"], ["alpha", "beta", "gamma"]),
            ("in_", "name", [], []),
            ("contains", "sandbox", {"tags": ["b"]}, ["alpha", "beta"]),
            ("eq", "sandbox->>cpu", "20", ["beta"]),
            ("gt", "sandbox->cpu", "2", ["beta", "delta"]),
            ("eq", "sandbox->tags->>0", "a", ["alpha"]),
        ],
    )
    def test_filters(
        self,
        service: Client,
        tenant: Tenant,
        projects: list[Row],
        operator: str,
        column: str,
        value: object,
        expected: list[str],
    ) -> None:
        query = service.table("projects").select("name").eq("account_id", tenant.account_id).order("name")

        assert names(getattr(query, operator)(column, value)) == expected

    def test_a_filter_can_be_negated_and_combined(self, service: Client, tenant: Tenant, projects: list[Row]) -> None:
        mine = service.table("projects").select("name").eq("account_id", tenant.account_id).order("name")
        assert names(mine.not_.in_("name", ["alpha", "beta"])) == ["delta", "gamma"]

        mine = service.table("projects").select("name").eq("account_id", tenant.account_id).order("name")
        tree = 'name.eq.alpha,and(description.like."*(last)",not.or(name.eq.beta,is_public.is.true))'
        assert names(mine.or_(tree)) == ["alpha", "gamma"]

    def test_order_limit_and_offset(self, service: Client, tenant: Tenant, projects: list[Row]) -> None:
        mine = service.table("projects").select("name").eq("account_id", tenant.account_id)
        ordered = mine.order("description", desc=True, nullsfirst=True).order("name")

        assert names(ordered) == ["delta", "beta", "alpha", "gamma"]
        assert names(ordered.range(1, 2)) == ["beta", "alpha"]

    def test_columns_can_be_renamed_cast_and_reached_into(self, service: Client, projects: list[Row]) -> None:
        columns = "title:name, sandbox->>cpu, n:sandbox->cpu, first:sandbox->tags->>0, text:is_public::text"
        row = service.table("projects").select(columns).eq("project_id", projects[0]["project_id"]).single().execute()

        assert row.data == {"title": "alpha", "cpu": "1", "n": 1, "first": "a", "text": "false"}

    def test_counting(self, service: Client, tenant: Tenant, projects: list[Row]) -> None:
        page = service.table("projects").select("name", count=CountMethod.exact).eq("account_id", tenant.account_id)
        assert (len(page.limit(3).execute().data), page.execute().count) == (3, 4)

        head = service.table("projects").select("*", count=CountMethod.exact, head=True)
        response = head.eq("account_id", tenant.account_id).execute()
        assert (response.data, response.count) == ([], 4)

    def test_one_object_or_none(self, service: Client, projects: list[Row]) -> None:
        query = service.table("projects").select("name").eq("name", "nobody at all")
        assert query.maybe_single().execute() is None

        error = refused(service.table("projects").select("name").eq("name", "nobody at all").single())
        assert (error.code, error.details) == ("PGRST116", "The result contains 0 rows")

    def test_related_rows_come_along_in_both_directions(
        self, supabase_front: SupabaseFront, service: Client, tenant: Tenant
    ) -> None:
        thread = new_thread(supabase_front, tenant.account_id)
        now = datetime.now(UTC)
        contents = ["zero", "one", "two"]
        add_messages(supabase_front, thread, [StoredMessage("user", text, now, str(uuid4())) for text in contents])

        query = service.table("threads").select("thread_id, said:messages(content)").eq("thread_id", thread)
        query = query.order("content", desc=True, foreign_table="said").limit(2, foreign_table="said")
        assert query.execute().data == [{"thread_id": thread, "said": [{"content": "zero"}, {"content": "two"}]}]

        inner = service.table("messages").select("content, threads!inner(account_id)").order("content")
        assert inner.eq("threads.account_id", tenant.account_id).limit(1).execute().data == [
            {"content": "one", "threads": {"account_id": tenant.account_id}}
        ]

    def test_no_answer_has_more_rows_than_the_platform_gives(
        self, supabase_front: SupabaseFront, service: Client, tenant: Tenant
    ) -> None:
        thread = new_thread(supabase_front, tenant.account_id)
        now = datetime.now(UTC)
        add_messages(
            supabase_front,
            thread,
            (StoredMessage("user", n, now, str(uuid4())) for n in range(MAX_ROWS + 1)),
        )

        query = service.table("messages").select("message_id").eq("thread_id", thread)
        assert len(query.execute().data) == MAX_ROWS
        assert len(query.limit(5000).execute().data) == MAX_ROWS

    def test_range_headers_page_like_limit_and_offset(
        self, supabase_front: SupabaseFront, tenant: Tenant, projects: list[Row]
    ) -> None:
        url = f"{supabase_front.url}/rest/v1/projects?select=name&order=name&account_id=eq.{tenant.account_id}"
        headers = {"apikey": supabase_front.service_role_key, "Prefer": "count=exact"}

        page = httpx.get(url, headers={**headers, "Range": "1-2"})
        beyond = httpx.get(url, headers={**headers, "Range": "9-"})

        assert (page.status_code, page.headers["Content-Range"]) == (206, "1-2/4")
        assert [row["name"] for row in page.json()] == ["beta", "delta"]
        assert (beyond.status_code, beyond.json()["code"]) == (416, "PGRST103")


class TestWriting:
    def test_an_insert_returns_the_rows_with_their_defaults(self, service: Client, tenant: Tenant) -> None:
        row = rows(service.table("projects").insert({"account_id": tenant.account_id, "name": "one"}))[0]

        assert (row["name"], row["is_public"], row["sandbox"]) == ("one", False, {})
        assert datetime.fromisoformat(row["created_at"]).tzinfo is not None

    def test_a_minimal_insert_returns_nothing(self, service: Client, tenant: Tenant) -> None:
        row = {"account_id": tenant.account_id, "name": "quiet"}
        assert service.table("projects").insert(row, returning=ReturnMethod.minimal).execute().data == []

        stored = service.table("projects").select("name").eq("account_id", tenant.account_id)
        assert names(stored) == ["quiet"]

    def test_a_bulk_insert_fills_gaps_with_null_or_the_default(self, service: Client, tenant: Tenant) -> None:
        full: Row = {"account_id": tenant.account_id, "name": "full", "sandbox": {"a": 1}}
        uneven = [full, {"account_id": tenant.account_id, "name": "gap"}]

        with_null = rows(service.table("projects").insert(uneven))
        with_default = rows(service.table("projects").insert(uneven, default_to_null=False))

        assert [row["sandbox"] for row in with_null] == [{"a": 1}, None]
        assert [row["sandbox"] for row in with_default] == [{"a": 1}, {}]

    def test_user_and_assistant_content_is_stored_as_the_platform_stores_it(
        self, supabase_front: SupabaseFront, service: Client, tenant: Tenant
    ) -> None:
        thread = new_thread(supabase_front, tenant.account_id)
        text, value = '{"role": "user", "content": "hi \\u00e9"}', {"role": "assistant", "content": ["a", 1.50]}
        both: list[Row] = [
            {"thread_id": thread, "type": "user", "content": text},
            {"thread_id": thread, "type": "assistant", "content": value},
        ]
        service.table("messages").insert(both).execute()

        stored = rows(service.table("messages").select("content").eq("thread_id", thread).order("type"))
        assert [row["content"] for row in stored] == [value, text]

    def test_upserts_merge_or_ignore(self, service: Client, tenant: Tenant, projects: list[Row]) -> None:
        known, account = projects[0]["project_id"], tenant.account_id
        two = [
            {"project_id": known, "account_id": account, "name": "changed"},
            {"project_id": str(uuid4()), "account_id": account, "name": "new"},
        ]
        ignored = service.table("projects").upsert(two, ignore_duplicates=True)
        merged = service.table("projects").upsert(two, on_conflict="project_id")

        assert names(ignored) == ["new"]
        assert sorted(names(merged)) == ["changed", "new"]
        kept = service.table("projects").select("description").eq("project_id", known).execute()
        assert kept.data == [{"description": "first, of four"}]

    def test_updates_and_deletes_touch_what_the_filters_match(
        self, service: Client, tenant: Tenant, projects: list[Row]
    ) -> None:
        mine = service.table("projects").update({"description": "new", "sandbox": [1]})
        assert names(mine.eq("account_id", tenant.account_id).like("name", "%ta")) == ["beta", "delta"]

        gone = service.table("projects").delete().eq("account_id", tenant.account_id).eq("description", "new")
        assert names(gone) == ["beta", "delta"]
        left = service.table("projects").select("name").eq("account_id", tenant.account_id).order("name")
        assert names(left) == ["alpha", "gamma"]

    def test_a_write_that_matches_too_much_changes_nothing(
        self, service: Client, tenant: Tenant, projects: list[Row]
    ) -> None:
        query = service.table("projects").delete().eq("account_id", tenant.account_id).max_affected(3)
        assert refused(query).code == "PGRST124"

        left = service.table("projects").select("*", count=CountMethod.exact, head=True)
        assert left.eq("account_id", tenant.account_id).execute().count == 4

    @pytest.mark.parametrize("write", ["update", "delete"])
    def test_a_whole_table_is_never_written_by_accident(self, service: Client, write: str) -> None:
        arguments = [{"name": "x"}] if write == "update" else []
        assert refused(getattr(service.table("projects"), write)(*arguments)).code == "21000"


class TestCalling:
    def test_a_scalar_a_set_and_another_schema(
        self, supabase_front: SupabaseFront, connect: Connect, tenant: Tenant
    ) -> None:
        stranger = new_tenant(supabase_front)
        team = new_team(supabase_front, tenant)
        basejump = connect(user=tenant.user_id).schema("basejump")

        assert basejump.rpc("has_role_on_account", {"account_id": team, "account_role": "owner"}).execute().data is True
        assert (
            basejump.rpc("has_role_on_account", {"account_id": stranger.account_id}, get=True).execute().data is False
        )
        accounts: Any = basejump.rpc("get_accounts_with_role", {}).execute().data
        assert set(accounts) == {tenant.account_id, team}

    def test_under_the_service_role_nobody_has_a_role_on_an_account(self, service: Client, tenant: Tenant) -> None:
        call = service.schema("basejump").rpc("has_role_on_account", {"account_id": tenant.account_id})
        assert call.execute().data is False

    def test_rows_of_a_function_are_narrowed_like_a_table(self, supabase_front: SupabaseFront, service: Client) -> None:
        with psycopg.connect(supabase_front.dsn) as database:
            database.execute(
                "create or replace function public.numbers(upto int, step int default 1) "
                "returns table (n int, square int) language sql stable "
                "as 'select i, i * i from generate_series(1, upto, step) i'"
            )

        call = service.rpc("numbers", {"upto": 9}).select("square").gt("n", 2).order("n", desc=True).limit(2)
        assert call.execute().data == [{"square": 81}, {"square": 64}]
        assert refused(service.rpc("numbers", {"wrong": 9})).code == "PGRST202"
