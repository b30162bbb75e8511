"""What every group of routes has: the use cases, the resolver, and the admission of its caller."""

import json
from collections.abc import Callable
from typing import TypeVar

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from pydantic import BaseModel

from operator_memory.application.management.answer_once import AnswerForm
from operator_memory.domain.management.identity import Action, Caller
from operator_memory.domain.management.rate_limits import Bucket
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.entrypoints.api.once import keyed_request
from operator_memory.entrypoints.api.services import Services
from operator_memory.entrypoints.http_api import Event

View = TypeVar("View", bound=BaseModel)


class Routes:
    """Base of the groups, which register themselves on the resolver."""

    def __init__(self, services: Services, api: APIGatewayHttpResolver) -> None:
        self._services = services
        self._api = api

    @property
    def _event(self) -> Event:
        """The request that is being answered."""
        return self._api.current_event.raw_event

    def _seconds_left(self) -> float:
        """How long the function may still work on this request."""
        return float(self._api.lambda_context.get_remaining_time_in_millis()) / 1000

    def _admit(
        self, account_id: str | None, action: Action, bucket: Bucket, *, author_id: str | None = None
    ) -> tuple[Caller, AccountId]:
        """See `Access.admit`."""
        return self._services.access.admit(self._event, account_id, action, bucket, author_id=author_id)

    def _once(
        self, key: str | None, caller: Caller, account_id: AccountId, view: type[View], act: Callable[[], View]
    ) -> View:
        """Return the answer of ``act``, which holds ids and counts only; under a key that was used, the first one."""
        request = keyed_request(self._event, caller, key)
        form: AnswerForm[View] = AnswerForm(lambda answer: answer.model_dump_json(), view.model_validate_json)
        return self._services.once.answer(account_id, request, act, form)

    def _once_for_memory(
        self, key: str | None, caller: Caller, account_id: AccountId, act: Callable[[], tuple[Memory, int]]
    ) -> tuple[Memory, int]:
        """Return the memory and status of ``act``; under a key that was used, the same memory as it is now.

        Its text is not kept with the key, so that it is gone when the memory is.
        """

        def read(text: str) -> tuple[Memory, int]:
            identity, status = json.loads(text)
            return self._services.memories.get(caller, account_id, identity), status

        request = keyed_request(self._event, caller, key)
        form: AnswerForm[tuple[Memory, int]] = AnswerForm(lambda answer: json.dumps([answer[0].id, answer[1]]), read)
        return self._services.once.answer(account_id, request, act, form)
