"""The collection as data: applied, applied again, checked, repaired, never dropped."""

import json
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant import requests as qdrant_requests
from operator_memory.adapters.qdrant.memories import QdrantMemories
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.provenance import SourceClass
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.search_plan import Search, SearchMode, SearchPlan

from devstack.qdrant import QdrantFront
from infra.qdrant import apply as command
from infra.qdrant.plan import Action, desired_collection, plan
from tests.support.builders import ACCOUNT, AGENT_KEY, NOW, SESSION_KEY, USER_KEY, a_memory
from tests.support.loopback import HttpServer, Request, reply, unused_port
from tests.support.qdrant.front import Rest
from tests.support.time_outs import AMPLE

DIMENSIONS = 4


@pytest.fixture
def front() -> Iterator[QdrantFront]:
    with QdrantFront() as running:
        yield running


def environ(front: QdrantFront, dimensions: int = DIMENSIONS) -> dict[str, str]:
    return {"QDRANT_URL": front.url, "QDRANT_COLLECTION": "memories", "EMBEDDING_DIMENSIONS": str(dimensions)}


def run(front: QdrantFront, *arguments: str, dimensions: int = DIMENSIONS) -> int:
    return command.main(list(arguments), environ(front, dimensions))


def description(front: QdrantFront) -> dict[str, object]:
    rest = Rest(front.url)
    _, described = rest("GET", "/collections/memories")
    rest.close()
    found: dict[str, object] = described
    return found


