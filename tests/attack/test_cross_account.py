"""Random callers try every route on everything that others have. Nothing is told, nothing is opened, nothing changes.

The same driver runs again with each safeguard taken out: it must then find what it is looking for.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from operator_memory.adapters.models.mem0_engine import Mem0Extractor
from operator_memory.adapters.models.rules_llm import RulesLLM
from operator_memory.adapters.qdrant import requests as qdrant_requests
from operator_memory.adapters.secrets.redactor import SecretRedactor
from operator_memory.application.learning.chunk_facts import FactDependencies
from operator_memory.application.learning.extract_run import ExtractionPolicy, ExtractionPorts, ExtractRun
from operator_memory.application.learning.learn_facts import LearnFacts
from operator_memory.application.learning.limits import AccountLimits
from operator_memory.application.learning.store_turns import StoreTurns
from operator_memory.application.management.authorize import Authorize
from operator_memory.application.shared.turn_visibility import TurnVisibility
from operator_memory.domain.learning.jobs import JobRecord, JobState, Outcome
from operator_memory.domain.management.erasure import Erasure
from operator_memory.domain.management.identity import READ_CONTEXT
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId

from tests.support.attack.attempts import ALL_PERMISSIONS, Attack, Attacker, own_requests, tenants_of
from tests.support.attack.requests import Route, routes
from tests.support.attack.world import AttackWorld, Request, Tenant
from tests.support.fakes.erasure import InMemoryErasures, InMemoryIdempotency
from tests.support.fakes.learning import FakeThreadMessages, InMemoryJobs
from tests.support.fakes.platform import FakePlatformSettings
from tests.support.fakes.usage import FixedQuota
from tests.support.learning.extraction import a_job

pytest_plugins = ["tests.support.attack.fixtures"]

ATTEMPTS = 22_500
FEWER = 2_000
"""Enough for each route about sixty times."""


@dataclass
class Scene:
    """Three people's accounts and two teams' that are attacked, and those who attack them."""

    world: AttackWorld
    victims: list[Tenant]
    attackers: list[Attacker]

    def attack(self, attempts: int, seed: int = 20261124) -> Any:
        return Attack(self.world, self.attackers, self.victims, seed).run(attempts)


def a_scene(world: AttackWorld) -> Scene:
    """Attackers have accounts of their own, full like the victims'; what they do there is their business."""
    people = [world.person() for _ in range(4)]
    strangers = [world.person() for _ in range(3)]
    former = world.person()
    teams = [world.team(people[0].owner, people[1].owner, former.owner), world.team(people[2].owner, former.owner)]
    theirs = world.team(strangers[0].owner, strangers[1].owner)
    for team in teams:
        world.management.platform.remove_member(team.account, former.owner)
    rights = {
        "a stranger": (strangers[2], [strangers[2]]),
        "another team's owner": (strangers[0], [strangers[0], theirs]),
        "another team's member": (strangers[1], [strangers[1], theirs]),
        "a former member": (former, [former]),
    }
    attackers = [a_person(world, name, who, opened) for name, (who, opened) in rights.items()]
    attackers += [
        a_person(world, "a colleague", people[1], [people[1], teams[0]]),
        a_service(world, "a service of another account", strangers[2], *ALL_PERMISSIONS),
        a_service(world, "a service of another team", theirs, *ALL_PERMISSIONS),
        a_service(world, "a service that may only read", former, "memories:read", READ_CONTEXT),
        a_service(world, "a service without permissions", None, "nothing"),
    ]
    return Scene(world, [people[0], people[2], people[3], *teams], attackers)


def a_person(world: AttackWorld, name: str, who: Tenant, opened: Sequence[Tenant]) -> Attacker:
    accounts = frozenset(tenant.account for tenant in opened)
    return Attacker(name, lambda: world.management.user_token(who.owner), accounts, who.account)


def a_service(world: AttackWorld, name: str, bound: Tenant | None, *permissions: str) -> Attacker:
    account = None if bound is None else bound.account
    rights = frozenset() if account is None else frozenset({account})
    return Attacker(name, lambda: world.management.service_token(*permissions, account=account), rights, account)


@pytest.fixture
def world(attacked: AttackWorld) -> AttackWorld:
    return attacked


# --- nobody reaches anybody else's


def test_ten_thousand_attempts_on_every_route_reach_nothing(world: AttackWorld) -> None:
    report = a_scene(world).attack(ATTEMPTS)
    assert report.violations == []
    assert sum(report.tried.values()) >= 10_000
    assert set(report.tried) == set(routes()), "a route that is not attacked is not known to be safe"
    assert min(report.tried.values()) >= 400
    for route in routes():
        assert report.statuses_of(route) & {403, 404}, f"{route} was never refused for whose it is"


def test_the_same_requests_succeed_for_the_owner_so_they_are_worth_refusing(world: AttackWorld) -> None:
    assert set(dict(own_requests(world, world.person()))) == set(routes())


