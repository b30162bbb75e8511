"""Attempts to reach another account's memory, and what must hold after each. Finds violations; asserts nothing."""

import base64
import binascii
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from operator_memory.domain.management.identity import READ_CONTEXT, Action
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType

from tests.support.attack.requests import NAMINGS, RequestMaker, Route, routes
from tests.support.attack.world import SECRET, AttackWorld, Request, Tenant
from tests.support.management.api import Answer

HOLDS = "/v1/holds/"
"""Places of holds, which services place and lift."""

REFUSALS = frozenset({401, 403, 404, 409, 422})
ALL_PERMISSIONS = (*(action.value for action in Action), READ_CONTEXT)

_ACCOUNT_FIELD = re.compile(r'"account_id":\s*"([^"]+)"')
_CURSOR_FIELD = re.compile(r'"next_cursor":\s*"([^"]+)"')
_TENANT_FIELD = "user_id"


@dataclass(frozen=True)
class Attacker:
    """Somebody with a good credential of their own. ``rights``: the accounts that it opens."""

    name: str
    token: Callable[[], str]
    rights: frozenset[AccountId]
    own: AccountId | None


@dataclass(frozen=True)
class Violation:
    """Something that must not happen. ``kind``: ``leak``, ``opened``, ``status``, ``count``, ``unbound``, ``event``
    or ``changed``."""

    kind: str
    who: str
    what: str
    detail: str


@dataclass
class Report:
    """What was tried, and what came of it."""

    violations: list[Violation] = field(default_factory=list)
    tried: Counter[Route] = field(default_factory=Counter)
    statuses: Counter[tuple[Route, int]] = field(default_factory=Counter)

    @property
    def kinds(self) -> set[str]:
        return {violation.kind for violation in self.violations}

    def statuses_of(self, route: Route) -> set[int]:
        return {status for of_route, status in self.statuses if of_route == route}


def filters_in(body: Any) -> Iterator[Mapping[str, Any]]:
    """Every Qdrant filter in a body, however deep."""
    if isinstance(body, Mapping):
        for name, value in body.items():
            if name in ("filter", "update_filter") and isinstance(value, Mapping):
                yield value
            yield from filters_in(value)
    elif isinstance(body, list):
        for item in body:
            yield from filters_in(item)


def tenants_of(body: Any) -> set[str | None]:
    """The accounts that a request to Qdrant is bound to; ``None`` among them: a part of it is bound to none."""
    found: set[str | None] = set()
    for condition in filters_in(body):
        first = (condition.get("must") or [{}])[0]
        found.add(first.get("match", {}).get("value") if first.get("key") == _TENANT_FIELD else None)
    for point in body.get("points", ()):
        found.add(point["payload"].get(_TENANT_FIELD))
        found |= set() if "update_filter" in body else {None}
    # One with a text takes a whole payload's place; another adds to what the filter finds, and may move it nowhere.
    if {"data", _TENANT_FIELD} & set(body.get("payload", ())):
        found.add(body["payload"].get(_TENANT_FIELD))
    parts = body.get("searches") or [op for ops in body.get("operations", ()) for op in ops.values()] or [body]
    unfiltered = [part for part in parts if not {"filter", "update_filter"} & set(part)]
    return found | ({None} if unfiltered else set())


