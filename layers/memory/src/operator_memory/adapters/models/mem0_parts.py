"""The parts that we put into Mem0 in place of its own, which hide failures and keep what should not be kept.

No ``mem0`` import: these are the shapes that ``Memory.add`` of mem0ai 2.2.1 calls. Each part notes the first error
it meets in a shared `Failure`, because ``add`` swallows most exceptions; the engine raises it afterwards.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from operator_memory.application.ports.core import Embedder, MemorySearch
from operator_memory.domain.conversation import clean_text
from operator_memory.domain.errors import MalformedResponseError, MemoryServiceError
from operator_memory.domain.learning.proposals import TokenUsage
from operator_memory.domain.memory.embedding_text import ending
from operator_memory.domain.memory.scopes import AccountId, ScopeKey
from operator_memory.domain.memory.vectors import Vector
from operator_memory.domain.shared.search_plan import Search, SearchMode, SearchPlan

NEIGHBOURS = 10
_THINKING = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)


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
    """Lets only a well-formed extraction through, and keeps what the model proposed."""

    model: ChatModel
    failure: Failure
    proposals: list[dict[str, Any]] = field(default_factory=list)
    calls: int = 0
    tokens: TokenUsage = field(default_factory=TokenUsage)

    def generate_response(
        self, messages: list[dict[str, str]], response_format: dict[str, str] | None = None, **_: object
    ) -> str:
        """Ask the model; returns its facts as the JSON that Mem0 parses.

        Raises:
            MalformedResponseError: if the answer is not ``{"memory": [{"text": ...}, ...]}``.
        """
        self.calls += 1
        try:
            self.proposals = parse_extraction(self.model.generate_response(messages, response_format))
        except MemoryServiceError as error:
            raise self.failure.note(error) from error
        finally:
            self.tokens += self.model.take_usage()
        # Mem0 cuts code fences and <think> elements out of an answer, also where they stand in a fact.
        return json.dumps({"memory": self.proposals}).replace("<", "\\u003c").replace("`", "\\u0060")


def parse_extraction(answer: str) -> list[dict[str, Any]]:
    """The facts in a model's answer: ``text``, ``attributed_to`` (``user`` or ``assistant``) and ``replaces``.

    A model's thinking aloud before the JSON and a fence around it are allowed; an empty list is a valid answer.
    """
    text = _THINKING.sub("", answer).strip()
    if text.startswith("```") and text.endswith("```") and "\n" in text:
        text = text[text.index("\n") : -3]
    try:
        decoded = json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        raise MalformedResponseError("llm", "the extraction is not JSON") from error
    items = decoded.get("memory") if isinstance(decoded, dict) else None
    if not isinstance(items, list):
        raise MalformedResponseError("llm", 'the extraction has no list "memory"')
    return [_proposal(item) for item in items]


def _proposal(item: object) -> dict[str, Any]:
    text = item.get("text") if isinstance(item, dict) else None
    # Cleaned as a message is: what stands in a model's answer is no safer than what a user wrote.
    fact = " ".join(clean_text(text).split()) if isinstance(text, str) else ""
    if not isinstance(item, dict) or not fact:
        raise MalformedResponseError("llm", "an extracted fact has no text")
    attributed = "assistant" if str(item.get("attributed_to", "")).lower() == "assistant" else "user"
    replaces = item.get("replaces")  # a hint: what is not a list of ids is no reason to lose the fact
    named = [str(i)[:64] for i in replaces[:NEIGHBOURS]] if isinstance(replaces, list) else []
    return {"id": str(item.get("id", "")), "text": fact, "attributed_to": attributed, "replaces": named}


@dataclass(slots=True)
class StrictEmbedder:
    """Mem0's embedder on our port; keeps every vector by its text."""

    embedder: Embedder
    timeout: float
    failure: Failure
    vectors: dict[str, Vector] = field(default_factory=dict)

    def embed(self, text: str, memory_action: str | None = None) -> Vector:  # noqa: ARG002  (Mem0's signature)
        """The vector of one text; of a long one (a whole conversation) of its end, which says most."""
        return self._embed([text])[0]

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
    found: list[str] = field(default_factory=list)
    """Ids of the neighbours, in the order in which Mem0 numbers them for the model."""

    def search(
        self,
        query: str,  # noqa: ARG002  (Mem0's signature)
        vectors: Vector,
        top_k: int = NEIGHBOURS,
        filters: object = None,  # noqa: ARG002
    ) -> list[Neighbour]:
        """The account's nearest existing memories. Mem0's own filters are not used: the account is ours."""
        searches = tuple(Search(key, SearchMode.DENSE, top_k) for key in self.keys)
        plan = SearchPlan(searches, vector=vectors)
        try:
            found = self.memories.search(self.account_id, plan, now=self.now, timeout=self.timeout)
        except MemoryServiceError as error:
            raise self.failure.note(error) from error
        hits = sorted((hit for hits in found for hit in hits), key=lambda hit: -hit.score)[:top_k]
        self.found = [hit.memory.id for hit in hits]
        return [Neighbour(hit.memory.id, {"data": hit.memory.text}, hit.score) for hit in hits]

    def replaced(self, numbers: Sequence[str]) -> tuple[str, ...]:
        """The ids of the neighbours that the model names by its numbers; others are ignored."""
        known = {str(number): identity for number, identity in enumerate(self.found)}
        return tuple(dict.fromkeys(known[number] for number in numbers if number in known))

    def insert(self, vectors: object, payloads: object, ids: object = None) -> None:
        """Store nothing: the model's proposals are kept, and storing is the use case's, after its gate."""


class NoHistory:
    """In place of Mem0's SQLite file of raw messages: remembers nothing."""

    def get_last_messages(self, session_scope: str, limit: int = 10) -> list[dict[str, str]]:  # noqa: ARG002
        """No earlier messages: what a container happens to remember must not change what is extracted."""
        return []

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
