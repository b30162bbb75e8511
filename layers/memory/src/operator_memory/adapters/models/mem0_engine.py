"""Fact extraction by Mem0: its real ``Memory.add`` (mem0ai 2.2.1), run on parts of ours.

``add`` looks up neighbours, asks the model once with Mem0's own prompt, and embeds the facts in one batch. What the
model proposed is handed back instead of being stored; see ADR 3.
"""

import logging
import os
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from operator_memory.adapters.models.extraction_answer import Proposal
from operator_memory.adapters.models.extraction_prompt import INSTRUCTIONS, numbered
from operator_memory.adapters.models.mem0_parts import (
    ChatModel,
    EarlierTurns,
    Failure,
    NoEntities,
    ProposalStore,
    StrictEmbedder,
    StrictModel,
)
from operator_memory.application.ports.core import Clock, Embedder, MemorySearch
from operator_memory.application.ports.usage import UsageMeter
from operator_memory.domain.conversation import Turn
from operator_memory.domain.errors import MemoryServiceError, UpstreamUnavailableError
from operator_memory.domain.learning.proposals import Extraction, MemoryRequest, ProposedFact, Remaining
from operator_memory.domain.memory.scopes import AccountId, Scope, ScopeKey


def _memory_class() -> type[Any]:
    """``mem0.Memory``, imported without its telemetry and without writing into the home folder."""
    os.environ.setdefault("MEM0_DIR", str(Path(tempfile.gettempdir()) / "mem0"))
    os.environ["MEM0_TELEMETRY"] = "False"
    from mem0 import Memory

    # Mem0 logs the beginnings of memories and whole malformed messages.
    logging.getLogger("mem0").setLevel(logging.CRITICAL)
    memory_class: type[Any] = Memory
    return memory_class


class Mem0Extractor:
    """Port ``FactExtractor``. Stateless between calls."""

    def __init__(
        self,
        *,
        model: ChatModel,
        embedder: Embedder,
        memories: MemorySearch,
        clock: Clock,
        meter: UsageMeter | None = None,
        timeout: float = 10.0,
    ) -> None:
        """``meter``: counts the model's calls, where they are paid for. ``timeout``: seconds for one embedding call and
        for the look-up of neighbours."""
        self._model = model
        self._embedder = embedder
        self._memories = memories
        self._clock = clock
        self._meter = meter
        self._timeout = timeout
        self._pipeline_class = _pipeline_class()

    def extract(
        self,
        account_id: AccountId,
        turns: Sequence[Turn],
        *,
        observed_at: datetime,
        agent_id: str | None,
        earlier: Sequence[Turn] = (),
    ) -> Extraction:
        """The facts of ``turns``, said at ``observed_at`` where they have no time of their own; one model call.

        ``earlier``: the turns before, which the model sees to understand these.

        Raises:
            MalformedResponseError: if the model's or the embedder's answer cannot be used.
            UpstreamError: of another kind, as the failing part says.
        """
        failure = Failure()
        model = StrictModel(self._model, failure, observed_at, turns)
        embedder = StrictEmbedder(self._embedder, self._timeout, failure, turns)
        now = self._clock.now()
        store = ProposalStore(self._memories, account_id, _keys(agent_id), now, self._timeout, failure, embedder)
        pipeline = self._pipeline_class(model, embedder, store, EarlierTurns(earlier))
        try:
            pipeline.add(numbered(turns, first=0), user_id=account_id, prompt=INSTRUCTIONS)
        except MemoryServiceError:
            raise
        except Exception as error:  # noqa: BLE001  (whatever Mem0 raises becomes one of our errors)
            # Without its cause: Mem0's messages quote the conversation.
            raise (failure.error or UpstreamUnavailableError("mem0", type(error).__name__)) from None
        finally:
            self._count(account_id, agent_id, model)
        if failure.error is not None:
            raise failure.error
        return _extraction(model, embedder, store)

    def _count(self, account_id: AccountId, agent_id: str | None, model: StrictModel) -> None:
        """Have the calls counted, whatever came of them."""
        if self._meter is not None and model.calls:
            self._meter.count_calls(
                account_id,
                agent_id,
                calls=model.calls,
                prompt_tokens=model.tokens.prompt,
                completion_tokens=model.tokens.completion,
            )


def _keys(agent_id: str | None) -> list[ScopeKey]:
    user = ScopeKey(Scope.USER)
    return [user] if agent_id is None else [user, ScopeKey(Scope.AGENT, agent_id)]


def _extraction(model: StrictModel, embedder: StrictEmbedder, store: ProposalStore) -> Extraction:
    """Everything that the model proposed. Mem0 drops a text that it has seen in any scope; which is a duplicate in its
    own scope is for the gate to say.
    """
    answer = model.answer
    facts = tuple(_fact(proposal, embedder, store) for proposal in answer.proposals)
    requests = tuple(MemoryRequest(r.kind, r.quote, store.ids_of(r.memories), r.messages) for r in answer.requests)
    return Extraction(facts, model.calls, model.tokens, requests, answer.unreadable)


def _fact(proposal: Proposal, embedder: StrictEmbedder, store: ProposalStore) -> ProposedFact:
    remains = {
        identity: Remaining(text, embedder.vectors[text])
        for number, text in proposal.remains.items()
        for identity in store.ids_of([number])
    }
    return ProposedFact(
        proposal.text,
        proposal.attributed_to,
        embedder.vectors[proposal.text],
        quotes=proposal.quotes,
        replaces=store.ids_of(proposal.replaces),
        same_as=next(iter(store.ids_of([proposal.same_as or ""])), None),
        about=proposal.about,
        when=proposal.when,
        inferred=proposal.inferred,
        remains=remains,
    )


def _pipeline_class() -> type[Any]:
    memory_class: Any = _memory_class()

    class Pipeline(memory_class):  # type: ignore[misc]  # mem0 has no type information
        """``Memory`` with every part given to it. A test holds the attributes to those of ``Memory``."""

        def __init__(
            self, model: StrictModel, embedder: StrictEmbedder, store: ProposalStore, earlier: EarlierTurns
        ) -> None:
            # Not super().__init__(): it opens a SQLite file and creates a collection and its indexes.
            self.config = SimpleNamespace(llm=SimpleNamespace(config={}))
            self.embedding_model = embedder
            self.vector_store = store
            self.llm = model
            self.db = earlier
            self.collection_name = "proposals"
            self.api_version = "v1.1"
            self.custom_instructions = None
            self.reranker = None
            self._entity_store = NoEntities()

    return Pipeline
