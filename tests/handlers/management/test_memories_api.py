"""``/v1/memories`` and ``/memory``: list, search, read, add; and what nobody may send."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from operator_memory.domain.errors import UpstreamTimeoutError
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType

from tests.support.builders import NOW, a_memory
from tests.support.management.api import Management
from tests.support.management.checks import added, belonging_to, holds_no_text, is_problem, of_type, shelf, the_event


def encoded(place: object) -> str:
    """A cursor for ``place``, made as ours are."""
    text = place if isinstance(place, bytes) else json.dumps(place).encode()
    return base64.urlsafe_b64encode(text).decode()


AN_ID = "5f0f7d5c-40a1-5b2e-8a3a-3a0f5e0f7d5c"
PLACES: list[object] = [
    {},
    [],
    ["-created_at", "2026-11-24T12:00:00Z"],
    ["-created_at", "2026-11-24T12:00:00", AN_ID],
    ["-created_at", "yesterday", AN_ID],
    ["-created_at", "2026-11-24T12:00:00Z", "no id"],
    ["-created_at", "2026-11-24T12:00:00Z", 7],
    ["-created_at", 7, AN_ID],
    ["importance", "nan", AN_ID],
    ["importance", "0.5", AN_ID],
    [["-created_at"], "2026-11-24T12:00:00Z", AN_ID],
]
"""What no list in the usual order gives as a place."""


class TestList:
    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            ({}, "tea porto tool turn"),
            ({"scope": "user"}, "tea porto"),
            ({"scope": "agent"}, "tool"),
            ({"kind": "turn"}, "turn"),
            ({"kind": "fact", "scope": "session"}, ""),
            ({"agent_id": "agent-1"}, "tool"),
            ({"session_id": "session-1"}, "turn"),
            ({"thread_id": "thread-1"}, "turn"),
            ({"author_id": "bob"}, "porto"),
            ({"pinned": True}, "tea"),
            ({"pinned": False}, "porto tool turn"),
            ({"created_after": "2026-11-22T12:00:00Z"}, "tea porto"),
            ({"created_before": "2026-11-22T12:00:00Z"}, "tool turn"),
            ({"created_after": "2026-11-22T14:00:00+02:00", "created_before": "2026-11-23T12:00:00Z"}, "porto"),
            ({"text": "tea, coffee"}, "tea"),
            ({"text": "COFFEE tea"}, "tea"),
            ({"text": "tea milk"}, ""),
            ({"text": "são"}, "porto"),
            ({"text": "French"}, "tool"),
            ({"text": "!?"}, ""),
            ({"state": "all"}, "tea porto tool turn old gone"),
            ({"state": "all", "text": "rome"}, "old"),
        ],
    )
    def test_every_condition_narrows(
        self, platform: Management, user: str, condition: dict[str, Any], expected: str
    ) -> None:
        memories = shelf(user)
        platform.put(*memories.values())
        answer = platform.call("GET", "/v1/memories", user=user, **condition)
        assert answer.ids == [memories[name].id for name in expected.split()]
        assert answer.json["next_cursor"] is None

    def test_a_memory_is_shown_with_all_that_is_known_about_it(self, platform: Management, user: str) -> None:
        platform.put(shelf(user)["turn"])
        [view] = platform.call("GET", "/v1/memories", user=user).json["memories"]
        assert view["memory"] == "Good morning!"
        assert (view["scope"], view["kind"], view["session_id"]) == ("session", "turn", "session-1")
        assert (view["thread_id"], view["version"], view["pinned"]) == ("thread-1", 1, False)
        assert (view["created_at"], view["access_count"]) == ("2026-11-20T12:00:00Z", 0)
        assert "account_id" not in view
        assert view["score"] is None

    @pytest.mark.parametrize("sort", ["created_at", "updated_at", "importance"])
    @pytest.mark.parametrize("minus", ["", "-"])
    def test_a_cursor_walks_every_order_to_its_end(
        self, platform: Management, user: str, sort: str, minus: str
    ) -> None:
        memories = [a_memory(f"Fact {n}.", days_old=n // 3, importance=(n % 4) / 4) for n in range(23)]
        memories = [belonging_to(user, memory) for memory in memories]
        platform.put(*memories)
        expected = sorted(memories, key=lambda memory: memory.id)
        expected.sort(key=lambda memory: getattr(memory, sort), reverse=minus == "-")
        walked: list[str] = []
        cursor = None
        while cursor is not None or not walked:
            answer = platform.call("GET", "/v1/memories", user=user, sort=minus + sort, limit=5, cursor=cursor)
            walked += answer.ids
            cursor = answer.json["next_cursor"]
        assert walked == [memory.id for memory in expected]

    def test_a_cursor_outlives_that_its_own_memory_is_deleted(self, platform: Management, user: str) -> None:
        memories = [belonging_to(user, a_memory(f"Fact {n}.", days_old=n)) for n in range(4)]
        platform.put(*memories)
        page = platform.call("GET", "/v1/memories", user=user, limit=2)
        platform.call("DELETE", f"/v1/memories/{page.ids[-1]}", user=user)
        after = platform.call("GET", "/v1/memories", user=user, limit=2, cursor=page.json["next_cursor"])
        assert after.ids == [memory.id for memory in memories[2:]]

    @pytest.mark.parametrize(
        "cursor", ["x", "üü", "%", encoded(b"\xff\xfe"), encoded(b"[" * 300), *map(encoded, PLACES)]
    )
    def test_a_cursor_that_this_list_did_not_give_is_refused(
        self, platform: Management, user: str, cursor: str
    ) -> None:
        is_problem(platform.call("GET", "/v1/memories", user=user, cursor=cursor), 422, "cursor")

    def test_a_cursor_of_another_order_is_refused(self, platform: Management, user: str) -> None:
        platform.put(*(belonging_to(user, a_memory(f"Fact {n}.")) for n in range(2)))
        cursor = platform.call("GET", "/v1/memories", user=user, limit=1).json["next_cursor"]
        is_problem(platform.call("GET", "/v1/memories", user=user, sort="created_at", cursor=cursor), 422, "cursor")

    def test_another_accounts_cursor_shows_nothing_of_it(self, platform: Management, user: str) -> None:
        other = platform.platform.new_user()
        platform.put(*(belonging_to(other, a_memory(f"Fact {n}.", days_old=n)) for n in range(4)))
        mine = belonging_to(user, a_memory("Mine.", days_old=9))
        platform.put(mine)
        cursor = platform.call("GET", "/v1/memories", user=other, limit=1).json["next_cursor"]
        assert platform.call("GET", "/v1/memories", user=user, cursor=cursor).ids == [mine.id]

    def test_a_very_long_memory_is_shortened_in_a_list_and_whole_by_itself(
        self, platform: Management, user: str
    ) -> None:
        memory = belonging_to(user, a_memory("word " * 5_000))
        platform.put(memory)
        [listed] = platform.call("GET", "/v1/memories", user=user).json["memories"]
        assert listed["memory"] == memory.text[:8_000] + " [...]"
        assert platform.call("GET", f"/v1/memories/{memory.id}", user=user).json["memory"] == memory.text

    def test_a_page_leaves_one_event_with_the_ids_that_were_seen(self, platform: Management, user: str) -> None:
        memories = shelf(user)
        platform.put(*memories.values())
        platform.call("GET", "/v1/memories", user=user, agent_id="agent-1")
        event = the_event(platform, EventType.SEARCH)
        assert (event.account_id, event.actor, event.agent_id) == (user, f"user:{user}", "agent-1")
        assert (event.memory_ids, event.result_count) == ((memories["tool"].id,), 1)
        assert event.metadata == {"how": "list"}
        holds_no_text(platform, "French")

    def test_the_words_of_a_condition_are_never_recorded(self, platform: Management, user: str) -> None:
        platform.call("PATCH", "/v1/settings", user=user, body={"record_queries": True})
        platform.call("GET", "/v1/memories", user=user, text="psoriasis")
        holds_no_text(platform, "psoriasis")


class TestSearch:
    def test_the_best_come_first_with_their_scores(self, platform: Management, user: str) -> None:
        platform.put(*shelf(user).values())
        answer = platform.call("POST", "/v1/memories/search", user=user, body={"query": "tea and coffee", "limit": 3})
        views = answer.json["memories"]
        assert views[0]["memory"] == "I like tea, and coffee."
        scores = [view["score"] for view in views]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] > scores[-1]
        assert answer.json["next_cursor"] is None

    def test_what_has_ended_is_found_only_if_asked_for(self, platform: Management, user: str) -> None:
        platform.put(*shelf(user).values())

        def search(**conditions: object) -> list[str]:
            body = {"query": "Lived in Rome", "filter": conditions}
            answer = platform.call("POST", "/v1/memories/search", user=user, body=body)
            return [view["memory"] for view in answer.json["memories"]]

        assert "Lived in Rome." not in search()
        assert search(state="all")[0] == "Lived in Rome."
        assert search(scope="agent") == ["Answers in French."]
        assert search(author_id="nobody") == []

    @pytest.mark.parametrize("recorded", [False, True])
    def test_the_query_is_on_record_only_where_that_is_switched_on(
        self, platform: Management, user: str, recorded: bool
    ) -> None:
        platform.put(*shelf(user).values())
        if recorded:
            platform.call("PATCH", "/v1/settings", user=user, body={"record_queries": True})
        answer = platform.call("POST", "/v1/memories/search", user=user, body={"query": "any tea?"})
        event = the_event(platform, EventType.SEARCH)
        assert event.query == ("any tea?" if recorded else None)
        assert list(event.memory_ids) == answer.ids
        assert event.metadata == {"how": "search"}
        holds_no_text(platform, "I like tea")

    def test_while_the_switches_cannot_be_read_a_search_goes_on_and_is_not_recorded(
        self, platform: Management, user: str
    ) -> None:
        platform.put(*shelf(user).values())
        platform.call("PATCH", "/v1/settings", user=user, body={"record_queries": True})
        platform.platform.error = UpstreamTimeoutError("supabase", "no answer")
        assert platform.call("POST", "/v1/memories/search", user=user, body={"query": "tea"}).ids
        assert platform.call("GET", f"/memory/user/{user}", user=user, query="tea").ids
        assert [event.query for event in of_type(platform, EventType.SEARCH)] == [None, None]

    def test_without_embeddings_there_is_no_search_but_a_503(self, platform: Management, user: str) -> None:
        platform.embedder.error = UpstreamTimeoutError("embeddings", "no answer")
        answer = platform.call("POST", "/v1/memories/search", user=user, body={"query": "tea"})
        is_problem(answer, 503)
        assert answer.headers["retry-after"] == "1"
        assert of_type(platform, EventType.SEARCH) == []

    @pytest.mark.parametrize("query", ["?!", "   ", "\u200b"])
    def test_a_query_without_a_word_is_refused(self, platform: Management, user: str, query: str) -> None:
        is_problem(platform.call("POST", "/v1/memories/search", user=user, body={"query": query}), 422, "query")


class TestRead:
    def test_one_memory_with_its_version_in_whatever_state(self, platform: Management, user: str) -> None:
        memories = shelf(user)
        platform.put(*memories.values())
        for name in ("tea", "old", "gone"):
            answer = platform.call("GET", f"/v1/memories/{memories[name].id}", user=user)
            assert (answer.status, answer.headers["etag"]) == (200, '"1"')
            assert answer.json["memory"] == memories[name].text
        assert [event.metadata["how"] for event in of_type(platform, EventType.SEARCH)] == ["read"] * 3
        holds_no_text(platform, "tea", "Rome", "holiday")

    def test_not_yours_is_like_not_there(self, platform: Management, user: str) -> None:
        stranger = platform.platform.new_user()
        memory = belonging_to(stranger, a_memory())
        platform.put(memory)
        foreign = platform.call("GET", f"/v1/memories/{memory.id}", user=user)
        absent = platform.call("GET", "/v1/memories/8b393649-fa6d-536b-8612-394070d5a19e", user=user)
        is_problem(foreign, 404)
        assert foreign.body == absent.body
        assert platform.events.events == [], "nothing was touched"

    @pytest.mark.parametrize("identity", ["1", "no-uuid", "8B393649-FA6D-536B-8612-394070D5A19E", "*", "$where"])
    def test_an_id_that_no_memory_has_is_not_found(self, platform: Management, user: str, identity: str) -> None:
        is_problem(platform.call("GET", f"/v1/memories/{identity}", user=user), 404)
        is_problem(platform.call("GET", f"/v1/memories/{identity}/history", user=user), 404)


class TestAdd:
    def test_a_memory_by_hand_is_found_at_once(self, platform: Management, user: str) -> None:
        body = {"memory": "I like tea.", "importance": 0.8, "pinned": True, "thread_id": "t-1"}
        answer = platform.call("POST", "/v1/memories", user=user, body=body)
        assert (answer.status, answer.headers["etag"]) == (201, '"1"')
        view = answer.json
        assert (view["memory"], view["scope"], view["kind"], view["author_id"]) == ("I like tea.", "user", "fact", user)
        assert (view["importance"], view["pinned"], view["thread_id"]) == (0.8, True, "t-1")
        assert platform.call("GET", "/v1/memories", user=user).ids == [view["id"]]
        event = the_event(platform, EventType.ADD)
        assert (event.memory_ids, event.thread_id, event.metadata) == ((view["id"],), "t-1", {"source": "by_hand"})
        holds_no_text(platform, "I like tea")

    @pytest.mark.parametrize(("scope", "owner"), [("agent", "agent_id"), ("session", "session_id")])
    def test_in_every_scope(self, platform: Management, user: str, scope: str, owner: str) -> None:
        view = added(platform, user, "Be brief.", scope=scope, **{owner: "o-1"})
        assert (view["scope"], view[owner]) == (scope, "o-1")

    @pytest.mark.parametrize("again", ["I like tea.", "i  like TEA", "I like tea"])
    def test_the_same_words_again_are_the_same_memory(self, platform: Management, user: str, again: str) -> None:
        first = added(platform, user, "I like tea.")
        answer = platform.call("POST", "/v1/memories", user=user, body={"memory": again})
        assert (answer.status, answer.json) == (200, first)
        assert len(of_type(platform, EventType.ADD)) == 1

    def test_the_same_words_elsewhere_are_another_memory(self, platform: Management, user: str) -> None:
        ids = {added(platform, user, "Be brief.")["id"]}
        ids |= {added(platform, user, "Be brief.", scope="agent", agent_id=agent)["id"] for agent in ("a", "b")}
        assert len(ids) == 3

    def test_words_that_were_corrected_since_can_be_said_again_and_are_kept_once(
        self, platform: Management, user: str
    ) -> None:
        first = added(platform, user, "I live in Porto.")
        path = f"/v1/memories/{first['id']}"
        change = {"memory": "I live in Lisbon."}
        platform.call("PATCH", path, user=user, body=change, headers={"if-match": '"1"'})
        second = added(platform, user, "I live in Porto.")
        assert second["id"] != first["id"]
        again = platform.call("POST", "/v1/memories", user=user, body={"memory": "I live in Porto."})
        assert (again.status, again.json["id"]) == (200, second["id"])
        texts = [view["memory"] for view in platform.call("GET", "/v1/memories", user=user).json["memories"]]
        assert sorted(texts) == ["I live in Lisbon.", "I live in Porto."]

    def test_what_has_expired_can_be_said_again(self, platform: Management, user: str) -> None:
        added(platform, user, "On holiday.", expires_at="2026-11-24T13:00:00Z")
        platform.clock.advance(hours=2)
        view = added(platform, user, "On holiday.")
        assert view["expires_at"] is None
        assert platform.call("GET", "/v1/memories", user=user).ids == [view["id"]]

    def test_an_end_in_the_past_is_refused(self, platform: Management, user: str) -> None:
        body = {"memory": "On holiday.", "expires_at": "2026-11-24T11:59:59Z"}
        is_problem(platform.call("POST", "/v1/memories", user=user, body=body), 422, "expires_at")
        assert platform.memories.points.get(AccountId(user), {}) == {}

    def test_an_end_is_given_in_utc_and_announced_to_the_sweep(self, platform: Management, user: str) -> None:
        view = added(platform, user, "On holiday.", expires_at="2026-12-01T01:00:00+02:00")
        assert view["expires_at"] == "2026-11-30T23:00:00Z"
        [due] = platform.expiry.due(now=NOW + timedelta(days=30), limit=9)
        assert (due.account_id, due.due_at.isoformat()) == (user, "2026-11-30T23:00:00+00:00")

    def test_during_an_erasure_it_is_a_conflict_and_nothing_stays(self, platform: Management, user: str) -> None:
        def erasing() -> None:
            body = {"target": "account", "confirm": "erase"}
            assert platform.call("POST", "/v1/erasures", user=user, body=body).status == 200

        platform.memories.before_upsert = erasing
        is_problem(platform.call("POST", "/v1/memories", user=user, body={"memory": "I like tea."}), 409)
        assert platform.memories.of(AccountId(user)) == []
        assert of_type(platform, EventType.ADD) == []
