"""What an earlier version has stored is indexed in today's form by ``make collection``, and nothing else changes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant.index_fields import FORM
from operator_memory.adapters.qdrant.library import QdrantLibrary
from operator_memory.adapters.qdrant.memories import QdrantMemories
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import AccountId, Kind
from operator_memory.domain.shared.memory_filter import MemoryFilter
from operator_memory.domain.shared.search_plan import Search, SearchMode, SearchPlan

from devstack.qdrant import QdrantFront
from infra.qdrant import apply as command
from infra.qdrant.backfill import index_again
from infra.qdrant.collection import collection_at
from tests.support.builders import ACCOUNT, AGENT_KEY, NOW, SESSION_KEY, USER_KEY, a_memory
from tests.support.time_outs import AMPLE

VECTOR = [0.5, 0.5, 0.5, 0.5]
OTHER = AccountId("another")


class Deployment:
    """A collection, with the adapters on it and raw access to its points."""

    def __init__(self, front: QdrantFront) -> None:
        self.url = front.url
        self.client = HttpClient(front.url, system="qdrant")
        self.store = QdrantMemories(self.client, collection="memories", write_timeout=AMPLE)
        self.library = QdrantLibrary(self.client, collection="memories", timeout=AMPLE)

    def apply(self, *arguments: str, model: str = "model-a") -> int:
        environ = {"QDRANT_URL": self.url, "QDRANT_COLLECTION": "memories", "EMBEDDING_DIMENSIONS": "4"}
        return command.main(list(arguments), {**environ, "EMBEDDING_MODEL": model})

    def post(self, path: str, body: object) -> Any:
        answer = self.client.request(
            "POST", f"/collections/memories/points{path}", json.dumps(body).encode(), timeout=AMPLE
        )
        assert answer.status == 200, answer.body
        return json.loads(answer.body)["result"]

    def store_as_before(self, *memories: Memory, before: str = "") -> None:
        """As the version before this one did: words by spaces, no fields for filters."""
        for memory in memories:
            self.store.upsert(memory.account_id, [EmbeddedMemory(memory, VECTOR, before)])
            plain = {"text": f"{memory.text} {before}", "model": "qdrant/bm25"}
            update = {"points": [{"id": memory.id, "vector": {"bm25": plain}}]}
            fields = ["letters", "spoken_from", "spoken_until", "embedded_by", "indexed_as", "standing"]
            self.post("/batch?wait=true", {"operations": [{"update_vectors": update}]})
            self.post("/payload/delete?wait=true", {"keys": fields, "points": [memory.id]})

    def payload(self, memory: Memory) -> dict[str, Any]:
        found = self.post("/scroll", {"filter": {"must": [{"has_id": [memory.id]}]}, "with_payload": True})
        payload: dict[str, Any] = found["points"][0]["payload"]
        return payload

    def by_words(self, text: str, account: AccountId = ACCOUNT) -> list[str]:
        plan = SearchPlan(tuple(Search(key, SearchMode.KEYWORD, 10) for key in (USER_KEY, SESSION_KEY)), text=text)
        found = self.store.search(account, plan, now=NOW, timeout=AMPLE)
        return [hit.memory.text for hits in found for hit in hits]

    def standing(self) -> list[list[str]]:
        """What is pinned, and what the agent learned last."""
        searches = Search(USER_KEY, SearchMode.PINNED, 10), Search(AGENT_KEY, SearchMode.RECENT, 10)
        found = self.store.search(ACCOUNT, SearchPlan(searches), now=NOW, timeout=AMPLE)
        return [[hit.memory.text for hit in hits] for hits in found]

    def listed(self, text: str) -> int:
        return self.library.count(ACCOUNT, MemoryFilter(text=text), now=NOW)


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    with QdrantFront() as front:
        made = Deployment(front)
        assert made.apply() == 0
        yield made
        made.client.close()


def test_words_of_scripts_without_spaces_are_found_after_it(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    chinese, english = a_memory("我住在北京。"), a_memory("I live in Lund.")
    theirs = replace(a_memory("他住在北京。"), account_id=OTHER, id="5a0b9f5e-6c0e-5d0f-9a53-8d8f4c1c2a77")
    deployment.store_as_before(chinese, english, theirs)
    assert (deployment.by_words("北京"), deployment.listed("北京")) == ([], 0)
    assert deployment.apply("--check") == 1
    assert "2 or more accounts are indexed in an earlier form." in capsys.readouterr().out
    assert deployment.apply() == 0
    assert "3 memories are indexed" in capsys.readouterr().out
    assert (deployment.by_words("北京"), deployment.listed("北京")) == ([chinese.text], 1)
    assert deployment.by_words("北京", OTHER) == [theirs.text]
    assert deployment.by_words("Lund") == [english.text]
    assert deployment.apply("--check") == 0


def test_a_turn_is_still_found_by_the_words_before_it(deployment: Deployment) -> None:
    before = replace(a_memory("你家的狗叫什么名字？", key=SESSION_KEY), kind=Kind.TURN)
    turn = replace(a_memory("旺财。", key=SESSION_KEY), kind=Kind.TURN, follows=before.id)
    deployment.store_as_before(before)
    deployment.store_as_before(turn, before=before.text)
    assert deployment.apply() == 0
    assert set(deployment.by_words("狗叫什么名字")) == {before.text, turn.text}


def test_the_days_that_a_fact_speaks_of_and_its_embedder_are_noted(deployment: Deployment) -> None:
    fact = replace(a_memory("User flies to Rome."), when="2026-12")
    deployment.store_as_before(fact)
    assert deployment.apply() == 0
    payload = deployment.payload(fact)
    assert payload["spoken_from"].startswith("2026-12-01T00:00:00")
    assert payload["spoken_until"].startswith("2026-12-31T00:00:00")
    assert (payload["embedded_by"], payload["indexed_as"]) == ("model-a", FORM)
    assert payload["data"] == fact.text


def test_what_is_looked_up_for_every_question_is_found_after_it(deployment: Deployment) -> None:
    pinned, of_agent = a_memory("User is Ana.", pinned=True), a_memory("Answers in short lines.", key=AGENT_KEY)
    deployment.store_as_before(pinned, of_agent, a_memory("User likes tea."))
    assert deployment.standing() == [[], []]
    assert deployment.apply() == 0
    assert deployment.standing() == [[pinned.text], [of_agent.text]]


def test_what_a_person_pins_is_looked_up_from_then_on_and_until_they_unpin_it(deployment: Deployment) -> None:
    memory = a_memory("User is Ana.")
    deployment.store.upsert(ACCOUNT, [EmbeddedMemory(memory, VECTOR)])
    assert deployment.standing()[0] == []
    assert deployment.library.replace(replace(memory, pinned=True, version=2), None, expected_version=1)
    assert deployment.standing()[0] == [memory.text]
    assert deployment.library.replace(replace(memory, version=3), None, expected_version=2)
    assert deployment.standing()[0] == []


def test_what_is_no_memory_is_marked_and_left_as_it_is(deployment: Deployment) -> None:
    point = {"id": 7, "vector": {"": VECTOR}, "payload": {"user_id": ACCOUNT, "tenant": 1, "data": "from elsewhere"}}
    body = json.dumps({"points": [point]}).encode()
    put = deployment.client.request("PUT", "/collections/memories/points?wait=true", body, timeout=AMPLE)
    assert put.status == 200
    assert deployment.apply() == 0
    [found] = deployment.post("/scroll", {"filter": {"must": [{"has_id": [7]}]}, "with_payload": True})["points"]
    assert found["payload"] == {**point["payload"], "indexed_as": FORM, "embedded_by": "model-a"}  # type: ignore[dict-item]


def test_vectors_of_another_model_are_drift_that_stays(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    store = QdrantMemories(deployment.client, collection="memories", write_timeout=AMPLE, embedder="model-a")
    memory = a_memory("tea")
    store.upsert(ACCOUNT, [EmbeddedMemory(memory, VECTOR)])
    assert deployment.apply() == 0
    for arguments in ((), ("--check",)):
        capsys.readouterr()
        assert deployment.apply(*arguments, model="model-b") == 1
        assert "The vectors of 1 memories are from the embedding model model-a, not model-b" in capsys.readouterr().out
    assert deployment.payload(memory)["embedded_by"] == "model-a"


def test_memories_that_change_all_the_time_are_told_of(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.store_as_before(a_memory("我住在北京。"))
    with collection_at(deployment.url, "memories") as collection:
        monkeypatch.setattr(type(collection), "change", lambda *_: None)
        with pytest.raises(Exception, match="being changed at this moment"):
            index_again(collection, None)
    assert deployment.apply() == 2
    assert "try again" in capsys.readouterr().err