class Attack:
    """Attackers at work in ``world``. ``victims``: the accounts that must be the same afterwards."""

    def __init__(self, world: AttackWorld, attackers: Sequence[Attacker], victims: Sequence[Tenant], seed: int) -> None:
        self._world = world
        self._attackers = attackers
        self._victims = victims
        self._rng = Random(seed)
        self._known: dict[AccountId, set[str]] = {}
        self._sent: list[tuple[str, Any]] = []
        self._report = Report()

    def run(self, attempts: int) -> Report:
        """``attempts`` random requests, evenly over all routes; what was violated is in the report."""
        world, every_route = self._world, list(routes())
        before = {victim.account: world.held(victim.account) for victim in self._victims}
        noted = len(world.management.events.events)
        world.client.before = lambda method, path, body: self._sent.append((f"{method} {path}", body))
        try:
            for number in range(attempts):
                world.management.clock.advance(milliseconds=1)  # or nothing could be remembered after an erasure
                self._attempt(every_route[number % len(every_route)])
        finally:
            world.client.reset()
        self._check_events(noted)
        for victim in self._victims:
            after = world.held(victim.account)
            for place in after:
                if after[place] != before[victim.account][place]:
                    self._report.violations.append(Violation("changed", "somebody", place, f"of {victim.account}"))
        return self._report

    def _attempt(self, route: Route) -> None:
        attacker = self._rng.choice(self._attackers)
        targets = [t for t in self._world.tenants.values() if t.account not in attacker.rights]
        target, naming = self._rng.choice(targets), self._rng.choice(NAMINGS)
        request = RequestMaker(target, attacker.own, self._rng).make(route, naming)
        self._sent.clear()
        answer = self._world.send(request, attacker.token())
        self._report.tried[route] += 1
        self._report.statuses[route, answer.status] += 1
        for kind, detail in self._violations(route, attacker, target, request, answer):
            what = f"{request.method} {request.path} {request.query_text} {request.body!r}"[:600]
            self._report.violations.append(Violation(kind, attacker.name, what, f"{answer.status}: {detail}"[:600]))
        # What was stored comes back later, and is no secret then; so does the target of an erasure that waits (409).
        if 200 <= answer.status < 300 or answer.status == 409:
            for account in attacker.rights:
                self._known.setdefault(account, set()).update(SECRET.findall(request.text))

    def _violations(
        self, route: Route, attacker: Attacker, target: Tenant, request: Request, answer: Answer
    ) -> Iterator[tuple[str, str]]:
        success = 200 <= answer.status < 300
        if not success and answer.status not in REFUSALS:
            yield "status", answer.body
        known = set(SECRET.findall(request.text)) | self._known_to(attacker)
        for secret in self._secrets_in(answer) - known:
            if secret in self._secrets_from(attacker):
                yield "leak", secret
        for account in _ACCOUNT_FIELD.findall(answer.body):
            if account not in attacker.rights:
                yield "leak", f"speaks of account {account}"
        if success and self._is_foreign(route, target, request, known=self._known_to(attacker)):
            yield "opened", answer.body
        if success:
            yield from self._counted(attacker, request, answer)
        for sent, body in self._sent:
            if not tenants_of(body) <= attacker.rights:
                yield "unbound", f"{sent} {body}"

    def _secrets_in(self, answer: Answer) -> set[str]:
        """Marks and ids in the answer, also inside its cursors."""
        texts = [answer.body, *answer.headers.values()]
        cursors = [answer.headers.get("x-next-cursor", ""), *_CURSOR_FIELD.findall(answer.body)]
        texts += [_opened(cursor) for cursor in cursors]
        return {secret for text in texts for secret in SECRET.findall(text)}

    def _secrets_from(self, attacker: Attacker) -> set[str]:
        """What everybody else would keep from the attacker."""
        others = [t for t in self._world.tenants.values() if t.account not in attacker.rights]
        return set().union(*(tenant.secrets for tenant in others))

    def _known_to(self, attacker: Attacker) -> set[str]:
        """What their accounts have taken from them before, and who the members of these are."""
        mine = [tenant for tenant in self._world.tenants.values() if tenant.account in attacker.rights]
        return set().union(*(self._known.get(tenant.account, set()) | set(tenant.members) for tenant in mine))

    @staticmethod
    def _is_foreign(route: Route, target: Tenant, request: Request, *, known: set[str]) -> bool:
        """Whether the request can only have meant what is the target's: its account, or one thing of it."""
        accounts = {value for name, value in request.query if name == "account_id"}
        if isinstance(request.body, dict) and "account_id" in request.body:
            accounts.add(request.body["account_id"])
        if accounts == {target.account}:
            return True
        if HOLDS in route[1]:  # an account may hold a thread of any name, before there is one: the hold is its own
            return False
        template, path = route[1].split("/"), request.path.split("/")
        placed = {part for name, part in zip(template, path, strict=True) if name.startswith("{")}
        return bool(placed & target.secrets - known)

    def _counted(self, attacker: Attacker, request: Request, answer: Answer) -> Iterator[tuple[str, str]]:
        """Numbers tell of others' memories as well as words do."""
        held = answer.json if answer.headers.get("content-type") == "application/json" and answer.body else {}
        numbers = [held[name] for name in ("total", "active", "matched") if name in held]
        if not numbers or held.get("deleted"):  # what is deleted is no longer there to be counted
            return
        named = {value for name, value in request.query if name == "account_id"}
        mine = [self._world.count(a) for a in attacker.rights if a in named or (not named and a == attacker.own)]
        if max(numbers) > max(mine, default=0) or ("total" in held and held["total"] not in mine):
            yield "count", f"{numbers}, but there are {mine}"

    def _check_events(self, start: int) -> None:
        """Of the victims' memory only refusals are on record, and they tell nothing."""
        victims = {victim.account for victim in self._victims}
        secrets = set().union(*(victim.secrets - {victim.account} for victim in self._victims))
        for event in self._world.management.events.events[start:]:
            told = set(SECRET.findall(f"{event.query} {event.metadata} {event.memory_ids}")) & secrets
            if event.account_id in victims and (event.type is not EventType.DENIED or told):
                self._report.violations.append(Violation("event", event.actor, event.type.value, str(event.metadata)))


def _opened(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("utf-8", "replace")
    except binascii.Error:
        return cursor


def own_requests(world: AttackWorld, tenant: Tenant, seed: int = 1) -> Iterator[tuple[Route, Request]]:
    """For every route a request that the owner gets a success for: what the attacks would do if they could.

    Each has really been made when it is given, what deletes last.
    """
    maker = RequestMaker(tenant, tenant.account, Random(seed))
    for route in sorted(routes(), key=_by_damage):
        for _ in range(200):
            world.management.clock.advance(milliseconds=1)
            request = maker.make(route, "theirs")
            if 200 <= world.send(request, token_for(world, tenant, route)).status < 300:
                yield route, request
                break


def token_for(world: AttackWorld, tenant: Tenant, route: Route) -> str:
    """A credential with which the owner of an account may call the route."""
    if route[1] == "/v1/context":
        return world.management.service_token(READ_CONTEXT, account=tenant.account)
    if HOLDS in route[1]:
        return world.management.service_token("holds:read", "holds:write", account=tenant.account)
    return world.management.user_token(tenant.owner)


def _by_damage(route: Route) -> tuple[int, str]:
    """What takes away comes last, and what may switch memory off just before it."""
    method, path = route
    if HOLDS in path and method != "GET":  # nothing can be taken away after the first, and the second lifts it
        return (3 if method == "PUT" else 4, json.dumps(route))
    takes = method == "DELETE" or path.endswith(("/delete", "/erasures", "/resume"))
    return (2 if takes else 1 if path.endswith("/settings") else 0, json.dumps(route))
