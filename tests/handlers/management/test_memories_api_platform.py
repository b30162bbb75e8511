"""``/memory``: the routes by the names that the platform knows; and that all works while memory is off."""

import pytest
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType

from tests.support.management.api import Management
from tests.support.management.checks import added, holds_no_text, is_problem, of_type, shelf, the_event


class TestPlanRoutes:
    """The platform's front end calls these by the names it knows."""

    def test_the_user_memory(self, platform: Management, user: str) -> None:
        memories = shelf(user)
        platform.put(*memories.values())
        path = f"/memory/user/{user}"
        assert platform.call("GET", path, user=user).ids == [memories["tea"].id, memories["porto"].id]
        assert platform.call("GET", path, user=user, limit=1).ids == [memories["tea"].id]
        found = platform.call("GET", path, user=user, query="tea, coffee", limit=1).json["memories"]
        assert (found[0]["id"], found[0]["score"] > 0) == (memories["tea"].id, True)
        cleared = platform.call("DELETE", path, user=user)
        assert (cleared.status, cleared.json) == (200, {"status": "cleared"})
        assert platform.call("GET", path, user=user).json["memories"] == []
        assert platform.call("GET", "/v1/memories", user=user).ids == [memories["tool"].id, memories["turn"].id]
        event = the_event(platform, EventType.CLEAR)
        assert (event.result_count, event.metadata["target"]) == (4, "user")  # with those that had ended
        assert len(platform.events.events) == 6  # each request left one
        holds_no_text(platform, "tea", "Paulo")

    def test_the_memory_of_an_agent(self, platform: Management, user: str) -> None:
        agent = platform.platform.new_agent(AccountId(user))
        mine = added(platform, user, "Answers in French.", scope="agent", agent_id=agent)
        added(platform, user, "Answers in verse.", scope="agent", agent_id="another")
        path = f"/memory/agent/{agent}"
        assert platform.call("GET", path, user=user).ids == [mine["id"]]
        assert platform.call("GET", path, user=user, query="French").ids == [mine["id"]]
        assert platform.call("DELETE", path, user=user).json == {"status": "cleared"}
        assert platform.call("GET", path, user=user).ids == []
        assert the_event(platform, EventType.CLEAR).agent_id == agent
        assert len(platform.call("GET", "/v1/memories", user=user, scope="agent").ids) == 1

    @pytest.mark.parametrize("method", ["GET", "DELETE"])
    def test_of_others_is_not_allowed(self, platform: Management, user: str, method: str) -> None:
        stranger = platform.platform.new_user()
        agent = platform.platform.new_agent(AccountId(stranger))
        for path in (f"/memory/user/{stranger}", f"/memory/agent/{agent}"):
            is_problem(platform.call(method, path, user=user), 403)
        denied = of_type(platform, EventType.DENIED)
        assert [(event.account_id, event.actor) for event in denied] == [(stranger, f"user:{user}")] * 2

    @pytest.mark.parametrize("method", ["GET", "DELETE"])
    def test_an_agent_that_does_not_exist_looks_like_anothers(
        self, platform: Management, user: str, method: str
    ) -> None:
        theirs = platform.platform.new_agent(AccountId(platform.platform.new_user()))
        absent = platform.call(method, "/memory/agent/nobody", user=user)
        is_problem(absent, 403)
        assert platform.call(method, f"/memory/agent/{theirs}", user=user).body == absent.body

    @pytest.mark.parametrize(("name", "value"), [("limit", 0), ("limit", 101), ("limit", "x"), ("query", "?!")])
    def test_bad_parameters(self, platform: Management, user: str, name: str, value: object) -> None:
        is_problem(platform.call("GET", f"/memory/user/{user}", user=user, **{name: value}), 422, name)  # type: ignore[arg-type]


class TestSwitchedOff:
    def test_everything_works_while_memory_is_off(self, platform: Management, user: str) -> None:
        agent = platform.platform.new_agent(AccountId(user))
        kept = added(platform, user, "I like tea.")
        for path in ("/v1/settings", f"/v1/agents/{agent}/settings"):
            assert platform.call("PATCH", path, user=user, body={"memory_enabled": False}).status == 200
        one = f"/v1/memories/{kept['id']}"
        requests: list[tuple[str, str, object, dict[str, str]]] = [
            ("GET", "/v1/memories", None, {}),
            ("POST", "/v1/memories/search", {"query": "tea"}, {}),
            ("GET", one, None, {}),
            ("PATCH", one, {"importance": 1}, {"if-match": '"1"'}),
            ("PUT", f"{one}/pin", None, {}),
            ("GET", f"{one}/history", None, {}),
            ("GET", f"/memory/user/{user}", None, {}),
            ("GET", "/v1/usage", None, {}),
            ("GET", "/v1/export", None, {}),
            ("POST", "/v1/import", b"", {}),
            ("POST", "/v1/memories/delete", {"filter": {"scope": "user"}}, {}),
            ("DELETE", one, None, {}),
            ("POST", "/v1/erasures", {"target": "account", "confirm": "erase"}, {}),
            ("GET", "/v1/erasures", None, {}),
            ("DELETE", f"/memory/agent/{agent}", None, {}),
            ("PATCH", "/v1/settings", {"memory_enabled": True}, {}),
        ]
        for method, path, body, headers in requests:
            answer = platform.call(method, path, user=user, body=body, headers=headers)
            assert answer.status in (200, 204), (method, path, answer.body)
