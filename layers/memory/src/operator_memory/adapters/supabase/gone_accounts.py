"""Accounts that were deleted on the platform, in ``memory_accounts_gone``. Standard library only."""

from collections.abc import Sequence

from operator_memory.adapters.supabase.rest import SYSTEM, SupabaseRest, is_platform_id
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.lifecycle.gone_accounts import GoneAccount
from operator_memory.domain.memory.scopes import AccountId


class SupabaseGoneAccounts:
    """Port ``GoneAccounts``. Rows are written by a trigger on ``basejump.accounts``, and by `note_missing`."""

    def __init__(self, supabase: SupabaseRest, *, timeout: float = 5.0) -> None:
        """``timeout`` of each request, in seconds."""
        self._supabase = supabase
        self._timeout = timeout

    def due(self, *, after: str | None, limit: int) -> list[GoneAccount]:
        """Up to ``limit`` accounts that are due, by id."""
        rows = self._list("memory_accounts_gone_due", {"p_after": after, "p_limit": limit})
        return [_gone(row) for row in rows]

    def settle(self, gone: GoneAccount, *, erasure_id: str) -> None:
        """Note that this deletion's memory is erased."""
        arguments = {"p_account": gone.account_id, "p_gone_at": gone.gone_at, "p_erasure": erasure_id}
        self._supabase.rpc("memory_account_erased", arguments, timeout=self._timeout)

    def missing(self, accounts: Sequence[AccountId]) -> list[AccountId]:
        """Those of ``accounts`` that do not exist and are not noted yet."""
        asked = [account for account in accounts if is_platform_id(account)]
        if not asked:
            return []
        found = self._list("memory_accounts_missing", {"p_accounts": asked})
        if not all(isinstance(account, str) and account in asked for account in found):
            raise MalformedResponseError(SYSTEM, "accounts that were not asked for")
        return [AccountId(str(account)) for account in found]

    def note_missing(self, accounts: Sequence[AccountId], *, days: int) -> int:
        """Note those that do not exist; returns how many are new."""
        arguments = {"p_accounts": list(accounts), "p_days": days}
        answer = self._supabase.rpc("memory_accounts_note_missing", arguments, timeout=self._timeout)
        if not isinstance(answer, int):
            raise MalformedResponseError(SYSTEM, "the answer is not a number")
        return answer

    def _list(self, function: str, arguments: dict[str, object]) -> list[object]:
        answer = self._supabase.rpc(function, arguments, timeout=self._timeout)
        if not isinstance(answer, list):
            raise MalformedResponseError(SYSTEM, "the answer is not a list")
        return answer


def _gone(row: object) -> GoneAccount:
    """One row. What is in it is erased, so it must be what it should be."""
    match row:
        case {"account_id": str(account), "gone_at": str(gone_at)} if is_platform_id(account):
            return GoneAccount(AccountId(account), gone_at)
    raise MalformedResponseError(SYSTEM, "an account that cannot be read")
