"""The plan's way in the extraction benchmark: plain Mem0, three ``Memory.add`` a run.

As plan section 1.1 and 2.2 have it: the last ten messages, added to the user's, the agent's and the session's
memory; an error is swallowed. Mem0 is configured as in ``bench.context.plan_way``, on a collection of its own.
"""

import logging
from collections.abc import Mapping
from typing import Any

from operator_memory.adapters.net.http import HttpClient

from bench.context.plan_way import PlanWay
from bench.extraction.labelled import Case, Run
from bench.extraction.score import Stored
from bench.extraction.store import payloads

LAST_MESSAGES = 10


class PlanExtraction(PlanWay):
    """One ``mem0.Memory``; the store is read back over ``qdrant``."""

    name = "the plan's"

    def __init__(self, environment: Mapping[str, str], qdrant: HttpClient, collection: str) -> None:
        super().__init__(
            environment["QDRANT_URL"],
            environment["OPENAI_BASE_URL"],
            collection,
            environment["EMBEDDING_MODEL"],
            int(environment["EMBEDDING_DIMENSIONS"]),
        )
        for part in (self._memory.llm, self._memory.embedding_model):
            part.client = part.client.with_options(api_key=environment["OPENAI_API_KEY"])
        config = self._memory.llm.config
        config.model, config.temperature, config.max_tokens = environment["EXTRACTION_MODEL"], 0.1, 2048
        logging.getLogger("mem0").setLevel(logging.CRITICAL)
        self._qdrant = qdrant
        self._collection = collection

    def run(self, case: Case, number: int, run: Run) -> dict[str, object]:
        """Add one run; returns the errors that the plan's service would have logged and passed over."""
        messages = [{"role": role, "content": text} for role, text in run.messages[-LAST_MESSAGES:]]
        errors: list[str] = []
        for owner in ({"user_id": case.id}, {"agent_id": run.agent_id}, _session(case, number)):
            try:
                self._memory.add(messages, **owner, metadata={"app": "operator"})
            except Exception as error:  # noqa: BLE001  (as the plan has it)
                errors.append(type(error).__name__)
        return {"errors": errors} if errors else {}

    def stored(self, case: Case) -> list[Stored]:
        """Everything in the user's, the agents' and the sessions' memory."""
        found = [("user_id", case.id)] + [("agent_id", agent) for agent in sorted({r.agent_id for r in case.runs})]
        return [
            Stored(_scope(payload), str(payload["data"]))
            for owner, value in found
            for payload in payloads(self._qdrant, self._collection, owner, value)
        ]


def _session(case: Case, number: int) -> dict[str, Any]:
    return {"user_id": case.id, "run_id": f"{case.id}-thread-{number}"}


def _scope(payload: Mapping[str, Any]) -> str:
    return "agent" if payload.get("agent_id") else "session" if payload.get("run_id") else "user"
