"""Use case: notes which memories an answer has cited, for the trail and for how often each was of use."""

from collections.abc import Sequence

from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType, Touched


class NoteUse:
    """Hands one event on; what counts it is `RecordEvents`."""

    def __init__(self, writer: GuardedWriter, trail: AuditTrail) -> None:
        """``writer``: tells which memories the account has; it writes nothing here."""
        self._writer = writer
        self._trail = trail

    def note(
        self, account_id: AccountId, actor: str, ids: Sequence[str], *, agent_id: str | None, thread_id: str | None
    ) -> int:
        """Note those of ``ids`` that the account has. Return how many."""
        stored = self._writer.stored(account_id, list(dict.fromkeys(ids)))
        if stored:
            self._trail.note(account_id, actor, EventType.USE, Touched(tuple(sorted(stored)), agent_id, thread_id))
        return len(stored)
