"""Use case: says why memories are remembered. What a person has withdrawn is not shown."""

from collections.abc import Mapping, Sequence

from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.provenance import Provenance
from operator_memory.domain.memory.scopes import AccountId, Kind
from operator_memory.domain.shared.quoted_words import reasons_of, shown_provenance
from operator_memory.domain.shared.tombstones import Target, TargetKind


class ExplainMemories:
    """Reads what memories were learned from."""

    def __init__(self, writer: GuardedWriter) -> None:
        """``writer``: reads memories whole; it writes nothing here."""
        self._writer = writer

    def explain(self, account_id: AccountId, memories: Sequence[Memory]) -> dict[str, Provenance]:
        """Return, by id, why each fact among ``memories`` is remembered, in a few requests for all of them.

        Turns have no provenance: they are what was said.
        """
        ids = [memory.id for memory in memories if memory.kind is Kind.FACT]
        if not ids:
            return {}
        facts = self._writer.stored(account_id, ids)  # what a search has found is not whole
        sources = list(dict.fromkeys(turn for fact in facts.values() for turn in fact.said_in))
        turns = self._writer.stored(account_id, sources) if sources else {}
        reasons = self._reasons(account_id, turns)
        cleared = self._writer.find(account_id, [Target(TargetKind.USER)])
        cleared_at = max((stone.erased_at for stone in cleared), default=None)
        return {
            fact.id: shown_provenance(
                fact, [turns[i] for i in fact.said_in if i in turns], reasons, cleared_at=cleared_at
            )
            for fact in facts.values()
        }

    def _reasons(self, account_id: AccountId, turns: Mapping[str, Memory]) -> dict[str, Memory]:
        """Return the memories for which ``turns`` are withheld, without those that are to be forgotten: what took the
        place of these is the turn that asks for it."""
        wanted = reasons_of(turns.values())
        found = self._writer.stored(account_id, sorted(wanted)) if wanted else {}
        newer = {memory.superseded_by for memory in found.values() if memory.superseded_by is not None}
        replacing = self._writer.stored(account_id, sorted(newer)) if newer else {}
        facts = {identity for identity, memory in replacing.items() if memory.kind is Kind.FACT}
        return {i: m for i, m in found.items() if m.superseded_by is None or m.superseded_by in facts}
