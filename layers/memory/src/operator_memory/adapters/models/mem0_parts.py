"""The parts that we put into Mem0 in place of its own, which hide failures and keep what should not be kept.

No ``mem0`` import: these are the shapes that ``Memory.add`` of mem0ai 2.2.1 calls. Each part notes the first error
it meets in a shared `Failure`, because ``add`` swallows most exceptions; the engine raises it afterwards.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from operator_memory.adapters.models.extraction_answer import Answer, Proposal, read_answer
from operator_memory.adapters.models.extraction_prompt import EARLIER_CHARACTERS, brought_in_line, numbered
from operator_memory.application.ports.core import Embedder, MemorySearch
from operator_memory.domain.conversation import Turn
from operator_memory.domain.errors import MemoryServiceError
from operator_memory.domain.learning.proposals import TokenUsage
from operator_memory.domain.learning.speakers import speaker_of, with_speaker
from operator_memory.domain.memory.embedding_text import beginning, ending
from operator_memory.domain.memory.scopes import AccountId, ScopeKey
from operator_memory.domain.memory.vectors import Vector
from operator_memory.domain.shared.search_plan import Hit, Search, SearchMode, SearchPlan

NEIGHBOURS = 10
"""Existing memories that resemble the conversation, or one thing that was said in it."""
MOST_SHOWN = 20
"""Existing memories that the model is shown."""
_LATEST_TURNS = 20


class ChatModel(Protocol):
    """A language model as Mem0 calls it."""

    def generate_response(
        self, messages: Sequence[Mapping[str, str]], response_format: Mapping[str, str] | None = None
    ) -> str:
        """The model's answer, as text."""
        ...

    def take_usage(self) -> TokenUsage:
        """The tokens of the calls since this was last asked."""
        ...


@dataclass(slots=True)
class Failure:
    """The first error that a part met during one ``add``."""

    error: MemoryServiceError | None = None

    def note(self, error: MemoryServiceError) -> MemoryServiceError:
        """Remember ``error`` if it is the first; returns it, to be raised."""
        self.error = self.error or error
        return error


@dataclass(slots=True)
class StrictModel:
    """Sends the prompt that we mean, lets only a readable extraction through, and keeps what the model proposed."""

    model: ChatModel
    failure: Failure
    observed_at: datetime
    turns: Sequence[Turn] = ()
    answer: Answer = field(default_factory=lambda: Answer(()))
    calls: int = 0
    tokens: TokenUsage = field(default_factory=TokenUsage)

    def generate_response(
        self, messages: list[dict[str, str]], response_format: dict[str, str] | None = None, **_: object
    ) -> str:
        """Ask the model; returns the texts that Mem0 is to embed, as the JSON that it parses.

        Raises:
            MalformedResponseError: if the answer holds no list of memories.
        """
        self.calls += 1
        try:
            prompt = brought_in_line(messages, self.observed_at)
            answer = read_answer(self.model.generate_response(prompt, response_format))
        except MemoryServiceError as error:
            raise self.failure.note(error) from error
        finally:
            self.tokens += self.model.take_usage()
        proposals = tuple(_with_speaker(proposal, self.turns) for proposal in answer.proposals)
        self.answer = replace(answer, proposals=proposals)
        texts = dict.fromkeys([p.text for p in proposals] + [text for p in proposals for text in p.remains.values()])
        # Mem0 cuts code fences and <think> elements out of an answer, also where they stand in a fact.
        listed = json.dumps({"memory": [{"text": text} for text in texts]})
        return listed.replace("<", "\\u003c").replace("`", "\\u0060")


def _with_speaker(proposal: Proposal, turns: Sequence[Turn]) -> Proposal:
    """What a named speaker said of themselves is theirs, however the model puts it."""
    if proposal.attributed_to == "assistant":
        return proposal
    return replace(proposal, text=with_speaker(proposal.text, speaker_of(proposal.quotes, turns)))


