"""``/v1/jobs``: submit a run over HTTP once, whatever is lost on the way, and see what became of it."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from operator_memory.adapters.aws.sqs_jobs import MAX_MESSAGE_BYTES
from operator_memory.application.learning.extract_run import MAX_MESSAGES
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.learning.jobs import FactOutcome, JobState, JobSubject, Outcome
from operator_memory.domain.memory.scopes import AccountId, Scope
from operator_memory.domain.shared.audit_events import EventType
from operator_memory.entrypoints.api.jobs import MAX_JOB_BYTES
from operator_memory.entrypoints.contracts.job import parse_job

from tests.support.builders import NOW
from tests.support.management.api import Answer, Management
from tests.support.management.checks import is_problem, the_event

RUN: dict[str, Any] = {
    "job_id": "job-1",
    "thread_id": "thread-1",
    "status": "completed",
    "finished_at": "2026-11-24T12:00:00Z",
    "messages": [{"type": "user", "content": "I like tea."}],
}
WITHOUT_ID = {name: value for name, value in RUN.items() if name != "job_id"}


def submit(
    platform: Management, user: str, run: dict[str, Any] = RUN, *, key: str | None = None, **changes: Any
) -> Answer:
    headers = {} if key is None else {"idempotency-key": key}
    return platform.call("POST", "/v1/jobs", user=user, body={**run, **changes}, headers=headers)


class TestSubmit:
    def test_it_is_queued_as_if_the_runner_had_sent_it(self, platform: Management, user: str) -> None:
        answer = submit(platform, user, agent_id="agent-1", author_id=user)
        assert (answer.status, answer.headers["location"]) == (202, "/v1/jobs/job-1")
        assert (answer.json["state"], answer.json["attempts"], answer.json["account_id"]) == ("queued", 0, user)
        [(body, account, deduplication)] = platform.sender.sent
        assert account == user
        job, digest = parse_job(body)
        assert (job.job_id, job.account_id, job.agent_id, job.author_id) == ("job-1", user, "agent-1", user)
        assert deduplication == digest == platform.jobs.records[account, "job-1"].content_hash
        assert job.messages is not None
        assert job.messages[0].content == "I like tea."

    def test_the_record_says_what_it_is_about_before_it_has_run(self, platform: Management, user: str) -> None:
        submit(platform, user, session_id="s-1", agent_id="a-1", author_id=user)
        record = platform.jobs.records[AccountId(user), "job-1"]
        assert record.subject == JobSubject("thread-1", "s-1", "a-1", user), "an erasure finds it by that"

    def test_a_body_is_kept_to_the_letter(self, platform: Management, user: str) -> None:
        said = 'naïve 🍵 "quotes" \u0000 \ud83d'
        submit(platform, user, messages=[{"role": "user", "content": said}])
        assert json.loads(platform.sender.sent[0][0])["messages"][0]["content"] == said

    def test_the_same_again_is_one_job_and_one_message(self, platform: Management, user: str) -> None:
        first, second = submit(platform, user), submit(platform, user, dict(reversed(RUN.items())))
        assert first.json == second.json
        assert len({deduplication for _, _, deduplication in platform.sender.sent}) == 1

    def test_one_that_is_done_is_not_queued_again(self, platform: Management, user: str) -> None:
        submit(platform, user)
        key = (AccountId(user), "job-1")
        platform.jobs.records[key] = replace(platform.jobs.records[key], state=JobState.DONE)
        answer = submit(platform, user)
        assert (answer.status, answer.json["state"]) == (202, "done")
        assert len(platform.sender.sent) == 1

    @pytest.mark.parametrize("key", [None, "a-key"])
    def test_a_known_id_with_other_content_is_a_conflict(
        self, platform: Management, user: str, key: str | None
    ) -> None:
        submit(platform, user)
        is_problem(submit(platform, user, key=key, status="failed"), 409)
        assert len(platform.sender.sent) == 1

    def test_the_same_id_in_another_account_is_another_job(self, platform: Management, user: str) -> None:
        other = platform.platform.new_user()
        submit(platform, user)
        assert submit(platform, other, status="failed").status == 202

    def test_while_the_queue_is_down_it_is_a_503_and_repeating_works(self, platform: Management, user: str) -> None:
        platform.sender.error = UpstreamUnavailableError("sqs", "no answer")
        is_problem(submit(platform, user), 503)
        assert platform.sender.sent == []
        platform.sender.error = None
        assert submit(platform, user).json["state"] == "queued"
        assert len(platform.sender.sent) == 1


class TestIdempotencyKey:
    def test_the_same_key_and_body_are_one_job(self, platform: Management, user: str) -> None:
        first, second = (submit(platform, user, WITHOUT_ID, key="run 7".replace(" ", "-")) for _ in range(2))
        assert first.json == second.json
        assert len(platform.jobs.records) == 1
        assert first.headers["location"] == f"/v1/jobs/{first.json['job_id']}"

    def test_another_body_is_a_conflict(self, platform: Management, user: str) -> None:
        submit(platform, user, WITHOUT_ID, key="k")
        is_problem(submit(platform, user, WITHOUT_ID, key="k", status="failed"), 409)
        is_problem(submit(platform, user, RUN, key="k"), 409)
        assert len(platform.sender.sent) == 1

    def test_with_an_id_of_its_own_the_job_keeps_it(self, platform: Management, user: str) -> None:
        assert submit(platform, user, key="k").json["job_id"] == "job-1"
        assert submit(platform, user, key="k").json["job_id"] == "job-1"

    def test_another_key_or_account_is_another_job(self, platform: Management, user: str) -> None:
        other = platform.platform.new_user()
        ids = {submit(platform, user, WITHOUT_ID, key=key).json["job_id"] for key in ("k", "l", "k,l", "k,m")}
        ids.add(submit(platform, other, WITHOUT_ID, key="k").json["job_id"])
        assert len(ids) == 5

    def test_after_a_503_the_same_key_goes_on(self, platform: Management, user: str) -> None:
        platform.sender.error = UpstreamUnavailableError("sqs", "no answer")
        is_problem(submit(platform, user, WITHOUT_ID, key="k"), 503)
        platform.sender.error = None
        assert submit(platform, user, WITHOUT_ID, key="k").status == 202
        assert len(platform.jobs.records) == 1
        assert len(platform.sender.sent) == 1

    def test_without_key_and_id_it_is_refused(self, platform: Management, user: str) -> None:
        is_problem(submit(platform, user, WITHOUT_ID), 422, "job_id")

    @pytest.mark.parametrize("key", ["", "two words", "ü", "x" * 256])
    def test_a_key_that_is_none(self, platform: Management, user: str, key: str) -> None:
        is_problem(submit(platform, user, WITHOUT_ID, key=key), 422, "idempotency-key")


DONE: dict[str, Any] = {
    "state": JobState.DONE,
    "attempts": 2,
    "facts": (
        FactOutcome("m-1", Scope.USER, Outcome.ADDED, source="message-7"),
        FactOutcome("m-2", Scope.USER, Outcome.DUPLICATE, others=("m-0",)),
        FactOutcome("m-3", Scope.AGENT, Outcome.REJECTED, "too_long"),
    ),
    "turns": (FactOutcome("m-4", Scope.SESSION, Outcome.ADDED),),
    "skipped": {"tool": 3},
    "llm_calls": 1,
    "prompt_tokens": 8_000,
    "completion_tokens": 200,
    "redactions": {"api_key": 1},
    "notices": ("budget_used_up",),
    "started_at": NOW,
    "updated_at": NOW + timedelta(seconds=2),
}
"""What the record of a job says that is done."""


class TestStatus:
    def test_before_it_ran_it_is_queued(self, platform: Management, user: str) -> None:
        submitted = submit(platform, user).json
        answer = platform.call("GET", "/v1/jobs/job-1", user=user)
        assert (answer.status, answer.json) == (200, submitted)
        assert (submitted["counts"], submitted["facts"], submitted["turns"]) == ({}, [], [])

    def test_then_it_tells_the_outcome_of_every_fact_and_turn(self, platform: Management, user: str) -> None:
        submit(platform, user)
        key = (AccountId(user), "job-1")
        platform.jobs.records[key] = replace(platform.jobs.records[key], **DONE)
        view = platform.call("GET", "/v1/jobs/job-1", user=user).json
        assert (view["state"], view["attempts"], view["costs"]["llm_calls"], view["skipped"]) == (
            "done",
            2,
            1,
            {"tool": 3},
        )
        assert view["counts"] == {"added": 1, "duplicate": 1, "rejected": 1}
        assert view["facts"][2] == {
            "memory_id": "m-3",
            "scope": "agent",
            "outcome": "rejected",
            "reason": "too_long",
            "source": None,
            "others": [],
        }
        assert (view["facts"][0]["source"], view["facts"][1]["others"]) == ("message-7", ["m-0"])
        assert view["redactions"] == {"api_key": 1}
        assert view["notices"] == ["budget_used_up"]
        assert view["costs"] == {
            "llm_calls": 1,
            "prompt_tokens": 8_000,
            "completion_tokens": 200,
            "estimated_usd": 0.00132,  # 0.15 and 0.60 dollars a million
        }
        assert (view["times"]["seconds"], view["times"]["started_at"]) == (2.0, "2026-11-24T12:00:00Z")
        assert view["turns"][0]["memory_id"] == "m-4"

    def test_or_why_it_failed(self, platform: Management, user: str) -> None:
        submit(platform, user)
        key = (AccountId(user), "job-1")
        platform.jobs.records[key] = platform.jobs.records[key].failed(error="timeout", detail="llm", now=NOW)
        view = platform.call("GET", "/v1/jobs/job-1", user=user).json
        assert (view["state"], view["error"], view["error_detail"]) == ("failed", "timeout", "llm")

    def test_anothers_job_is_not_there(self, platform: Management, user: str) -> None:
        submit(platform, user)
        other = platform.platform.new_user()
        is_problem(platform.call("GET", "/v1/jobs/job-1", user=other), 404)
        is_problem(platform.call("GET", "/v1/jobs/none", user=user), 404)


class TestWhose:
    def test_the_account_may_stand_in_the_body_or_the_query(self, platform: Management, user: str) -> None:
        team = platform.platform.new_team(user)
        assert submit(platform, user, account_id=team).json["account_id"] == team
        in_query = platform.call("POST", "/v1/jobs", user=user, account_id=team, body={**RUN, "job_id": "job-2"})
        assert in_query.json["account_id"] == team
        both = platform.call(
            "POST", "/v1/jobs", user=user, account_id=team, body={**RUN, "account_id": user, "job_id": "job-3"}
        )
        is_problem(both, 422, "account_id")

    def test_not_for_an_account_of_others(self, platform: Management, user: str) -> None:
        stranger = platform.platform.new_user()
        is_problem(submit(platform, user, account_id=stranger), 403)
        assert the_event(platform, EventType.DENIED).account_id == stranger
        assert (platform.sender.sent, platform.jobs.records, platform.keys.kept) == ([], {}, {})

    def test_a_person_does_not_speak_for_another_member_but_a_service_does(
        self, platform: Management, user: str
    ) -> None:
        member = platform.platform.new_user()
        team = platform.platform.new_team(user, member)
        is_problem(submit(platform, user, account_id=team, author_id=member), 422, "author_id")
        token = platform.service_token("jobs:write")
        body = {**RUN, "account_id": team, "author_id": member}
        assert platform.call("POST", "/v1/jobs", token=token, body=body).status == 202
        assert json.loads(platform.sender.sent[-1][0])["author_id"] == member

    @pytest.mark.parametrize("said", [{}, {"author_id": None}])
    def test_a_person_is_the_author_of_their_own_job_whatever_it_says(
        self, platform: Management, user: str, said: dict[str, Any]
    ) -> None:
        owner = platform.platform.new_user()
        team = platform.platform.new_team(owner, user)
        message = {"type": "user", "content": "I like tea.", "name": "Ada (owner)"}
        assert submit(platform, user, account_id=team, messages=[message], **said).status == 202
        job, _ = parse_job(platform.sender.sent[-1][0])
        assert job.author_id == user
        assert platform.jobs.records[AccountId(team), "job-1"].subject == JobSubject("thread-1", "thread-1", None, user)

    def test_a_service_may_leave_the_author_out(self, platform: Management, user: str) -> None:
        body = {**RUN, "account_id": user}
        assert platform.call("POST", "/v1/jobs", token=platform.service_token("jobs:write"), body=body).status == 202
        assert parse_job(platform.sender.sent[-1][0])[0].author_id is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"job_id": "*"}, "job_id"),
        ({"job_id": ""}, "job_id"),
        ({"thread_id": None}, "thread_id"),
        ({"thread_id": "a b"}, "thread_id"),
        ({"status": ""}, "status"),
        ({"finished_at": "yesterday"}, "finished_at"),
        ({"finished_at": "9999-12-31T23:59:59-23:59"}, "finished_at"),
        ({"finished_at": 7}, "finished_at"),
        ({"memory_enabled": "no"}, "memory_enabled"),
        ({"messages": "I like tea"}, "messages"),
        ({"messages": [{"type": "user"}] * (MAX_MESSAGES + 1)}, "messages"),
        ({"agent_id": "a\x00"}, "agent_id"),
        ({"user_id": "x"}, "user_id"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_runs(platform: Management, user: str, changes: dict[str, Any], field: str) -> None:
    is_problem(submit(platform, user, **changes), 422, field)
    assert (platform.sender.sent, platform.jobs.records) == ([], {})


@pytest.mark.parametrize("depth", [40, 60, 300, 900])
def test_content_that_is_nested_is_queued_or_refused(platform: Management, user: str, depth: int) -> None:
    content: Any = "I like tea"
    for _ in range(depth):
        content = [content]
    answer = submit(platform, user, messages=[{"type": "user", "content": content}])
    if depth < 50:
        assert answer.status == 202
    else:
        is_problem(answer, 422, "body")


def test_a_run_of_more_than_a_megabyte_is_refused(platform: Management, user: str) -> None:
    is_problem(submit(platform, user, messages=[{"type": "user", "content": "x" * 1_100_000}]), 422, "body")
    assert platform.jobs.records == {}


def as_sent(user: str, content: str, *, size: int | None = None) -> bytes:
    """A run's body in UTF-8, filled up to ``size`` bytes."""
    body = {**RUN, "account_id": user, "messages": [{"type": "user", "content": content}]}
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return text if size is None else as_sent(user, content + "x" * (size - len(text)))


@pytest.mark.parametrize("content", ["\u8a9e" * 300_000, "\U0001f600" * 200_000, "a" * 900_000, '"' * 400_000])
def test_the_limit_is_that_of_the_bytes_as_they_are_sent(platform: Management, user: str, content: str) -> None:
    body = as_sent(user, content, size=MAX_JOB_BYTES)
    assert platform.call("POST", "/v1/jobs", user=user, body=body).status == 202
    queued = platform.sender.sent[-1][0]
    assert len(queued.encode()) <= MAX_MESSAGE_BYTES
    assert parse_job(queued)[0].messages[0].content.startswith(content[:100])  # type: ignore[index]
    is_problem(platform.call("POST", "/v1/jobs", user=user, body=body.replace(b"x", b"xy", 1)), 422, "body")


def test_what_no_queue_message_may_hold_is_escaped(platform: Management, user: str) -> None:
    odd = "a\ud800b\uffffc\ufffed\x01e\u00e9"
    assert submit(platform, user, messages=[{"type": "user", "content": odd}]).status == 202
    queued = platform.sender.sent[-1][0]
    assert not set(queued) & set("\ud800\uffff\ufffe\x01")
    assert json.loads(queued)["messages"][0]["content"] == odd
