"""``/v1/jobs``: submit a finished run over HTTP, see what became of one, and take back what it taught."""

import json
from typing import Annotated

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.management.identity import Action
from operator_memory.domain.management.rate_limits import Bucket
from operator_memory.entrypoints.api.account import PathId
from operator_memory.entrypoints.api.memories import AccountQuery
from operator_memory.entrypoints.api.once import OptionalKey
from operator_memory.entrypoints.api.problems import documented
from operator_memory.entrypoints.api.routes import Routes
from operator_memory.entrypoints.api.services import Services
from operator_memory.entrypoints.contracts.account import JobView, SubmittedJob, UndoView, job_view, undo_view
from operator_memory.entrypoints.contracts.job import parse_job
from operator_memory.entrypoints.contracts.undo import UndoBody, UndoManyView, UndoPreview, undo_many_view, undo_preview
from operator_memory.entrypoints.http_api import MAX_BODY_BYTES, json_body, raw_body

MAX_JOB_BYTES = MAX_BODY_BYTES - 1024
"""Of a body as it is sent, in UTF-8: what a queue message holds, less the ids that are added."""

JOBS = documented("jobs", 401, 403, 404, 409, 415, 422, 429, 503)


class JobRoutes(Routes):
    """For callers that cannot reach the queue. What is accepted here goes the same way."""

    def __init__(self, services: Services, api: APIGatewayHttpResolver) -> None:
        super().__init__(services, api)
        api.post("/v1/jobs", summary="Submit a finished run", status_code=202, **JOBS)(self.submit)
        api.get("/v1/jobs/<job_id>", summary="What became of a run", **JOBS)(self.get_job)
        api.post("/v1/jobs/<job_id>/undo", summary="Take back what a run taught", **JOBS)(self.undo)

        api.post("/v1/undo/preview", summary="What an undo would take back", **JOBS)(self.preview_undo_many)
        api.post("/v1/undo", summary="Take back a run, an import, or what a time taught", **JOBS)(self.undo_many)

    def submit(
        self, job: Annotated[SubmittedJob, Body()], account_id: AccountQuery = None, idempotency_key: OptionalKey = None
    ) -> Response[JobView]:
        """202: it is in the queue. Needs ``job_id`` or an ``Idempotency-Key``; the same again is one job.

        Sent with a person's token, that person is its author. At most 1,047,552 bytes of UTF-8 as they are sent.
        """
        if job.job_id is None and idempotency_key is None:
            raise InvalidInputError("job_id", "is required, or send the header Idempotency-Key")
        if account_id is not None and job.account_id is not None and account_id != job.account_id:
            raise InvalidInputError("account_id", "is another one in the body than in the query")
        asked = account_id or job.account_id
        caller, account = self._admit(asked, Action.SUBMIT_JOBS, Bucket.WRITES)
        if caller.user_id is not None and job.author_id not in (None, caller.user_id):
            raise InvalidInputError("author_id", "must be your own id: nobody speaks for another member")
        body = {**json_body(self._event), "account_id": account}
        if caller.user_id is not None:
            body["author_id"] = caller.user_id
        _check_size(raw_body(self._event))
        body["job_id"] = self._services.jobs.job_id(account, body, idempotency_key=idempotency_key)
        parsed, _ = parse_job(json.dumps(body))
        record = self._services.jobs.submit(parsed, body)
        return Response(
            202,
            content_type="application/json",
            headers={"location": f"/v1/jobs/{record.job_id}"},
            body=job_view(record, self._services.prices),
        )

    def get_job(self, job_id: PathId, account_id: AccountQuery = None) -> JobView:
        """Its state, and the outcome of every fact and turn."""
        _, account = self._admit(account_id, Action.READ_JOBS, Bucket.READS)
        return job_view(self._services.jobs.status(account, job_id), self._services.prices)

    def undo(self, job_id: PathId, account_id: AccountQuery = None, idempotency_key: OptionalKey = None) -> UndoView:
        """Its facts are deleted, what they replaced is in force again, and it teaches nothing any more. Its turns stay.

        409 while it has not ended. In a team for owners; members may undo runs of their own. Again is harmless.
        """
        undoing = self._services.undoing
        caller, account = self._services.access.admit_to_clear(
            self._event, account_id, Bucket.EXPENSIVE, author_of=lambda account: undoing.author(account, job_id)
        )
        return self._once(
            idempotency_key,
            caller,
            account,
            UndoView,
            lambda: undo_view(undoing.undo(caller.actor, account, job_id)),
        )

    def preview_undo_many(self, body: Annotated[UndoBody, Body()], account_id: AccountQuery = None) -> UndoPreview:
        """Counts, samples with their text, and why others stay. Changes nothing. In a team for owners only."""
        _, account = self._admit(account_id, Action.CLEAR, Bucket.EXPENSIVE)
        return undo_preview(self._services.undoing_many.preview(account, body.undoing(), self._seconds_left))

    def undo_many(
        self, body: Annotated[UndoBody, Body()], account_id: AccountQuery = None, idempotency_key: OptionalKey = None
    ) -> UndoManyView:
        """What the preview shows. With ``stopped_early`` there was no time for all: the same request goes on, under
        another key. In a team for owners only."""
        caller, account = self._admit(account_id, Action.CLEAR, Bucket.EXPENSIVE)
        undoing, asked = self._services.undoing_many, body.undoing()

        def undo() -> UndoManyView:
            return undo_many_view(undoing.undo(caller.actor, account, asked, self._seconds_left))

        return self._once(idempotency_key, caller, account, UndoManyView, undo)


def _check_size(body: bytes) -> None:
    """Refuse what the queue would refuse, before the key and the id are taken: the run may come again in parts."""
    if len(body) > MAX_JOB_BYTES:
        raise InvalidInputError("body", f"must be at most {MAX_JOB_BYTES} bytes, not {len(body)}")
