"""Contract of a message in the jobs queue: a finished run, whose conversation is to be remembered.

Top-level fields are strict: an unknown one is a mistake worth telling. Messages are lenient (see `read_message`).
"""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from operator_memory.application.learning.extract_run import MAX_MESSAGES
from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.learning.jobs import RunJob, content_hash
from operator_memory.domain.memory.scopes import ID_PATTERN, AccountId, canonical_id
from operator_memory.entrypoints.contracts.message import FIRST_YEAR, LAST_YEAR, MESSAGE_SCHEMA, read_message

MAX_BODY_CHARACTERS = 16 * 1024 * 1024
"""A queue message is at most 1 MiB; jobs that come another way may carry more, up to this."""

Id = Annotated[str, Field(pattern=ID_PATTERN, max_length=128), AfterValidator(canonical_id)]


def _as_utc(value: object) -> datetime:
    """A time without an offset is taken as UTC. Years that no run can end in would overflow later on."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        utc = moment and (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        utc = None
    if utc is None or not FIRST_YEAR <= utc.year <= LAST_YEAR:
        raise PydanticCustomError("moment", f"must be an ISO 8601 time in the years {FIRST_YEAR} to {LAST_YEAR}")
    return utc


Moment = Annotated[AwareDatetime, BeforeValidator(_as_utc)]


class JobBody(BaseModel):
    """The body of a queue message."""

    model_config = ConfigDict(extra="forbid", title="RunJob")

    job_id: Id = Field(description="Unique for the account. The same job again changes nothing.")
    account_id: Id = Field(description="Whose memory. Also the message's group id.")
    thread_id: Id
    status: str = Field(
        min_length=1,
        max_length=64,
        description="How the run ended. For people who read the queue: the conversation is read in any case.",
    )
    finished_at: Moment = Field(description="ISO 8601. When the facts were observed.")
    agent_id: Id | None = Field(default=None, description="Needed to learn how this agent is to work.")
    session_id: Id | None = Field(default=None, description="The thread's memory session. Default: the thread.")
    author_id: Id | None = Field(default=None, description="The member who spoke, in a team account.")
    memory_enabled: StrictBool = Field(
        default=True, description="`false`: nothing of this one run is remembered, now or later."
    )
    messages: list[Annotated[Any, WithJsonSchema(MESSAGE_SCHEMA)]] | None = Field(
        default=None,
        max_length=MAX_MESSAGES,
        description="The run's messages, oldest first. Without them the thread is read from the platform.",
    )


def parse_job(body: str) -> tuple[RunJob, str]:
    """The job in a queue message, and the hash of its content.

    Raises:
        InvalidInputError: naming the field that breaks the contract; nothing of its value is repeated.
    """
    if len(body) > MAX_BODY_CHARACTERS:
        raise InvalidInputError("body", f"must be at most {MAX_BODY_CHARACTERS} characters, not {len(body)}")
    try:
        decoded = json.loads(body)
        digest = content_hash(decoded)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError("body", "is not valid JSON") from error
    if not isinstance(decoded, dict):
        raise InvalidInputError("body", "must be a JSON object")
    try:
        parsed = JobBody.model_validate(decoded)
    except ValidationError as error:
        raise _invalid(error) from None  # pydantic's own message quotes the input
    return _job(parsed), digest


def _invalid(error: ValidationError) -> InvalidInputError:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    path = ""
    for part in first["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{_printable(part)}"
    if first["type"] == "string_pattern_mismatch":
        detail = "must start with a letter or digit and hold only letters, digits and . _ : @ + -"
    else:
        detail = first["msg"]
    return InvalidInputError(path.lstrip(".")[:200] or "body", detail)


def _printable(name: str) -> str:
    """An unknown field's name is the sender's text, and goes into logs and message attributes."""
    return "".join(character if character.isprintable() else "?" for character in name[:200])


def _job(body: JobBody) -> RunJob:
    messages = body.messages
    return RunJob(
        job_id=body.job_id,
        account_id=AccountId(body.account_id),
        thread_id=body.thread_id,
        status=body.status,
        finished_at=body.finished_at,
        agent_id=body.agent_id,
        session_id=body.session_id,
        author_id=body.author_id,
        memory_enabled=body.memory_enabled,
        messages=None if messages is None else tuple(map(read_message, messages)),
    )