@dataclass(slots=True)
class StrictEmbedder:
    """Mem0's embedder on our port; keeps every vector by its text."""

    embedder: Embedder
    timeout: float
    failure: Failure
    turns: Sequence[Turn] = ()
    """What the conversation is looked up by, in place of the prompt's form of it."""
    vectors: dict[str, Vector] = field(default_factory=dict)
    asked: list[Vector] = field(default_factory=list)
    """The vectors of the whole conversation and of each of the latest things that the person said."""

    def embed(self, text: str, memory_action: str | None = None) -> Vector:
        """The vector of one text; of the conversation that of its end, which says most."""
        if memory_action != "search":
            return self._embed([text])[0]
        whole = ending("\n".join(turn.text for turn in self.turns))
        said = [beginning(turn.text) for turn in self.turns if turn.role == "user"][-_LATEST_TURNS:]
        self.asked = list(self._embed(list(dict.fromkeys([whole, *said]))))
        return self.asked[0]

    def embed_batch(self, texts: list[str], memory_action: str | None = None) -> Sequence[Vector]:  # noqa: ARG002
        """One vector per text, in one call."""
        return self._embed(texts)

    def _embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        if self.failure.error is not None:
            raise self.failure.error  # Mem0 would try again text by text; the outcome is settled
        try:
            vectors = self.embedder.embed([ending(text) for text in texts], timeout=self.timeout)
        except MemoryServiceError as error:
            raise self.failure.note(error) from error
        self.vectors.update(zip(texts, vectors, strict=True))
        return vectors


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An existing memory, in the shape that Mem0 reads."""

    id: str
    payload: dict[str, str]
    score: float


@dataclass(slots=True)
class ProposalStore:
    """Mem0's vector store: finds neighbours through our port, and stores nothing."""

    memories: MemorySearch
    account_id: AccountId
    keys: Sequence[ScopeKey]
    now: datetime
    timeout: float
    failure: Failure
    embedder: StrictEmbedder
    found: list[str] = field(default_factory=list)
    """Ids of the neighbours, in the order in which Mem0 numbers them for the model."""

    def search(
        self,
        query: str,  # noqa: ARG002  (Mem0's signature)
        vectors: Vector,  # noqa: ARG002
        top_k: int = NEIGHBOURS,
        filters: object = None,  # noqa: ARG002
    ) -> list[Neighbour]:
        """The account's existing memories that are nearest to what was said. Mem0's own filters are not used: the
        account is ours."""
        searches = tuple(
            Search(key, SearchMode.DENSE, top_k, vector=vector) for vector in self.embedder.asked for key in self.keys
        )
        try:
            found = self.memories.search(self.account_id, SearchPlan(searches), now=self.now, timeout=self.timeout)
        except MemoryServiceError as error:
            raise self.failure.note(error) from error
        best: dict[str, Hit] = {}
        for hit in sorted((hit for hits in found for hit in hits), key=lambda hit: -hit.score):
            best.setdefault(hit.memory.id, hit)
        shown = list(best.values())[:MOST_SHOWN]
        self.found = [hit.memory.id for hit in shown]
        return [Neighbour(hit.memory.id, {"data": hit.memory.text}, hit.score) for hit in shown]

    def ids_of(self, numbers: Sequence[str]) -> tuple[str, ...]:
        """The ids of the memories that the model names by the numbers it was shown; others are ignored."""
        known = {str(number): identity for number, identity in enumerate(self.found)}
        return tuple(dict.fromkeys(known[number] for number in numbers if number in known))

    def insert(self, vectors: object, payloads: object, ids: object = None) -> None:
        """Store nothing: the model's proposals are kept, and storing is the use case's, after its gate."""


@dataclass(frozen=True, slots=True)
class EarlierTurns:
    """In place of Mem0's SQLite file of raw messages: knows the turns before the run, and keeps nothing."""

    turns: Sequence[Turn] = ()

    def get_last_messages(self, session_scope: str, limit: int = 10) -> list[dict[str, str]]:  # noqa: ARG002
        """The last of them, numbered upwards to -1. What a container happens to remember does not count."""
        latest = self.turns[-limit:]
        return numbered(latest, first=-len(latest), most=EARLIER_CHARACTERS)

    def save_messages(self, messages: object, session_scope: str) -> None:
        """Keep nothing."""

    def batch_add_history(self, records: object) -> None:
        """Keep nothing."""


class NoEntities:
    """In place of Mem0's second collection, of people's and places' names: holds nothing."""

    def search_batch(self, queries: Sequence[str], *_: object, **__: object) -> list[list[object]]:
        """No match for any query."""
        return [[] for _ in queries]

    def list(self, *_: object, **__: object) -> Sequence[object]:
        """No entities."""
        return ()

    def insert(self, *_: object, **__: object) -> None:
        """Keep nothing."""
