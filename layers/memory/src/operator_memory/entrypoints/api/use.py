"""``/v1/memories/used``: what the runtime tells after an answer."""

from typing import Annotated

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.params import Body

from operator_memory.domain.management.identity import Action
from operator_memory.domain.management.rate_limits import Bucket
from operator_memory.entrypoints.api.memories import CHANGING, AccountQuery
from operator_memory.entrypoints.api.once import OptionalKey
from operator_memory.entrypoints.api.routes import Routes
from operator_memory.entrypoints.api.services import Services
from operator_memory.entrypoints.contracts.use import UsedBody, UsedView


class UseRoutes(Routes):
    """It changes no memory, so it needs no more than reading them."""

    def __init__(self, services: Services, api: APIGatewayHttpResolver) -> None:
        super().__init__(services, api)
        api.post("/v1/memories/used", summary="Note which memories an answer cited", **CHANGING)(self.note_used)

    def note_used(
        self, used: Annotated[UsedBody, Body()], account_id: AccountQuery = None, idempotency_key: OptionalKey = None
    ) -> UsedView:
        """Counts as an access of each, and is on record. Ids that the account does not have are left out."""
        caller, account = self._admit(account_id, Action.READ, Bucket.WRITES)
        ids = [str(identity) for identity in used.memory_ids]

        def note() -> UsedView:
            noted = self._services.use.note(
                account, caller.actor, ids, agent_id=used.agent_id, thread_id=used.thread_id
            )
            return UsedView(noted=noted)

        return self._once(idempotency_key, caller, account, UsedView, note)
