"""``/v1/erasures``: every target, receipts, keys, resuming, and who may."""

from datetime import timedelta
from typing import Any

import pytest
from operator_memory.domain.errors import UpstreamTimeoutError
from operator_memory.domain.learning.jobs import FactOutcome, JobRecord, JobState, JobSubject, Outcome
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, Scope
from operator_memory.domain.shared.audit_events import EventType

from tests.support.builders import AGENT_KEY, NOW, SESSION_KEY, a_memory
from tests.support.fakes.archive import SPOILED
from tests.support.fakes.whole import archived_copy
from tests.support.management.api import Answer, Management
from tests.support.management.checks import belonging_to, holds_no_text, is_problem, of_type, the_event

ALL = "ann bob agent session"


@pytest.fixture
def platform() -> Management:
    platform = Management()
    platform.clock.time = NOW
    return platform


@pytest.fixture
def owner(platform: Management) -> str:
    return platform.platform.new_user()


@pytest.fixture
def member(platform: Management) -> str:
    return platform.platform.new_user()


@pytest.fixture
def team(platform: Management, owner: str, member: str) -> AccountId:
    return platform.platform.new_team(owner, member)


def stored(team: str, owner: str, member: str) -> dict[str, Memory]:
    """What the team remembers, by name."""
    found = {
        "ann": a_memory("Ann likes tea.", author_id=owner),
        "bob": a_memory("Bob likes beer.", author_id=member),
        "agent": a_memory("Answers in French.", key=AGENT_KEY, author_id=owner),
        "session": a_memory("Good morning!", key=SESSION_KEY, thread_id="thread-1", author_id=owner),
    }
    return {name: belonging_to(team, memory) for name, memory in found.items()}


def erase(platform: Management, user: str, account: str, *, key: str | None = None, **body: Any) -> Answer:
    headers = {} if key is None else {"idempotency-key": key}
    return platform.call(
        "POST", "/v1/erasures", user=user, account_id=account, body={"confirm": "erase", **body}, headers=headers
    )


@pytest.mark.parametrize(
    ("target", "identity", "left"),
    [
        ("account", None, ""),
        ("user", None, "agent session"),
        ("agent", "agent-1", "ann bob session"),
        ("session", "session-1", "ann bob agent"),
        ("session", "thread-1", "ann bob agent"),
        ("author", "the member", "ann agent session"),
        ("agent", "another", ALL),
    ],
)
def test_every_target(
    platform: Management, team: AccountId, owner: str, member: str, target: str, identity: str | None, left: str
) -> None:
    memories = stored(team, owner, member)
    elsewhere = belonging_to(platform.platform.new_user(), a_memory())
    platform.put(*memories.values(), elsewhere)
    identity = member if identity == "the member" else identity
    answer = erase(platform, owner, team, target=target, **({"id": identity} if identity else {}))
    receipt = answer.json
    removed = 4 - len(left.split())
    assert (receipt["target"], receipt["target_id"], receipt["requested_by"]) == (target, identity, f"user:{owner}")
    assert (receipt["state"], receipt["account_id"]) == ("complete", team)
    assert (receipt["erased_at"], receipt["completed_at"]) == ("2026-11-24T12:00:00Z",) * 2
    assert receipt["removed"]["memories"] == removed
    assert set(receipt["remaining"].values()) == {0}
    assert {memory.id for memory in platform.memories.of(team)} == {memories[name].id for name in left.split()}
    assert len(platform.memories.of(elsewhere.account_id)) == 1
    event = the_event(platform, EventType.ERASE)
    assert (event.actor, event.result_count) == (f"user:{owner}", removed)
    assert event.metadata == {"target": target, "erasure_id": receipt["id"]}
    holds_no_text(platform, "likes tea", "French")


def test_of_an_account_everything_goes(platform: Management, owner: str) -> None:
    account = AccountId(owner)
    platform.put(belonging_to(owner, a_memory()))
    platform.archive.put(account, archived_copy(belonging_to(owner, a_memory("Long ago."))), SPOILED)
    platform.archive.put(account, SPOILED)
    facts = (FactOutcome("m-1", Scope.USER, Outcome.ADDED),)
    platform.jobs.records[account, "j"] = JobRecord(account, "j", JobState.DONE, "hash", NOW, facts=facts)
    platform.keys.remember(account, "k", content_hash="hash", job_id="j", now=NOW)
    platform.call("PATCH", "/v1/settings", user=owner, body={"record_queries": True})
    platform.call("POST", "/v1/memories/search", user=owner, body={"query": "my secret"})
    platform.event_store.record(platform.events.events)
    receipt = erase(platform, owner, owner, target="account").json
    assert receipt["removed"] == {"memories": 1, "entities": 0, "archived": 2, "job_records": 2, "queries": 1}
    assert set(receipt["remaining"].values()) == {0}
    assert (platform.jobs.records, platform.keys.kept, platform.archive.objects) == ({}, {}, {})
    rows = platform.event_store.events(account, after=None, limit=10)[0]
    assert [row["query"] for row in rows] == [None, None], "the trail stays, without the words"


