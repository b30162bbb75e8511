"""Settings, usage, export, import and erasures: what concerns the whole account."""

from typing import Annotated
from uuid import NAMESPACE_URL, uuid5

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query

from operator_memory.domain.management.erasure import Erasure
from operator_memory.domain.management.identity import Action
from operator_memory.domain.management.rate_limits import Bucket
from operator_memory.entrypoints.api.memories import READING, AccountQuery
from operator_memory.entrypoints.api.once import OptionalKey
from operator_memory.entrypoints.api.problems import documented
from operator_memory.entrypoints.api.routes import Routes
from operator_memory.entrypoints.api.services import Services
from operator_memory.entrypoints.contracts.account import (
    AccountSettingsBody,
    AgentSettingsBody,
    ErasureBody,
    ErasureList,
    ErasureView,
    ImportView,
    SettingsView,
    ThreadSettingsBody,
    UsageView,
    changes_of,
    erasure_view,
    import_view,
    usage_view,
)
from operator_memory.entrypoints.contracts.memories import Id
from operator_memory.entrypoints.http_api import text_body

PathId = Annotated[Id, Path()]
NDJSON = "application/x-ndjson"

SETTING = documented("settings", 401, 403, 404, 415, 422, 429, 503)
TRANSFER = documented("transfer", 401, 403, 409, 413, 422, 429, 503)
ERASING = documented("erasure", 401, 403, 404, 409, 415, 422, 429, 503)


class SettingsRoutes(Routes):
    """Switches. They work whatever they are set to."""

    def __init__(self, services: Services, api: APIGatewayHttpResolver) -> None:
        super().__init__(services, api)
        account, agent, thread = "/v1/settings", "/v1/agents/<agent_id>/settings", "/v1/threads/<thread_id>/settings"
        api.get(account, summary="The account's switches", **SETTING)(self.get_account)
        api.patch(account, summary="Set the account's switches", **SETTING)(self.set_account)
        api.get(agent, summary="An agent's switch and configuration", **SETTING)(self.get_agent)
        api.patch(agent, summary="Set them", **SETTING)(self.set_agent)
        api.get(thread, summary="A thread's switch and session", **SETTING)(self.get_thread)
        api.patch(thread, summary="Set them", **SETTING)(self.set_thread)
        api.get("/v1/usage", summary="How much is stored", **READING)(self.get_usage)

    def get_account(self, account_id: AccountQuery = None) -> SettingsView:
        """``memory_enabled`` and ``record_queries``."""
        _, account = self._admit(account_id, Action.READ_SETTINGS, Bucket.READS)
        return SettingsView(settings=self._services.settings.account(account))

    def set_account(
        self, body: Annotated[AccountSettingsBody, Body()], account_id: AccountQuery = None
    ) -> SettingsView:
        """In a team for owners only. Takes effect within 30 seconds."""
        caller, account = self._admit(account_id, Action.WRITE_SETTINGS, Bucket.WRITES)
        return SettingsView(settings=self._services.settings.set_account(caller, account, changes_of(body)))

    def get_agent(self, agent_id: PathId, account_id: AccountQuery = None) -> SettingsView:
        """Of an agent that belongs to the account."""
        _, account = self._admit(account_id, Action.READ_SETTINGS, Bucket.READS)
        return SettingsView(settings=self._services.settings.agent(account, agent_id))

    def set_agent(
        self, agent_id: PathId, body: Annotated[AgentSettingsBody, Body()], account_id: AccountQuery = None
    ) -> SettingsView:
        """In a team for owners only. An agent that is switched off has no memory for anybody who runs it."""
        caller, account = self._admit(account_id, Action.WRITE_SETTINGS, Bucket.WRITES)
        return SettingsView(settings=self._services.settings.set_agent(caller, account, agent_id, changes_of(body)))

    def get_thread(self, thread_id: PathId, account_id: AccountQuery = None) -> SettingsView:
        """Of a thread that belongs to the account."""
        _, account = self._admit(account_id, Action.READ_SETTINGS, Bucket.READS)
        return SettingsView(settings=self._services.settings.thread(account, thread_id))

    def set_thread(
        self, thread_id: PathId, body: Annotated[ThreadSettingsBody, Body()], account_id: AccountQuery = None
    ) -> SettingsView:
        """For every member: who talks in a thread may keep it out of memory."""
        caller, account = self._admit(account_id, Action.WRITE, Bucket.WRITES)
        return SettingsView(settings=self._services.settings.set_thread(caller, account, thread_id, changes_of(body)))

    def get_usage(self, account_id: AccountQuery = None) -> UsageView:
        """Counts of memories, by scope, kind and agent, and what is archived."""
        _, account = self._admit(account_id, Action.READ, Bucket.READS)
        memories = self._services.memories
        return usage_view(memories.usage(account), memories.archive_usage(account))


