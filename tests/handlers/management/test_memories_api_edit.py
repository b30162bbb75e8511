"""Correcting, pinning and deleting: by version, with history, by filter."""

from collections.abc import Callable
from typing import Any

import pytest
from operator_memory.domain.errors import UpstreamTimeoutError
from operator_memory.domain.memory.memory import PastVersion
from operator_memory.domain.memory.scopes import AccountId, Kind
from operator_memory.domain.shared.audit_events import EventType
from operator_memory.domain.shared.tombstones import Target, TargetKind, Tombstone

from tests.support.builders import NOW, a_memory
from tests.support.management.api import Answer, Management
from tests.support.management.checks import added, belonging_to, holds_no_text, is_problem, of_type, shelf, the_event

Edit = Callable[..., Answer]


@pytest.fixture
def memory(platform: Management, user: str) -> dict[str, Any]:
    """The memory that is edited; no event tells of it any more."""
    memory = added(platform, user, "I live in Porto.")
    platform.events.events.clear()
    platform.embedder.calls.clear()
    return memory


@pytest.fixture
def edit(platform: Management, user: str, memory: dict[str, Any]) -> Edit:
    """Changes the memory, made from the version that ``if_match`` names."""

    def edit(if_match: str | None = '"1"', **changes: object) -> Answer:
        headers = {} if if_match is None else {"if-match": if_match}
        return platform.call("PATCH", f"/v1/memories/{memory['id']}", user=user, body=changes, headers=headers)

    return edit


