"""In-memory implementations of the ports. They pass the same contract tests as the real adapters."""

import hashlib
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from operator_memory.domain.errors import MemoryServiceError
from operator_memory.domain.lifecycle.retention import DueAccount
from operator_memory.domain.memory.keyword_text import keyword_text
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.provenance import MAY_INSTRUCT
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope, ScopeKey
from operator_memory.domain.memory.vectors import InferenceText, Vector
from operator_memory.domain.shared.periods import period_of
from operator_memory.domain.shared.search_plan import PROFILE_MODES, AnyScope, Hit, Search, SearchMode, SearchPlan, Span

DIMENSIONS = 32


@dataclass
class FakeClock:
    """A clock that stands until it is moved."""

    time: datetime = datetime(2026, 11, 24, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def advance(self, **by: float) -> None:
        self.time += timedelta(**by)


def words(text: str) -> set[str]:
    return {word.strip(".,:!?'()").lower() for word in text.split()}


@dataclass
class FakeEmbedder:
    """Vectors from the words of a text: the same words, the same vector; shared words, similar vectors."""

    calls: list[list[str]] = field(default_factory=list)
    error: MemoryServiceError | None = None
    dimensions: int = DIMENSIONS
    while_embedding: Callable[[int], None] = lambda _texts: None

    def embed(self, texts: Sequence[str], *, timeout: float) -> list[list[float]]:
        self.calls.append(list(texts))
        self.while_embedding(len(texts))
        if self.error:
            raise self.error
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        vector = [1e-6] * self.dimensions
        for word in words(text):
            vector[hashlib.sha256(word.encode("utf-8", "replace")).digest()[0] % self.dimensions] += 1.0
        length = math.hypot(*vector)
        return [x / length for x in vector]


def _numbers(vector: Vector | None) -> Sequence[float]:
    """The vector itself: this store makes none of a text."""
    assert vector is not None
    assert not isinstance(vector, InferenceText)
    return vector


@dataclass
class InMemoryMemories:
    """Ports ``MemorySearch``, ``MemoryWriter``, ``LearnedMemories``, ``TurnMarks`` and ``ExpiredMemories``."""

    points: dict[AccountId, dict[str, EmbeddedMemory]] = field(default_factory=dict)
    before_upsert: Callable[[], None] = lambda: None
    embedder: str | None = None
    made_by: dict[str, str | None] = field(default_factory=dict)
    """Which embedder made the vector, by the memory's id."""

    def of(self, account_id: AccountId) -> list[Memory]:
        """All memories of the account, by id."""
        return [self.points[account_id][i].memory for i in sorted(self.points.get(account_id, {}))]

    def search(self, account_id: AccountId, plan: SearchPlan, *, now: datetime, timeout: float) -> list[list[Hit]]:
        visible = [
            e
            for e in self.points.get(account_id, {}).values()
            if not any(end is not None and end <= now for end in (e.memory.expires_at, e.memory.valid_until))
        ]
        return [self._hits(search, plan, visible) for search in plan.searches]

    def _hits(self, search: Search, plan: SearchPlan, visible: Sequence[EmbeddedMemory]) -> list[Hit]:
        of_scope = [e for e in visible if _within(e.memory, search.key) and _during(e.memory, search.during)]
        if search.mode in PROFILE_MODES:
            of_scope = [e for e in of_scope if e.memory.scope is not Scope.AGENT or _may_instruct(e.memory)]
        if search.mode is SearchMode.PINNED:
            of_scope = [e for e in of_scope if e.memory.pinned]
        hits = [self._hit(search, plan, e) for e in of_scope]
        if search.mode in (SearchMode.DENSE, SearchMode.KEYWORD):
            hits = sorted((h for h in hits if h.score > 0 or not h.comparable), key=lambda h: -h.score)
        elif search.mode is SearchMode.IMPORTANT:
            hits.sort(key=lambda h: -h.memory.importance)
        elif search.mode is SearchMode.WEAKEST:
            hits = sorted((h for h in hits if not h.memory.pinned), key=lambda h: h.memory.importance)
        else:
            hits.sort(key=lambda h: h.memory.created_at, reverse=True)
        return hits[: search.limit]

    def _hit(self, search: Search, plan: SearchPlan, embedded: EmbeddedMemory) -> Hit:
        made_by = self.made_by.get(embedded.memory.id)
        comparable = None in (made_by, self.embedder) or made_by == self.embedder
        score = self._score(search, plan, embedded) if comparable or search.mode is not SearchMode.DENSE else 0.0
        return Hit(embedded.memory, score, comparable)

    def _score(self, search: Search, plan: SearchPlan, embedded: EmbeddedMemory) -> float:
        if search.mode is SearchMode.DENSE:
            vector = plan.vector if search.vector is None else search.vector
            return sum(a * b for a, b in zip(_numbers(vector), _numbers(embedded.vector), strict=True))
        if search.mode is SearchMode.KEYWORD:
            indexed = keyword_text(embedded.memory, embedded.before)
            return float(len(words(search.text or plan.text or "") & words(indexed)))
        return 0.0

    def existing_ids(self, account_id: AccountId, ids: Sequence[str]) -> set[str]:
        return set(ids) & set(self.points.get(account_id, {}))

    def stored(self, account_id: AccountId, ids: Sequence[str]) -> dict[str, Memory]:
        return {i: e.memory for i, e in self.points.get(account_id, {}).items() if i in ids}

    def supersede(self, account_id: AccountId, ids: Sequence[str], *, by: str, at: datetime) -> None:
        mine = self.points.get(account_id, {})
        for identity in set(ids) & set(mine):
            if not mine[identity].memory.pinned:
                ended = replace(mine[identity].memory, superseded_by=by, valid_until=at)
                mine[identity] = replace(mine[identity], memory=ended)

    def facts_of_run(self, account_id: AccountId, run_id: str) -> list[Memory]:
        return [m for m in self.of(account_id) if m.kind is Kind.FACT and m.source_run_id == run_id]

    def facts_of_session(self, account_id: AccountId, session_id: str) -> list[Memory]:
        return [m for m in self.of(account_id) if m.kind is Kind.FACT and m.session_id == session_id]

    def note_learning(self, account_id: AccountId, memories: Sequence[Memory]) -> None:
        for noted in memories:
            fields = ("evidence", "source_run_id", "repeated_in")
            self._change(account_id, noted.id, **{name: getattr(noted, name) for name in fields})

    def hold_again(self, account_id: AccountId, ids: Sequence[str], *, by: str) -> None:
        for memory in self.of(account_id):
            if memory.id in ids and memory.superseded_by == by:
                self._change(account_id, memory.id, superseded_by=None, valid_until=None)

    def _change(self, account_id: AccountId, identity: str, **fields: Any) -> None:
        mine = self.points.get(account_id, {})
        if identity in mine:
            mine[identity] = replace(mine[identity], memory=replace(mine[identity].memory, **fields))

    def withhold(self, account_id: AccountId, reasons: Mapping[str, Collection[str]]) -> None:
        for turn in self._turns(account_id):
            self._mark(turn, (*turn.withheld_by, *sorted(reasons.get(turn.id, ()))))

    def release(self, account_id: AccountId, reason: str) -> None:
        for turn in self._turns(account_id):
            self._mark(turn, tuple(r for r in turn.withheld_by if r != reason))

    def _turns(self, account_id: AccountId) -> list[Memory]:
        return [memory for memory in self.of(account_id) if memory.kind is Kind.TURN]

    def _mark(self, turn: Memory, reasons: tuple[str, ...]) -> None:
        mine = self.points[turn.account_id]
        marked = replace(turn, withheld_by=tuple(dict.fromkeys(reasons)))
        mine[turn.id] = replace(mine[turn.id], memory=marked)

    def replaced_by(self, account_id: AccountId, ids: Sequence[str]) -> list[Memory]:
        return [m for m in self.of(account_id) if m.superseded_by in ids]

    def count_facts(self, account_id: AccountId, *, now: datetime) -> int:
        facts = [e.memory for e in self.points.get(account_id, {}).values() if e.memory.kind is Kind.FACT]
        return sum(not any(end is not None and end <= now for end in (m.expires_at, m.valid_until)) for m in facts)

    def upsert(self, account_id: AccountId, memories: Sequence[EmbeddedMemory]) -> None:
        if any(embedded.memory.account_id != account_id for embedded in memories):
            raise ValueError("a memory of another account")
        self.before_upsert()
        self.points.setdefault(account_id, {}).update({e.memory.id: e for e in memories})
        self.made_by.update({e.memory.id: self.embedder for e in memories})

    def delete_expired(
        self, account_id: AccountId, *, now: datetime, limit: int, kept_threads: Collection[str] = ()
    ) -> int:
        mine = self.points.get(account_id, {})
        ended = [e.memory for e in mine.values() if e.memory.expires_at is not None and e.memory.expires_at <= now]
        gone = [m.id for m in ended if not {m.thread_id, m.session_id} & set(kept_threads)][:limit]
        for identity in gone:
            del mine[identity]
        return len(gone)

    def next_expiry(self, account_id: AccountId, *, after: datetime) -> datetime | None:
        ends = [e.memory.expires_at for e in self.points.get(account_id, {}).values()]
        return min((end for end in ends if end is not None and end > after), default=None)


def _during(memory: Memory, spans: Sequence[Span]) -> bool:
    about = period_of(memory.when)
    return not spans or any(
        span.start <= memory.created_at < span.end
        or (about is not None and about.first <= span.last and about.last >= span.first)
        for span in spans
    )


def _may_instruct(memory: Memory) -> bool:
    return memory.source_class is None or memory.source_class in MAY_INSTRUCT


def _within(memory: Memory, key: ScopeKey | AnyScope) -> bool:
    if isinstance(key, ScopeKey):
        return memory.key == key
    said = memory.scope is Scope.SESSION and (key.withheld or not memory.withheld_by)
    return memory.key in key.keys or (key.past_sessions and said)


@dataclass
class InMemoryExpiryIndex:
    """Port ``ExpiryIndex``."""

    entries: dict[AccountId, DueAccount] = field(default_factory=dict)
    versions: dict[AccountId, int] = field(default_factory=dict)

    def register(self, account_id: AccountId, due_at: datetime) -> None:
        known = self.entries.get(account_id)
        earliest = min(_whole_second(due_at), known.due_at) if known else _whole_second(due_at)
        self._put(account_id, earliest)

    def due(self, *, now: datetime, limit: int) -> list[DueAccount]:
        return [entry for entry in self.entries.values() if entry.due_at <= now][:limit]

    def settle(self, entry: DueAccount, next_due_at: datetime | None) -> bool:
        if self.versions.get(entry.account_id) != entry.version:
            return False
        self._put(entry.account_id, None if next_due_at is None else _whole_second(next_due_at))
        return True

    def _put(self, account_id: AccountId, due_at: datetime | None) -> None:
        version = self.versions[account_id] = self.versions.get(account_id, 0) + 1
        if due_at is None:
            self.entries.pop(account_id, None)
        else:
            self.entries[account_id] = DueAccount(account_id, due_at, version)


def _whole_second(moment: datetime) -> datetime:
    """Rounded up, as the table does it: an account is never due before something has expired."""
    return moment if moment.microsecond == 0 else moment.replace(microsecond=0) + timedelta(seconds=1)


@dataclass
class FakeReranker:
    """Port ``Reranker``: a text answers a question as well as it has words of it."""

    calls: list[tuple[str, list[str], float]] = field(default_factory=list)
    error: MemoryServiceError | None = None

    def judge(self, query: str, documents: Sequence[str], *, timeout: float) -> list[float]:
        self.calls.append((query, list(documents), timeout))
        if self.error:
            raise self.error
        return [len(words(query) & words(document)) / len(words(query)) for document in documents]
