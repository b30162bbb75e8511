"""What the routes call."""

import logging
from dataclasses import dataclass, field

from operator_memory.application.learning.submit_jobs import SubmitJobs
from operator_memory.application.management.erase_memories import EraseMemories
from operator_memory.application.management.export_account import ExportAccount
from operator_memory.application.management.import_memories import ImportMemories
from operator_memory.application.management.manage_memories import ManageMemories
from operator_memory.application.management.manage_settings import ManageSettings
from operator_memory.application.management.review_memories import ReviewMemories
from operator_memory.application.ports.management import SwitchReader
from operator_memory.domain.errors import UpstreamError
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.entrypoints.api.access import Gate
from operator_memory.entrypoints.contracts.account import Prices

_LOG = logging.getLogger("operator_memory.api")


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases behind the API, and the gate in front of it."""

    gate: Gate
    memories: ManageMemories
    review: ReviewMemories
    settings: ManageSettings
    switches: SwitchReader
    erasures: EraseMemories
    exporter: ExportAccount
    importer: ImportMemories
    jobs: SubmitJobs
    prices: Prices = field(default_factory=Prices)

    def records_queries(self, account_id: AccountId) -> bool:
        """Whether the words of a search may be kept. Where that cannot be read they are not, and the search goes on."""
        try:
            switches = self.switches.read(account_id, agent_id=None, thread_id=None, session_id=None, timeout=2.0)
            return switches.record_queries
        except UpstreamError as error:
            _LOG.warning("the switch of queries cannot be read", extra={"reason": error.reason})
            return False