def test_of_an_author_his_job_records_say_nothing_any_more(
    platform: Management, team: AccountId, owner: str, member: str
) -> None:
    facts = (FactOutcome("m-1", Scope.USER, Outcome.ADDED),)
    for job, author in (("his", member), ("hers", owner)):
        subject = JobSubject("t", "s", None, author)
        platform.jobs.records[team, job] = JobRecord(team, job, JobState.DONE, "h", NOW, facts=facts, subject=subject)
    assert erase(platform, member, team, target="author", id=member).json["removed"]["job_records"] == 1
    assert [platform.jobs.records[team, job].facts for job in ("his", "hers")] == [(), facts]


class TestReceipts:
    def test_are_listed_newest_first_read_and_downloaded(
        self, platform: Management, team: AccountId, owner: str, member: str
    ) -> None:
        first = erase(platform, owner, team, target="user").json
        platform.clock.advance(minutes=1)
        second = erase(platform, member, team, target="author", id=member).json
        for reader in (owner, member):
            listed = platform.call("GET", "/v1/erasures", user=reader, account_id=team)
            assert listed.json == {"erasures": [second, first]}
        one = platform.call("GET", f"/v1/erasures/{first['id']}", user=owner, account_id=team)
        assert one.json == first
        file = platform.call("GET", f"/v1/erasures/{first['id']}/receipt", user=owner, account_id=team)
        assert file.json == first
        assert file.headers["content-disposition"] == f'attachment; filename="erasure-{first["id"]}.json"'
        assert file.headers["content-type"] == "application/json"

    def test_say_when_they_were_verified(self, platform: Management, owner: str) -> None:
        receipt = erase(platform, owner, owner, target="user").json
        platform.clock.advance(hours=1)
        assert platform.erase.resume_due() == (1, 0)
        seen = platform.call("GET", f"/v1/erasures/{receipt['id']}", user=owner).json
        assert seen == {**receipt, "state": "verified", "verified_at": "2026-11-24T13:00:00Z"}
        assert len(of_type(platform, EventType.ERASE)) == 1

    @pytest.mark.parametrize("rest", ["", "/receipt"])
    def test_of_another_account_are_not_there(self, platform: Management, owner: str, member: str, rest: str) -> None:
        receipt = erase(platform, owner, owner, target="user").json
        for identity in (receipt["id"], "none"):
            is_problem(platform.call("GET", f"/v1/erasures/{identity}{rest}", user=member), 404)
        is_problem(platform.call("POST", f"/v1/erasures/{receipt['id']}/resume", user=member), 404)
        assert platform.call("GET", "/v1/erasures", user=member).json == {"erasures": []}


class TestKeys:
    def test_the_same_key_gives_the_same_receipt(self, platform: Management, owner: str) -> None:
        platform.put(belonging_to(owner, a_memory()))
        first = erase(platform, owner, owner, key="once", target="account")
        platform.clock.advance(minutes=1)
        platform.put(belonging_to(owner, a_memory("Said since.", days_old=-1)))
        assert erase(platform, owner, owner, key="once", target="account").json == first.json
        assert len(platform.memories.of(AccountId(owner))) == 1, "it is not erased twice"
        assert len(of_type(platform, EventType.ERASE)) == 1

    def test_another_key_or_none_is_another_erasure(self, platform: Management, owner: str) -> None:
        ids = {erase(platform, owner, owner, key=key, target="user").json["id"] for key in ("a", "b", "a,b", None)}
        assert len(ids) == 4

    def test_a_key_of_another_account_is_another_key(self, platform: Management, owner: str, member: str) -> None:
        ids = {erase(platform, user, user, key="once", target="user").json["id"] for user in (owner, member)}
        assert len(ids) == 2

    def test_for_another_target_it_is_a_conflict_and_no_receipt_of_what_was_not_erased(
        self, platform: Management, team: AccountId, owner: str, member: str
    ) -> None:
        platform.put(*stored(team, owner, member).values())
        assert erase(platform, member, team, key="once", target="author", id=member).status == 200
        is_problem(erase(platform, owner, team, key="once", target="account"), 409)
        assert len(platform.memories.of(team)) == 3

    @pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 256])
    def test_a_key_that_is_none(self, platform: Management, owner: str, key: str) -> None:
        is_problem(erase(platform, owner, owner, key=key, target="user"), 422, "idempotency-key")


