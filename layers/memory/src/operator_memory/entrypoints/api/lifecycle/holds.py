"""``/v1/holds``: what must stay whatever a policy or a person says."""

from typing import Annotated

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from operator_memory.domain.management.identity import Action
from operator_memory.domain.management.rate_limits import Bucket
from operator_memory.entrypoints.api.account import PathId
from operator_memory.entrypoints.api.memories import AccountQuery
from operator_memory.entrypoints.api.problems import documented
from operator_memory.entrypoints.api.routes import Routes
from operator_memory.entrypoints.api.services import Services
from operator_memory.entrypoints.contracts.holds import HoldBody, HoldsView, HoldView, hold_view, holds_view

HOLDING = documented("holds", 401, 403, 404, 409, 415, 422, 429, 503)


class HoldRoutes(Routes):
    """Only services with the permission ``holds:write`` place and lift holds; owners see them."""

    def __init__(self, services: Services, api: APIGatewayHttpResolver) -> None:
        super().__init__(services, api)
        account, thread = "/v1/holds/account", "/v1/holds/threads/<thread_id>"
        api.get("/v1/holds", summary="The account's legal holds", **HOLDING)(self.list_holds)
        api.put(account, summary="Hold the whole account", **HOLDING)(self.hold_account)
        api.delete(account, summary="Lift the hold on the account", status_code=204, **HOLDING)(self.lift_account)
        api.put(thread, summary="Hold a thread", **HOLDING)(self.hold_thread)
        api.delete(thread, summary="Lift the hold on a thread", status_code=204, **HOLDING)(self.lift_thread)

    def list_holds(self, account_id: AccountQuery = None) -> HoldsView:
        """In a team for owners only."""
        _, account = self._admit(account_id, Action.READ_HOLDS, Bucket.READS)
        return holds_view(self._services.holds.holds(account))

    def hold_account(self, body: Annotated[HoldBody, Body()], account_id: AccountQuery = None) -> HoldView:
        """From then on nothing of the account is removed. The same again replaces the reason."""
        return self._place(account_id, body.reason, None)

    def lift_account(self, account_id: AccountQuery = None) -> Response[None]:
        """Erasures that wait for it go on at once, unless another hold is in their way."""
        return self._lift(account_id, None)

    def hold_thread(
        self, thread_id: PathId, body: Annotated[HoldBody, Body()], account_id: AccountQuery = None
    ) -> HoldView:
        """From then on nothing of this thread, or of the session of this id, is removed: neither its turns nor facts
        that were learned in it."""
        return self._place(account_id, body.reason, thread_id)

    def lift_thread(self, thread_id: PathId, account_id: AccountQuery = None) -> Response[None]:
        """As that on an account."""
        return self._lift(account_id, thread_id)

    def _place(self, account_id: str | None, reason: str, thread_id: str | None) -> HoldView:
        caller, account = self._admit(account_id, Action.WRITE_HOLDS, Bucket.WRITES)
        return hold_view(self._services.holds.place(caller.actor, account, reason, thread_id))

    def _lift(self, account_id: str | None, thread_id: str | None) -> Response[None]:
        caller, account = self._admit(account_id, Action.WRITE_HOLDS, Bucket.WRITES)
        self._services.holds.lift(caller.actor, account, thread_id, self._seconds_left)
        return Response(status_code=204)
