"""``/v1/archive``: see what is archived, and bring it back."""

from dataclasses import dataclass
from typing import Annotated

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from operator_memory.application.lifecycle.restore_memories import RestoreReport
from operator_memory.domain.lifecycle.archived import ArchiveSelection
from operator_memory.domain.management.identity import Action
from operator_memory.domain.management.rate_limits import Bucket
from operator_memory.domain.memory.scopes import Kind, Scope
from operator_memory.entrypoints.api.memories import AccountQuery, MomentQuery, OptionalId, with_query
from operator_memory.entrypoints.api.once import OptionalKey
from operator_memory.entrypoints.api.problems import documented
from operator_memory.entrypoints.api.routes import Routes
from operator_memory.entrypoints.api.services import Services
from operator_memory.entrypoints.contracts.archive import (
    ArchiveList,
    RestoreBody,
    RestoreView,
    archive_place,
    archived_view,
    restore_view,
)
from operator_memory.entrypoints.contracts.memories import MAX_PAGE

ARCHIVE = documented("archive", 401, 403, 409, 415, 422, 429, 503)


@dataclass(frozen=True, slots=True)
class ArchiveQuery:
    """What the list of archived memories is asked for."""

    account_id: AccountQuery = None
    scope: Annotated[Scope | None, Query()] = None
    kind: Annotated[Kind | None, Query()] = None
    agent_id: OptionalId = None
    thread_id: OptionalId = None
    created_after: MomentQuery = None
    created_before: MomentQuery = None
    archived_after: MomentQuery = None
    archived_before: MomentQuery = None
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 20
    cursor: Annotated[str | None, Query(max_length=512)] = None

    @property
    def selection(self) -> ArchiveSelection:
        """Its conditions."""
        return ArchiveSelection(
            scope=self.scope,
            kind=self.kind,
            agent_id=self.agent_id,
            thread_id=self.thread_id,
            created_after=self.created_after,
            created_before=self.created_before,
            archived_after=self.archived_after,
            archived_before=self.archived_before,
        )


class ArchiveRoutes(Routes):
    """An archived memory is also read, with its history, and deleted at ``/v1/memories/{id}``."""

    def __init__(self, services: Services, api: APIGatewayHttpResolver) -> None:
        super().__init__(services, api)
        api.get("/v1/archive", summary="List archived memories", **ARCHIVE)(with_query(ArchiveQuery, self.list_archive))
        api.post("/v1/archive/restore", summary="Bring archived memories back", **ARCHIVE)(self.restore)

    def list_archive(self, asked: ArchiveQuery) -> ArchiveList:
        """By id. A page may hold fewer than ``limit``: go on while there is a ``next_cursor``."""
        after = archive_place(asked.cursor)
        caller, account = self._admit(asked.account_id, Action.READ, Bucket.READS)
        if self._services.archive is None:
            return ArchiveList(memories=[])
        seen, following = self._services.archive.page(
            account, after=after, limit=asked.limit, selection=asked.selection, actor=caller.actor
        )
        return ArchiveList(memories=[archived_view(one) for one in seen], next_cursor=following)

    def restore(
        self, body: Annotated[RestoreBody, Body()], account_id: AccountQuery = None, idempotency_key: OptionalKey = None
    ) -> RestoreView:
        """They keep their ids, texts, histories and vectors, and count as used now. Again is harmless.

        With ``stopped_early`` there was no time for all: the same request, under another key, goes on.
        """
        caller, account = self._admit(account_id, Action.WRITE, Bucket.EXPENSIVE)
        restoring = self._services.restoring

        def bring_back() -> RestoreView:
            if restoring is None:
                return restore_view(RestoreReport())
            report = restoring.restore(
                account,
                body.selection(),
                ids=body.memory_ids,
                actor=caller.actor,
                seconds_left=self._seconds_left,
            )
            return restore_view(report)

        return self._once(idempotency_key, caller, account, RestoreView, bring_back)
