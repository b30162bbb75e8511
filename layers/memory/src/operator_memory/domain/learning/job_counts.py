"""What a job came to, in ids and in numbers."""

from operator_memory.domain.learning.jobs import JobRecord, Outcome
from operator_memory.domain.usage.budget import BUDGET_USED_UP
from operator_memory.domain.usage.counts import Counts


def added_by(record: JobRecord) -> list[str]:
    """Return the memories that the job has added. On a repetition what is there already may be its own work."""
    counted = {Outcome.ADDED, Outcome.SUPERSEDED} | ({Outcome.DUPLICATE} if record.attempts > 1 else set())
    return [o.memory_id for o in (*record.facts, *record.turns) if o.outcome in counted]


def replaced_by(record: JobRecord) -> list[str]:
    """Return the memories that the job's facts took the place of."""
    return list(dict.fromkeys(i for o in record.facts if o.outcome is Outcome.SUPERSEDED for i in o.others))


def job_counts(record: JobRecord) -> Counts:
    """Return the counts of a job that has ended. Calls of the model are counted when they are made, not here."""
    return Counts(
        jobs=1,
        jobs_by_rules=int(BUDGET_USED_UP in record.notices),
        memories_added=len(added_by(record)),
        memories_superseded=len(replaced_by(record)),
        facts_rejected=sum(o.outcome is Outcome.REJECTED for o in record.facts),
    )
