"""What the routes call."""

from dataclasses import dataclass

from operator_memory.application.erase_memories import EraseMemories
from operator_memory.application.export_account import ExportAccount
from operator_memory.application.import_memories import ImportMemories
from operator_memory.application.manage_memories import ManageMemories
from operator_memory.application.manage_settings import ManageSettings
from operator_memory.application.management_ports import SwitchReader
from operator_memory.application.submit_jobs import SubmitJobs
from operator_memory.entrypoints.api.gate import Gate


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases behind the API, and the gate in front of it."""

    gate: Gate
    memories: ManageMemories
    settings: ManageSettings
    switches: SwitchReader
    erasures: EraseMemories
    exporter: ExportAccount
    importer: ImportMemories
    jobs: SubmitJobs
