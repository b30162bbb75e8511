"""Contracts of the management API: what goes in and what comes out, as pydantic models."""

import base64
import binascii
import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    StringConstraints,
    model_validator,
)

from operator_memory.application.management.manage_memories import Changes, NewMemory
from operator_memory.domain.characters import as_seen, composed, hides_something
from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.management.listing import Position, Sort, SortKey
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.provenance import Provenance, SourceClass
from operator_memory.domain.memory.scopes import ID_PATTERN, Kind, Scope, ScopeKey, canonical_id
from operator_memory.domain.recall.rendering import shortened
from operator_memory.domain.shared.memory_filter import MemoryFilter
from operator_memory.entrypoints.contracts.provenance import MAX_LISTED_QUOTE, ProvenanceView, provenance_view

MAX_TEXT = 8_000
MAX_PAGE = 100
MAX_LISTED_CHARACTERS = 8_000
"""Of a memory in a list: a page of very long turns would exceed what a function may return. `GET` gives it whole."""
_OF_VIEW = ("memory", "score", "version", "provenance", "archived_at")
"""Fields of a view that are not the memory's own."""

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN, max_length=128), AfterValidator(canonical_id)]
WORDS_PATTERN = r"^[^\x00]*[^\s\x00][^\x00]*$"
"""Something that is not white space, and no null character, which databases and terminals stumble over."""
_LIMITS = StringConstraints(min_length=1, max_length=MAX_TEXT, pattern=WORDS_PATTERN)
Words = Annotated[str, _LIMITS, AfterValidator(composed)]


def _seen(value: object) -> object:
    return as_seen(value) if isinstance(value, str) else value


Remembered = Annotated[str, _LIMITS, BeforeValidator(_seen)]
"""What is stored: in its composed form, without characters that nobody sees."""


def _iso(value: object) -> object:
    """A number is no time: pydantic would take ``2026`` for the 2026th second of 1970, and everything as later."""
    if not isinstance(value, datetime) and not (isinstance(value, str) and ":" in value):
        raise ValueError("must be an ISO 8601 time with an offset")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_iso)]


def _end(moment: datetime) -> datetime:
    """In UTC. Near the calendar's ends it has no such time, and no memory lasts that long."""
    try:
        utc = moment.astimezone(UTC)
    except OverflowError:
        utc = None
    if utc is None or not 1970 <= utc.year <= 2999:
        raise ValueError("must be in the years 1970 to 2999")
    return utc


End = Annotated[Moment, AfterValidator(_end)]


class Closed(BaseModel):
    """An object in which an unknown field is a mistake worth telling."""

    model_config = ConfigDict(extra="forbid")


class Written(Closed):
    """A body with words to remember. It knows whether characters that nobody sees spelled something in them."""

    _hid_something: bool = PrivateAttr(default=False)

    @model_validator(mode="wrap")
    @classmethod
    def _as_it_came(cls, given: object, read: ModelWrapValidatorHandler[Self]) -> Self:
        return read(given).noting(given.get("memory") if isinstance(given, dict) else None)

    def noting(self, words: object) -> Self:
        """The body, once it has looked at its ``words`` as they came."""
        self._hid_something = isinstance(words, str) and hides_something(words)
        return self


class State(StrEnum):
    """Which memories a list holds."""

    ACTIVE = "active"
    ALL = "all"
    """With what has expired or was replaced."""
    QUARANTINED = "quarantined"
    """What the gate did not let in: it waits thirty days for a person to approve or to delete it."""


class Order(StrEnum):
    """Of a list; a minus means descending."""

    NEWEST = "-created_at"
    OLDEST = "created_at"
    LAST_CHANGED = "-updated_at"
    FIRST_CHANGED = "updated_at"
    MOST_IMPORTANT = "-importance"
    LEAST_IMPORTANT = "importance"

    @property
    def sort(self) -> Sort:
        """As the store wants it."""
        return Sort(SortKey(self.value.removeprefix("-")), self.value.startswith("-"))


