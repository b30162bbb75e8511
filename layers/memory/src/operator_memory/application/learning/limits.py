"""What an account may spend and keep, as far as learning has to know."""

from collections.abc import Collection
from dataclasses import dataclass

from operator_memory.application.ports.learning import FactExtractor
from operator_memory.application.ports.usage import BudgetCheck, QuotaRule, RoomMaker
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.usage.quota import Quota, WhenFull


@dataclass(frozen=True, slots=True)
class WithoutModel:
    """What extracts for an account whose budget is used up, and who knows whether it is."""

    budget: BudgetCheck
    extractor: FactExtractor


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """The quota, and, where there is an archive, what makes room in a full account; the budget, where there is a model
    to pay for."""

    quota: QuotaRule
    room: RoomMaker | None = None
    without_model: WithoutModel | None = None


class AccountRoom:
    """The room that an account has for the facts of one chunk."""

    def __init__(self, quota: Quota, maker: RoomMaker | None, account_id: AccountId) -> None:
        self._quota = quota
        self._maker = maker if quota.when_full is WhenFull.ARCHIVE else None
        self._account = account_id
        self._free = 0
        self._may_go: list[str] = []

    def look(self, known: int, *, wanted: int) -> int:
        """Return how many facts may be added to the ``known`` ones, at most for ``wanted`` of them those included for
        which others can go to the archive."""
        self._free = self._quota.most - known
        missing = wanted - self._free
        if self._maker is not None and missing > 0:
            self._may_go = self._maker.who_gives_way(self._account, limit=missing)
        return self._free + len(self._may_go)

    def make(self, added: int, *, staying: Collection[str]) -> None:
        """Have so many go to the archive as ``added`` facts need, but none of ``staying``."""
        missing = added - self._free
        going = [identity for identity in self._may_go if identity not in staying][: max(0, missing)]
        if self._maker is not None and going:
            self._maker.give_way(self._account, going)
