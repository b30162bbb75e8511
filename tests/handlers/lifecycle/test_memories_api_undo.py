"""``/v1/undo``: what it takes, what it answers, and who may."""

from typing import Any

import pytest
from operator_memory.domain.learning.jobs import FactOutcome, JobRecord, JobState, Outcome
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, Scope

from tests.support.builders import NOW, a_memory
from tests.support.management.api import Answer, Management
from tests.support.management.checks import belonging_to, holds_no_text, is_problem

HOUR = {"learned_after": "2026-11-24T11:30:00Z", "learned_before": "2026-11-24T12:30:00Z"}


class World:
    """An account that has learned one fact in one run."""

    def __init__(self) -> None:
        self.api = Management()
        self.api.clock.time = NOW
        self.user = self.api.platform.new_user()
        self.account = AccountId(self.user)
        self.fact = belonging_to(self.user, a_memory("Likes tea.", source_run_id="job-1"))
        self.api.put(self.fact)
        facts = (FactOutcome(self.fact.id, Scope.USER, Outcome.ADDED),)
        record = JobRecord(self.account, "job-1", JobState.DONE, "hash", NOW, facts=facts)
        self.api.jobs.records[self.account, "job-1"] = record

    def send(self, path: str, body: Any, **options: Any) -> Answer:
        return self.api.call("POST", path, user=self.user, body=body, **options)

    def left(self) -> list[Memory]:
        return self.api.memories.of(self.account)


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("body", [{"run_id": "job-1"}, HOUR])
def test_the_preview_shows_it_and_the_real_thing_does_it(world: World, body: dict[str, str]) -> None:
    counts = {"removed": 1, "restored": 0, "kept": {}, "runs": 1, "stopped_early": False}
    preview = world.send("/v1/undo/preview", body).json
    [sample] = preview.pop("samples")
    assert preview == counts
    assert (sample["memory_id"], sample["memory"], sample["fate"]) == (world.fact.id, "Likes tea.", "removed")
    assert world.left() == [world.fact]
    assert world.send("/v1/undo", body).json == counts
    assert world.left() == []
    holds_no_text(world.api, "tea")


def test_the_same_key_does_it_once(world: World) -> None:
    headers = {"idempotency-key": "k"}
    first = world.send("/v1/undo", {"run_id": "job-1"}, headers=headers)
    assert world.send("/v1/undo", {"run_id": "job-1"}, headers=headers).json == first.json
    assert first.json["removed"] == 1
    assert world.send("/v1/undo", {"run_id": "job-1"}).json["removed"] == 0


def test_an_import_is_taken_back_by_its_id_even_if_it_came_in_parts(world: World) -> None:
    lines = [
        {"id": f"8b393649-fa6d-536b-8612-39407{n}d5a19e", "scope": "user", "kind": "fact", "text": f"Fact {n}.",
         "created_at": "2026-01-01T00:00:00Z"}
        for n in range(2)
    ]  # fmt: skip
    first = world.send("/v1/import", lines[0]).json
    second = world.send("/v1/import", lines[1], import_id=first["import_id"]).json
    assert (first["added"], second["added"], second["import_id"]) == (1, 1, first["import_id"])
    listed = world.api.call("GET", "/v1/memories", user=world.user, import_id=first["import_id"])
    assert len(listed.json["memories"]) == 2
    assert world.send("/v1/undo", {"import_id": first["import_id"]}).json["removed"] == 2
    assert world.left() == [world.fact]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"run_id": "job-1", "import_id": "i"},
        {"run_id": "job-1", **HOUR},
        {"learned_after": HOUR["learned_after"]},
        {"learned_before": HOUR["learned_before"]},
        {"learned_after": HOUR["learned_before"], "learned_before": HOUR["learned_after"]},
        {"run_id": "job-1", "agent_id": "a"},
        {"agent_id": "a"},
        {"run_id": 7},
        {"run_id": "job-1", "what": "else"},
        {"learned_after": "yesterday", "learned_before": "today"},
    ],
    ids=str,
)
def test_what_it_does_not_take(world: World, body: dict[str, Any]) -> None:
    for path in ("/v1/undo", "/v1/undo/preview"):
        answer = world.send(path, body)
        assert answer.status == 422
        assert answer.json["field"]
    assert world.left() == [world.fact]


def test_a_run_that_is_not_known(world: World) -> None:
    for path in ("/v1/undo", "/v1/undo/preview"):
        is_problem(world.send(path, {"run_id": "no-such"}), 404)