class FilterBody(Closed):
    """Which memories. Conditions that are left out do not narrow; all others must hold."""

    scope: Scope | None = None
    kind: Kind | None = None
    agent_id: Id | None = None
    session_id: Id | None = None
    thread_id: Id | None = None
    author_id: Id | None = None
    source_run_id: Id | None = Field(default=None, description="The job that learned or stored it.")
    import_id: Id | None = Field(default=None, description="The import that brought it.")
    pinned: bool | None = None
    created_after: Moment | None = Field(default=None, description="Inclusive; ISO 8601 with an offset.")
    created_before: Moment | None = Field(default=None, description="Exclusive; ISO 8601 with an offset.")
    text: Words | None = Field(default=None, description="Every word of it must occur.")
    state: State = Field(
        default=State.ACTIVE,
        description="`all` adds what has expired or been superseded; `quarantined`: what waits for approval.",
    )

    @property
    def empty(self) -> bool:
        """Whether it lets everything through."""
        return not self.model_dump(exclude_none=True, exclude={"state"})

    def where(self) -> MemoryFilter:
        """As the store wants it."""
        conditions = self.model_dump(exclude={"state"})
        quarantined = {State.ACTIVE: None, State.ALL: False, State.QUARANTINED: True}[self.state]
        return MemoryFilter(**conditions, inactive=self.state is not State.ACTIVE, quarantined=quarantined)


class SearchBody(Closed):
    """A search by meaning and by words."""

    query: Annotated[str, StringConstraints(min_length=1, max_length=100_000)]
    limit: int = Field(default=20, ge=1, le=MAX_PAGE)
    filter: FilterBody = FilterBody()
    evidence: bool = Field(default=False, description="Say of each fact why it is remembered.")


class AddBody(Written):
    """A memory added by hand."""

    memory: Remembered = Field(description="What is to be remembered, one fact.")
    scope: Scope = Scope.USER
    agent_id: Id | None = Field(default=None, description="Needed for the scope `agent`.")
    session_id: Id | None = Field(default=None, description="Needed for the scope `session`.")
    thread_id: Id | None = None
    importance: float = Field(default=0.5, ge=0, le=1, allow_inf_nan=False)
    pinned: bool = False
    expires_at: End | None = None
    source_class: Literal["by_hand", "assistant"] = Field(
        default="by_hand",
        description="`assistant`: an agent wrote it, so that it counts no more than what an agent says.",
    )

    @model_validator(mode="after")
    def _owner_fits(self) -> Self:
        needed = {Scope.AGENT: "agent_id", Scope.SESSION: "session_id"}.get(self.scope)
        for name in ("agent_id", "session_id"):
            if (getattr(self, name) is not None) != (name == needed):
                said = "is required for" if name == needed else "does not fit"
                raise ValueError(f"{name} {said} the scope {self.scope.value}")
        return self

    def new_memory(self) -> NewMemory:
        """As the use case wants it."""
        owner = {Scope.AGENT: self.agent_id, Scope.SESSION: self.session_id}.get(self.scope)
        return NewMemory(
            self.memory,
            ScopeKey(self.scope, owner),
            self.thread_id,
            self.importance,
            self.pinned,
            self.expires_at,
            self._hid_something,
            SourceClass(self.source_class),
        )


class ChangeBody(Written):
    """What is to be different; fields that are left out stay as they are."""

    memory: Remembered | None = Field(default=None, description="The words before it stay in the memory's history.")
    importance: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    pinned: bool | None = Field(default=None, description="`true` takes the end away, unless `expires_at` gives one.")
    expires_at: End | None = Field(default=None, description="`null` takes the end away.")

    def changes(self) -> Changes:
        """As the use case wants it."""
        never = "expires_at" in self.model_fields_set and self.expires_at is None
        return Changes(self.memory, self.importance, self.pinned, self.expires_at, never, self._hid_something)


class DeleteBody(Closed):
    """Delete by filter: first as a dry run, then with the number that it gave."""

    filter: FilterBody
    dry_run: bool = True
    expected: int | None = Field(default=None, ge=0, description="`matched` of the dry run; needed to delete.")

    @model_validator(mode="after")
    def _meant(self) -> Self:
        if self.filter.empty:
            raise ValueError("filter needs at least one condition; to take away everything, ask for an erasure")
        if not self.dry_run and self.expected is None:
            raise ValueError("expected is required: make a dry run first and send the number it matched")
        return self


class DeleteAnswer(BaseModel):
    """``deleted`` is 0 in a dry run."""

    matched: int
    deleted: int
    stopped_early: bool = Field(
        default=False, description="There was no time for all: ask again, with `matched - deleted` as `expected`."
    )


