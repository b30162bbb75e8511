"""What a restore needs of the product: the table's erasures, the expiry index, and what deletes for a person."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from operator_memory.adapters.dynamodb.expiry import DynamoDBExpiryIndex
from operator_memory.adapters.qdrant.collection import QdrantCollection
from operator_memory.domain.errors import ConfigurationError
from operator_memory.entrypoints.adapters_in_use import AdaptersInUse
from operator_memory.entrypoints.load_settings import load_settings
from operator_memory.entrypoints.wiring.shared import removal_of

from infra import operators
from infra.backup.gate import Gate
from infra.backup.restore import Into, Report, look_again
from infra.qdrant.points import Points


@dataclass(frozen=True, slots=True)
class Recovery:
    """The product's parts, and since when erasures count."""

    adapters: AdaptersInUse
    table: str
    since: datetime

    def gates(self) -> Gate:
        """A gate that knows what was erased up to now."""
        return Gate(self.adapters.dynamodb, self.table, since=self.since, now=datetime.now(UTC))

    def into(self, points: Points) -> Into:
        """The collection of ``points``, and what has to know of what comes into it. Deletions reach copies, too."""
        adapters = self.adapters
        remover = removal_of(adapters)
        collection = QdrantCollection(adapters.qdrant, points.collection, timeout=adapters.write_timeout)
        expiry = DynamoDBExpiryIndex(adapters.dynamodb, self.table)
        points = Points(adapters.qdrant, points.collection)
        return Into(points, collection, adapters.erasable(), expiry, remover)


@contextmanager
def recovery_of(environ: Mapping[str, str], *, since: datetime) -> Iterator[Recovery]:
    """The parts as ``environ`` says, closed in the end.

    Raises:
        ConfigurationError: the table is not named: without it what was erased would come back.
    """
    settings = load_settings(environ)
    if not settings.memory_table:
        raise ConfigurationError(
            "MEMORY_TABLE is missing: it says what was erased since, and without it that would come back. Set it, or "
            "give STACK=..."
        )
    operators.use_aws(environ)
    adapters = AdaptersInUse(settings, environ, deletes=True)
    try:
        yield Recovery(adapters, settings.memory_table, since)
    finally:
        adapters.qdrant.close()
        adapters.dynamodb.close()


def recover_erasures(points: Points, recovery: Recovery) -> Report:
    """Carry out on what is there, such as a cluster's own backup, the erasures since it was made."""
    report = Report()
    total, gate = points.count(), recovery.gates()
    for page in points.pages(vectors=False):
        report.kept_out += gate.judge(page).counts
    pages = partial(points.pages, vectors=False)
    look_again(pages, recovery.into(points), recovery.gates(), report, total=total, archived=True)
    return report
