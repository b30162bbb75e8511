"""``Idempotency-Key``: on every POST the same request under the same key is done once and answered alike."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from operator_memory.domain.errors import UpstreamTimeoutError
from operator_memory.domain.learning.jobs import JobState
from operator_memory.domain.management.export_line import memory_line
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.entrypoints.api.openapi import document

from tests.support.builders import NOW, a_memory
from tests.support.management.api import Answer, Management
from tests.support.management.checks import belonging_to, is_problem

RUN = {"job_id": "job-1", "thread_id": "t", "status": "completed", "finished_at": "2026-11-24T12:00:00Z"}
KEY = {"idempotency-key": "key-1"}
WORDS = "Likes a very private tea."


@dataclass(frozen=True)
class Post:
    """A request, and another one that is not the same."""

    path: str
    body: Any = None
    other: Any = None
    query: Mapping[str, str] | None = None

    def __str__(self) -> str:
        return self.path


def world(platform: Management) -> dict[str, str]:
    """An account with one thing of every kind; the names that paths use."""
    user = platform.platform.new_user()
    newer, day = a_memory("Likes water."), timedelta(days=1)
    waiting = a_memory(WORDS, rejected="not_grounded", valid_until=NOW - day, expires_at=NOW + day)
    replaced = a_memory("Likes juice.", superseded_by=newer.id, valid_until=NOW - day)
    platform.put(*(belonging_to(user, each) for each in (newer, waiting, replaced)))
    body = {"target": "agent", "id": "none", "confirm": "erase"}
    erasure = platform.call("POST", "/v1/erasures", user=user, body=body).json["id"]
    platform.call("POST", "/v1/jobs", user=user, body=RUN)
    platform.jobs.records = {key: replace(r, state=JobState.DONE) for key, r in platform.jobs.records.items()}
    return {"user": user, "waiting": waiting.id, "replaced": replaced.id, "erasure": erasure, "job": "job-1"}


LINE = json.dumps(memory_line(a_memory("Brought back."))).encode()
POSTS = [
    Post("/v1/memories", {"memory": WORDS}, {"memory": "Other words."}),
    Post("/v1/memories/delete", {"filter": {"scope": "user"}, "dry_run": False, "expected": 1},
         {"filter": {"scope": "user"}, "dry_run": False, "expected": 0}),
    Post("/v1/memories/used", {"memory_ids": [str(UUID(int=1))]}, {"memory_ids": [str(UUID(int=2))]}),
    Post("/v1/memories/{waiting}/approve"),
    Post("/v1/memories/{replaced}/restore"),
    Post("/v1/import", LINE, LINE + b"\n{}"),
    Post("/v1/archive/restore", {"everything": True}, {"agent_id": "agent-1"}),
    Post("/v1/erasures", {"target": "user", "confirm": "erase"}, {"target": "account", "confirm": "erase"}),
    Post("/v1/erasures/{erasure}/resume"),
    Post("/v1/jobs", {**RUN, "job_id": "job-2"}, {**RUN, "job_id": "job-3"}),
    Post("/v1/jobs/{job}/undo"),
    Post("/v1/undo", {"run_id": "job-1"}, {"run_id": "job-2"}),
]  # fmt: skip
READING = {"/v1/policies/preview", "/v1/memories/search", "/v1/undo/preview", "/v1/context"}
each = pytest.mark.parametrize("post", POSTS, ids=str)


def send(platform: Management, names: Mapping[str, str], post: Post, *, body: Any = None, **options: Any) -> Answer:
    path = post.path.format(**names)
    headers = {**KEY, "content-type": "application/x-ndjson" if isinstance(post.body, bytes) else "application/json"}
    given = {"user": names["user"], "headers": headers, **options}
    return platform.call("POST", path, body=body or post.body, **given)


def test_every_post_stands_in_the_table() -> None:
    paths = {path for path, routes in document()["paths"].items() if "post" in routes} - READING
    named = {post.path.replace("{waiting}", "{memory_id}").replace("{replaced}", "{memory_id}") for post in POSTS}
    assert {path.replace("{job_id}", "{job}").replace("{erasure_id}", "{erasure}") for path in paths} == named


@each
def test_again_it_is_done_once_and_answered_alike(platform: Management, post: Post) -> None:
    names = world(platform)
    first = send(platform, names, post)
    assert first.status in (200, 201, 202), first.body
    before = platform.memories.of(AccountId(names["user"]))
    platform.clock.advance(minutes=1)
    again = send(platform, names, post)
    assert (again.status, again.json) == (first.status, first.json)
    assert platform.memories.of(AccountId(names["user"])) == before
    if post.body is not None and not isinstance(post.body, bytes):
        turned = dict(reversed(post.body.items()))
        assert send(platform, names, post, body=turned).json == first.json, "the order of names says nothing"


@each
def test_for_another_request_the_key_is_refused(platform: Management, post: Post) -> None:
    names = world(platform)
    send(platform, names, post)
    if post.other is not None:
        is_problem(send(platform, names, post, body=post.other), 409)
    elif post.path.endswith("undo"):
        pass  # its path is all that it asks, and there is one job
    else:
        is_problem(send(platform, names, replace(post, path="/v1/memories/{waiting}/restore")), 409)


def test_the_key_of_another_person_is_another_key(platform: Management) -> None:
    owner, member = platform.platform.new_user(), platform.platform.new_user()
    team = platform.platform.new_team(owner, member)
    for user, words in ((owner, "One."), (member, "Two.")):
        answer = platform.call("POST", "/v1/memories", user=user, account_id=team, body={"memory": words}, headers=KEY)
        assert (answer.status, answer.json["memory"]) == (201, words)


def test_a_failure_is_not_kept(platform: Management) -> None:
    names = world(platform)
    post = POSTS[0]
    platform.embedder.error = UpstreamTimeoutError("embeddings", "no answer")
    is_problem(send(platform, names, post), 503)
    platform.embedder.error = None
    assert send(platform, names, post).status == 201


def test_after_a_refusal_the_key_may_be_used_for_what_should_have_been_sent(platform: Management) -> None:
    names = world(platform)
    is_problem(send(platform, names, replace(POSTS[2], path=f"/v1/memories/{uuid4()}/approve")), 404)
    assert send(platform, names, POSTS[2]).status == 200


def test_what_is_kept_holds_no_words_and_ends_with_the_account(platform: Management) -> None:
    names = world(platform)
    assert send(platform, names, POSTS[0]).json["memory"] == WORDS
    assert "private" not in repr(platform.answers) + str([one.known.answer for one in platform.answers.kept.values()])
    platform.clock.advance(minutes=1)
    body = {"target": "account", "confirm": "erase"}
    assert platform.call("POST", "/v1/erasures", user=names["user"], body=body).status == 200
    assert platform.answers.kept == {}


def test_a_memory_that_is_gone_is_not_answered_again(platform: Management) -> None:
    names = world(platform)
    memory = send(platform, names, POSTS[0]).json["id"]
    platform.call("DELETE", f"/v1/memories/{memory}", user=names["user"])
    is_problem(send(platform, names, POSTS[0]), 404)


def test_an_answer_that_cannot_be_kept_is_given_all_the_same(platform: Management) -> None:
    names = world(platform)
    platform.answers.error = UpstreamTimeoutError("dynamodb", "no answer")
    assert send(platform, names, POSTS[0]).status == 201
    is_problem(send(platform, names, POSTS[0]), 409)
    platform.answers.error = None
    platform.clock.advance(seconds=36)
    assert send(platform, names, POSTS[0]).status == 200, "done once more, which is harmless"


def test_while_the_first_is_answered_the_second_is_told_to_wait(platform: Management) -> None:
    names = world(platform)
    others: list[Answer] = []

    def meanwhile(_texts: int) -> None:
        others.append(send(platform, names, POSTS[0]))

    platform.embedder.while_embedding = meanwhile
    assert send(platform, names, POSTS[0]).status == 201
    [second] = others
    is_problem(second, 409)


@pytest.mark.parametrize("memory", [a_memory("Likes tea.")])
def test_without_a_key_nothing_is_kept(platform: Management, user: str, memory: Memory) -> None:
    platform.call("POST", "/v1/memories", user=user, body={"memory": memory.text})
    assert platform.answers.kept == {}
