"""In-memory implementations of the ports about accounts that were deleted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from operator_memory.adapters.supabase.rest import is_platform_id
from operator_memory.domain.lifecycle.gone_accounts import GoneAccount
from operator_memory.domain.memory.scopes import AccountId

from tests.support.fakes.platform import FakePlatform, GoneRow


@dataclass
class FakeGoneAccounts:
    """Port ``GoneAccounts``. ``days_asked``: the grace that was given."""

    platform: FakePlatform = field(default_factory=FakePlatform)
    days_asked: list[int] = field(default_factory=list)

    def due(self, *, after: str | None, limit: int) -> list[GoneAccount]:
        self.platform.check()
        due = [
            GoneAccount(account, row.gone_at)
            for account, row in sorted(self.platform.gone.items())
            if row.is_due and row.erasure_id is None and account not in self.platform.members
        ]
        return [one for one in due if after is None or one.account_id > after][:limit]

    def settle(self, gone: GoneAccount, *, erasure_id: str) -> None:
        self.platform.check()
        row = self.platform.gone.get(gone.account_id)
        if row is not None and row.gone_at == gone.gone_at:
            row.erasure_id = erasure_id

    def missing(self, accounts: Sequence[AccountId]) -> list[AccountId]:
        self.platform.check()
        known = {*self.platform.members, *self.platform.gone}
        return [account for account in accounts if is_platform_id(account) and account not in known]

    def note_missing(self, accounts: Sequence[AccountId], *, days: int) -> int:
        self.platform.check()
        self.days_asked.append(days)
        new = self.missing(accounts)
        self.platform.gone |= {account: GoneRow(str(uuid4()), is_due=days <= 0) for account in new}
        return len(new)


@dataclass
class InMemoryKnownAccounts:
    """Port ``KnownAccounts``. A place is the account before it."""

    accounts: list[AccountId] = field(default_factory=list)
    places: dict[str, str | None] = field(default_factory=dict)

    def page(self, *, after: str | None, limit: int) -> tuple[list[AccountId], str | None]:
        later = sorted(account for account in self.accounts if after is None or account > after)
        return later[:limit], later[limit - 1] if len(later) > limit else None

    def place(self, name: str) -> str | None:
        return self.places.get(name)

    def keep_place(self, name: str, place: str | None) -> None:
        self.places[name] = place
