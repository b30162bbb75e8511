"""Takes back what runs taught or an import brought: first a plan, then the plan is carried out.

The order makes a repetition complete what was interrupted: what the facts replaced is restored before they are deleted,
since they are what leads there.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from operator_memory.application.ports.core import LearnedMemories
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.application.shared.remove_memories import RemoveMemories
from operator_memory.application.shared.turn_visibility import TurnVisibility
from operator_memory.domain.learning.jobs import JobRecord
from operator_memory.domain.learning.taught import (
    HELD,
    Origin,
    Plan,
    Run,
    origin_of_run,
    parts_kept,
    repeated,
    said_by_others,
    successor,
    why_import_kept,
    why_kept,
    without_its_part,
)
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import MAX_IDS, EventType, Touched, repeatable_event_id


class TakeBack:
    """Plans and carries out. What people have done since stays, and so does what is held."""

    def __init__(
        self,
        *,
        learned: LearnedMemories,
        writer: GuardedWriter,
        remover: RemoveMemories,
        visibility: TurnVisibility,
        trail: AuditTrail,
    ) -> None:
        self._learned = learned
        self._writer = writer
        self._remover = remover
        self._visibility = visibility
        self._trail = trail

    def plan_runs(self, account_id: AccountId, runs: Sequence[Run], *, taken: Collection[str]) -> Plan:
        """Plan to take back ``runs``. ``taken``: the ids of all runs that are taken back, these and others: what only
        they have said again does not stay for it."""
        kept: dict[str, str] = {}
        for run in runs:
            outcomes = {outcome.memory_id: outcome for outcome in run.record.facts}
            alone = [(memory.id, why_kept(said_by_others(memory, taken), outcomes)) for memory in run.facts]
            kept |= {identity: why for identity, why in alone if why is not None}
        taught = {memory.id: memory for run in runs for memory in run.facts}
        kept |= dict.fromkeys(self._held(account_id, [m for m in taught.values() if m.id not in kept]), HELD)
        gone = {identity: memory for identity, memory in taught.items() if identity not in kept}
        origins = {memory.id: origin_of_run(run.record) for run in runs for memory in run.facts}
        restored, handed_on = self._replaced(account_id, gone)
        parts = self._parts(account_id, runs, {memory.id for memory in restored})
        origins |= {part.id: origin_of_run(record) for part, record in parts}
        origins |= {m.id: origins[m.superseded_by] for m in restored if m.superseded_by in origins}
        made = tuple(part for part, _ in parts if part.id not in gone)
        return Plan(
            gone=gone,
            parts=made,
            copies=frozenset(part.id for part in made),
            restored=restored,
            handed_on=handed_on,
            shared=self._shared(account_id, runs, [m for m in taught.values() if m.id in kept]),
            origins=origins,
            kept=kept,
            stays=tuple(taught[identity] for identity in kept),
        )

    def plan_import(self, account_id: AccountId, import_id: str, memories: Sequence[Memory]) -> Plan:
        """Plan to take back ``memories``, which one import has brought. Nobody has said here what is in them: so
        nothing is kept from being learned for them."""
        kept = {memory.id: why for memory in memories if (why := why_import_kept(memory)) is not None}
        kept |= dict.fromkeys(self._held(account_id, [m for m in memories if m.id not in kept]), HELD)
        gone = {memory.id: memory for memory in memories if memory.id not in kept}
        restored, handed_on = self._replaced(account_id, gone)
        named = {memory.id: Origin("import_id", import_id) for memory in (*memories, *restored)}
        stays = tuple(memory for memory in memories if memory.id in kept)
        return Plan(gone, (), frozenset(gone), restored, handed_on, origins=named, kept=kept, stays=stays)

    def carry_out(self, actor: str, account_id: AccountId, plan: Plan) -> None:
        """Do what ``plan`` says. ``actor``: who asks, as the trail names them."""
        self._remover.held.note_kept(account_id, [m for m in plan.stays if plan.kept[m.id] == HELD], by=actor)
        if plan.shared:
            self._learned.note_learning(account_id, plan.shared)
        self._restore(actor, account_id, plan)
        going = [*plan.gone.values(), *plan.parts]
        spare: dict[str, list[str]] = {}
        for memory in plan.restored:
            spare.setdefault(memory.superseded_by or "", []).extend(memory.said_in)
        # First, under ids that are the same again: nothing is deleted that is not on record.
        self._note(actor, account_id, EventType.DELETE, going, plan, {"by": "undo"})
        if going:
            self._remover.remove(account_id, going, by=actor, spare=spare, only_copies=plan.copies)

    def _held(self, account_id: AccountId, memories: Sequence[Memory]) -> Collection[str]:
        return self._remover.held.held(account_id, memories).keys()

    def _shared(self, account_id: AccountId, runs: Sequence[Run], kept: Sequence[Memory]) -> tuple[Memory, ...]:
        """Of what other runs have taught too: it without what ``runs`` have said. What is held keeps all its words."""
        shared = {memory.id: memory for memory in kept if memory.repeated_in}
        for run in runs:
            known = self._writer.stored(account_id, ids) if (ids := repeated(run.record.facts)) else {}
            shared |= {m.id: m for m in known.values() if run.record.job_id in m.repeated_in and m.id not in shared}
        held = self._held(account_id, list(shared.values()))
        changed = {identity: memory for identity, memory in shared.items() if identity not in held}
        for run in runs:
            changed = {i: without_its_part(memory, run.record.job_id) for i, memory in changed.items()}
        return tuple(memory for identity, memory in changed.items() if memory != shared[identity])

    def _replaced(
        self, account_id: AccountId, gone: Mapping[str, Memory]
    ) -> tuple[tuple[Memory, ...], tuple[tuple[Memory, str], ...]]:
        """What facts that go took the place of: what is in force again, and what something else has replaced since."""
        older = self._writer.replaced_by(account_id, list(gone)) if gone else []
        restored: list[Memory] = []
        handed_on: list[tuple[Memory, str]] = []
        for memory in older:
            if memory.id in gone:
                continue
            newer = successor(memory, gone)
            if newer is None or memory.valid_until is None or memory.pinned:
                restored.append(memory)
            else:
                handed_on.append((memory, newer))
        return tuple(restored), tuple(handed_on)

    def _parts(
        self, account_id: AccountId, runs: Sequence[Run], restored: Collection[str]
    ) -> list[tuple[Memory, JobRecord]]:
        """The memories that the runs made of what stays true of others, where these are whole again."""
        found: list[tuple[Memory, JobRecord]] = []
        for run in runs:
            parts = parts_kept(run.record.facts)
            stored = self._writer.stored(account_id, [*parts, *parts.values()]) if parts else {}
            whole = {i for i in parts.values() if i in stored and (stored[i].superseded_by is None or i in restored)}
            made = [stored[part] for part, of in parts.items() if part in stored and of in whole]
            mine = [memory for memory in made if why_kept(memory, {}) is None]
            held = self._held(account_id, mine)
            found += [(memory, run.record) for memory in mine if memory.id not in held]
        return found

    def _restore(self, actor: str, account_id: AccountId, plan: Plan) -> None:
        for memory, newer in plan.handed_on:
            if memory.valid_until is not None:
                self._writer.supersede(account_id, [memory.id], by=newer, at=memory.valid_until)
        self._note(actor, account_id, EventType.UPDATE, plan.restored, plan, {"how": "restored", "by": "undo"})
        for memory in plan.restored:
            self._learned.hold_again(account_id, [memory.id], by=memory.superseded_by or "")
            self._visibility.release(account_id, memory)

    def _note(
        self,
        actor: str,
        account_id: AccountId,
        what: EventType,
        memories: Iterable[Memory],
        plan: Plan,
        about: Mapping[str, str | int | bool],
    ) -> None:
        """Note an event for each run or import, and for each thousand memories."""
        by_origin: dict[Origin, list[str]] = defaultdict(list)
        for memory in memories:
            by_origin[plan.origins[memory.id]].append(memory.id)
        for origin, every in by_origin.items():
            for start in range(0, len(every), MAX_IDS):
                ids = every[start : start + MAX_IDS]
                self._trail.note(
                    account_id,
                    actor,
                    what,
                    Touched(tuple(ids), origin.agent_id, origin.thread_id),
                    event_id=repeatable_event_id(account_id, f"undo-{what.value}", "\x1f".join((origin.id, *ids))),
                    metadata={**about, origin.named: origin.id},
                )