def test_an_empty_server_gets_all_and_the_second_time_nothing(
    front: QdrantFront, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(front) == 0
    assert "does not exist. Applied." in capsys.readouterr().out
    first = description(front)
    assert plan(desired_collection(DIMENSIONS), first) == []
    assert run(front) == 0
    assert capsys.readouterr().out == "memories is as defined.\n"
    assert description(front) == first


def test_the_tenant_index_and_the_graph_are_per_account(front: QdrantFront) -> None:
    run(front)
    described = json.loads(json.dumps(description(front)))
    assert described["payload_schema"]["user_id"]["params"]["is_tenant"] is True
    assert (described["config"]["hnsw_config"]["m"], described["config"]["hnsw_config"]["payload_m"]) == (0, 16)
    assert described["config"]["params"]["sparse_vectors"]["bm25"]["modifier"] == "idf"


def test_memories_without_their_accounts_number_get_it_and_are_found(
    front: QdrantFront, capsys: pytest.CaptureFixture[str]
) -> None:
    run(front)
    client = HttpClient(front.url, system="qdrant")
    store = QdrantMemories(client, collection="memories", write_timeout=AMPLE)
    for account in (ACCOUNT, AccountId("another")):
        some = [replace(a_memory(f"{account} {n}"), account_id=account, id=str(uuid4())) for n in range(3)]
        store.upsert(account, [EmbeddedMemory(memory, [0.1] * DIMENSIONS) for memory in some])
        body = {"keys": ["tenant"], "filter": qdrant_requests.tenant_filter(account)}
        client.request(
            "POST", "/collections/memories/points/payload/delete?wait=true", json.dumps(body).encode(), timeout=AMPLE
        )
    plan_of_all = SearchPlan((Search(USER_KEY, SearchMode.RECENT, 10),))
    assert store.search(ACCOUNT, plan_of_all, now=NOW, timeout=AMPLE) == [[]]
    capsys.readouterr()
    assert run(front, "--check") == 1
    assert "2 or more accounts lack" in capsys.readouterr().out
    assert run(front) == 0
    assert "Memories of 2 accounts" in capsys.readouterr().out
    [hits] = store.search(ACCOUNT, plan_of_all, now=NOW, timeout=AMPLE)
    assert len(hits) == 3
    assert run(front, "--check") == 0
    client.close()


def test_check_reports_and_changes_nothing(front: QdrantFront, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(front, "--check") == 1
    assert "The collection does not exist." in capsys.readouterr().out
    rest = Rest(front.url)
    assert rest("GET", "/collections/memories")[0] == 404
    rest.close()
    run(front)
    assert run(front, "--check") == 0


def test_a_tenant_index_that_was_replaced_is_reported_and_restored(
    front: QdrantFront, capsys: pytest.CaptureFixture[str]
) -> None:
    run(front)
    rest = Rest(front.url)
    plain = {"field_name": "user_id", "field_schema": "keyword"}  # what Mem0 does whenever it starts
    assert rest("PUT", "/collections/memories/index?wait=true", plain)[0] == 200
    assert rest("DELETE", "/collections/memories/index/pinned?wait=true")[0] == 200
    rest.close()
    capsys.readouterr()
    assert run(front, "--check") == 1
    said = capsys.readouterr().out
    assert "Payload index user_id is keyword, not keyword (tenant)." in said
    assert "Payload index pinned is missing." in said
    assert run(front) == 0
    assert run(front, "--check") == 0


def test_another_dimension_is_reported_and_the_memories_stay(
    front: QdrantFront, capsys: pytest.CaptureFixture[str]
) -> None:
    run(front)
    client = HttpClient(front.url, system="qdrant")
    store = QdrantMemories(client, collection="memories", write_timeout=AMPLE)
    memory = a_memory("tea")
    store.upsert(ACCOUNT, [EmbeddedMemory(memory, [1.0, 0, 0, 0])])
    assert run(front, dimensions=8) == 1
    assert "Vector size is 4, not 8: this needs a new collection" in capsys.readouterr().out
    assert store.existing_ids(ACCOUNT, [memory.id]) == {memory.id}
    client.close()


def test_a_server_that_is_not_there_or_a_bad_setting_is_a_sentence_and_exit_code_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command.main([], {"QDRANT_URL": f"http://127.0.0.1:{unused_port()}"}) == 2
    assert command.main([], {}) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("qdrant: connection failed")
    assert "set QDRANT_URL" in second


@pytest.mark.parametrize("answer", [{"status": "ok"}, {"result": None}, []])
def test_a_server_that_is_no_qdrant_is_a_sentence_and_exit_code_2(
    answer: object, capsys: pytest.CaptureFixture[str]
) -> None:
    with HttpServer(lambda _: reply(answer)) as server:
        assert command.main([], {"QDRANT_URL": server.url}) == 2
    assert capsys.readouterr().err.startswith("qdrant: ")


def test_a_step_that_is_refused_is_named_with_what_the_server_says(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(request: Request) -> bytes:
        return reply({}, 404) if request.method == "GET" else reply({"status": {"error": "no more collections"}}, 403)

    with HttpServer(refuse) as server:
        assert command.main([], {"QDRANT_URL": server.url, "QDRANT_API_KEY": "k"}) == 2
        assert {request.headers["api-key"] for request in server.requests} == {"k"}
    said = capsys.readouterr().err
    assert "The collection does not exist. But it refused:" in said
    assert "no more collections" in said


def test_check_sends_nothing_but_questions(front: QdrantFront, capsys: pytest.CaptureFixture[str]) -> None:
    run(front)
    rest = Rest(front.url)
    assert rest("DELETE", "/collections/memories/index/kind?wait=true")[0] == 200
    rest.close()
    before = description(front)
    capsys.readouterr()
    assert run(front, "--check") == 1
    assert capsys.readouterr().out == "Drift: Payload index kind is missing.\n"
    assert description(front) == before


def test_strict_mode_refuses_an_unindexed_filter_and_passes_every_request_of_ours(front: QdrantFront) -> None:
    run(front)
    rest = Rest(front.url)
    careless = {"filter": {"must": [{"key": "data", "match": {"value": "tea"}}]}}
    assert rest("POST", "/collections/memories/points/scroll", careless)[0] == 400
    assert rest("POST", "/collections/memories/points/delete", careless)[0] == 400
    rest.close()
    client = HttpClient(front.url, system="qdrant")
    store = QdrantMemories(client, collection="memories", write_timeout=AMPLE)
    store.upsert(ACCOUNT, [EmbeddedMemory(a_memory("tea", expires_at=NOW), [1.0, 0, 0, 0])])
    searches = tuple(Search(key, mode, 150) for key in (USER_KEY, AGENT_KEY, SESSION_KEY) for mode in SearchMode)
    store.search(ACCOUNT, SearchPlan(searches, [1.0, 0, 0, 0], "tea"), now=NOW, timeout=AMPLE)
    store.existing_ids(ACCOUNT, ["5a0b9f5e-6c0e-5d0f-9a53-8d8f4c1c2a77"] * 100)
    store.next_expiry(ACCOUNT, after=NOW)
    assert store.delete_expired(ACCOUNT, now=NOW, limit=500) == 1
    client.close()


def test_only_the_account_makes_graphs(front: QdrantFront) -> None:
    """With ``payload_m`` each value of an index gets a graph of its own; all our searches name the account."""
    run(front)
    schema = json.loads(json.dumps(description(front)))["payload_schema"]
    assert [field for field, index in schema.items() if index["params"].get("enable_hnsw") is not False] == ["user_id"]


@pytest.mark.parametrize("params", [None, {}, {"type": "keyword"}, {"enable_hnsw": True}, {"enable_hnsw": None}])
def test_an_index_that_makes_graphs_by_default_is_drift(front: QdrantFront, params: object) -> None:
    run(front)
    described = json.loads(json.dumps(description(front)))
    described["payload_schema"]["kind"]["params"] = params
    [step] = plan(desired_collection(DIMENSIONS), described)
    assert step.sentence == "Payload index kind is keyword, not keyword (no graphs)."
    assert step.body == {"field_name": "kind", "field_schema": {"type": "keyword", "enable_hnsw": False}}


@pytest.mark.parametrize(
    ("params", "described_as"),
    [
        ({"is_tenant": None}, "keyword"),
        ({"is_tenant": True, "enable_hnsw": False}, "keyword (tenant, no graphs)"),
        ({"enable_hnsw": False}, "keyword (no graphs)"),
    ],
)
def test_the_tenant_index_must_be_one_and_make_graphs(
    front: QdrantFront, params: dict[str, object], described_as: str
) -> None:
    run(front)
    described = json.loads(json.dumps(description(front)))
    described["payload_schema"]["user_id"]["params"] = {"type": "keyword", **params}
    [step] = plan(desired_collection(DIMENSIONS), described)
    assert step.sentence == f"Payload index user_id is {described_as}, not keyword (tenant)."


def test_an_index_of_words_that_tells_accents_apart_is_drift(front: QdrantFront) -> None:
    run(front)
    described = json.loads(json.dumps(description(front)))
    described["payload_schema"]["data"]["params"] |= {"ascii_folding": None}
    [step] = plan(desired_collection(DIMENSIONS), described)
    assert step.sentence == "Payload index data is text (no graphs), not text (accents folded, no graphs)."


def test_what_else_an_operator_has_set_on_an_index_is_left_alone(front: QdrantFront) -> None:
    run(front)
    described = json.loads(json.dumps(description(front)))
    described["payload_schema"]["user_id"]["params"] |= {"on_disk": True, "enable_hnsw": True}
    assert plan(desired_collection(DIMENSIONS), described) == []


def test_every_payload_field_that_is_filtered_or_ordered_by_is_indexed() -> None:
    indexed = set(desired_collection(DIMENSIONS)["payload_indexes"])
    used = {"user_id", "scope", "agent_id", "run_id", "pinned", "expires_at", "valid_until", "created_at", "importance"}
    used |= {
        "kind",
        "thread_id",
        "author_id",
        "updated_at",
        "last_accessed_at",
        "version",
        "imported_at",
        "import_id",
        "data",
        "rejected",
        "source_class",
        "follows",
        "tenant",
        "withheld_by",
    }
    assert used <= indexed
    [point] = qdrant_requests.upsert(ACCOUNT, [EmbeddedMemory(_full_memory(), [0.1])], embedder="model")["points"]
    assert indexed <= set(point["payload"])


def _full_memory() -> Memory:
    memory = a_memory("tea", key=AGENT_KEY)
    return replace(
        memory, session_id="s", thread_id="t", author_id="a", source_run_id="r", superseded_by="x", role="user",
        seq=1, attributed_to="user", expires_at=NOW, valid_until=NOW, last_accessed_at=NOW, imported_at=NOW,
        import_id="i", rejected="trivial", follows="y", withheld_by=("z",), text="茶", when="2026-11",
        source_class=SourceClass.PERSON,
    )  # fmt: skip


def test_an_update_is_planned_for_what_can_be_changed_in_place() -> None:
    desired = desired_collection(DIMENSIONS)
    actual = {
        "config": {
            "params": {"vectors": {"size": 4, "distance": "Cosine"}, "sparse_vectors": {"bm25": {}}},
            "hnsw_config": {"m": 16},
            "strict_mode_config": None,
        },
        "payload_schema": {},
    }
    steps = plan(desired, actual)
    updates = [step.sentence for step in steps if step.action is Action.UPDATE]
    assert len(updates) == 3
    assert "m is 16, not 0" in updates[1]
    assert {step.action for step in steps} == {Action.UPDATE, Action.INDEX}


def test_a_missing_sparse_vector_needs_a_new_collection() -> None:
    actual = {"config": {"params": {"vectors": {"size": 4, "distance": "Cosine"}}}, "payload_schema": {}}
    assert any(
        step.action is Action.REPORT and "bm25" in step.sentence
        for step in plan(desired_collection(DIMENSIONS), actual)
    )
