"""What is sent after a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from operator_memory_client.api.routes import SUBMIT_JOB
from operator_memory_client.errors import InvalidCallError
from operator_memory_client.transport.calls import Call
from operator_memory_client.transport.queue import MOST_BYTES

if TYPE_CHECKING:
    from typing_extensions import TypedDict

    class RunFields(TypedDict, total=False):
        """Fields of a run that can be left out."""

        agent_id: str | None
        session_id: str | None
        author_id: str | None
        status: str
        finished_at: datetime | None
        memory_enabled: bool


@dataclass(frozen=True)
class Submitted:
    """Where a run has gone: ``queue``, ``http``, or nowhere (``""``), because memory is off here."""

    job_id: str
    by: str


def run_body(
    account_id: str,
    job_id: str,
    thread_id: str,
    messages: Sequence[object] | None,
    fields: Mapping[str, Any],
) -> str:
    """The JSON of a run. The same run gives the same content, if ``finished_at`` is given.

    Raises:
        InvalidCallError: it cannot be sent, or is larger than a queue takes.
    """
    finished_at = fields.get("finished_at") or datetime.now(timezone.utc)
    body: dict[str, Any] = {
        "job_id": job_id,
        "account_id": account_id,
        "thread_id": thread_id,
        "status": "completed",
        **{name: value for name, value in fields.items() if value is not None},
        "finished_at": finished_at.isoformat() if isinstance(finished_at, datetime) else finished_at,
    }
    if messages is not None:
        body["messages"] = list(messages)
    try:
        text = json.dumps(body, separators=(",", ":"), default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidCallError(f"the run cannot be sent ({type(error).__name__})") from None
    if len(text) > MOST_BYTES:  # as ASCII, characters are bytes
        raise InvalidCallError(
            f"the run has {len(text)} bytes, the most is {MOST_BYTES}: submit it without messages, and the service "
            "reads the thread from the platform"
        )
    return text


def submission(body: str, account_id: str) -> Call[Any]:
    """The call that hands ``body`` over by HTTP."""
    return Call(
        SUBMIT_JOB, SUBMIT_JOB.path, {"content-type": "application/json"}, body.encode("ascii"), account_id=account_id
    )


def _plain(value: object) -> Any:  # noqa: ANN401  (JSON)
    """Messages come as the libraries of models make them: times, ids, and models that can be dumped."""
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return dump(mode="json")
    return value.isoformat() if isinstance(value, datetime) else str(value)
