"""Who may come in: tokens, roles, scopes of services, and how often."""

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import jwt
import pytest
from operator_memory.adapters.net.service_tokens import mint
from operator_memory.domain.errors import UpstreamTimeoutError
from operator_memory.domain.learning.jobs import JobState
from operator_memory.domain.management.rate_limits import Bucket, RateLimit
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType
from operator_memory.domain.shared.holds import Hold
from operator_memory.entrypoints.api.openapi import document

from tests.support.builders import NOW, a_memory
from tests.support.management.api import ISSUER, SECRET, Answer, Management, Terms
from tests.support.management.checks import added, belonging_to, is_problem, of_type, the_event


@dataclass(frozen=True)
class Route:
    """A request of one kind. ``needs``: a service's scope; ``owners``: in a team for owners only."""

    method: str
    path: str
    needs: str
    bucket: Bucket
    owners: bool = False
    body: Any = None
    services: bool = False
    """For services only."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


ERASURE = {"target": "account", "confirm": "erase"}
HOLD = {"reason": "Case 7"}
RUN = {"job_id": "j", "thread_id": "t", "status": "completed", "finished_at": "2026-11-24T12:00:00Z"}
USED = {"memory_ids": ["7f000000-0000-4000-8000-000000000001"]}
CORRECTING = Route("PATCH", "/v1/memories/{memory}", "memories:write", Bucket.WRITES, body={"importance": 1})
ROUTES = [
    Route("GET", "/v1/memories", "memories:read", Bucket.READS),
    Route("POST", "/v1/memories/search", "memories:read", Bucket.READS, body={"query": "tea"}),
    Route("POST", "/v1/memories/used", "memories:read", Bucket.WRITES, body=USED),
    Route("GET", "/v1/memories/{memory}", "memories:read", Bucket.READS),
    Route("GET", "/v1/memories/{memory}/history", "memories:read", Bucket.READS),
    Route("POST", "/v1/memories", "memories:write", Bucket.WRITES, body={"memory": "Some other words."}),
    CORRECTING,
    Route("PUT", "/v1/memories/{memory}/pin", "memories:write", Bucket.WRITES),
    Route("DELETE", "/v1/memories/{memory}/pin", "memories:write", Bucket.WRITES),
    Route("DELETE", "/v1/memories/{memory}", "memories:write", Bucket.WRITES),
    Route("POST", "/v1/memories/delete", "memories:clear", Bucket.EXPENSIVE, True, {"filter": {"scope": "user"}}),
    Route("GET", "/v1/settings", "settings:read", Bucket.READS),
    Route("PATCH", "/v1/settings", "settings:write", Bucket.WRITES, True, {"memory_enabled": True}),
    Route("GET", "/v1/agents/{agent}/settings", "settings:read", Bucket.READS),
    Route("PATCH", "/v1/agents/{agent}/settings", "settings:write", Bucket.WRITES, True, {"memory_enabled": True}),
    Route("GET", "/v1/threads/{thread}/settings", "settings:read", Bucket.READS),
    Route("PATCH", "/v1/threads/{thread}/settings", "memories:write", Bucket.WRITES, body={"memory_enabled": True}),
    Route("GET", "/v1/policies", "settings:read", Bucket.READS),
    Route("PUT", "/v1/policies", "memories:clear", Bucket.WRITES, True, {}),
    Route("POST", "/v1/policies/preview", "memories:clear", Bucket.EXPENSIVE, True, {}),
    Route("GET", "/v1/usage", "memories:read", Bucket.READS),
    Route("GET", "/v1/usage/days", "memories:read", Bucket.READS),
    Route("GET", "/v1/budget", "settings:read", Bucket.READS),
    Route("PUT", "/v1/budget", "settings:write", Bucket.WRITES, True, {"tokens": 1_000}),
    Route("GET", "/v1/export", "memories:read", Bucket.EXPENSIVE),
    Route("POST", "/v1/import", "memories:clear", Bucket.EXPENSIVE, True, b""),
    Route("GET", "/v1/archive", "memories:read", Bucket.READS),
    Route("POST", "/v1/archive/restore", "memories:write", Bucket.EXPENSIVE, body={"everything": True}),
    Route("POST", "/v1/erasures", "memories:clear", Bucket.EXPENSIVE, True, ERASURE),
    Route("GET", "/v1/erasures", "memories:read", Bucket.READS),
    Route("GET", "/v1/erasures/{erasure}", "memories:read", Bucket.READS),
    Route("GET", "/v1/erasures/{erasure}/receipt", "memories:read", Bucket.READS),
    Route("POST", "/v1/erasures/{erasure}/resume", "memories:clear", Bucket.EXPENSIVE, True),
    Route("GET", "/v1/holds", "holds:read", Bucket.READS, True),
    Route("PUT", "/v1/holds/account", "holds:write", Bucket.WRITES, False, HOLD, services=True),
    Route("DELETE", "/v1/holds/account", "holds:write", Bucket.WRITES, services=True),
    Route("PUT", "/v1/holds/threads/{thread}", "holds:write", Bucket.WRITES, False, HOLD, services=True),
    Route("DELETE", "/v1/holds/threads/{thread}", "holds:write", Bucket.WRITES, services=True),
    Route("POST", "/v1/jobs", "jobs:write", Bucket.WRITES, body=RUN),
    Route("GET", "/v1/jobs/{job}", "jobs:read", Bucket.READS),
    Route("POST", "/v1/jobs/{job}/undo", "memories:clear", Bucket.EXPENSIVE, True),
    Route("POST", "/v1/undo/preview", "memories:clear", Bucket.EXPENSIVE, True, {"run_id": "job-1"}),
    Route("POST", "/v1/undo", "memories:clear", Bucket.EXPENSIVE, True, {"run_id": "job-1"}),
    Route("GET", "/memory/user/{account}", "memories:read", Bucket.READS),
    Route("DELETE", "/memory/user/{account}", "memories:clear", Bucket.EXPENSIVE, True),
    Route("GET", "/memory/agent/{agent}", "memories:read", Bucket.READS),
    Route("DELETE", "/memory/agent/{agent}", "memories:clear", Bucket.EXPENSIVE, True),
    Route("POST", "/v1/memories/{quarantined}/approve", "memories:write", Bucket.WRITES),
    Route("POST", "/v1/memories/{replaced}/restore", "memories:write", Bucket.WRITES),
]
"""Every route of the API; `test_every_route_stands_in_the_table` compares it with the router."""

each_route = pytest.mark.parametrize("route", ROUTES, ids=str)


class World:
    """A team with an owner, a member and somebody outside, and one thing of every kind."""

    def __init__(self, **options: Any) -> None:
        self.api = Management(**options)
        self.api.clock.time = NOW
        self.owner, self.member, self.outsider = (self.api.platform.new_user() for _ in range(3))
        self.team = self.api.platform.new_team(self.owner, self.member)
        agent, thread = self.api.platform.new_agent(self.team), self.api.platform.new_thread(self.team)
        memory = added(self.api, self.owner, "I like tea.", account_id=self.team)["id"]
        body = {"target": "agent", "id": "none", "confirm": "erase"}
        erasure = self.api.call("POST", "/v1/erasures", user=self.owner, account_id=self.team, body=body).json["id"]
        newer, day = a_memory("Likes water."), timedelta(days=1)
        waiting = a_memory("Likes gin.", rejected="not_grounded", valid_until=NOW - day, expires_at=NOW + day)
        replaced = a_memory("Likes juice.", superseded_by=newer.id, valid_until=NOW - day)
        self.api.put(*(belonging_to(self.team, each) for each in (newer, waiting, replaced)))
        run = {**RUN, "job_id": "job-1"}
        self.api.call("POST", "/v1/jobs", user=self.owner, account_id=self.team, body=run)
        self.api.jobs.records = {key: replace(r, state=JobState.DONE) for key, r in self.api.jobs.records.items()}
        self.ids = {
            "account": self.team,
            "agent": agent,
            "thread": thread,
            "memory": memory,
            "erasure": erasure,
            "job": "job-1",
            "quarantined": waiting.id,
            "replaced": replaced.id,
        }
        self.api.events.events.clear()

    def send(self, route: Route, **who: Any) -> Answer:
        """Send the request about the team."""
        if (route.method, route.needs) == ("DELETE", "holds:write"):  # what is to be lifted
            for thread_id in (None, self.ids["thread"]):
                self.api.holds.place(self.team, Hold("Case 7", NOW, "service:legal", thread_id))
        in_path = route.path.startswith("/memory/")
        return self.api.call(
            route.method,
            route.path.format(**self.ids),
            account_id=None if in_path else self.team,
            body=route.body,
            headers={"if-match": "*"},
            **who,
        )


@pytest.fixture
def world() -> World:
    return World()


def test_every_route_stands_in_the_table() -> None:
    """The router's own: one that is new needs a line above, and passes the tests below with it."""
    paths = document()["paths"]
    routed = {(method.upper(), path) for path in paths for method in paths[path]}
    named = {(method, re.sub(r"{\w+}", "{}", path)) for method, path in routed - {("POST", "/v1/context")}}
    listed = [(route.method, re.sub(r"{\w+}", "{}", route.path)) for route in ROUTES]
    assert sorted(listed) == sorted(named)


