"""Why a memory is remembered, and taking back what a run taught, over HTTP."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.learning.jobs import FactOutcome, JobRecord, JobState, JobSubject, Outcome
from operator_memory.domain.management.identity import Role
from operator_memory.domain.memory.memory import UNWANTED, Memory
from operator_memory.domain.memory.provenance import SaidWords, SourceClass
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope, ScopeKey
from operator_memory.domain.shared.audit_events import EventType

from tests.support.builders import NOW, a_memory
from tests.support.management.api import Answer, Management
from tests.support.management.checks import belonging_to, is_problem

NINE = NOW - timedelta(days=1)
SESSION = ScopeKey(Scope.SESSION, "session-1")


def learned(user: str, text: str = "User likes tea.", **fields: Any) -> Memory:
    """A fact as a run of the person teaches it."""
    said = SaidWords("I like tea", "m-1", "user", "Ada", user, NINE, "job-1")
    about: dict[str, Any] = {"evidence": (said,), "source_run_id": "job-1", "source_class": SourceClass.PERSON}
    return belonging_to(user, a_memory(text, session_id="session-1", when="2026-11", **{**about, **fields}))


def record(account: str, **fields: Any) -> JobRecord:
    subject = JobSubject("thread-1", "session-1", None, fields.pop("author", None))
    return replace(
        JobRecord(AccountId(account), "job-1", JobState.DONE, "hash", NOW, subject=subject),
        **fields,
    )


def put_job(platform: Management, account: str, **fields: Any) -> None:
    platform.jobs.records[AccountId(account), "job-1"] = record(account, **fields)


def undo(platform: Management, **who: Any) -> Answer:
    return platform.call("POST", "/v1/jobs/job-1/undo", **who)


class TestWhy:
    def test_one_memory_says_why_it_is_remembered(self, platform: Management, user: str) -> None:
        memory = learned(user, inferred=True, repeated_in=("job-2",))
        platform.put(memory)
        assert platform.call("GET", f"/v1/memories/{memory.id}", user=user).json["provenance"] == {
            "basis": "inferred",
            "source_class": "person",
            "run_id": "job-1",
            "when": "2026-11",
            "quotes": [
                {
                    "quote": "I like tea",
                    "message_id": "m-1",
                    "role": "user",
                    "speaker": "Ada",
                    "author_id": user,
                    "said_at": NINE.isoformat().replace("+00:00", "Z"),
                    "run_id": "job-1",
                }
            ],
            "hidden_quotes": 0,
            "repeated_in": ["job-2"],
        }

    def test_a_turn_needs_no_reason(self, platform: Management, user: str) -> None:
        turn = belonging_to(user, a_memory("I like tea.", key=SESSION, kind=Kind.TURN))
        platform.put(turn)
        assert platform.call("GET", f"/v1/memories/{turn.id}", user=user).json["provenance"] is None

    def test_lists_and_searches_say_it_if_they_are_asked(self, platform: Management, user: str) -> None:
        platform.put(learned(user))
        body = {"query": "tea"}
        for asked in (None, False):
            found = [
                platform.call("GET", "/v1/memories", user=user, evidence=asked),
                platform.call("POST", "/v1/memories/search", user=user, body=body),
            ]
            assert [answer.json["memories"][0]["provenance"] for answer in found] == [None, None]
        found = [
            platform.call("GET", "/v1/memories", user=user, evidence=True),
            platform.call("POST", "/v1/memories/search", user=user, body={**body, "evidence": True}),
        ]
        for answer in found:
            assert answer.json["memories"][0]["provenance"]["quotes"][0]["quote"] == "I like tea"

    def test_a_quote_of_a_turn_that_was_withdrawn_is_counted_and_not_shown(
        self, platform: Management, user: str
    ) -> None:
        turn = belonging_to(user, a_memory("I like tea", key=SESSION, kind=Kind.TURN, withheld_by=(UNWANTED,)))
        memory = learned(user, said_in=(turn.id,))
        platform.put(turn, memory)
        answer = platform.call("GET", f"/v1/memories/{memory.id}", user=user)
        assert (answer.json["provenance"]["quotes"], answer.json["provenance"]["hidden_quotes"]) == ([], 1)
        assert "I like tea" not in answer.body

    def test_long_quotes_are_shortened_in_lists(self, platform: Management, user: str) -> None:
        long = SaidWords("tea " * 2_000, role="user")
        memory = learned(user, evidence=(long,) * 8)
        platform.put(memory)
        listed = platform.call("GET", "/v1/memories", user=user, evidence=True)
        assert len(listed.body) < 12_000
        whole = platform.call("GET", f"/v1/memories/{memory.id}", user=user)
        assert len(whole.json["provenance"]["quotes"][0]["quote"]) > 7_000

    def test_nobody_elses_memory_says_anything(self, platform: Management, user: str) -> None:
        memory = learned(platform.platform.new_user())
        platform.put(memory)
        is_problem(platform.call("GET", f"/v1/memories/{memory.id}", user=user), 404)

    def test_it_is_not_in_the_trail(self, platform: Management, user: str) -> None:
        platform.put(learned(user))
        platform.call("GET", "/v1/memories", user=user, evidence=True)
        assert "tea" not in repr(platform.events.events)

    def test_a_list_can_be_narrowed_to_a_run(self, platform: Management, user: str) -> None:
        platform.put(learned(user), learned(user, "User likes jazz.", source_run_id="job-2"))
        [memory] = platform.call("GET", "/v1/memories", user=user, source_run_id="job-2").json["memories"]
        assert memory["memory"] == "User likes jazz."


def test_an_account_that_is_exported_erased_and_imported_says_the_same(platform: Management, user: str) -> None:
    tea = learned(user, inferred=True, repeated_in=("job-2",))
    platform.put(tea, learned(user, "User likes jazz.", source_class=SourceClass.ASSISTANT))

    def provenance() -> dict[str, Any]:
        listed = platform.call("GET", "/v1/memories", user=user, evidence=True).json["memories"]
        return {memory["memory"]: memory["provenance"] for memory in listed}

    before = provenance()
    exported = platform.call("GET", "/v1/export", user=user).body
    platform.call("POST", "/v1/erasures", user=user, body={"target": "account", "confirm": "erase"})
    assert provenance() == {}
    platform.clock.advance(seconds=1)
    report = platform.call("POST", "/v1/import", user=user, body=exported.encode()).json
    assert (report["added"], report["rejected"]) == (2, [])
    before["User likes tea."]["source_class"] = "import"  # nobody here can vouch for more
    assert provenance() == before
    assert before["User likes jazz."]["source_class"] == "assistant"


class TestUndo:
    def test_the_answer_names_what_went_what_holds_again_and_what_stays(self, platform: Management, user: str) -> None:
        tea, pinned = learned(user), learned(user, "User likes jazz.", pinned=True)
        older = learned(user, "User likes milk.", source_run_id="job-0", superseded_by=tea.id, valid_until=NINE)
        platform.put(tea, pinned, older)
        put_job(platform, user)
        answer = undo(platform, user=user)
        assert answer.status == 200
        assert answer.json == {
            "job_id": "job-1",
            "undone_at": platform.clock.now().isoformat().replace("+00:00", "Z"),
            "nothing_left": False,
            "removed": [tea.id],
            "restored": [older.id],
            "kept": [{"memory_id": pinned.id, "reason": "pinned"}],
        }
        is_problem(platform.call("GET", f"/v1/memories/{tea.id}", user=user), 404)
        assert platform.call("GET", f"/v1/memories/{older.id}", user=user).json["superseded_by"] is None
        assert platform.call("GET", "/v1/jobs/job-1", user=user).json["undone_at"] == answer.json["undone_at"]
        deleted = [event for event in platform.events.events if event.type is EventType.DELETE]
        assert [(event.memory_ids, event.actor) for event in deleted] == [((tea.id,), f"user:{user}")]

    def test_a_second_time_nothing_is_left(self, platform: Management, user: str) -> None:
        platform.put(learned(user))
        put_job(platform, user)
        first, second = undo(platform, user=user), undo(platform, user=user)
        assert (first.json["nothing_left"], second.json["nothing_left"]) == (False, True)
        assert second.json["undone_at"] == first.json["undone_at"]

    @pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING])
    def test_one_that_has_not_ended_is_a_conflict(self, platform: Management, user: str, state: JobState) -> None:
        put_job(platform, user, state=state)
        platform.jobs.leases[AccountId(user), "job-1"] = platform.clock.now() + timedelta(minutes=1)
        answer = undo(platform, user=user)
        is_problem(answer, 409)
        assert f"still {state.value}" in answer.json["detail"]

    def test_another_accounts_is_as_one_that_does_not_exist(self, platform: Management, user: str) -> None:
        put_job(platform, platform.platform.new_user())
        is_problem(undo(platform, user=user), 404)

    def test_with_a_store_that_fails_it_can_be_repeated(
        self, platform: Management, user: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        platform.put(learned(user))
        put_job(platform, user)

        def fail(*_: object, **__: object) -> None:
            raise UpstreamUnavailableError("qdrant", "no answer")

        with monkeypatch.context() as broken:
            broken.setattr(type(platform.library), "delete", fail)
            is_problem(undo(platform, user=user), 503)
        assert len(undo(platform, user=user).json["removed"]) == 1
        assert platform.memories.of(AccountId(user)) == []

    def test_more_than_five_hundred_facts_are_counted_and_taken_back(self, platform: Management, user: str) -> None:
        facts = [learned(user, f"User likes tea {number}.") for number in range(620)]
        platform.put(*facts)
        outcomes = tuple(FactOutcome(memory.id, Scope.USER, Outcome.ADDED) for memory in facts)
        put_job(platform, user, facts=outcomes)
        shown = platform.call("GET", "/v1/jobs/job-1", user=user).json
        assert (shown["counts"], len(shown["facts"])) == ({"added": 620}, 620)
        assert len(undo(platform, user=user).json["removed"]) == 620
        assert platform.memories.of(AccountId(user)) == []


class TestWhoMayUndo:
    @pytest.fixture
    def team(self, platform: Management, user: str) -> str:
        """A team whose owner is the person."""
        return str(platform.platform.new_team(owner=user))

    @pytest.mark.parametrize(("mine", "status"), [(True, 200), (False, 403)])
    def test_a_member_takes_back_runs_of_their_own(
        self, platform: Management, team: str, user: str, mine: bool, status: int
    ) -> None:
        member = platform.platform.new_user()
        platform.platform.members[AccountId(team)][member] = Role.MEMBER
        put_job(platform, team, author=member if mine else user)
        assert undo(platform, user=member, account_id=team).status == status
        assert undo(platform, user=user, account_id=team).status == 200, "an owner takes back all"

    def test_who_is_not_a_member_learns_nothing(self, platform: Management, team: str) -> None:
        stranger = platform.platform.new_user()
        without = undo(platform, user=stranger, account_id=team)
        put_job(platform, team, author=stranger)
        is_problem(without, 403)
        assert undo(platform, user=stranger, account_id=team).body == without.body

    def test_a_service_needs_the_permission_to_clear(self, platform: Management, user: str) -> None:
        put_job(platform, user)
        for scopes, status in ((["jobs:write", "memories:write"], 403), (["memories:clear"], 200)):
            assert undo(platform, token=platform.service_token(*scopes), account_id=user).status == status
