"""Puts together what reads and writes the archive. Without a bucket there is none."""

from typing import TYPE_CHECKING

from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.entrypoints.adapters_in_use import AdaptersInUse

if TYPE_CHECKING:
    from operator_memory.application.lifecycle.archive_memories import ArchiveMemories
    from operator_memory.application.lifecycle.read_archive import ReadArchive
    from operator_memory.application.lifecycle.restore_memories import RestoreMemories
    from operator_memory.application.lifecycle.tidy_archive import TidyArchive


def reading_of(adapters: AdaptersInUse, trail: AuditTrail) -> "ReadArchive | None":
    """What shows archived memories."""
    from operator_memory.application.lifecycle.read_archive import ReadArchive

    archive = adapters.archive()
    if archive is None:
        return None
    return ReadArchive(archive=archive, memories=adapters.whole_memories(), trail=trail)


def archiving_of(adapters: AdaptersInUse, trail: AuditTrail) -> "ArchiveMemories | None":
    """What moves memories into the archive; its `archive` is a ``StoreToArchive``."""
    from operator_memory.application.lifecycle.archive_memories import ArchiveMemories

    archive = adapters.archive()
    if archive is None:
        return None
    return ArchiveMemories(
        memories=adapters.whole_memories(),
        archive=archive,
        writer=adapters.writer(),
        trail=trail,
        clock=adapters.clock,
    )


def restoring_of(adapters: AdaptersInUse, trail: AuditTrail) -> "RestoreMemories | None":
    """What brings memories back."""
    from operator_memory.application.lifecycle.restore_memories import RestoreMemories, RestorePorts

    archive = adapters.archive()
    if archive is None:
        return None
    ports = RestorePorts(archive, adapters.whole_memories(), adapters.writer(), adapters.holds())
    return RestoreMemories(ports, trail=trail, clock=adapters.clock)


def tidying_of(adapters: AdaptersInUse) -> "TidyArchive | None":
    """What ends what killed workers have left behind."""
    from operator_memory.application.lifecycle.tidy_archive import TidyArchive

    archive = adapters.archive()
    if archive is None:
        return None
    whole, clock = adapters.whole_memories(), adapters.clock
    return TidyArchive(archive=archive, memories=whole, clock=clock, holds=adapters.holds())
