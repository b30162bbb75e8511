"""A user is deleted on the platform, and the erasure starts by itself: a real Postgres, the table, the API."""

from dataclasses import dataclass
from typing import Any

import pytest
from operator_memory.adapters.dynamodb.expiry import DynamoDBExpiryIndex
from operator_memory.adapters.dynamodb.known_accounts import DynamoDBKnownAccounts
from operator_memory.adapters.supabase.gone_accounts import SupabaseGoneAccounts
from operator_memory.adapters.supabase.rest import SupabaseRest
from operator_memory.application.lifecycle.erase_gone_accounts import EraseGoneAccounts
from operator_memory.domain.lifecycle.gone_accounts import GoneReport
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType

from devstack.supabase import SupabaseFront
from tests.support.builders import NOW, a_memory
from tests.support.management.api import Management
from tests.support.management.checks import belonging_to, of_type
from tests.support.supabase.platform_worlds import RealPlatform
from tests.support.time_outs import AMPLE

pytest_plugins = [
    "tests.support.aws.fixtures",
    "tests.support.supabase.fixtures",
    "tests.support.supabase.platform_fixtures",
]

ENOUGH = 300.0


@dataclass(frozen=True)
class Service:
    """The platform, memory on it, and the hourly sweep."""

    platform: RealPlatform
    memory: Management
    gone: SupabaseGoneAccounts
    sweeping: EraseGoneAccounts
    expiry: DynamoDBExpiryIndex

    def new_user(self) -> AccountId:
        """A user of whom something is remembered."""
        user = AccountId(self.platform.new_user())
        self.memory.platform.new_user(user)
        self.memory.put(belonging_to(user, a_memory(f"Likes tea. {user}")))
        self.expiry.register(user, NOW)
        return user

    def remembered(self, user: AccountId) -> int:
        return len(self.memory.memories.of(user))

    def sweep(self, seconds: float = ENOUGH) -> GoneReport:
        return self.sweeping.erase_gone(lambda: seconds)

    def settle_others(self) -> None:
        """Other tests on this database have left accounts behind that are gone."""
        while others := self.gone.due(after=None, limit=100):
            for other in others:
                self.gone.settle(other, erasure_id="another test's")


@pytest.fixture
def service(supabase_front: SupabaseFront, rest: SupabaseRest, table: tuple[Any, str]) -> Service:
    memory = Management()
    memory.clock.time = NOW
    gone = SupabaseGoneAccounts(rest, timeout=AMPLE)
    sweeping = EraseGoneAccounts(
        platform=gone, known=DynamoDBKnownAccounts(*table), erase=memory.erase.erase_gone_account
    )
    made = Service(RealPlatform(supabase_front), memory, gone, sweeping, DynamoDBExpiryIndex(*table))
    made.settle_others()
    return made


def delete_user(platform: RealPlatform, user: AccountId) -> None:
    platform.sql("delete from basejump.accounts where primary_owner_user_id = %s", user)
    platform.sql("delete from auth.users where id = %s", user)


def test_a_deleted_users_memory_is_erased_by_itself_with_a_receipt(service: Service) -> None:
    leaving, staying = service.new_user(), service.new_user()
    delete_user(service.platform, leaving)
    assert service.sweep() == GoneReport(erased=1)
    assert (service.remembered(leaving), service.remembered(staying)) == (0, 1)
    [receipt] = service.memory.erase.receipts(leaving)
    assert (receipt.requested_by, receipt.removed["memories"]) == ("system:account_deleted", 1)
    [event] = of_type(service.memory, EventType.ERASE)
    assert (event.account_id, event.actor) == (leaving, "system:account_deleted")
    query = "select erasure_id from public.memory_accounts_gone where account_id = %s"
    assert service.platform.sql(query, leaving) == [(receipt.id,)], "the platform keeps that it happened"
    assert service.sweep() == GoneReport()


def test_a_sweep_without_time_for_the_erasure_is_gone_on_with(service: Service) -> None:
    leaving = service.new_user()
    delete_user(service.platform, leaving)
    seconds = iter([ENOUGH, 1.0])  # for the sweep to begin, and for the erasure to stop
    report = service.sweeping.erase_gone(lambda: next(seconds, ENOUGH))
    assert (report.erased, report.unfinished) == (0, 1)
    assert service.sweep() == GoneReport(erased=1)
    assert service.remembered(leaving) == 0
    assert len(service.memory.erase.receipts(leaving)) == 1


def test_a_user_who_left_before_anybody_noted_it_is_found(service: Service) -> None:
    leaving, _ = service.new_user(), service.new_user()
    with_no_trace = "delete from public.memory_accounts_gone where account_id = %s"
    delete_user(service.platform, leaving)
    service.platform.sql(with_no_trace, leaving)
    assert service.sweep() == GoneReport(noted=1)
    assert service.remembered(leaving) == 1
    come = "update public.memory_accounts_gone set erase_after = now() where account_id = %s"
    service.platform.sql(come, leaving)
    assert service.sweep() == GoneReport(erased=1)
    assert service.remembered(leaving) == 0


def test_what_a_member_said_stays_with_the_team_when_they_leave_it(service: Service) -> None:
    owner, member = service.new_user(), service.new_user()
    team = service.platform.new_team(owner, member)
    service.memory.put(belonging_to(team, a_memory("The rate is 640.", author_id=member)))
    service.expiry.register(team, NOW)
    service.platform.remove_member(team, member)
    delete_user(service.platform, member)
    assert service.sweep() == GoneReport(erased=1)
    assert (service.remembered(team), service.remembered(member)) == (1, 0)
    service.platform.delete_account(team)
    assert service.sweep() == GoneReport(erased=1)
    assert service.remembered(team) == 0