class TransferRoutes(Routes):
    """Export and import."""

    def __init__(self, services: Services, api: APIGatewayHttpResolver) -> None:
        super().__init__(services, api)
        api.get("/v1/export", summary="Everything that is held about the account", **TRANSFER)(self.export_account)
        api.post("/v1/import", summary="Bring memories of an export back", **TRANSFER)(self.import_memories)

    def export_account(
        self, account_id: AccountQuery = None, cursor: Annotated[str | None, Query(max_length=2048)] = None
    ) -> Response[str]:
        """JSON Lines, in parts: while the header ``x-next-cursor`` is sent, ask again with it and append.

        The last line of the last part is ``{"type":"end"}``.
        """
        bucket = Bucket.EXPENSIVE if cursor is None else Bucket.READS
        caller, account = self._admit(account_id, Action.READ, bucket)
        part = self._services.exporter.export_part(caller, account, cursor, self._seconds_left)
        headers: dict[str, str | list[str]] = {
            "cache-control": "no-store",
            "content-disposition": 'attachment; filename="memory-export.jsonl"',
        }
        if part.next is not None:
            headers["x-next-cursor"] = part.next
        return Response(200, content_type=NDJSON, headers=headers, body="".join(f"{line}\n" for line in part.lines))

    def import_memories(
        self,
        account_id: AccountQuery = None,
        import_id: Annotated[Id | None, Query(description="Of an import that is gone on with.")] = None,
        idempotency_key: OptionalKey = None,
    ) -> ImportView:
        """The body is JSON Lines as ``/v1/export`` gives them, up to 2,000 lines. Again is harmless.

        With ``stopped_early`` there was no time for all: send the lines from ``continue_at`` on, with this answer's
        ``import_id``, so that all of it can be taken back as one.
        """
        caller, account = self._admit(account_id, Action.CLEAR, Bucket.EXPENSIVE)
        importer, text = self._services.importer, text_body(self._event)

        def bring_back() -> ImportView:
            report = importer.import_lines(caller, account, text, self._seconds_left, import_id=import_id)
            return import_view(report)

        return self._once(idempotency_key, caller, account, ImportView, bring_back)


class ErasureRoutes(Routes):
    """The right to be forgotten. Works while memory is switched off."""

    def __init__(self, services: Services, api: APIGatewayHttpResolver) -> None:
        super().__init__(services, api)
        api.post("/v1/erasures", summary="Erase for good", **ERASING)(self.erase)
        api.get("/v1/erasures", summary="The account's erasures", **ERASING)(self.list_erasures)
        one = "/v1/erasures/<erasure_id>"
        api.get(one, summary="How an erasure stands", **ERASING)(self.get_erasure)
        api.get(f"{one}/receipt", summary="Download the receipt", **ERASING)(self.get_receipt)
        api.post(f"{one}/resume", summary="Go on with an erasure that was interrupted", **ERASING)(self.resume)

    def erase(
        self, body: Annotated[ErasureBody, Body()], account_id: AccountQuery = None, idempotency_key: OptionalKey = None
    ) -> ErasureView:
        """The receipt. In a team for owners; members may erase what they said themselves (target ``author``).

        On a 503 the erasure goes on by itself: ``GET /v1/erasures`` shows it.
        """
        target = body.to_target()
        author = body.id if target.kind == "author" else None
        caller, account = self._admit(account_id, Action.CLEAR, Bucket.EXPENSIVE, author_id=author)
        known_as = "" if idempotency_key is None else str(uuid5(NAMESPACE_URL, f"{account}:{idempotency_key}"))
        erasure = self._services.erasures.start(
            account, target, requested_by=caller.actor, erasure_id=known_as, seconds_left=self._seconds_left
        )
        return self._view(erasure)

    def list_erasures(self, account_id: AccountQuery = None) -> ErasureList:
        """Newest first."""
        _, account = self._admit(account_id, Action.READ, Bucket.READS)
        return ErasureList(erasures=[self._view(e) for e in self._services.erasures.receipts(account)])

    def get_erasure(self, erasure_id: PathId, account_id: AccountQuery = None) -> ErasureView:
        """The receipt, once ``state`` is ``complete``."""
        _, account = self._admit(account_id, Action.READ, Bucket.READS)
        return self._view(self._services.erasures.receipt(account, erasure_id))

    def get_receipt(self, erasure_id: PathId, account_id: AccountQuery = None) -> Response[ErasureView]:
        """The same as a file."""
        _, account = self._admit(account_id, Action.READ, Bucket.READS)
        view = self._view(self._services.erasures.receipt(account, erasure_id))
        name = f'attachment; filename="erasure-{view.id}.json"'
        return Response(200, content_type="application/json", headers={"content-disposition": name}, body=view)

    def resume(
        self, erasure_id: PathId, account_id: AccountQuery = None, idempotency_key: OptionalKey = None
    ) -> ErasureView:
        """One that is complete is answered as it is."""
        caller, account = self._admit(account_id, Action.CLEAR, Bucket.EXPENSIVE)

        def go_on() -> ErasureView:
            return self._view(self._services.erasures.resume(account, erasure_id, self._seconds_left))

        return self._once(idempotency_key, caller, account, ErasureView, go_on)

    def _view(self, erasure: Erasure) -> ErasureView:
        return erasure_view(erasure, self._services.backup_days)
