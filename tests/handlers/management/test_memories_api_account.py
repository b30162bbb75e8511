"""Settings, usage, export, import and erasures of an account."""

import base64
import json
from typing import Any
from unittest.mock import ANY

import pytest
from operator_memory.application.management import export_account
from operator_memory.domain.errors import UpstreamTimeoutError
from operator_memory.domain.learning.jobs import FactOutcome, JobRecord, JobState, Outcome
from operator_memory.domain.management.export_line import memory_line
from operator_memory.domain.memory.memory import PastVersion
from operator_memory.domain.memory.scopes import AccountId, Scope
from operator_memory.domain.shared.audit_events import EventType

from tests.support.builders import NOW, a_memory
from tests.support.fakes.whole import archived_copy
from tests.support.management.api import Answer, Management
from tests.support.management.checks import added, belonging_to, holds_no_text, is_problem, of_type, shelf, the_event

ALL_IN_FORCE = {"import_id": ANY, "waiting": 0, "withheld": 0, "stopped_early": False, "continue_at": None}
"""Of an import's answer: nothing in it read like a command, and there was time for all of it."""


class TestSettings:
    def test_the_accounts_are_read_and_set(self, platform: Management, user: str) -> None:
        before = platform.call("GET", "/v1/settings", user=user).json["settings"]
        assert before == {"memory_enabled": True, "record_queries": False, "updated_at": None}
        after = platform.call("PATCH", "/v1/settings", user=user, body={"memory_enabled": False}).json["settings"]
        assert (after["memory_enabled"], after["record_queries"]) == (False, False)
        assert platform.platform.set_by[AccountId(user)] == user
        event = the_event(platform, EventType.SETTINGS_CHANGE)
        assert event.metadata == {"of": "account", "fields": "memory_enabled", "memory_enabled": False}
        assert (event.actor, event.result_count) == (f"user:{user}", 1)

    @pytest.mark.parametrize("body", [{}, {"memory_enabled": None}])
    def test_nothing_to_set_changes_and_notes_nothing(
        self, platform: Management, user: str, body: dict[str, Any]
    ) -> None:
        assert platform.call("PATCH", "/v1/settings", user=user, body=body).status == 200
        assert platform.events.events == []
        assert platform.platform.accounts == {}

    def test_an_agents_switch_and_configuration(self, platform: Management, user: str) -> None:
        agent = platform.platform.new_agent(AccountId(user))
        path = f"/v1/agents/{agent}/settings"
        body = {"memory_enabled": False, "memory_config": {"tone": "a private word"}}
        assert platform.call("PATCH", path, user=user, body=body).json == {"settings": body}
        assert platform.call("GET", path, user=user).json == {"settings": body}
        event = the_event(platform, EventType.SETTINGS_CHANGE)
        assert (event.agent_id, event.result_count) == (agent, 2)
        assert event.metadata == {"of": "agent", "fields": "memory_config memory_enabled", "memory_enabled": False}
        holds_no_text(platform, "a private word")

    def test_a_threads_switch_and_session(self, platform: Management, user: str) -> None:
        thread = platform.platform.new_thread(AccountId(user))
        path = f"/v1/threads/{thread}/settings"
        body = {"memory_enabled": False, "memory_session_id": "session-1"}
        assert platform.call("PATCH", path, user=user, body=body).json == {"settings": body}
        assert the_event(platform, EventType.SETTINGS_CHANGE).thread_id == thread
        gone = platform.call("PATCH", path, user=user, body={"memory_session_id": None}).json["settings"]
        assert gone == {"memory_enabled": False, "memory_session_id": None}

    @pytest.mark.parametrize(("kind", "body"), [("agents", {"memory_enabled": False}), ("threads", {}), ("agents", {})])
    def test_of_anothers_agent_or_thread_are_not_found(
        self, platform: Management, user: str, kind: str, body: dict[str, Any]
    ) -> None:
        stranger = AccountId(platform.platform.new_user())
        theirs = {"agents": platform.platform.new_agent(stranger), "threads": platform.platform.new_thread(stranger)}
        for identity in (theirs[kind], "none"):
            path = f"/v1/{kind}/{identity}/settings"
            is_problem(platform.call("GET", path, user=user), 404)
            is_problem(platform.call("PATCH", path, user=user, body=body), 404)
        assert platform.events.events == []
        assert all(thing.settings["memory_enabled"] for thing in platform.platform.agents.values())

    @pytest.mark.parametrize(
        ("path", "body", "field"),
        [
            ("/v1/settings", {"memory_enabled": "perhaps"}, "memory_enabled"),
            ("/v1/settings", {"updated_at": "now"}, "updated_at"),
            ("/v1/settings", {"account_id": "other"}, "account_id"),
            ("/v1/agents/a/settings", {"memory_config": []}, "memory_config"),
            ("/v1/agents/a/settings", {"name": "x"}, "name"),
            ("/v1/threads/t/settings", {"memory_session_id": "*"}, "memory_session_id"),
        ],
    )
    def test_bad_values(self, platform: Management, user: str, path: str, body: dict[str, Any], field: str) -> None:
        is_problem(platform.call("PATCH", path, user=user, body=body), 422, field)

    def test_while_the_platform_cannot_be_reached(self, platform: Management, user: str) -> None:
        platform.platform.error = UpstreamTimeoutError("supabase", "no answer")
        is_problem(platform.call("GET", "/v1/settings", user=user), 503)
        is_problem(platform.call("PATCH", "/v1/settings", user=user, body={"memory_enabled": False}), 503)
        assert platform.events.events == []


