"""Deleted accounts: one suite for the fake and for the real Postgres, and what only the database does."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import psycopg
import pytest
from operator_memory.adapters.supabase.gone_accounts import SupabaseGoneAccounts
from operator_memory.adapters.supabase.rest import SupabaseRest
from operator_memory.application.ports.lifecycle import GoneAccounts
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.lifecycle.gone_accounts import GoneAccount
from operator_memory.domain.memory.scopes import AccountId

from devstack.supabase import SupabaseFront
from tests.support.fakes.gone import FakeGoneAccounts
from tests.support.fakes.platform import FakePlatform
from tests.support.loopback import reply
from tests.support.supabase.platform_worlds import TIME_OUT, Failure, RealPlatform, account, answering
from tests.support.supabase.tenants import Connect, Tenant, refused
from tests.support.time_outs import AMPLE

pytest_plugins = ["tests.support.supabase.fixtures", "tests.support.supabase.platform_fixtures"]

TABLE = "memory_accounts_gone"


@dataclass(frozen=True)
class Leaving:
    """A platform, the port on it, and what the port's suite needs besides."""

    platform: RealPlatform | FakePlatform
    gone: GoneAccounts
    come: Callable[[AccountId], object]
    """Lets the time of an account come."""
    restore: Callable[[AccountId], object]

    def due(self, *accounts: AccountId) -> list[AccountId]:
        """Those of ``accounts`` that are due."""
        found: list[AccountId] = []
        after = None
        while page := self.gone.due(after=after, limit=3):
            assert [one.account_id for one in page] == sorted(one.account_id for one in page)
            found += [one.account_id for one in page]
            after = page[-1].account_id
        return [one for one in accounts if one in found]

    def the(self, account_id: AccountId) -> GoneAccount:
        """The deletion of the account, which is due."""
        after = None
        while page := self.gone.due(after=after, limit=100):
            for one in page:
                if one.account_id == account_id:
                    return one
            after = page[-1].account_id
        raise AssertionError("it is not due")


@pytest.fixture(params=["fake", "postgres"])
def leaving(request: pytest.FixtureRequest) -> Leaving:
    if request.param == "fake":
        fake = FakePlatform()

        def come(account_id: AccountId) -> None:
            fake.gone[account_id].is_due = True

        return Leaving(fake, FakeGoneAccounts(fake), come, fake.new_user)
    front: SupabaseFront = request.getfixturevalue("supabase_front")
    rest: SupabaseRest = request.getfixturevalue("rest")
    real = RealPlatform(front)
    come_now = f"update public.{TABLE} set erase_after = now() where account_id = %s"
    again = "insert into basejump.accounts (id, primary_owner_user_id, personal_account) values (%s, %s, true)"
    return Leaving(
        real,
        SupabaseGoneAccounts(rest, timeout=AMPLE),
        lambda account_id: real.sql(come_now, account_id),
        lambda account_id: real.sql(again, account_id, account_id),
    )


def test_a_deleted_account_is_due_until_it_is_erased(leaving: Leaving) -> None:
    gone, stays = account(leaving.platform.new_user()), account(leaving.platform.new_user())
    assert leaving.due(gone, stays) == []
    leaving.platform.delete_account(gone)
    assert leaving.due(gone, stays) == [gone]
    leaving.gone.settle(leaving.the(gone), erasure_id="erasure-1")
    assert leaving.due(gone) == []
    assert leaving.gone.missing([gone, stays]) == [], "it is known to be gone"


def test_many_come_in_pages(leaving: Leaving) -> None:
    many = sorted(account(leaving.platform.new_user()) for _ in range(8))
    for one in many:
        leaving.platform.delete_account(one)
    assert leaving.due(*many) == many


def test_an_account_that_is_back_is_not_due_until_it_is_deleted_again(leaving: Leaving) -> None:
    gone = account(leaving.platform.new_user())
    leaving.platform.delete_account(gone)
    first = leaving.the(gone)
    leaving.restore(gone)
    assert leaving.due(gone) == []
    leaving.platform.delete_account(gone)
    again = leaving.the(gone)
    assert again.erasure_id != first.erasure_id, "another deletion, another erasure"
    leaving.gone.settle(first, erasure_id="of the first")
    assert leaving.due(gone) == [gone]