class TestPeople:
    @each_route
    def test_an_owner_may_do_everything_that_is_not_for_services(self, world: World, route: Route) -> None:
        answer = world.send(route, user=world.owner)
        if route.services:
            is_problem(answer, 403)
            assert "service" in answer.json["detail"]
        else:
            assert answer.status < 300

    @each_route
    def test_a_member_may_do_what_is_not_for_owners(self, world: World, route: Route) -> None:
        answer = world.send(route, user=world.member)
        if route.owners or route.services:
            is_problem(answer, 403)
            assert ("service" if route.services else "owner") in answer.json["detail"]
        else:
            assert answer.status < 300

    @each_route
    def test_others_may_do_nothing_and_that_they_tried_is_on_record(self, world: World, route: Route) -> None:
        before = world.api.memories.of(world.team)
        is_problem(world.send(route, user=world.outsider), 403)
        event = the_event(world.api, EventType.DENIED)
        assert len(world.api.events.events) == 1
        assert (event.account_id, event.actor) == (world.team, f"user:{world.outsider}")
        assert (event.memory_ids, event.result_count) == ((), 0)
        assert event.metadata == {"action": route.needs}
        assert world.api.memories.of(world.team) == before

    def test_whoever_has_left_the_team_is_an_outsider(self, world: World) -> None:
        world.api.platform.remove_member(world.team, world.member)
        is_problem(world.send(ROUTES[0], user=world.member), 403)

    def test_without_an_account_it_is_ones_own(self, world: World) -> None:
        mine = added(world.api, world.outsider, "Mine.")
        assert world.api.call("GET", "/v1/memories", user=world.outsider).ids == [mine["id"]]

    def test_a_personal_account_needs_no_look_into_the_platform(self, world: World) -> None:
        world.api.platform.error = UpstreamTimeoutError("supabase", "no answer")
        assert world.api.call("GET", "/v1/memories", user=world.outsider).status == 200
        is_problem(world.send(ROUTES[0], user=world.owner), 503)
        assert of_type(world.api, EventType.DENIED) == [], "it is not known that it was to be denied"

    def test_a_member_may_delete_by_filter_what_he_said_himself(self, world: World) -> None:
        added(world.api, world.member, "Bob likes beer.", account_id=world.team)

        def delete(author: str) -> Answer:
            body = {"filter": {"author_id": author}, "dry_run": False, "expected": 1}
            return world.api.call("POST", "/v1/memories/delete", user=world.member, account_id=world.team, body=body)

        is_problem(delete(world.owner), 403)
        assert delete(world.member).json == {"matched": 1, "deleted": 1, "stopped_early": False}