class MemoryView(BaseModel):
    """A memory as people see it."""

    id: str
    memory: str
    scope: Scope
    kind: Kind
    created_at: datetime
    updated_at: datetime
    version: int = Field(description="To be named in If-Match by a change.")
    importance: float
    pinned: bool
    agent_id: str | None = None
    session_id: str | None = None
    thread_id: str | None = None
    author_id: str | None = None
    attributed_to: str | None = None
    role: str | None = None
    speaker: str | None = None
    message_id: str | None = Field(default=None, description="What it was learned from, or of a turn: which it is.")
    source_run_id: str | None = None
    import_id: str | None = None
    expires_at: datetime | None = None
    superseded_by: str | None = None
    valid_until: datetime | None = None
    rejected: str | None = Field(
        default=None,
        description="Of one in quarantine: why it was not let in. `instruction_like`, `hidden_characters` and "
        "`needs_owner` wait for an owner.",
    )
    withheld_by: tuple[str, ...] | None = Field(
        default=None,
        description="Of a turn that other sessions do not recall: the facts that it says and that hold no longer, or "
        "are one agent's only; `screened` if it reads like a command or hid something, `cleared` if the user's memory "
        "was emptied since, `unwanted` if the person asked not to remember it.",
    )
    last_accessed_at: datetime | None = None
    access_count: int = 0
    archived_at: datetime | None = Field(default=None, description="Of one in the archive: since when.")
    score: float | None = Field(default=None, description="Of a search: higher fits better.")
    provenance: ProvenanceView | None = Field(default=None, description="Of a fact, if asked for: why it is known.")


def memory_view(
    memory: Memory,
    *,
    score: float | None = None,
    whole: bool = False,
    provenance: Provenance | None = None,
    archived_at: datetime | None = None,
) -> MemoryView:
    """``memory`` for an answer; in lists a very long one is shortened, unless it is to be ``whole``."""
    fields = {name: getattr(memory, name) for name in MemoryView.model_fields if name not in _OF_VIEW}
    most = MAX_LISTED_CHARACTERS if whole else MAX_LISTED_QUOTE
    fields["provenance"] = None if provenance is None else provenance_view(provenance, most=most)
    fields |= {"withheld_by": memory.withheld_by or None, "archived_at": archived_at}
    text = memory.text if whole else shortened(memory.text, MAX_LISTED_CHARACTERS)
    return MemoryView(**fields, memory=text, version=memory.version, score=None if score is None else round(score, 4))


class MemoryList(BaseModel):
    """A page. ``next_cursor`` is given while there is more."""

    memories: list[MemoryView]
    next_cursor: str | None = None
    degraded: list[str] = Field(
        default_factory=list,
        description="Of a search, what did not work: `embedding_model_changed` if vectors are another embedding "
        "model's, so that their memories are found by words alone.",
    )


class PastVersionView(BaseModel):
    """What the memory said before a change."""

    version: int
    memory: str
    changed_at: datetime
    changed_by: str = Field(description="`user:<id>` or `service:<name>`.")


class HistoryView(BaseModel):
    """Oldest first; the current words are in ``memory``."""

    id: str
    version: int
    memory: str
    history: list[PastVersionView]


def history_view(memory: Memory) -> HistoryView:
    """The history of ``memory``."""
    past = [
        PastVersionView(version=p.version, memory=p.text, changed_at=p.changed_at, changed_by=p.changed_by)
        for p in memory.history
    ]
    return HistoryView(id=memory.id, version=memory.version, memory=memory.text, history=past)


class ClearedView(BaseModel):
    """The scope is empty."""

    status: Literal["cleared"] = "cleared"


def cursor_of(position: Position | None, order: Order) -> str | None:
    """The opaque text of a place in a list."""
    if position is None:
        return None
    text = json.dumps([order.value, position.value, position.id], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def position_of(cursor: str | None, order: Order) -> Position | None:
    """The place that ``cursor`` stands for.

    Raises:
        InvalidInputError: it is none of ours, or of a list in another order.
    """
    if cursor is None:
        return None
    try:
        decoded: Any = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        made_for, value, identity = decoded
        _checked_value(Order(made_for).sort.key, value)
        if made_for == order.value and _is_memory_id(identity):
            return Position(value, identity)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        pass
    raise InvalidInputError("cursor", "is not one that this list, in this order, has given")


def _checked_value(key: SortKey, value: object) -> None:
    if not isinstance(value, str) or len(value) > 64:
        raise TypeError
    if key is SortKey.IMPORTANCE:
        if not 0 <= float(value) <= 1:
            raise ValueError
    elif datetime.fromisoformat(value).tzinfo is None:
        raise ValueError


def _is_memory_id(value: object) -> bool:
    return isinstance(value, str) and str(UUID(value)) == value
