"""Keeps turns that no longer hold out of other sessions.

A turn says what was so when it was said, and correcting a fact does not change its words. So when a fact is replaced,
corrected or deleted, the turns that say it are withheld: their own session still recalls them, others do not. The same
goes for what an agent was told about how to work, which belongs to that agent.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from operator_memory.application.ports.core import Clock, MemorySearch, TurnMarks
from operator_memory.domain.conversation import answers
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.saying import Saying
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope
from operator_memory.domain.memory.wording import same_statement
from operator_memory.domain.shared.search_plan import AnyScope, Hit, Search, SearchMode, SearchPlan
from operator_memory.domain.text import normalised_text

_ALL_TURNS = AnyScope((), past_sessions=True, withheld=True)
_LOOKED_AT = 100
_FACTS_AT_ONCE = 20
_QUESTION = 300  # characters at the end of a turn that may be one
SEARCH_TIMEOUT = 10.0
_NOTHING: Mapping[str, Collection[str]] = {}


class TurnVisibility:
    """Withholds turns from other sessions, and releases them again.

    Repeating any call changes nothing, so an interrupted caller can repeat it.
    """

    def __init__(self, *, search: MemorySearch, marks: TurnMarks, clock: Clock) -> None:
        self._search = search
        self._marks = marks
        self._clock = clock

    def withhold(
        self, account_id: AccountId, facts: Sequence[Memory], *, spare: Mapping[str, Collection[str]] = _NOTHING
    ) -> None:
        """Withhold the turns that say one of ``facts``: those it was learned from, and others that say it in their
        words.

        The others are searched for by words, the 100 closest: an assistant repeats what it was told, and people say
        things twice. ``spare``: by a fact's id, the turns that say what holds in its place now.
        """
        read: dict[tuple[str, str], Saying] = {}
        for start in range(0, len(facts), _FACTS_AT_ONCE):
            some = facts[start : start + _FACTS_AT_ONCE]
            saying = []
            for fact, hits in zip(some, self._like(account_id, some), strict=True):
                repeating = _repeating([hit.memory for hit in hits], fact, read)
                saying.append((fact, {*fact.said_in, *repeating}.difference(spare.get(fact.id, ()))))
            self._mark(account_id, saying)

    def withhold_reworded(self, account_id: AccountId, before: Memory, after: Memory) -> None:
        """Withhold the turns that say ``before``, a fact that a person changes to ``after``; none of them if only the
        wording differs, since what was said is still so."""
        if normalised_text(before.text) != normalised_text(after.text) and not same_statement(before.text, after.text):
            self.withhold(account_id, [before])

    def withhold_sources(self, account_id: AccountId, facts: Sequence[Memory]) -> None:
        """Withhold only the turns that ``facts`` were learned from. What an agent is told is not meant for others."""
        self._mark(account_id, [(fact, fact.said_in) for fact in facts])

    def withhold_turns(self, account_id: AccountId, reasons: Mapping[str, Collection[str]]) -> None:
        """Withhold turns, by their ids, for ``reasons`` that are no facts."""
        self._marks.withhold(account_id, reasons)

    def _mark(self, account_id: AccountId, saying: Sequence[tuple[Memory, Collection[str]]]) -> None:
        """``saying``: facts, each with the ids of the turns to be withheld for it. A fact may come twice."""
        reasons: dict[str, list[str]] = defaultdict(list)
        for fact, turns in saying:
            for turn in turns:
                reasons[turn].append(fact.id)
        if reasons:
            self._marks.withhold(account_id, reasons)

    def release(self, account_id: AccountId, fact: Memory) -> None:
        """Recall the turns again that were withheld because of ``fact``, which holds again.

        Leaves those of an agent's fact, which stay that agent's, and those of a fact that a person has corrected: some
        of them say what it said before.
        """
        now = normalised_text(fact.text)
        if fact.scope is not Scope.AGENT and all(normalised_text(past.text) == now for past in fact.history):
            self._marks.release(account_id, fact.id)

    def _like(self, account_id: AccountId, facts: Sequence[Memory]) -> list[list[Hit]]:
        plan = SearchPlan(tuple(Search(_ALL_TURNS, SearchMode.KEYWORD, _LOOKED_AT, text=fact.text) for fact in facts))
        return self._search.search(account_id, plan, now=self._clock.now(), timeout=SEARCH_TIMEOUT)


def _repeating(found: Sequence[Memory], fact: Memory, read: dict[tuple[str, str], Saying]) -> set[str]:
    """Those of ``found`` that say ``fact``, alone or as the answer to a question that was found as well.

    ``read``: by the question and the turn what has been read for other facts.
    """
    turns = [memory for memory in found if memory.kind is Kind.TURN]
    by_position = {(turn.source_run_id, turn.seq): turn for turn in turns}
    repeating: set[str] = set()
    for turn in turns:
        asked = None if turn.seq is None else by_position.get((turn.source_run_id, turn.seq - 1))
        question = asked.text[-_QUESTION:] if asked is not None and answers(turn, asked) else ""
        key = (question, turn.text)
        if key not in read:
            read[key] = Saying(turn.text, asked=question)
        if read[key].says(fact.text):
            repeating.add(turn.id)
    return repeating
