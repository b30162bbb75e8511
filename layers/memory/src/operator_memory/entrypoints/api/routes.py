"""What every group of routes has: the use cases, the resolver, and the admission of its caller."""

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from operator_memory.domain.management.identity import Action, Caller
from operator_memory.domain.management.rate_limits import Bucket
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.entrypoints.api.services import Services
from operator_memory.entrypoints.http_api import Event


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
