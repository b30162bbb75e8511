"""Use case: searches the memories for a person, by meaning and by words."""

import logging
from dataclasses import dataclass, replace

from operator_memory.application.ports.core import Clock, Embedder
from operator_memory.application.ports.management import MemoryLibrary, SwitchReader
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.errors import MODEL_CHANGED, EmbeddingModelChangedError, InvalidInputError, UpstreamError
from operator_memory.domain.memory.scopes import AccountId, Scope, ScopeKey
from operator_memory.domain.recall.parameters import USUAL
from operator_memory.domain.recall.query_words import searchable_query
from operator_memory.domain.recall.ranked_memory import RankedMemory
from operator_memory.domain.recall.ranking import RankingRequest, rank
from operator_memory.domain.shared.audit_events import EventType, Touched
from operator_memory.domain.shared.memory_filter import MemoryFilter
from operator_memory.domain.shared.search_plan import Hit, Search, SearchMode, comparable

EMBED_TIMEOUT = 10.0
"""Seconds for the embedding call."""

SWITCHES_TIMEOUT = 2.0
"""Seconds for reading whether the words of a search may be kept."""

CANDIDATES = 60
"""Memories by meaning, and as many by words, that a search ranks at least."""

SHOW_ALL = replace(USUAL, near_duplicates_once=False)
"""A person who tidies up wants to see what is there twice."""

_LOG = logging.getLogger("operator_memory.search")


@dataclass(frozen=True, slots=True)
class FoundMemories:
    """What a search has found, best first, and what did not work (codes)."""

    ranked: list[RankedMemory]
    degraded: tuple[str, ...] = ()


class SearchMemories:
    """Searches while memory is switched off too: what is stored stays its owner's to see."""

    def __init__(
        self, *, library: MemoryLibrary, embedder: Embedder, switches: SwitchReader, trail: AuditTrail, clock: Clock
    ) -> None:
        self._library = library
        self._embedder = embedder
        self._switches = switches
        self._trail = trail
        self._clock = clock

    def search(
        self, account_id: AccountId, where: MemoryFilter, *, query: str, limit: int, actor: str
    ) -> FoundMemories:
        """Return the memories that fit ``query`` best. ``actor``: who asks, as the trail names them."""
        text = searchable_query(query)
        if text is None:
            raise InvalidInputError("query", "must hold at least one letter or digit")
        recorded_query = query if self._records_queries(account_id) else None
        searches = [Search(ScopeKey(Scope.USER), mode, limit) for mode in (SearchMode.DENSE, SearchMode.KEYWORD)]
        found, changed = self._find(account_id, where, text, searches)
        ranked = rank(searches, found, RankingRequest(self._clock.now()), limit=limit, parameters=SHOW_ALL)
        self._trail.note(
            account_id,
            actor,
            EventType.SEARCH,
            Touched(tuple(r.memory.id for r in ranked), where.agent_id, where.thread_id),
            query=recorded_query,
            metadata={"how": "search"},
        )
        return FoundMemories(ranked, (MODEL_CHANGED,) if changed else ())

    def _find(
        self, account_id: AccountId, where: MemoryFilter, text: str, searches: list[Search]
    ) -> tuple[list[list[Hit]], bool]:
        """Return the hits by meaning and by words, and whether another model has made vectors: by words alone, then."""
        vector = self._embedder.embed([text], timeout=EMBED_TIMEOUT)[0]
        now, candidates = self._clock.now(), max(CANDIDATES, 2 * searches[0].limit)
        try:
            found = self._library.find(account_id, where, vector=vector, text=text, limit=candidates, now=now)
        except EmbeddingModelChangedError:
            found = self._library.find(account_id, where, vector=None, text=text, limit=candidates, now=now)
            return [*map(list, found)], True
        return comparable(found, searches)

    def _records_queries(self, account_id: AccountId) -> bool:
        """Tell whether the trail may keep the words of a search. If that cannot be read it may not, and the search goes
        on."""
        try:
            switches = self._switches.read(
                account_id, agent_id=None, thread_id=None, session_id=None, timeout=SWITCHES_TIMEOUT
            )
        except UpstreamError as error:
            _LOG.warning("the switch of queries cannot be read", extra={"reason": error.reason})
            return False
        return switches.record_queries