class TestCorrect:
    def test_new_words_are_embedded_anew_and_the_old_ones_kept(
        self, platform: Management, user: str, memory: dict[str, Any], edit: Edit
    ) -> None:
        platform.clock.advance(minutes=5)
        answer = edit(memory="I live in Lisbon.")
        assert (answer.status, answer.headers["etag"]) == (200, '"2"')
        changed = {"memory": "I live in Lisbon.", "version": 2, "updated_at": "2026-11-24T12:05:00Z"}
        assert answer.json == {**memory, **changed}
        assert platform.embedder.calls == [["I live in Lisbon."]]
        stored = platform.memories.points[AccountId(user)][memory["id"]]
        assert stored.vector == platform.embedder.embed(["I live in Lisbon."], timeout=1)[0]
        history = platform.call("GET", f"/v1/memories/{memory['id']}/history", user=user).json
        past = {
            "version": 1,
            "memory": "I live in Porto.",
            "changed_at": "2026-11-24T12:05:00Z",
            "changed_by": f"user:{user}",
        }
        assert history == {"id": memory["id"], "version": 2, "memory": "I live in Lisbon.", "history": [past]}

    def test_corrected_a_turn_is_found_by_its_own_words_only(self, platform: Management, user: str) -> None:
        turn = belonging_to(user, a_memory("On the balcony.", kind=Kind.TURN, follows="the question"))
        platform.put(turn)

        def follows_after(**changes: object) -> str | None:
            version = platform.memories.of(AccountId(user))[0].version
            headers = {"if-match": f'"{version}"'}
            answer = platform.call("PATCH", f"/v1/memories/{turn.id}", user=user, body=changes, headers=headers)
            assert answer.status == 200
            return platform.memories.of(AccountId(user))[0].follows

        assert follows_after(pinned=True) == "the question"
        assert follows_after(memory="In the attic.") is None

    def test_each_change_leaves_one_event_without_its_words(
        self, platform: Management, user: str, memory: dict[str, Any], edit: Edit
    ) -> None:
        edit(memory="I live in Lisbon.")
        edit('"2"', importance=1)
        events = of_type(platform, EventType.UPDATE)
        assert [event.memory_ids for event in events] == [(memory["id"],)] * 2
        assert [event.metadata for event in events] == [
            {"version": 2, "new_text": True},
            {"version": 3, "new_text": False},
        ]
        assert len(platform.events.events) == 2
        holds_no_text(platform, "Porto", "Lisbon")

    def test_other_fields_need_no_embedding_and_leave_no_history(
        self, platform: Management, user: str, memory: dict[str, Any], edit: Edit
    ) -> None:
        changes = {"importance": 0.9, "pinned": True, "expires_at": "2027-01-01T00:00:00Z"}
        answer = edit(**changes)
        assert answer.json == {**memory, **changes, "version": 2}
        assert platform.embedder.calls == []
        assert platform.call("GET", f"/v1/memories/{memory['id']}/history", user=user).json["history"] == []
        assert platform.expiry.due(now=NOW.replace(year=2028), limit=1)[0].account_id == user

    def test_null_takes_the_end_away_and_leaves_other_fields_alone(self, edit: Edit) -> None:
        edit(expires_at="2027-01-01T00:00:00Z", importance=0.9)
        assert edit('"2"', importance=None, memory=None, pinned=None).json["expires_at"] == "2027-01-01T00:00:00Z"
        view = edit('"2"', expires_at=None).json
        assert (view["expires_at"], view["importance"], view["memory"]) == (None, 0.9, "I live in Porto.")

    @pytest.mark.parametrize("how", ["patch", "pin"])
    def test_to_pin_takes_the_end_away_until_a_person_gives_another(
        self, platform: Management, user: str, memory: dict[str, Any], edit: Edit, how: str
    ) -> None:
        edit(expires_at="2027-01-01T00:00:00Z")
        pin = f"/v1/memories/{memory['id']}/pin"
        answer = edit('"2"', pinned=True) if how == "patch" else platform.call("PUT", pin, user=user)
        assert (answer.json["pinned"], answer.json["expires_at"]) == (True, None)
        assert edit('"3"', expires_at="2027-02-01T00:00:00Z").json["expires_at"] == "2027-02-01T00:00:00Z"
        edit('"4"', pinned=True, importance=0.7)
        assert platform.call("PUT", pin, user=user).json["expires_at"] == "2027-02-01T00:00:00Z", (
            "it was pinned already"
        )
        assert platform.call("DELETE", pin, user=user).json["expires_at"] == "2027-02-01T00:00:00Z"

    @pytest.mark.parametrize(
        "changes", [{}, {"memory": "I live in Porto."}, {"importance": 0.5, "pinned": False}, {"expires_at": None}]
    )
    def test_a_change_that_changes_nothing_makes_no_version(
        self, platform: Management, memory: dict[str, Any], edit: Edit, changes: dict[str, Any]
    ) -> None:
        assert edit(**changes).json == memory
        assert platform.events.events == []

    def test_a_memory_is_restored_by_editing_it_back(
        self, platform: Management, user: str, memory: dict[str, Any], edit: Edit
    ) -> None:
        edit(memory="I live in Lisbon.")
        assert edit('"2"', memory="I live in Porto.").json["version"] == 3
        past = platform.call("GET", f"/v1/memories/{memory['id']}/history", user=user).json["history"]
        assert [(p["version"], p["memory"]) for p in past] == [(1, "I live in Porto."), (2, "I live in Lisbon.")]

    def test_history_keeps_the_last_fifty(
        self, platform: Management, user: str, memory: dict[str, Any], edit: Edit
    ) -> None:
        for number in range(1, 56):
            assert edit(f'"{number}"', memory=f"I live at {number}.").json["version"] == number + 1
        past = platform.call("GET", f"/v1/memories/{memory['id']}/history", user=user).json["history"]
        assert [p["version"] for p in past] == list(range(6, 56))

    def test_history_of_long_texts_keeps_what_fits(
        self, platform: Management, user: str, memory: dict[str, Any], edit: Edit
    ) -> None:
        for number in range(1, 35):
            edit(f'"{number}"', memory=f"{number} ".ljust(8_000, "x"))
        past = platform.call("GET", f"/v1/memories/{memory['id']}/history", user=user).json["history"]
        assert [p["version"] for p in past] == list(range(10, 35)), "25 texts of 8,000 characters"

    def test_when_the_embedder_fails_nothing_has_changed(
        self, platform: Management, user: str, memory: dict[str, Any], edit: Edit
    ) -> None:
        platform.embedder.error = UpstreamTimeoutError("embeddings", "no answer")
        is_problem(edit(memory="I live in Lisbon."), 503)
        now = platform.call("GET", f"/v1/memories/{memory['id']}", user=user).json
        assert {**now, "provenance": None} == memory
        assert of_type(platform, EventType.UPDATE) == []

    def test_what_is_erased_meanwhile_stays_erased(
        self, platform: Management, user: str, memory: dict[str, Any], edit: Edit
    ) -> None:
        target = Target(TargetKind.ACCOUNT)
        platform.tombstones.put(AccountId(user), Tombstone(target, platform.clock.now()))
        is_problem(edit(memory="I live in Lisbon."), 404)
        assert platform.memories.of(AccountId(user)) == []
        assert of_type(platform, EventType.UPDATE) == []

    def test_not_yours_is_not_found_whatever_version_is_named(
        self, platform: Management, memory: dict[str, Any]
    ) -> None:
        stranger = platform.platform.new_user()
        path = f"/v1/memories/{memory['id']}"
        for if_match in ('"1"', '"9"', "*"):
            headers = {"if-match": if_match}
            answer = platform.call("PATCH", path, user=stranger, body={"memory": "Mine now."}, headers=headers)
            is_problem(answer, 404)
            is_problem(platform.call("DELETE", path, user=stranger, headers=headers), 404)
        is_problem(platform.call("PUT", f"{path}/pin", user=stranger), 404)
        assert platform.events.events == []