class TestInterrupted:
    def test_it_is_a_503_and_can_be_resumed(self, platform: Management, owner: str) -> None:
        platform.put(belonging_to(owner, a_memory()))
        platform.platform.error = UpstreamTimeoutError("supabase", "no answer")
        is_problem(erase(platform, owner, owner, target="account"), 503)
        [running] = platform.call("GET", "/v1/erasures", user=owner).json["erasures"]
        assert (running["state"], running["completed_at"]) == ("running", None)
        assert (
            len(platform.tombstones.find(AccountId(owner), [platform.erase.receipts(AccountId(owner))[0].target])) == 1
        )
        platform.platform.error = None
        resumed = platform.call("POST", f"/v1/erasures/{running['id']}/resume", user=owner)
        assert (resumed.status, resumed.json["state"], resumed.json["removed"]["memories"]) == (200, "complete", 1)
        again = platform.call("POST", f"/v1/erasures/{running['id']}/resume", user=owner)
        assert again.json == resumed.json
        assert len(of_type(platform, EventType.ERASE)) == 1

    def test_or_goes_on_by_itself(self, platform: Management, owner: str) -> None:
        platform.put(belonging_to(owner, a_memory()))
        platform.platform.error = UpstreamTimeoutError("supabase", "no answer")
        erase(platform, owner, owner, target="account")
        platform.platform.error = None
        assert platform.erase.resume_due() == (0, 0), "it is not due yet"
        platform.clock.advance(seconds=timedelta(minutes=5).total_seconds())
        assert platform.erase.resume_due() == (1, 0)
        assert platform.memories.of(AccountId(owner)) == []

    def test_or_with_the_same_key(self, platform: Management, owner: str) -> None:
        platform.put(belonging_to(owner, a_memory()))
        platform.platform.error = UpstreamTimeoutError("supabase", "no answer")
        is_problem(erase(platform, owner, owner, key="once", target="account"), 503)
        platform.platform.error = None
        assert erase(platform, owner, owner, key="once", target="account").json["removed"]["memories"] == 1
        assert len(platform.call("GET", "/v1/erasures", user=owner).json["erasures"]) == 1


class TestWhoMay:
    def test_a_member_what_he_said_himself(
        self, platform: Management, team: AccountId, owner: str, member: str
    ) -> None:
        platform.put(*stored(team, owner, member).values())
        assert erase(platform, member, team, target="author", id=member).status == 200
        assert platform.events.events[-1].type is EventType.ERASE

    @pytest.mark.parametrize(
        ("target", "identity"),
        [("account", None), ("user", None), ("agent", "agent-1"), ("session", "session-1"), ("author", "the owner")],
    )
    def test_but_nothing_else(
        self, platform: Management, team: AccountId, owner: str, member: str, target: str, identity: str | None
    ) -> None:
        platform.put(*stored(team, owner, member).values())
        about = {} if identity is None else {"id": owner if identity == "the owner" else identity}
        is_problem(erase(platform, member, team, target=target, **about), 403)
        assert len(platform.memories.of(team)) == 4
        event = the_event(platform, EventType.DENIED)
        assert (event.account_id, event.actor) == (team, f"user:{member}")
        assert event.metadata == {"action": "memories:clear"}

    def test_nor_resume(self, platform: Management, team: AccountId, owner: str, member: str) -> None:
        receipt = erase(platform, owner, team, target="user").json
        path = f"/v1/erasures/{receipt['id']}/resume"
        is_problem(platform.call("POST", path, user=member, account_id=team), 403)

    def test_an_outsider_nothing_at_all(self, platform: Management, team: AccountId) -> None:
        outsider = platform.platform.new_user()
        is_problem(erase(platform, outsider, team, target="author", id=outsider), 403)
        is_problem(platform.call("GET", "/v1/erasures", user=outsider, account_id=team), 403)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "target"),
        ({"target": "everything"}, "target"),
        ({"target": "agent"}, "body"),
        ({"target": "account", "id": "x"}, "body"),
        ({"target": "session", "id": "*"}, "id"),
        ({"target": "user", "confirm": "yes"}, "confirm"),
        ({"target": "user", "confirm": None}, "confirm"),
        ({"target": "user", "until": "now"}, "until"),
    ],
)
def test_bad_requests(platform: Management, owner: str, body: dict[str, Any], field: str) -> None:
    is_problem(erase(platform, owner, owner, **body), 422, field)
    assert platform.tombstones.stones == {}


def test_a_receipt_names_what_the_erasure_does_not_reach_until_it_is_dropped(
    platform: Management, owner: str, team: AccountId
) -> None:
    receipt = erase(platform, owner, team, target="account").json
    ends = {copy["where"]: copy["until"] for copy in receipt["not_covered"]}
    assert set(ends) == {"dead_letters", "dead_events", "backups"}
    assert ends["backups"] > ends["dead_letters"] > ends["dead_events"] > receipt["completed_at"]
    platform.erasures.note_dropped(team, "dead_letters", count=2, at=platform.clock.now())
    path = f"/v1/erasures/{receipt['id']}/receipt"
    told = platform.call("GET", path, user=owner, account_id=team).json
    assert {copy["where"] for copy in told["not_covered"]} == {"dead_events", "backups"}
    assert told["removed"]["dead_letters"] == 2
