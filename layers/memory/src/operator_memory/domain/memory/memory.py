"""A stored memory, and how its id follows from what it says."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from operator_memory.domain.memory.provenance import SaidWords, SourceClass
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope, ScopeKey
from operator_memory.domain.memory.vectors import Vector
from operator_memory.domain.text import normalised_text

CLEARED = "cleared"
"""In ``withheld_by``: a person has emptied the user's memory since the turn was said."""

UNWANTED = "unwanted"
"""In ``withheld_by``: the person asked in the conversation not to remember the turn."""

SCREENED = "screened"
"""In ``withheld_by``: the turn reads like a command, or hid something."""

MOST_REASONS = 100
"""Reasons in ``withheld_by`` that a turn keeps. It is withheld by any of them; with the latest it is released at the
latest."""

_MEMORY_NAMESPACE = uuid.UUID("5a0b9f5e-6c0e-5d0f-9a53-8d8f4c1c2a77")


@dataclass(frozen=True, slots=True)
class PastVersion:
    """What a memory said before somebody changed it. ``changed_by`` is ``user:<id>`` or ``service:<subject>``."""

    version: int
    text: str = field(repr=False)
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True, slots=True)
class Memory:
    """One memory of one account. Times are timezone-aware UTC; ``importance`` is 0..1."""

    id: str
    account_id: AccountId
    scope: Scope
    kind: Kind
    text: str
    created_at: datetime
    updated_at: datetime
    agent_id: str | None = None
    session_id: str | None = None
    thread_id: str | None = None
    author_id: str | None = None
    attributed_to: str | None = None
    role: str | None = None
    speaker: str | None = None
    """The name of who said a turn, where the platform knows it."""
    message_id: str | None = None
    """The platform's message that a turn is, or that a fact was learned from."""
    seq: int | None = None
    source_run_id: str | None = None
    said_in: tuple[str, ...] = ()
    """Of a fact: the turns that say it, by id: what it was learned from, and the question that this answers."""
    withheld_by: tuple[str, ...] = ()
    """Of a turn: why other sessions do not recall it. The ids of facts that it says and that hold no longer, or are
    one agent's only; `CLEARED`."""
    follows: str | None = None
    """The turn said just before, if this one is found by its words too: they go from its index when they go there."""
    importance: float = 0.5
    pinned: bool = False
    expires_at: datetime | None = None
    superseded_by: str | None = None
    valid_until: datetime | None = None
    last_accessed_at: datetime | None = None
    access_count: int = 0
    version: int = 1
    """Counts changes by people; a change must name the version it was made from."""
    history: tuple[PastVersion, ...] = ()
    """Oldest first, the last fifty. Searches leave it out."""
    evidence: tuple[SaidWords, ...] = ()
    """Of a fact: the words that it was learned from. Searches leave them out."""
    repeated_in: tuple[str, ...] = ()
    """Of a fact: later jobs that said the same, the latest hundred."""
    source_class: SourceClass | None = None
    """How far it can be trusted; ``None`` of what was stored before this was known."""
    when: str | None = None
    """What time a fact speaks of: an ISO 8601 date, month, year, or two of these with a slash."""
    inferred: bool = False
    """Whether the model concluded a fact from what was said."""
    imported_at: datetime | None = None
    import_id: str | None = None
    """The import that brought it, by which it can be taken back."""
    rejected: str | None = None
    """Why the gate did not let it in: it waits in quarantine, where no search finds it."""

    @property
    def key(self) -> ScopeKey:
        """The scope this memory belongs to, with its owner."""
        if self.scope is Scope.USER:
            return ScopeKey(Scope.USER)
        return ScopeKey(self.scope, self.agent_id if self.scope is Scope.AGENT else self.session_id)


def loses(stored: Memory, written: Memory) -> bool:
    """Tell whether words of ``stored`` (text, history, evidence) would be gone if ``written`` took its place."""
    texts = {written.text, *(past.text for past in written.history)}
    quotes = {said.quote for said in written.evidence}
    said_before = {stored.text, *(past.text for past in stored.history)}
    return not (said_before <= texts and {said.quote for said in stored.evidence} <= quotes)


@dataclass(frozen=True, slots=True)
class EmbeddedMemory:
    """A memory with its dense vector (length = the collection's dimensions), ready to be stored."""

    memory: Memory
    vector: Vector = field(repr=False)
    before: str = field(default="", repr=False)
    """Of a turn that ``follows`` one: what that says. Its words find the turn too: an answer seldom repeats the
    question."""


def memory_id(account: AccountId, key: ScopeKey, text: str, *, position: str = "") -> str:
    """The id of a memory: uuid5 of account, scope, owner and normalised text.

    A redelivered or concurrent write of the same memory therefore lands on the same point. ``position``
    tells verbatim turns apart that say the same thing at different places of a session (``"yes"``).
    """
    name = "\x1f".join((account, key.scope, key.owner_id or "", position, normalised_text(text)))
    return str(uuid.uuid5(_MEMORY_NAMESPACE, name))
