"""``EMBEDDER=server``: Qdrant makes the vectors. The same is found, learned and corrected, without an embedding call.

The real model behind both: the model server for ``EMBEDDER=openai``, the Qdrant front itself for ``server``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from operator_memory.adapters.models.mem0_engine import Mem0Extractor
from operator_memory.adapters.models.rules_llm import RulesLLM
from operator_memory.adapters.qdrant.library import QdrantLibrary
from operator_memory.adapters.secrets.redactor import SecretRedactor
from operator_memory.application.learning.chunk_facts import FactDependencies, cosine
from operator_memory.application.learning.learn_facts import LearnFacts
from operator_memory.application.learning.limits import AccountLimits
from operator_memory.application.recall.retrieve_context import ContextRequest, RetrieveContext
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.domain.conversation import Turn
from operator_memory.domain.learning.jobs import FactOutcome, Outcome, RunJob
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.vectors import InferenceText
from operator_memory.domain.shared.memory_filter import MemoryFilter
from operator_memory.entrypoints.adapters_in_use import AdaptersInUse

from devstack.qdrant import QdrantFront
from tests.support.builders import ACCOUNT, NOW, a_memory
from tests.support.failures.faulty_proxy import FaultyProxy
from tests.support.fakes.core import FakeClock, InMemoryExpiryIndex
from tests.support.fakes.erasure import InMemoryTombstones
from tests.support.fakes.holds import nothing_held
from tests.support.fakes.limits import FakeEvents
from tests.support.fakes.platform import FakePlatform, FakeSwitches
from tests.support.fakes.usage import FixedQuota
from tests.support.learning.extraction import new_progress
from tests.support.qdrant.collections import make_collection
from tests.support.qdrant.front import Rest

pytest_plugins = ["tests.support.models"]

MODEL, CLOUD_MODEL = "all-minilm-l6-v2-int8", "sentence-transformers/all-minilm-l6-v2"
TEXTS = (
    "User is allergic to peanuts.",
    "User runs five kilometres every morning.",
    "User's dog is called Bruno.",
    "Works as a nurse in Porto.",
    "Prefers answers in Portuguese.",
    "Der Nutzer trinkt keinen Kaffee.",
)
QUESTIONS = ("Which snacks could send me to hospital?", "What is my pet's name?", "Where do I work?")


@dataclass
class World:
    """One way of embedding, on a collection of its own."""

    parts: AdaptersInUse
    models: FaultyProxy
    qdrant: FaultyProxy

    def store(self, *memories: Memory) -> None:
        vectors = self.parts.embedder().embed([memory.text for memory in memories], timeout=30)
        made = [EmbeddedMemory(memory, vector) for memory, vector in zip(memories, vectors, strict=True)]
        self.parts.memories().upsert(ACCOUNT, made)

    def found(self, question: str) -> list[tuple[str, float]]:
        """Texts and scores of what a run is given, best first."""
        clock = FakeClock(NOW)
        retrieve = RetrieveContext(
            search=self.parts.memories(),
            embedder=self.parts.embedder(),
            switches=FakeSwitches(FakePlatform()),
            trail=AuditTrail(FakeEvents(), clock),
            clock=clock,
        )
        result = retrieve.retrieve(
            ContextRequest(ACCOUNT, agent_id="agent-1", session_id=None, query=question), actor="test"
        )
        assert result.degraded == ()
        return [(ranked.memory.text, ranked.score) for ranked in result.memories]

    def learn(self, job_id: str, said: str) -> list[FactOutcome]:
        """The outcomes of a run in which ``said`` was said."""
        clock, memories = FakeClock(NOW), self.parts.memories()
        writer = GuardedWriter(
            memories=memories,
            expiry=InMemoryExpiryIndex(),
            erasable=self.parts.erasable(),
            tombstones=InMemoryTombstones(),
            held=nothing_held(),
        )
        extractor = Mem0Extractor(model=RulesLLM(), embedder=self.parts.embedder(), memories=memories, clock=clock)
        visibility, learned = self.parts.turn_visibility(), self.parts.learned()
        ports = FactDependencies(extractor, memories, writer, SecretRedactor(), clock, visibility, learned)
        job = RunJob(job_id, ACCOUNT, "thread-1", "completed", NOW, agent_id="agent-1")
        learn = LearnFacts(ports, chunk_characters=48_000, limits=AccountLimits(FixedQuota(100)))
        return learn.learn(job, [Turn("user", said)], new_progress(job, clock)).outcomes

    @property
    def library(self) -> QdrantLibrary:
        return QdrantLibrary(self.parts.qdrant, collection=self.parts.settings.qdrant_collection, timeout=30)


@pytest.fixture(scope="module")
def front() -> Iterator[FaultyProxy]:
    with QdrantFront() as front, FaultyProxy(front.url) as proxy:
        yield proxy


@pytest.fixture
def worlds(front: FaultyProxy, model_url: str, request: pytest.FixtureRequest) -> Iterator[dict[str, World]]:
    """``openai`` and ``server``, each with a collection of its own."""
    made: dict[str, World] = {}
    with FaultyProxy(model_url) as models:
        for name, model in (("openai", MODEL), ("server", CLOUD_MODEL)):
            environ = {
                "QDRANT_URL": front.url,
                "QDRANT_COLLECTION": f"{name}-{request.node.originalname}",
                "OPENAI_BASE_URL": models.url,
                "EMBEDDER": name,
                "EMBEDDING_MODEL": model,
                "EMBEDDING_DIMENSIONS": "384",
            }
            made[name] = World(AdaptersInUse.from_environment(environ), models, front)
            make_collection(front.url, environ["QDRANT_COLLECTION"], 384)
        front.forget()
        yield made
        for world in made.values():
            world.parts.qdrant.close()
            world.parts.embeddings_api.close()


def test_the_same_question_finds_the_same_memories_with_the_same_scores(worlds: dict[str, World]) -> None:
    for world in worlds.values():
        world.store(*map(a_memory, TEXTS))
    for question in QUESTIONS:
        by_api, by_server = (worlds[name].found(question) for name in ("openai", "server"))
        assert [text for text, _ in by_server] == [text for text, _ in by_api] != []
        assert [score for _, score in by_server] == pytest.approx([score for _, score in by_api], abs=1e-4)


def test_storing_and_searching_make_no_embedding_call_and_one_request_each(worlds: dict[str, World]) -> None:
    world = worlds["server"]
    world.store(*map(a_memory, TEXTS))
    world.found(QUESTIONS[0])
    assert world.models.requests == []
    stored, searched = world.qdrant.requests
    [first, *_] = stored.json()["points"]
    assert first["vector"][""] == {"text": TEXTS[0], "model": CLOUD_MODEL}
    assert {"text": QUESTIONS[0], "model": CLOUD_MODEL} in [s.get("query") for s in searched.json()["searches"]]


def test_facts_are_learned_once_and_replaced_as_with_vectors(worlds: dict[str, World]) -> None:
    """The neighbours of a new fact are found by its text."""
    said = ("I live in Lisbon. I am allergic to peanuts.", "I live in Lisbon.", "I live in Porto now.")
    told = {
        name: [[o.outcome for o in world.learn(f"job-{n}", text)] for n, text in enumerate(said)]
        for name, world in worlds.items()
    }
    assert told["server"] == told["openai"]
    assert told["server"] == [[Outcome.ADDED] * 2, [Outcome.DUPLICATE], [Outcome.SUPERSEDED]]
    assert {text for text, _ in worlds["server"].found("Where do I live?")} >= {"User lives in Porto."}
    calls = len(worlds["openai"].models.requests)
    worlds["server"].learn("job-9", "My sister is called Marta.")
    assert len(worlds["server"].models.requests) == calls


def test_people_find_and_correct_memories(worlds: dict[str, World]) -> None:
    world = worlds["server"]
    memory = a_memory("User drinks coffee in the morning.")
    world.store(memory, a_memory("User's dog is called Bruno."))
    embedder, library = world.parts.embedder(), world.library
    changed = replace(memory, text="User drinks tea in the morning.", version=2)
    [vector] = embedder.embed([changed.text], timeout=1)
    assert library.replace(changed, vector, expected_version=1)
    [sought] = embedder.embed(["hot beverage made from leaves"], timeout=1)
    by_meaning, _ = library.find(ACCOUNT, MemoryFilter(), vector=sought, text="leaves", limit=2, now=NOW)
    assert [hit.memory.text for hit in by_meaning] == [changed.text, "User's dog is called Bruno."]


def test_new_facts_of_one_chunk_are_compared_by_words_alone() -> None:
    """There is nothing to compare two texts by whose vectors only the server knows."""
    assert cosine(InferenceText("a", "m"), InferenceText("a", "m")) == 0.0
    assert cosine([1.0], InferenceText("a", "m")) == 0.0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"text": "a", "model": "openai/text-embedding-3-small"}, "inference model openai/text-embedding-3-small"),
        ({"text": "a", "model": "qdrant/bm25"}, "for a dense vector"),
        ({"text": 1, "model": CLOUD_MODEL}, "inference.text: expected a string"),
        ({"text": "a", "model": CLOUD_MODEL, "options": {"dimensions": 64}}, "inference.options"),
        ({"image": "a", "model": CLOUD_MODEL}, "inference"),
    ],
    ids=["another model", "a model of words", "no text", "an option", "an image"],
)
def test_the_front_says_what_it_cannot_embed(worlds: dict[str, World], body: dict[str, object], said: str) -> None:
    settings = worlds["server"].parts.settings
    rest = Rest(settings.qdrant_base_url)
    status, error = rest("POST", f"/collections/{settings.qdrant_collection}/points/query", {"query": body})
    rest.close()
    assert status == 400
    assert said in error


def test_a_collection_of_another_length_refuses_the_models_vectors(front: FaultyProxy) -> None:
    rest = Rest(front.url)
    make_collection(front.url, "short", 2)
    query = {"query": {"text": "a", "model": CLOUD_MODEL}}
    status, error = rest("POST", "/collections/short/points/query", query)
    rest.close()
    assert (status, "expected dim: 2, got 384" in error) == (400, True)