class TestServices:
    @each_route
    def test_a_token_with_the_scope_may(self, world: World, route: Route) -> None:
        assert world.send(route, token=world.api.service_token(route.needs)).status < 300

    @each_route
    def test_one_with_all_scopes_but_that_may_not(self, world: World, route: Route) -> None:
        others = {each.needs for each in ROUTES} - {route.needs} | {"context:read"}
        answer = world.send(route, token=world.api.service_token(*others))
        is_problem(answer, 403)
        if "/memory/agent/" not in route.path:  # there it is not told whether the agent exists
            assert route.needs in answer.json["detail"]
        event = the_event(world.api, EventType.DENIED)
        assert event.account_id == world.team
        assert event.actor.startswith("service:")

    @each_route
    def test_one_that_is_bound_to_another_account_may_not(self, world: World, route: Route) -> None:
        is_problem(world.send(route, token=world.api.service_token(account=world.outsider)), 403)
        assert the_event(world.api, EventType.DENIED).account_id == world.team

    @each_route
    def test_one_that_is_bound_to_this_account_may(self, world: World, route: Route) -> None:
        assert world.send(route, token=world.api.service_token(account=world.team)).status < 300

    def test_the_account_need_not_be_named_where_the_token_is_bound_to_it(self, world: World) -> None:
        token = world.api.service_token(account=world.team)
        assert world.ids["memory"] in world.api.call("GET", "/v1/memories", token=token).ids

    def test_else_it_must_be(self, world: World) -> None:
        is_problem(world.api.call("GET", "/v1/memories", token=world.api.service_token()), 422, "account_id")