def test_an_account_that_nobody_told_of_is_missing_and_due_later(leaving: Leaving) -> None:
    stays, unknown = account(leaving.platform.new_user()), account(str(uuid4()))
    asked = [stays, unknown, account("demo"), account("00000000-0000-0000-0000-00000000000A")]
    assert leaving.gone.missing(asked) == [unknown]
    assert leaving.gone.note_missing([stays, unknown], days=7) == 1
    assert leaving.gone.note_missing([stays, unknown], days=7) == 0
    assert leaving.gone.missing(asked) == []
    assert leaving.due(stays, unknown) == []
    leaving.come(unknown)
    assert leaving.due(stays, unknown) == [unknown]
    assert leaving.gone.missing([]) == []


class TestDatabase:
    def test_a_user_who_is_deleted_with_their_account_is_noted(self, platform: RealPlatform) -> None:
        user = platform.new_user()
        platform.sql("delete from basejump.accounts where primary_owner_user_id = %s", user)
        platform.sql("delete from auth.users where id = %s", user)
        [row] = platform.sql(f"select found_by, erased_at from public.{TABLE} where account_id = %s", user)
        assert row == ("deletion", None)

    def test_a_member_who_leaves_a_team_is_no_account_that_is_gone(self, platform: RealPlatform) -> None:
        owner, member = platform.new_user(), platform.new_user()
        team = platform.new_team(owner, member)
        platform.remove_member(team, member)
        ids = (owner, member, team)
        assert platform.sql(f"select 1 from public.{TABLE} where account_id in (%s, %s, %s)", *ids) == []

    def test_what_cannot_be_noted_keeps_nobody_from_leaving(self, supabase_front: SupabaseFront) -> None:
        user = RealPlatform(supabase_front).new_user()
        with psycopg.connect(supabase_front.dsn) as database:
            database.execute(f"alter table public.{TABLE} add constraint never check (false) not valid")
            database.execute("delete from basejump.accounts where id = %s", (user,))
            found = database.execute("select 1 from basejump.accounts where id = %s", (user,)).fetchall()
            database.rollback()
        assert found == []

    def test_a_deletion_that_is_taken_back_is_not_noted(self, supabase_front: SupabaseFront) -> None:
        real = RealPlatform(supabase_front)
        user = real.new_user()
        with psycopg.connect(supabase_front.dsn) as database:
            database.execute("delete from basejump.accounts where id = %s", (user,))
            database.rollback()
        assert real.sql(f"select 1 from public.{TABLE} where account_id = %s", user) == []

    def test_the_record_outlives_the_account_and_says_what_erased_it(
        self, platform: RealPlatform, rest: SupabaseRest
    ) -> None:
        user = account(platform.new_user())
        platform.delete_account(user)
        gone = SupabaseGoneAccounts(rest, timeout=AMPLE)
        [mine] = [one for one in gone.due(after=None, limit=1000) if one.account_id == user]
        gone.settle(mine, erasure_id=mine.erasure_id)
        query = f"select erasure_id, erased_at is not null from public.{TABLE} where account_id = %s"
        assert platform.sql(query, user) == [(mine.erasure_id, True)]

    def test_people_neither_see_nor_write_it(self, connect: Connect, tenant: Tenant) -> None:
        for client in (connect(user=tenant.user_id), connect(anon=True)):
            refused(client.table(TABLE).select("*"))
            refused(client.table(TABLE).insert({"account_id": tenant.account_id}))
            refused(client.rpc("memory_accounts_gone_due", {"p_after": None, "p_limit": 1}))
            refused(client.rpc("memory_accounts_note_missing", {"p_accounts": [], "p_days": 0}))

    def test_the_service_takes_nothing_out_of_it(self, connect: Connect, tenant: Tenant) -> None:
        refused(connect().table(TABLE).delete().eq("account_id", tenant.account_id))


@pytest.mark.parametrize(
    "answer", [{"surprise": 1}, [{"account_id": "demo", "gone_at": "x"}], [{"account_id": str(uuid4())}], ["x"], 7]
)
def test_an_answer_that_cannot_be_read_erases_nobody(answer: object) -> None:
    with answering(reply(answer)) as (_, client):
        gone = SupabaseGoneAccounts(client, timeout=AMPLE)
        with pytest.raises(MalformedResponseError):
            gone.due(after=None, limit=10)
        with pytest.raises(MalformedResponseError):
            gone.missing([account(str(uuid4()))])


def test_every_failure_is_told_as_what_it_is(failure: Failure) -> None:
    with failure.server() as client:
        gone = SupabaseGoneAccounts(client, timeout=TIME_OUT)
        for call in (
            lambda: gone.due(after=None, limit=1),
            lambda: gone.missing([account(str(uuid4()))]),
        ):
            with pytest.raises(failure.error):
                call()