class TestIfMatch:
    def test_without_it_nothing_is_changed(self, platform: Management, edit: Edit) -> None:
        answer = edit(None, memory="I live in Lisbon.")
        is_problem(answer, 428)
        assert "If-Match" in answer.json["detail"]
        assert platform.events.events == []

    @pytest.mark.parametrize("if_match", ['"2"', '"0"', "17", '"9999999999999999"'])
    def test_another_version_is_refused(self, edit: Edit, if_match: str) -> None:
        is_problem(edit(if_match, memory="I live in Lisbon."), 412)
        is_problem(edit(if_match), 412)

    @pytest.mark.parametrize("if_match", ['"1"', 'W/"1"', "1", "*", ' "1" '])
    def test_ways_to_name_it(self, edit: Edit, if_match: str) -> None:
        assert edit(if_match, memory="I live in Lisbon.").status == 200

    @pytest.mark.parametrize("if_match", ["", '""', '"one"', '"-1"', '"1", "2"', '"1.0"', '"٣"', '"' + "1" * 40 + '"'])
    def test_what_names_none_is_malformed(self, platform: Management, edit: Edit, if_match: str) -> None:
        is_problem(edit(if_match, memory="I live in Lisbon."), 422, "If-Match")
        assert platform.events.events == []

    def test_of_two_editors_at_once_one_is_told_to_read_again(
        self, platform: Management, user: str, memory: dict[str, Any], edit: Edit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The second has read the same version, and is done while the first one's words are embedded.
        embed = platform.embedder.embed

        def interrupted(texts: list[str], *, timeout: float) -> list[list[float]]:
            monkeypatch.setattr(platform.embedder, "embed", embed)
            assert edit(memory="I live in Braga.").status == 200
            return embed(texts, timeout=timeout)

        monkeypatch.setattr(platform.embedder, "embed", interrupted)
        is_problem(edit(memory="I live in Lisbon."), 412)
        view = platform.call("GET", f"/v1/memories/{memory['id']}", user=user).json
        assert (view["memory"], view["version"]) == ("I live in Braga.", 2)
        assert len(of_type(platform, EventType.UPDATE)) == 1

    def test_whoever_does_not_care_changes_what_is_there_by_then(
        self, platform: Management, user: str, memory: dict[str, Any], edit: Edit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        replace = platform.memories.points[AccountId(user)]
        embed = platform.embedder.embed

        def interrupted(texts: list[str], *, timeout: float) -> list[list[float]]:
            monkeypatch.setattr(platform.embedder, "embed", embed)
            assert edit(importance=1).status == 200
            return embed(texts, timeout=timeout)

        monkeypatch.setattr(platform.embedder, "embed", interrupted)
        view = edit("*", memory="I live in Lisbon.").json
        assert (view["memory"], view["importance"], view["version"]) == ("I live in Lisbon.", 1, 3)
        assert replace[memory["id"]].memory.history == (PastVersion(2, "I live in Porto.", NOW, f"user:{user}"),)


class TestPin:
    def test_on_and_off(self, platform: Management, user: str, memory: dict[str, Any]) -> None:
        path = f"/v1/memories/{memory['id']}/pin"
        pinned = platform.call("PUT", path, user=user)
        assert (pinned.json["pinned"], pinned.headers["etag"]) == (True, '"2"')
        assert platform.call("PUT", path, user=user).json["version"] == 2, "it is pinned already"
        unpinned = platform.call("DELETE", path, user=user)
        assert (unpinned.status, unpinned.json["pinned"], unpinned.json["version"]) == (200, False, 3)
        assert len(of_type(platform, EventType.UPDATE)) == 2
        assert platform.embedder.calls == []

    def test_of_a_memory_that_is_not_there(self, platform: Management, user: str) -> None:
        is_problem(platform.call("PUT", "/v1/memories/none/pin", user=user), 404)
        is_problem(platform.call("DELETE", "/v1/memories/none/pin", user=user), 404)


class TestDelete:
    @pytest.mark.parametrize("if_match", [None, '"1"', "*"])
    def test_it_is_gone_with_its_history(
        self, platform: Management, user: str, memory: dict[str, Any], if_match: str | None
    ) -> None:
        path = f"/v1/memories/{memory['id']}"
        headers = {"if-match": if_match} if if_match else {}
        answer = platform.call("DELETE", path, user=user, headers=headers)
        assert (answer.status, answer.body) == (204, "")
        for gone in (path, f"{path}/history"):
            is_problem(platform.call("GET", gone, user=user), 404)
        is_problem(platform.call("DELETE", path, user=user), 404)
        event = the_event(platform, EventType.DELETE)
        assert (event.memory_ids, event.actor) == ((memory["id"],), f"user:{user}")
        holds_no_text(platform, "Porto")

    def test_what_somebody_has_just_corrected_is_not_deleted(
        self, platform: Management, user: str, memory: dict[str, Any], edit: Edit
    ) -> None:
        edit(memory="I live in Lisbon.")
        path = f"/v1/memories/{memory['id']}"
        is_problem(platform.call("DELETE", path, user=user, headers={"if-match": '"1"'}), 412)
        is_problem(platform.call("DELETE", path, user=user, headers={"if-match": "one"}), 422, "If-Match")
        assert platform.call("GET", path, user=user).status == 200


class TestDeleteByFilter:
    def delete(self, platform: Management, user: str, **body: Any) -> Answer:
        return platform.call("POST", "/v1/memories/delete", user=user, body=body)

    def test_a_dry_run_counts_and_touches_nothing(self, platform: Management, user: str) -> None:
        platform.put(*shelf(user).values())
        assert self.delete(platform, user, filter={"scope": "user"}).json == {
            "matched": 2,
            "deleted": 0,
            "stopped_early": False,
        }
        assert self.delete(platform, user, filter={"scope": "user", "state": "all"}).json["matched"] == 4
        assert len(platform.memories.of(AccountId(user))) == 6
        assert platform.events.events == []

    def test_then_it_is_done_with_the_number_that_was_told(self, platform: Management, user: str) -> None:
        memories = shelf(user)
        other = belonging_to(platform.platform.new_user(), a_memory("Another's."))
        platform.put(*memories.values(), other)
        answer = self.delete(platform, user, filter={"agent_id": "agent-1"}, dry_run=False, expected=1)
        assert answer.json == {"matched": 1, "deleted": 1, "stopped_early": False}
        left = {memory.id for memory in platform.memories.of(AccountId(user))}
        assert left == {memory.id for name, memory in memories.items() if name != "tool"}
        assert len(platform.memories.of(other.account_id)) == 1
        event = the_event(platform, EventType.DELETE)
        assert (event.agent_id, event.result_count, event.metadata) == ("agent-1", 1, {"by": "filter"})

    @pytest.mark.parametrize("expected", [1, 3])
    def test_if_there_are_others_by_now_nothing_is_deleted(
        self, platform: Management, user: str, expected: int
    ) -> None:
        platform.put(*shelf(user).values())
        answer = self.delete(platform, user, filter={"scope": "user"}, dry_run=False, expected=expected)
        is_problem(answer, 409)
        assert f"2 memories match by now, not {expected}" in answer.json["detail"]
        assert len(platform.memories.of(AccountId(user))) == 6
        assert platform.events.events == []

    def test_none_expected_and_none_there_is_done(self, platform: Management, user: str) -> None:
        answer = self.delete(platform, user, filter={"text": "nowhere"}, dry_run=False, expected=0)
        assert answer.json == {"matched": 0, "deleted": 0, "stopped_early": False}
        assert platform.events.events == []

    @pytest.mark.parametrize("conditions", [{}, {"state": "all"}, {"scope": None}])
    def test_a_filter_that_lets_everything_through_is_refused(
        self, platform: Management, user: str, conditions: dict[str, Any]
    ) -> None:
        answer = self.delete(platform, user, filter=conditions)
        is_problem(answer, 422, "body")
        assert answer.json["detail"].startswith("body: filter needs at least one condition")

    def test_pinned_false_is_a_condition(self, platform: Management, user: str) -> None:
        platform.put(*shelf(user).values())
        assert self.delete(platform, user, filter={"pinned": False}).json["matched"] == 3

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "filter"),
            ({"filter": None}, "filter"),
            ({"filter": {"scope": "user"}, "dry_run": False}, "body"),
            ({"filter": {"scope": "user"}, "dry_run": False, "expected": -1}, "expected"),
            ({"filter": {"scope": "team"}}, "filter.scope"),
            ({"filter": {"user": "*"}}, "filter.user"),
            ({"filter": {"must_not": []}}, "filter.must_not"),
            ({"filter": {"agent_id": "*"}}, "filter.agent_id"),
            ({"filter": {"created_before": "2026"}}, "filter.created_before"),
        ],
    )
    def test_bad_requests(self, platform: Management, user: str, body: dict[str, Any], field: str) -> None:
        is_problem(self.delete(platform, user, **body), 422, field)