class TestTokens:
    @each_route
    def test_nobody_comes_in_without_one(self, world: World, route: Route) -> None:
        answer = world.send(route)
        is_problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert world.api.events.events == []

    @pytest.mark.parametrize(
        "claims",
        [
            {"exp": 1},
            {"nbf": 4102444800},
            {"aud": "anon"},
            {"aud": None},
            {"iss": "https://other.test/auth/v1"},
            {"sub": None},
            {"sub": "*"},
            {"role": "service_role", "sub": ""},
        ],
        ids=str,
    )
    def test_a_persons_with_wrong_claims(self, world: World, claims: dict[str, object]) -> None:
        token = world.api.user_token(world.outsider, **claims)
        is_problem(world.api.call("GET", "/v1/memories", token=token), 401)

    @pytest.mark.parametrize(
        "token",
        [
            "x",
            "a.b.c",
            "..",
            "ü",
            jwt.encode({"sub": "u", "aud": "authenticated", "iss": ISSUER, "exp": 4102444800}, "", algorithm="none"),
            jwt.encode(
                {"sub": "u", "aud": "authenticated", "iss": ISSUER, "exp": 4102444800}, SECRET * 2, algorithm="HS256"
            ),
            mint("k1", b"another-key-of-thirty-two-characters", permissions=["memories:read"], now=NOW),
            mint("k9", b"a-key-of-at-least-thirty-two-characters", permissions=["memories:read"], now=NOW),
        ],
        ids=range(8),
    )
    def test_what_does_not_verify(self, world: World, token: str) -> None:
        answer = world.api.call("GET", "/v1/memories", token=token)
        is_problem(answer, 401)
        assert token not in answer.body or len(token) < 3

    def test_a_services_that_has_expired(self, world: World) -> None:
        token = world.api.service_token()
        world.api.clock.advance(minutes=6)
        is_problem(world.send(ROUTES[0], token=token), 401)

    @pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "token"])
    def test_a_header_without_one(self, world: World, header: str) -> None:
        is_problem(world.api.call("GET", "/v1/memories", headers={"authorization": header}), 401)


