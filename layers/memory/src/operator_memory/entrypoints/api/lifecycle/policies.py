"""Policies: how long memories are kept, and what that would do."""

from typing import Annotated

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.params import Body

from operator_memory.domain.management.identity import Action
from operator_memory.domain.management.rate_limits import Bucket
from operator_memory.entrypoints.api.memories import AccountQuery
from operator_memory.entrypoints.api.problems import documented
from operator_memory.entrypoints.api.routes import Routes
from operator_memory.entrypoints.api.services import Services
from operator_memory.entrypoints.contracts.lifecycle import (
    PolicyBody,
    PolicyView,
    PreviewBody,
    PreviewView,
    policy_view,
    preview_view,
)

POLICIES = documented("policies", 401, 403, 415, 422, 429, 503)


class PolicyRoutes(Routes):
    """The account's policy. Those of its agents are in their settings (``memory_config.policies``)."""

    def __init__(self, services: Services, api: APIGatewayHttpResolver) -> None:
        super().__init__(services, api)
        api.get("/v1/policies", summary="How long memories are kept", **POLICIES)(self.get_policy)
        api.put("/v1/policies", summary="Set how long memories are kept", **POLICIES)(self.set_policy)
        preview = "/v1/policies/preview"
        api.post(preview, summary="What a policy would do, without doing it", **POLICIES)(self.preview)

    def get_policy(self, account_id: AccountQuery = None) -> PolicyView:
        """Empty until somebody sets one: then everything is kept, and turns as long as the service's setting says."""
        _, account = self._admit(account_id, Action.READ_SETTINGS, Bucket.READS)
        return policy_view(*self._services.policies.get(account))

    def set_policy(self, body: Annotated[PolicyBody, Body()], account_id: AccountQuery = None) -> PolicyView:
        """In a team for owners only. Takes the place of the policy before. The next hourly sweep applies it."""
        caller, account = self._admit(account_id, Action.CLEAR, Bucket.WRITES)  # it takes many away
        return policy_view(*self._services.policies.set(caller.actor, account, body.to_policy("policy")))

    def preview(self, body: Annotated[PreviewBody, Body()], account_id: AccountQuery = None) -> PreviewView:
        """Counts by fate and reason, with samples. In a team for owners only. Changes nothing.

        A service without the scope ``memories:read`` gets the samples without their texts.
        """
        caller, account = self._admit(account_id, Action.CLEAR, Bucket.EXPENSIVE)
        made = self._services.policy_preview.preview(
            account,
            None if body.policy is None else body.policy.to_policy("policy"),
            samples=body.samples,
            start=body.continue_at,
            seconds_left=self._seconds_left,
        )
        may_read = caller.user_id is not None or Action.READ in caller.permissions
        return preview_view(made, with_texts=may_read)
