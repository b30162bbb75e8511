"""Use case: answers a request that is sent again under its key as it was answered first, without doing it again."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar
from uuid import uuid4

from operator_memory.application.ports.core import Clock
from operator_memory.application.ports.management import AnswerStore
from operator_memory.domain.errors import (
    ConflictError,
    InvalidInputError,
    MemoryServiceError,
    NotFoundError,
    PermissionDeniedError,
)
from operator_memory.domain.management.keyed_requests import KeyedRequest, KnownRequest
from operator_memory.domain.memory.scopes import AccountId

CLAIMED = timedelta(seconds=35)
"""After this time whoever began to answer has ended, and another may: a little longer than the function may run."""

_REFUSALS = (ConflictError, InvalidInputError, NotFoundError, PermissionDeniedError)
"""After these nothing was done: the key may be used for what should have been sent."""

T = TypeVar("T")
_LOG = logging.getLogger("operator_memory.api")


@dataclass(frozen=True, slots=True)
class AnswerForm(Generic[T]):
    """How an answer is kept. What is written holds ids and counts, and no memory's text."""

    write: Callable[[T], str]
    read: Callable[[str], T]


class AnswerOnce:
    """Keeps answers for a day."""

    def __init__(self, answers: AnswerStore, clock: Clock) -> None:
        self._answers = answers
        self._clock = clock

    def answer(
        self, account_id: AccountId, request: KeyedRequest | None, act: Callable[[], T], form: AnswerForm[T]
    ) -> T:
        """Return what ``act`` returns, or what it has returned for this request before. A failure is not kept.

        ``request``: ``None`` where the caller gave no key.

        Raises:
            ConflictError: the key was used for another request, or this one is being answered at this moment.
        """
        if request is None:
            return act()
        claim, now = str(uuid4()), self._clock.now()
        known = self._answers.begin(account_id, request, claim=claim, now=now, until=now + CLAIMED)
        if known is not None:
            return form.read(_answer_of(known, request))
        try:
            answer = act()
        except Exception as error:
            self._end(account_id, request, claim, None, refused=isinstance(error, _REFUSALS))
            raise
        self._end(account_id, request, claim, form.write(answer))
        return answer

    def _end(
        self, account_id: AccountId, request: KeyedRequest, claim: str, answer: str | None, *, refused: bool = False
    ) -> None:
        """Keep the answer. What was done is done, so a store that fails here takes nothing from the caller."""
        try:
            self._answers.end(account_id, request, claim=claim, answer=answer, refused=refused)
        except MemoryServiceError as error:
            _LOG.warning("an answer was not kept", extra={"account_id": account_id, "reason": error.reason})


def _answer_of(known: KnownRequest, request: KeyedRequest) -> str:
    if known.content_hash != request.content_hash:
        raise ConflictError("this Idempotency-Key was used before for another request: use a new key")
    if known.answer is None:
        raise ConflictError("a request with this Idempotency-Key is being answered: send it again in a moment")
    return known.answer