def whoever(world: World, route: Route) -> dict[str, str]:
    """Somebody who may do it: the owner, or a service."""
    return {"token": world.api.service_token()} if route.services else {"user": world.owner}


LIMITS = {Bucket.READS: RateLimit(4), Bucket.WRITES: RateLimit(2), Bucket.EXPENSIVE: RateLimit(1)}


def limited() -> World:
    """A world whose limits nobody has used anything of."""
    world = World(terms=Terms(rates=LIMITS))
    world.api.clock.advance(minutes=5)
    return world


class TestLimits:
    @pytest.mark.parametrize(
        ("path", "method", "allowed", "body"),
        [
            ("/v1/memories", "GET", 4, None),
            ("/v1/settings", "PATCH", 2, {"memory_enabled": True}),
            ("/v1/import", "POST", 1, b""),
        ],
    )
    def test_each_kind_of_call_has_its_own(self, path: str, method: str, allowed: int, body: Any) -> None:
        world = limited()
        for _ in range(allowed):
            assert world.api.call(method, path, user=world.owner, body=body).status == 200
        answer = world.api.call(method, path, user=world.owner, body=body)
        is_problem(answer, 429)
        wait = int(answer.headers["retry-after"])
        assert 1 <= wait <= 60
        assert f"try again in {wait} s" in answer.json["detail"]
        others = {"/v1/memories": "/v1/settings", "/v1/settings": "/v1/import", "/v1/import": "/v1/memories"}
        other = {"/v1/settings": "PATCH", "/v1/import": "POST", "/v1/memories": "GET"}
        free = others[path]
        bodies: dict[str, Any] = {"/v1/settings": {"memory_enabled": True}, "/v1/import": b"", "/v1/memories": None}
        assert world.api.call(other[free], free, user=world.owner, body=bodies[free]).status == 200
        world.api.clock.advance(seconds=wait)
        assert world.api.call(method, path, user=world.owner, body=body).status == 200

    @each_route
    def test_every_route_counts_in_its_bucket(self, route: Route) -> None:
        world = limited()
        world.api.buckets.asked.clear()
        world.send(route, **whoever(world, route))
        caller = "service:agent-runtime" if route.services else f"user:{world.owner}"
        keys = [key for key, _ in world.api.buckets.asked]
        assert keys == [f"caller#{caller}#{route.bucket}", f"account#{world.team}#{route.bucket}"]

    @each_route
    def test_an_outsider_cannot_empty_the_accounts(self, route: Route) -> None:
        world = limited()
        for _ in range(9):
            assert world.send(route, user=world.outsider).status in (403, 429)
        assert world.send(route, **whoever(world, route)).status < 300

    def test_members_share_the_accounts(self) -> None:
        world = limited()
        for person in (world.owner, world.member):
            assert world.send(CORRECTING, user=person).status == 200
        answer = world.send(CORRECTING, user=world.owner)
        is_problem(answer, 429)
        assert "this account" in answer.json["detail"]
        own = world.api.call("PATCH", "/v1/settings", user=world.member, body={"memory_enabled": True})
        assert own.status == 200, "their own account's is another"

    def test_a_refused_call_does_nothing(self) -> None:
        world = limited()
        for number in range(3):
            body = {"memory": f"Fact {number}."}
            world.api.call("POST", "/v1/memories", user=world.outsider, body=body)
        assert len(world.api.memories.of(AccountId(world.outsider))) == 2
        assert len(of_type(world.api, EventType.ADD)) == 2

    @each_route
    def test_while_the_buckets_cannot_be_reached(self, route: Route) -> None:
        world = limited()
        before = world.api.memories.of(world.team)
        world.api.buckets.error = UpstreamTimeoutError("dynamodb", "no answer")
        answer = world.send(route, **whoever(world, route))
        if route.bucket is Bucket.EXPENSIVE:
            is_problem(answer, 503)
            assert world.api.memories.of(world.team) == before
        else:
            assert answer.status < 300
