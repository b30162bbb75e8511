"""What becomes of the turns that say a fact, when it is replaced, kept out or holds again. Pure."""

from collections.abc import Mapping

from operator_memory.domain.learning.evidence import NO_EVIDENCE, NOT_THE_PERSON
from operator_memory.domain.learning.fact_gate import OUTDATED, Verdict
from operator_memory.domain.learning.jobs import FactOutcome, Outcome
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import Scope
from operator_memory.domain.shared.deletions import DELETED
from operator_memory.domain.shared.screening import COMMAND
from operator_memory.domain.text import normalised_text

_MISTRUSTED = (COMMAND, NO_EVIDENCE, NOT_THE_PERSON)
_UNTRUE = (OUTDATED, DELETED, *_MISTRUSTED)


class TurnsAndFacts:
    """Which facts of a chunk hold, and which do not, as far as the turns that say them are concerned."""

    def __init__(self) -> None:
        self.replaced: dict[str, None] = {}
        """Ids of what something of this chunk made untrue."""
        self.untrue: list[Memory] = []
        self.of_agents: list[Memory] = []
        self.hold_again: dict[str, Memory] = {}
        self._turns: dict[str, dict[str, None]] = {}  # id of a memory -> of this chunk's turns those that say it

    def note(self, verdict: Verdict, fact: Memory, twin: Memory | None) -> None:
        """Take in the verdict on ``fact``. ``twin``: what is stored under its id."""
        outcome = verdict.outcome
        if outcome.reason != "over_quota":  # what gave way to it is not untrue
            self.replaced |= dict.fromkeys(older.id for older in verdict.supersedes)
        for older in verdict.supersedes:
            self.hold_again.pop(older.id, None)
        if verdict.revives is not None and verdict.outdated_by is None:
            self.replaced.pop(fact.id, None)
            self.hold_again[fact.id] = verdict.revives
        elif outcome.outcome is not Outcome.REJECTED and twin is not None and twin.rejected is not None:
            self.hold_again |= {fact.id: twin} if verdict.stored else {}  # somebody's guess then, and now it is so
        if _does_not_hold(outcome, fact, twin):
            self.untrue.append(fact)
        elif outcome.outcome is not Outcome.REJECTED and outcome.reason != "quarantined":
            known = outcome.others[0] if outcome.outcome is Outcome.DUPLICATE and outcome.others else fact.id
            self._turns.setdefault(known, {}).update(dict.fromkeys(fact.said_in))
            if fact.scope is Scope.AGENT:
                self.of_agents.append(fact)

    def turns_of(self, identity: str) -> tuple[str, ...]:
        """The turns of this chunk that say what the memory says."""
        return tuple(self._turns.get(identity, ()))


def _does_not_hold(outcome: FactOutcome, fact: Memory, twin: Memory | None) -> bool:
    """Whether it is known to be out of date, was corrected or deleted by a person since, or waits in quarantine because
    nobody said so (the assistant may have) or it is a command."""
    if outcome.outcome is Outcome.REJECTED:
        return outcome.reason in _UNTRUE
    if outcome.outcome is not Outcome.DUPLICATE or twin is None:
        return False
    corrected = normalised_text(twin.text) != normalised_text(fact.text)
    return corrected or twin.rejected in _MISTRUSTED


def in_force(identity: str, replaced: Mapping[str, str]) -> str:
    """What holds in the place of a memory. ``replaced``: by the id of an older memory that of the newer."""
    seen: set[str] = set()
    while identity in replaced and identity not in seen:
        seen.add(identity)
        identity = replaced[identity]
    return identity