def test_what_is_not_yours_is_answered_exactly_like_what_does_not_exist(world: AttackWorld) -> None:
    victim, caller = world.person(), world.person()
    token = world.management.user_token(caller.owner)
    compared = 0
    for route, request in dict(own_requests(world, world.person())).items():
        template = route[1].split("/")
        for name in ("memory_id", "erasure_id", "job_id", "agent_id", "thread_id"):
            if "{" + name + "}" in template:
                answers = []
                for identity in (*victim.ids[name][:3], str(uuid4())):
                    parts = request.path.split("/")
                    parts[template.index("{" + name + "}")] = identity
                    # the path alone says whose it is
                    answers.append(world.send(replace(request, path="/".join(parts), query=()), token))
                assert {answer.status for answer in answers} <= {403, 404}, (route, answers)
                assert len({(a.status, a.body, tuple(a.headers.items())) for a in answers}) == 1, (route, answers)
                compared += 1
    assert compared >= 16


OWNERS_ONLY: tuple[Route, ...] = (
    ("PATCH", "/v1/settings"),
    ("PATCH", "/v1/agents/{agent_id}/settings"),
    ("POST", "/v1/import"),
    ("POST", "/v1/memories/delete"),
    ("POST", "/v1/erasures"),
    ("POST", "/v1/erasures/{erasure_id}/resume"),
    ("DELETE", "/memory/user/{user_id}"),
    ("DELETE", "/memory/agent/{agent_id}"),
)


@pytest.mark.parametrize("route", OWNERS_ONLY, ids=" ".join)
def test_a_member_of_a_team_takes_away_and_sets_nothing_that_is_the_owners_to_decide(
    world: AttackWorld, route: Route
) -> None:
    owner, member = world.person(), world.person()
    team = world.team(owner.owner, member.owner)
    request = dict(own_requests(world, world.team(owner.owner)))[route]
    path = "/".join(team.ids[part[1:-1]][0] if part.startswith("{") else part for part in route[1].split("/"))
    body = request.body
    if isinstance(body, dict) and "filter" in body:
        body = {"filter": {"scope": "user"}}
    if isinstance(body, dict) and "target" in body:
        body = {"target": "author", "id": owner.owner, "confirm": "erase"}
    named = tuple(("account_id", team.account) for name, _ in request.query if name == "account_id")
    before = world.held(team.account)
    answer = world.send(replace(request, path=path, query=named, body=body), world.management.user_token(member.owner))
    assert answer.status == 403
    assert "only an owner of the account may do this" in answer.body
    assert world.held(team.account) == before


# --- the driver finds what it looks for


def _unfiltered(_account: AccountId, *must: Any, must_not: Sequence[Any] = ()) -> dict[str, Any]:
    return {"must": list(must), "must_not": list(must_not)}


def _whosever(_account: AccountId, point: Mapping[str, Any]) -> Memory:
    return _MEMORY_OF(AccountId(point["payload"]["user_id"]), point)


def _anybodys_job(jobs: InMemoryJobs, _account: AccountId, job_id: str) -> JobRecord | None:
    return next((record for (_, known), record in jobs.records.items() if known == job_id), None)


def _anybodys_erasure(erasures: InMemoryErasures, _account: AccountId, erasure_id: str) -> Erasure | None:
    return next((erasure for (_, known), erasure in erasures.erasures.items() if known == erasure_id), None)


def _anybodys_thing(_: FakePlatformSettings, things: dict[str, Any], _account: AccountId, identity: str) -> Any:
    return dict(things[identity].settings) if identity in things else None


def _anybodys_key(
    keys: InMemoryIdempotency, account_id: AccountId, key: str, *, content_hash: str, job_id: str, now: datetime
) -> tuple[str, str]:
    found = [value for (_, known), (value, _) in keys.kept.items() if known == key]
    return (content_hash, found[0][1]) if found else (content_hash, job_id)


_MEMORY_OF = qdrant_requests.memory_of
_FILTER = (qdrant_requests, "tenant_filter", _unfiltered)
_CHECK = (qdrant_requests, "memory_of", _whosever)

Mutation = tuple[Any, str, Callable[..., Any]]
MUTATIONS: dict[str, tuple[list[Mutation], set[str]]] = {
    "no tenant condition in the filters": ([_FILTER], {"status", "count", "changed"}),
    "neither that nor the check of what Qdrant answers": ([_FILTER, _CHECK], {"leak", "count", "changed"}),
    "everybody is authorised": ([(Authorize, "authorize", lambda *_, **__: None)], {"leak", "opened", "changed"}),
    "a job of any account": ([(InMemoryJobs, "get", _anybodys_job)], {"leak", "opened"}),
    "an erasure of any account": ([(InMemoryErasures, "get", _anybodys_erasure)], {"leak", "opened"}),
    "an agent or thread of any account": ([(FakePlatformSettings, "_read", _anybodys_thing)], {"leak", "opened"}),
    "an idempotency key of any account": ([(InMemoryIdempotency, "remember", _anybodys_key)], {"leak"}),
}