def test_usage_counts_by_scope_kind_and_agent(platform: Management, user: str) -> None:
    platform.put(*shelf(user).values(), belonging_to(platform.platform.new_user(), a_memory()))
    usage = platform.call("GET", "/v1/usage", user=user).json
    assert {name: usage[name] for name in ("total", "active", "pinned", "by_scope", "by_kind", "by_agent")} == {
        "total": 6,
        "active": 4,
        "pinned": 1,
        "by_scope": {"user": 4, "agent": 1, "session": 1},
        "by_kind": {"fact": 5, "turn": 1},
        "by_agent": {"agent-1": 1},
    }


def exported(platform: Management, user: str) -> list[dict[str, Any]]:
    """The lines of all parts, decoded."""
    lines: list[dict[str, Any]] = []
    cursor: str | None = None
    while cursor is not None or not lines:
        answer = platform.call("GET", "/v1/export", user=user, cursor=cursor)
        assert (answer.status, answer.headers["content-type"]) == (200, "application/x-ndjson")
        assert answer.headers["content-disposition"] == 'attachment; filename="memory-export.jsonl"'
        assert answer.body.endswith("\n")
        lines += [json.loads(line) for line in answer.body.splitlines()]
        cursor = answer.headers.get("x-next-cursor")
    return lines


def full_account(platform: Management, user: str) -> None:
    """Something in every place where something is held about an account."""
    account = AccountId(user)
    platform.put(*shelf(user).values(), belonging_to(platform.platform.new_user(), a_memory("Another's.")))
    tea = platform.memories.of(account)[0]
    platform.call("PATCH", f"/v1/memories/{tea.id}", user=user, body={"memory": "Né."}, headers={"if-match": "*"})
    old = [belonging_to(user, a_memory(f"{years} years ago.", days_old=900)) for years in "456"]
    platform.archive.put(account, *map(archived_copy, old[:2]))
    platform.archive.put(account, archived_copy(old[2]))
    for number in range(3):
        facts = (FactOutcome("m-1", Scope.USER, Outcome.ADDED),)
        record = JobRecord(account, f"job-{number}", JobState.DONE, "hash", NOW, facts=facts)
        platform.jobs.records[account, record.job_id] = record
    platform.call("PATCH", "/v1/settings", user=user, body={"record_queries": True})
    platform.call("POST", "/v1/memories/search", user=user, body={"query": "tea"})
    platform.call("POST", "/v1/erasures", user=user, body={"target": "agent", "id": "none", "confirm": "erase"})
    platform.event_store.record(platform.events.events)


