"""What the routes call."""

from dataclasses import dataclass, field

from operator_memory.application.learning.submit_jobs import SubmitJobs
from operator_memory.application.learning.undo_many import UndoMany
from operator_memory.application.learning.undo_run import UndoRun
from operator_memory.application.lifecycle.hold_memories import HoldMemories
from operator_memory.application.lifecycle.manage_policies import ManagePolicies
from operator_memory.application.lifecycle.preview_policies import PreviewPolicies
from operator_memory.application.lifecycle.read_archive import ReadArchive
from operator_memory.application.lifecycle.restore_memories import RestoreMemories
from operator_memory.application.management.answer_once import AnswerOnce
from operator_memory.application.management.erase_memories import EraseMemories
from operator_memory.application.management.explain_memories import ExplainMemories
from operator_memory.application.management.export_account import ExportAccount
from operator_memory.application.management.import_memories import ImportMemories
from operator_memory.application.management.manage_memories import ManageMemories
from operator_memory.application.management.manage_settings import ManageSettings
from operator_memory.application.management.note_use import NoteUse
from operator_memory.application.management.reinstate_memories import ReinstateMemories
from operator_memory.application.recall.search_memories import SearchMemories
from operator_memory.application.usage.manage_usage import ManageUsage
from operator_memory.entrypoints.api.access import Access
from operator_memory.entrypoints.contracts.account import Prices


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases behind the API, and who is admitted to them."""

    access: Access
    memories: ManageMemories
    finder: SearchMemories
    reinstatement: ReinstateMemories
    settings: ManageSettings
    erasures: EraseMemories
    exporter: ExportAccount
    importer: ImportMemories
    jobs: SubmitJobs
    undoing: UndoRun
    undoing_many: UndoMany
    once: AnswerOnce
    explanation: ExplainMemories
    use: NoteUse
    holds: HoldMemories
    usage: ManageUsage
    policies: ManagePolicies
    policy_preview: PreviewPolicies
    prices: Prices = field(default_factory=Prices)
    archive: ReadArchive | None = None
    restoring: RestoreMemories | None = None
    """``None`` where there is no archive."""
    backup_days: int = 35
    """How long backups of the stores are kept, for receipts."""