@pytest.mark.parametrize("removed", MUTATIONS)
def test_the_attacks_find_a_missing_safeguard(
    removed: str, world: AttackWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = a_scene(world)
    mutations, expected = MUTATIONS[removed]
    for where, name, careless in mutations:
        monkeypatch.setattr(where, name, careless)
    report = scene.attack(FEWER)
    assert expected <= report.kinds


def test_no_module_has_a_name_of_its_own_for_what_the_mutations_replace() -> None:
    loaded = {name: module for name, module in sys.modules.items() if name.startswith("operator_memory.")}
    copies = [
        name
        for name, module in loaded.items()
        if module is not qdrant_requests and {"tenant_filter", "memory_of"} & set(vars(module))
    ]
    assert copies == []


# --- what reaches Qdrant is bound to the account


def recorded(world: AttackWorld) -> list[tuple[str, Any]]:
    """What is sent to Qdrant from now on."""
    sent: list[tuple[str, Any]] = []
    world.client.before = lambda method, path, body: sent.append((f"{method} {path}", body))
    return sent


def test_whatever_a_session_through_every_route_sends_is_bound_to_the_callers_account(world: AttackWorld) -> None:
    me, _ = world.person(), world.person()
    sent = recorded(world)
    without: set[Route] = set()
    passed, start = 0, 0
    for route, _request in own_requests(world, me):
        without |= {route} if len(sent) == start else set()
        passed, start = passed + 1, len(sent)
    assert passed == len(routes())
    assert {account for _, body in sent for account in tenants_of(body)} == {me.account}
    elsewhere = {  # what is kept in other stores; an erasure that is complete is answered from its record
        (method, path)
        for method, path in routes()
        if any(part in path for part in ("settings", "/jobs", "/archive", "/budget", "/usage/days", "/holds"))
        or path == "/v1/policies"
        or (method == "GET" and "/erasures" in path)
        or path.endswith("resume")
    }
    assert without <= elsewhere
    operations = {path.rpartition("/memories")[2].partition("?")[0] for path, _ in sent}
    assert operations >= {
        "/points",
        "/points/scroll",
        "/points/delete",
        "/points/query/batch",
        "/points/count",
        "/facet",
    }


def extraction_of(world: AttackWorld) -> ExtractRun:
    """The extraction over the world's store."""
    made, redactor = world.management, SecretRedactor()
    visibility = TurnVisibility(search=world.store, marks=world.marks, clock=made.clock)
    extractor = Mem0Extractor(model=RulesLLM(), embedder=made.embedder, memories=world.store, clock=made.clock)
    ports = ExtractionPorts(
        jobs=made.jobs,
        redactor=redactor,
        search=world.store,
        switches=made.switches,
        watermarks=made.watermarks,
        thread_messages=FakeThreadMessages(),
        clock=made.clock,
    )
    return ExtractRun(
        ports,
        ExtractionPolicy(),
        turns=StoreTurns(embedder=made.embedder, memories=made.writer, lifetime=timedelta(days=30)),
        facts=LearnFacts(
            FactDependencies(extractor, world.store, made.writer, redactor, made.clock, visibility, made.learned),
            chunk_characters=48_000,
            limits=AccountLimits(FixedQuota(1_000)),
        ),
        memories=made.writer,
        trail=made.trail,
    )


def test_a_contexts_search_and_an_extractions_reads_and_writes_are_bound_too(world: AttackWorld) -> None:
    me, _ = world.person(), world.person()
    made = world.management
    sent = recorded(world)
    body = {"account_id": me.account, "agent_id": me.ids["agent_id"][0], "session_id": me.ids["session_id"][0]}
    for query in ({"query": "What do I drink?"}, {}):
        answer = world.send(Request("POST", "/v1/context", body={**body, **query}), made.service_token(READ_CONTEXT))
        assert answer.json["memories"], answer
    searches = len(sent)
    assert searches == 2
    job = a_job(("user", "I live in Porto and I prefer green tea."), account=me.account, agent_id=me.ids["agent_id"][0])
    record = extraction_of(world).extract(job, "digest")
    assert record.state is JobState.DONE
    assert [fact.outcome for fact in record.facts].count(Outcome.ADDED) >= 1
    assert {path.partition("?")[0].rpartition("memories")[2] for path, _ in sent[searches:]} >= {"/points"}
    assert {account for _, sent_body in sent for account in tenants_of(sent_body)} == {me.account}


def test_a_request_that_is_bound_to_nobody_would_be_noticed() -> None:
    bound = qdrant_requests.tenant_filter(AccountId("me"))
    assert tenants_of({"filter": bound}) == {"me"}
    assert tenants_of({"searches": [{"filter": bound}, {"limit": 1}]}) == {"me", None}
    assert tenants_of({"filter": {"must": [{"key": "scope", "match": {"value": "me"}}, *bound["must"]]}}) == {None}
    assert tenants_of({"points": [{"payload": {"user_id": "me"}}]}) == {"me", None}
    assert tenants_of({"points": [{"payload": {"user_id": "you"}}], "update_filter": bound}) == {"me", "you"}
    assert tenants_of({"operations": [{"set_payload": {"payload": {}}}]}) == {None}
    assert tenants_of({"ids": ["x"]}) == {None}