class TestExport:
    @pytest.mark.parametrize("part_bytes", [1, 700, 3_500_000])
    def test_everything_that_is_held_is_in_it_once(
        self, platform: Management, user: str, part_bytes: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        full_account(platform, user)
        monkeypatch.setattr(export_account, "PART_BYTES", part_bytes)
        monkeypatch.setattr(export_account, "PAGE", 2)
        lines = exported(platform, user)
        assert [line["type"] for line in lines] == [
            "account",
            *["memory"] * 9,
            *["job"] * 3,
            "erasure",
            *["event"] * 4,
            "end",
        ]
        memories = lines[1:7]
        assert {line["id"] for line in memories} == {memory.id for memory in platform.memories.of(AccountId(user))}
        assert memories == sorted(memories, key=lambda line: str(line["created_at"]))
        assert sum("history" in line for line in memories) == 1
        assert sum("expires_at" in line for line in memories) == 1
        assert sum("valid_until" in line for line in memories) == 1
        assert [line["text"] for line in lines[7:10]] == ["4 years ago.", "5 years ago.", "6 years ago."]
        state = {(line["archived"], line["archived_at"], line["archive_reason"]) for line in lines[7:10]}
        assert state == {(True, NOW.isoformat(), "idle")}
        assert lines[0]["settings"]["record_queries"] is True
        assert lines[10]["facts"][0]["memory_id"] == "m-1"
        assert [line.get("query") for line in lines[14:18]] == [None, None, "tea", None]
        assert "Another's." not in json.dumps(lines)

    def test_each_part_is_on_record_and_the_first_counts(
        self, platform: Management, user: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        platform.put(*shelf(user).values())
        monkeypatch.setattr(export_account, "PART_BYTES", 1)
        exported(platform, user)
        events = platform.events.events
        assert {event.type for event in events} == {EventType.EXPORT}
        assert [event.result_count for event in events] == [6, *[0] * 7]
        assert [event.metadata.get("from") for event in events] == [None, *["memories"] * 6, "archive"]
        holds_no_text(platform, "tea", "Rome")

    def test_of_an_empty_account(self, platform: Management, user: str) -> None:
        assert [line["type"] for line in exported(platform, user)] == ["account", "end"]

    def test_a_part_counts_what_the_answer_has_to_escape(
        self, platform: Management, user: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(export_account, "PART_BYTES", 60_000)
        quotes = [belonging_to(user, a_memory('"' * 8_000 + str(n), days_old=n)) for n in range(6)]
        platform.put(*quotes)
        part = platform.call("GET", "/v1/export", user=user)
        assert len(json.dumps(part.body)) < 60_000 + 2 * 16_000
        assert len([line for line in exported(platform, user) if line["type"] == "memory"]) == 6

    @pytest.mark.parametrize(
        "place",
        [
            "x",
            "üü",
            [],
            {},
            ["nothing", None],
            [["memories"], None],
            ["memories", 7],
            ["memories", "nonsense"],
            ["memories", "2026-11-24T12:00:00Z *"],
            ["archive", "nonsense"],
            ["archive", "somebody-else/1"],
            ["jobs", "*"],
            ["jobs", "\ud800"],
            ["jobs", "x" * 1_000],
            ["events", "nonsense"],
            ["events", "\ud800"],
        ],
        ids=repr,
    )
    def test_a_cursor_that_no_export_gave_is_refused(self, platform: Management, user: str, place: object) -> None:
        cursor = place if isinstance(place, str) else base64.urlsafe_b64encode(json.dumps(place).encode()).decode()
        is_problem(platform.call("GET", "/v1/export", user=user, cursor=cursor), 422, "cursor")
        assert platform.events.events == []

    def test_a_cursor_gives_nothing_of_the_account_that_it_was_made_for(
        self, platform: Management, user: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        full_account(platform, user)
        stranger = platform.platform.new_user()
        monkeypatch.setattr(export_account, "PART_BYTES", 1)
        cursor: str | None = None
        while cursor is not None or platform.clock.time == NOW:
            platform.clock.advance(seconds=1)
            cursor = platform.call("GET", "/v1/export", user=user, cursor=cursor).headers.get("x-next-cursor")
            if cursor is not None:
                answer = platform.call("GET", "/v1/export", user=stranger, cursor=cursor)
                assert answer.status in (200, 422)
                assert user not in answer.body


def imported(platform: Management, user: str, *lines: object, account: str | None = None) -> Answer:
    """The answer to an import of ``lines``, each a text or what becomes JSON."""
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    headers = {"content-type": "application/x-ndjson"}
    return platform.call(
        "POST", "/v1/import", user=user, account_id=account, body=text.encode("utf-8", "surrogatepass"), headers=headers
    )


class TestImport:
    def test_into_the_same_account_all_are_there_already(self, platform: Management, user: str) -> None:
        full_account(platform, user)
        before = platform.memories.of(AccountId(user))
        lines = [line for line in exported(platform, user) if not line.get("archived")]
        answer = imported(platform, user, *lines)
        [gone] = [number for number, line in enumerate(lines, start=1) if "expires_at" in line]
        assert answer.json == {
            "added": 0,
            "duplicates": 5,
            "skipped": 10,
            "rejected": [{"line": gone, "reason": "expires_at: has passed"}],
            **ALL_IN_FORCE,
        }
        assert platform.memories.of(AccountId(user)) == before
        assert of_type(platform, EventType.ADD) == []

    def test_into_another_account_they_become_its_own(self, platform: Management, user: str) -> None:
        full_account(platform, user)
        platform.clock.advance(days=1)
        platform.events.events.clear()
        new_home = platform.platform.new_user()
        lines = exported(platform, user)
        assert imported(platform, new_home, *lines).json["added"] == 8, "five, and the three in the archive"
        ours = {memory.text: memory for memory in platform.memories.of(AccountId(user))}
        theirs = {memory.text: memory for memory in platform.memories.of(AccountId(new_home))}
        assert theirs.keys() == ours.keys() - {"On holiday."} | {f"{years} years ago." for years in "456"}
        for text, memory in theirs.items():
            assert memory.imported_at == platform.clock.now()
            if text in ours:
                assert memory.id != ours[text].id
                assert (memory.created_at, memory.pinned) == (ours[text].created_at, ours[text].pinned)
        corrected = theirs["Né."]
        assert [past.text for past in corrected.history] == [past.text for past in ours["Né."].history]
        event = the_event(platform, EventType.ADD)
        assert set(event.memory_ids) == {memory.id for memory in theirs.values()}
        assert event.metadata == {"source": "import", "import_id": ANY}
        assert imported(platform, new_home, *lines).json["added"] == 0, "again is harmless"
        holds_no_text(platform, "Long ago", "tea, and coffee")

    def test_after_an_erasure_they_come_back_and_stay(self, platform: Management, user: str) -> None:
        platform.put(*shelf(user).values())
        lines = exported(platform, user)
        platform.call("POST", "/v1/erasures", user=user, body={"target": "account", "confirm": "erase"})
        platform.clock.advance(minutes=1)
        assert imported(platform, user, *lines).json["added"] == 5
        platform.clock.advance(hours=1)
        assert platform.erase.resume_due() == (1, 0)
        assert len(platform.memories.of(AccountId(user))) == 5
        again = platform.call("POST", "/v1/erasures", user=user, body={"target": "account", "confirm": "erase"})
        assert again.json["removed"]["memories"] == 5, "what was imported can be erased like anything else"

    def test_a_damaged_line_is_reported_by_its_number_and_the_others_are_kept(
        self, platform: Management, user: str
    ) -> None:
        good = memory_line(belonging_to(user, a_memory()))
        lines = ["", "{", good, "[]", '{"type": "job"}', {**good, "scope": "team"}, "9" * 5_000, "[" * 5_000, "\t"]
        answer = imported(platform, user, *lines)
        assert answer.json == {
            "added": 1,
            "duplicates": 0,
            "skipped": 1,
            "rejected": [
                {"line": 1, "reason": "line: is not valid JSON"},
                {"line": 3, "reason": "line: must be a JSON object"},
                {"line": 5, "reason": "scope: must be one of user, agent, session"},
                {"line": 6, "reason": "line: is not valid JSON"},
                {"line": 7, "reason": "line: is not valid JSON"},
            ],
            **ALL_IN_FORCE,
        }

    def test_two_thousand_lines_and_no_more(self, platform: Management, user: str) -> None:
        lines = [{"type": "job"}] * 2_000
        assert imported(platform, user, *lines, "", "").json["skipped"] == 2_000
        is_problem(imported(platform, user, *lines, {"type": "job"}), 422, "body")

    def test_many_are_embedded_and_stored_in_batches(self, platform: Management, user: str) -> None:
        lines = [memory_line(belonging_to(user, a_memory(f"Fact {n}."))) for n in range(150)]
        assert imported(platform, user, *lines, lines[0]).json == {
            "added": 150,
            "duplicates": 1,
            "skipped": 0,
            "rejected": [],
            **ALL_IN_FORCE,
        }
        assert [len(call) for call in platform.embedder.calls] == [16, 32, 64, 38]
        assert [event.result_count for event in of_type(platform, EventType.ADD)] == [16, 32, 64, 38]

    def test_when_it_fails_on_the_way_repeating_completes_it(self, platform: Management, user: str) -> None:
        line = memory_line(belonging_to(user, a_memory()))
        platform.embedder.error = UpstreamTimeoutError("embeddings", "no answer")
        is_problem(imported(platform, user, line), 503)
        platform.embedder.error = None
        assert imported(platform, user, line).json["added"] == 1

    def test_an_erasure_meanwhile_wins_and_is_reported_line_by_line(self, platform: Management, user: str) -> None:
        line = memory_line(belonging_to(user, a_memory()))

        def erasing() -> None:
            platform.memories.before_upsert = lambda: None
            body = {"target": "account", "confirm": "erase"}
            assert platform.call("POST", "/v1/erasures", user=user, body=body).status == 200

        platform.memories.before_upsert = erasing
        answer = imported(platform, user, {"type": "job"}, line).json
        assert (answer["added"], answer["duplicates"]) == (0, 0)
        assert answer["rejected"] == [{"line": 2, "reason": "is being erased at this moment"}]
        assert platform.memories.of(AccountId(user)) == []
        assert of_type(platform, EventType.ADD) == []
        platform.clock.advance(seconds=1)
        assert imported(platform, user, line).json["added"] == 1

    def test_anothers_ids_tell_nothing(self, platform: Management, user: str) -> None:
        stranger = platform.platform.new_user()
        theirs = added(platform, stranger, "A secret.")
        guess = {"id": theirs["id"], "scope": "user", "kind": "fact", "text": "x", "created_at": "2026-01-01T00:00:00Z"}
        absent = {**guess, "id": "8b393649-fa6d-536b-8612-394070d5a19e", "text": "y"}
        told = {**imported(platform, user, guess).json, "import_id": ANY}
        assert told == imported(platform, user, absent).json
        [secret] = platform.memories.of(AccountId(stranger))
        assert secret.text == "A secret."
        assert theirs["id"] not in [memory.id for memory in platform.memories.of(AccountId(user))]

    @pytest.mark.parametrize("spelling", [str.upper, lambda text: f"{{{text}}}", lambda text: f"urn:uuid:{text}"])
    def test_an_id_in_another_spelling_is_the_same_id(self, platform: Management, user: str, spelling: Any) -> None:
        memory = added(platform, user, "I like tea.")
        headers = {"if-match": "*"}
        path = f"/v1/memories/{memory['id']}"
        platform.call("PATCH", path, user=user, body={"memory": "I like coffee."}, headers=headers)
        [line] = [line for line in exported(platform, user) if line["type"] == "memory"]
        assert imported(platform, user, {**line, "id": spelling(line["id"])}).json["duplicates"] == 1

    def test_an_empty_body_is_an_empty_import(self, platform: Management, user: str) -> None:
        assert imported(platform, user).json == {
            "added": 0,
            "duplicates": 0,
            "skipped": 0,
            "rejected": [],
            **ALL_IN_FORCE,
        }

    def test_history_comes_along(self, platform: Management, user: str) -> None:
        past = PastVersion(1, "Lived in Porto.", NOW, "user:u")
        memory = belonging_to(user, a_memory("Lives in Lisbon.", version=2, history=(past,)))
        imported(platform, user, memory_line(memory))
        [stored] = platform.memories.of(AccountId(user))
        assert (stored.version, stored.history) == (2, (past,))
