"""The real ``supabase`` client against the devstack's front: who may see what, bad tokens, hostile input, errors."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import jwt
import psycopg
import pytest
from supabase import Client

from devstack.supabase import SupabaseFront
from tests.support.supabase.tenants import (
    Connect,
    StoredMessage,
    Tenant,
    add_messages,
    ask,
    names,
    new_team,
    new_tenant,
    new_thread,
    refused,
    rows,
)

pytest_plugins = ["tests.support.supabase.fixtures"]

EVIL = (
    "'; drop table public.messages; --",
    '"; drop table public.messages; --',
    "x' or '1'='1",
    "%s %(p0)s %% {} \\",
    "$1 :name ?",
    "é ملف 🚂 \u202e",
)


class TestWhoSeesWhat:
    def test_a_user_sees_the_rows_of_their_own_accounts_only(
        self, supabase_front: SupabaseFront, connect: Connect, tenant: Tenant
    ) -> None:
        stranger, mate = new_tenant(supabase_front), new_tenant(supabase_front)
        team = new_team(supabase_front, tenant, mate)
        own, shared, theirs = (new_thread(supabase_front, a) for a in (tenant.account_id, team, stranger.account_id))
        for thread in (own, shared, theirs):
            message = StoredMessage("user", thread, datetime.now(UTC), str(uuid4()))
            add_messages(supabase_front, thread, [message])

        def seen(client: Client) -> set[str]:
            query = client.table("messages").select("content").in_("thread_id", [own, shared, theirs])
            return {row["content"] for row in rows(query)}

        assert seen(connect(user=tenant.user_id)) == {own, shared}
        assert seen(connect(user=mate.user_id)) == {shared}
        assert seen(connect(user=stranger.user_id)) == {theirs}
        assert seen(connect(anon=True)) == set()
        assert seen(connect()) == {own, shared, theirs}

    def test_accounts_and_members_follow_the_same_rule(
        self, supabase_front: SupabaseFront, connect: Connect, tenant: Tenant
    ) -> None:
        team = new_team(supabase_front, new_tenant(supabase_front), tenant)
        basejump = connect(user=tenant.user_id).schema("basejump")

        accounts = rows(basejump.table("accounts").select("id"))
        members = rows(basejump.table("account_user").select("user_id").eq("account_id", team))

        assert {row["id"] for row in accounts} == {tenant.account_id, team}
        assert len(members) == 2
        assert refused(connect(anon=True).schema("basejump").table("accounts").select("id")).code == "42501"

    def test_a_public_project_is_readable_by_anyone_with_its_threads(
        self, supabase_front: SupabaseFront, connect: Connect, tenant: Tenant
    ) -> None:
        row = {"account_id": tenant.account_id, "name": "open", "is_public": True}
        project = rows(connect().table("projects").insert(row))[0]
        thread = {"account_id": tenant.account_id, "project_id": project["project_id"]}
        connect().table("threads").insert(thread).execute()

        visitor = connect(anon=True).table("threads").select("projects(name)")
        assert visitor.eq("project_id", project["project_id"]).execute().data == [{"projects": {"name": "open"}}]

    def test_a_user_cannot_write_into_another_account(
        self, supabase_front: SupabaseFront, connect: Connect, tenant: Tenant
    ) -> None:
        stranger = connect(user=new_tenant(supabase_front).user_id)
        thread = new_thread(supabase_front, tenant.account_id)
        row = {"thread_id": thread, "type": "user", "content": "x"}

        assert refused(stranger.table("messages").insert(row)).code == "42501"
        assert stranger.table("threads").update({"is_public": True}).eq("thread_id", thread).execute().data == []
        assert stranger.table("threads").delete().eq("thread_id", thread).execute().data == []

    def test_a_reading_request_cannot_write(self, supabase_front: SupabaseFront, service: Client) -> None:
        with psycopg.connect(supabase_front.dsn) as database:
            database.execute(
                "create or replace function public.write_something() returns int language sql volatile "
                "as 'insert into public.projects (account_id, name) select null, null returning 1'"
            )
        assert refused(service.rpc("write_something", {}, get=True)).code == "25006"


class TestTokens:
    def test_an_expired_a_forged_and_a_broken_token_are_refused(
        self, supabase_front: SupabaseFront, connect: Connect, tenant: Tenant
    ) -> None:
        claims = {"sub": tenant.user_id, "role": "service_role"}
        tokens = {
            "PGRST303": supabase_front.user_token(tenant.user_id, expires_in=-60),
            "PGRST301": jwt.encode(claims, "not the project's secret, though long enough", algorithm="HS256"),
        }
        for code, token in tokens.items():
            assert refused(connect(token=token).table("threads").select("*")).code == code

        for token in ("garbage", jwt.encode(claims, "", algorithm="none")):
            assert refused(connect(token=token).table("threads").select("*")).code == "PGRST301"

    def test_a_role_the_database_does_not_grant_is_refused(
        self, supabase_front: SupabaseFront, connect: Connect
    ) -> None:
        for role in ("postgres", 'anon"; set role postgres; --', "nobody"):
            token = jwt.encode({"role": role}, supabase_front.jwt_secret, algorithm="HS256")
            assert refused(connect(token=token).table("threads").select("*")).code in ("42501", "22023")

    def test_the_answer_to_a_bad_token_says_so(self, supabase_front: SupabaseFront, tenant: Tenant) -> None:
        headers = {
            "apikey": supabase_front.anon_key,
            "Authorization": f"Bearer {supabase_front.user_token(tenant.user_id, expires_in=-60)}",
        }
        answer = httpx.get(f"{supabase_front.url}/rest/v1/threads", headers=headers)

        assert answer.status_code == 401
        assert answer.json() == {"code": "PGRST303", "message": "JWT expired", "details": None, "hint": None}
        assert "JWT expired" in answer.headers["WWW-Authenticate"]

    @pytest.mark.parametrize("headers", [{}, {"apikey": "someone else's"}])
    def test_without_a_key_of_the_project_nothing_is_served(
        self, supabase_front: SupabaseFront, headers: dict[str, str]
    ) -> None:
        assert httpx.get(f"{supabase_front.url}/rest/v1/threads", headers=headers).status_code == 401


class TestHostileInput:
    @pytest.mark.parametrize("text", EVIL)
    def test_a_value_is_only_ever_a_value(self, service: Client, tenant: Tenant, text: str) -> None:
        service.table("projects").insert({"account_id": tenant.account_id, "name": text}).execute()

        for query in (
            service.table("projects").select("name").eq("name", text),
            service.table("projects").select("name").in_("name", [text]),
        ):
            assert set(names(query.eq("account_id", tenant.account_id))) == {text}
        changed = service.table("projects").update({"description": text}).eq("name", text)
        assert [row["description"] for row in rows(changed)] == [text]

    @pytest.mark.parametrize("text", EVIL)
    def test_a_name_is_only_ever_a_name(self, service: Client, tenant: Tenant, text: str) -> None:
        quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        attempts = (
            service.table("projects").select(quoted),
            service.table("projects").select("name").eq(text, "x"),
            service.table("projects").select("name").order(quoted),
            service.table("projects").select(f"name::{text}"),
            service.table("projects").insert({"account_id": tenant.account_id, "name": "x", text: 1}),
            service.table("projects").upsert({"account_id": tenant.account_id, "name": "x"}, on_conflict=quoted),
            service.rpc("has_role_on_account", {text: 1}),
        )
        for attempt in attempts:
            assert refused(attempt).code in {"42703", "PGRST100", "PGRST108", "PGRST204", "PGRST202", "UNSUPPORTED"}
        assert service.table("messages").select("*").limit(1).execute().data

    @pytest.mark.parametrize("name", ["eq", "not", "like", "is", "in", "bogus", "eq(any)"])
    def test_half_a_filter_is_a_clear_error(self, supabase_front: SupabaseFront, name: str) -> None:
        answer = ask(supabase_front, f"/projects?name={name}")
        assert (answer.status_code, answer.json()["code"]) in {(400, "PGRST100"), (400, "UNSUPPORTED")}

    def test_null_bytes_are_refused(self, supabase_front: SupabaseFront, service: Client, tenant: Tenant) -> None:
        assert ask(supabase_front, "/projects?name=eq.a%00b").status_code == 400
        assert ask(supabase_front, "/projects?na%00me=eq.a").status_code == 400
        assert ask(supabase_front, "/pro%00jects").status_code == 404
        row = {"account_id": tenant.account_id, "name": "x", "sandbox": "a\0b"}
        assert refused(service.table("projects").insert(row)).code == "22P05"

    def test_deep_nesting_ends_in_an_error_not_a_crash(self, supabase_front: SupabaseFront) -> None:
        tree, embeds = "(" + "and(" * 500 + "a.eq.1" + ")" * 501, "projects(" * 500 + "*" + ")" * 500
        assert ask(supabase_front, f"/projects?or={tree}").json()["code"] == "PGRST100"
        assert ask(supabase_front, f"/projects?select={embeds}").json()["code"] == "PGRST100"
        body = httpx.post(
            f"{supabase_front.url}/rest/v1/projects",
            content="[" * 200_000,
            headers={"apikey": supabase_front.service_role_key, "Content-Type": "application/json"},
        )
        assert (body.status_code, body.json()["code"]) == (400, "PGRST102")


class TestErrors:
    def test_unknown_tables_columns_and_relations(self, service: Client, connect: Connect) -> None:
        table = refused(service.table("mesages").select("*"))
        assert (table.code, table.hint) == ("PGRST205", "Perhaps you meant the table 'public.messages'")
        assert refused(service.table("messages").select("nothing")).code == "42703"
        assert refused(service.table("messages").insert({"nothing": 1})).code == "PGRST204"
        assert refused(service.table("messages").select("agents(name)")).code == "PGRST200"
        assert refused(service.table("messages").select("*").eq("threads.account_id", "x")).code == "PGRST108"
        assert refused(service.schema("auth").table("users").select("*")).code == "PGRST106"

    def test_a_table_made_after_the_start_is_found(self, supabase_front: SupabaseFront, service: Client) -> None:
        with psycopg.connect(supabase_front.dsn) as database:
            database.execute("create table public.latecomers (id int primary key)")

        assert service.table("latecomers").insert({"id": 1}).execute().data == [{"id": 1}]

    def test_the_database_s_own_refusals(self, service: Client, supabase_front: SupabaseFront) -> None:
        known: Any = service.table("projects").select("project_id,account_id").limit(1).single().execute().data
        twice = refused(service.table("projects").insert({**known, "name": "again"}))
        orphan = refused(service.table("threads").insert({"account_id": str(uuid4())}))

        assert (twice.code, orphan.code) == ("23505", "23503")
        assert refused(service.table("projects").select("*").eq("project_id", "no uuid")).code == "22P02"
        assert ask(supabase_front, "/projects", method="POST", json={**known, "name": "x"}).status_code == 409

    @pytest.mark.parametrize(
        ("query", "named"),
        [
            ("select=name&name=fts.word", "fts"),
            ("select=name&name=like(any).{a,b}", "like(any)"),
            ("select=project_id.count()", "aggregate"),
            ("select=count()", "aggregate"),
            ("select=...threads(*)", "spread"),
            ("select=name::regclass", "regclass"),
            ("select=name&order=threads(name).asc", "embedded"),
        ],
    )
    def test_what_is_left_out_is_named(self, supabase_front: SupabaseFront, query: str, named: str) -> None:
        answer = ask(supabase_front, f"/projects?{query}")

        assert (answer.status_code, answer.json()["code"]) == (400, "UNSUPPORTED")
        assert named in answer.json()["message"]

    def test_an_unknown_preference_or_path_is_named_too(self, supabase_front: SupabaseFront) -> None:
        planned = ask(supabase_front, "/projects", headers={"Prefer": "count=planned"})
        assert planned.status_code == 400
        assert "Prefer: count=planned" in planned.json()["message"]
        assert httpx.get(f"{supabase_front.url}/auth/v1/user").status_code == 404
