"""``/v1/memories/{id}/approve`` and ``/restore``: a person's word on what the gate decided."""

from typing import Annotated

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from operator_memory.domain.management.identity import Action
from operator_memory.domain.management.rate_limits import Bucket
from operator_memory.entrypoints.api.memories import CHANGING, AccountQuery, MemoryId, with_etag
from operator_memory.entrypoints.api.routes import Routes
from operator_memory.entrypoints.api.services import Services
from operator_memory.entrypoints.contracts.memories import MemoryView


class ReinstateRoutes(Routes):
    """What waits in quarantine is listed by ``GET /v1/memories?state=quarantined``; to drop it is to delete it."""

    def __init__(self, services: Services, api: APIGatewayHttpResolver) -> None:
        super().__init__(services, api)
        one = "/v1/memories/<memory_id>"
        api.post(f"{one}/approve", summary="Let a memory out of quarantine", **CHANGING)(self.approve)
        api.post(f"{one}/restore", summary="Undo that a memory was replaced", **CHANGING)(self.restore)

    def approve(self, memory_id: MemoryId, account_id: AccountQuery = None) -> Response[MemoryView]:
        """409 if it is not in quarantine. What reads like a command is for owners to approve."""
        caller, account = self._admit(account_id, Action.WRITE, Bucket.WRITES)
        return with_etag(self._services.reinstatement.approve(caller, account, memory_id))

    def restore(
        self,
        memory_id: MemoryId,
        account_id: AccountQuery = None,
        keep_newer: Annotated[bool, Query(description="The memory that took its place stays too.")] = False,
    ) -> Response[MemoryView]:
        """409 if it was not replaced. The memory that took its place steps back."""
        caller, account = self._admit(account_id, Action.WRITE, Bucket.WRITES)
        return with_etag(self._services.reinstatement.restore(caller, account, memory_id, keep_newer=keep_newer))
