"""Forged and misused credentials, on every route of the running API. Each answer is the same 401.

The verifiers have their own suites; here the whole way is attacked, with the production choice between them:
people's tokens (a shared secret and published keys) on one side, the runtime's on the other.
"""

import hmac
import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from operator_memory.adapters.net.service_tokens import AUDIENCE, mint
from operator_memory.adapters.net.service_tokens import ISSUER as RUNTIME
from operator_memory.entrypoints.adapters_in_use import AdaptersInUse
from operator_memory.entrypoints.api.resolver import MemoriesApi
from operator_memory.entrypoints.wiring.context import ContextApp
from operator_memory.entrypoints.wiring.management import _access
from operator_memory.entrypoints.wiring.shared import service_tokens

from devstack.qdrant import QdrantFront
from tests.support.attack.attempts import ALL_PERMISSIONS, own_requests
from tests.support.attack.requests import Route, routes
from tests.support.attack.world import SECRET as SECRETS
from tests.support.attack.world import AttackWorld, Request, Tenant
from tests.support.management.api import NO_LIMITS, SERVICE_KEY, Answer
from tests.support.management.user_tokens import (
    EC,
    RSA,
    SECRET,
    Project,
    SigningKey,
    b64,
    compact,
    ec_key,
    hs256,
    unb64,
)

WELL_KNOWN = "super-secret-jwt-token-with-at-least-32-characters-long"
"""The secret of every Supabase project that is run by its example configuration."""

SECOND_KEY = "another-key-of-at-least-thirty-two-characters"


@dataclass
class Fortress:
    """The API behind the production gate, a victim, and for each route a request that works for them."""

    world: AttackWorld
    project: Project
    victim: Tenant
    requests: dict[Route, Request]

    @property
    def issuer(self) -> str:
        return f"{self.project.server.url}/auth/v1"

    @property
    def now(self) -> int:
        return int(self.world.management.clock.now().timestamp())

    def claims(self, **changes: object) -> dict[str, Any]:
        """A person's claims as Supabase makes them; the person is the victim."""
        return self.project.claims(
            **{"iss": self.issuer, "sub": self.victim.owner, "iat": self.now, "exp": self.now + 3600, **changes}
        )

    def runtime_claims(self, **changes: object) -> dict[str, Any]:
        """A service's claims, with every scope."""
        made: dict[str, Any] = {
            "iss": RUNTIME, "aud": AUDIENCE, "sub": "agent-runtime", "iat": self.now, "exp": self.now + 300,
            "scope": " ".join(ALL_PERMISSIONS), **changes,
        }  # fmt: skip
        return {name: value for name, value in made.items() if value is not ...}

    def user(self, **changes: object) -> str:
        return hs256(self.claims(**changes))

    def service(self, key_id: str = "k1", key: str = SERVICE_KEY, **changes: object) -> str:
        return hs256(self.runtime_claims(**changes), secret=key, kid=key_id)

    def answers(self, *authorization: str, query: tuple[tuple[str, str], ...] = ()) -> dict[Route, Answer]:
        """What every route answers to these ``Authorization`` headers."""
        headers = [("content-type", "application/json"), *(("authorization", value) for value in authorization)]
        return {
            route: self.world.deliver(replace(request, query=(*request.query, *query)), [*headers, *request.headers])
            for route, request in self.requests.items()
        }


@pytest.fixture(scope="module")
def fortress() -> Iterator[Fortress]:
    with QdrantFront() as front, Project() as project:
        world = AttackWorld(front.url)
        victim = world.person()
        requests = dict(own_requests(world, world.person()))
        environ = {
            "QDRANT_URL": front.url,
            "SUPABASE_URL": project.server.url,
            "SUPABASE_SERVICE_KEY": "s",
            "SUPABASE_JWT_SECRET": SECRET,
            "SERVICE_TOKEN_KEYS": json.dumps({"k1": SERVICE_KEY, "k2": SECOND_KEY}),
            **{f"RATE_LIMIT_{kind}": "0" for kind in ("READS", "WRITES", "EXPENSIVE")},
        }
        parts = AdaptersInUse.from_environment(environ)
        parts.clock = world.management.clock
        access = _access(parts, world.management.trail)
        behind = world.management
        services = behind._services(NO_LIMITS)
        behind.api = MemoriesApi(replace(services, access=replace(services.access, authenticate=access.authenticate)))
        app: ContextApp = world.context._APP
        world.context._APP = replace(app, authenticate=service_tokens(parts)[0])
        made = Fortress(world, project, victim, {route: about(victim, r, route) for route, r in requests.items()})
        yield made
        world.close()
        inspect.getclosurevars(access.authenticate).nonlocals["users"].close()


def about(victim: Tenant, request: Request, route: Route) -> Request:
    """The request with the victim's ids in its path, for the account of whoever asks."""
    filled = [victim.ids[part[1:-1]][0] if part.startswith("{") else part for part in route[1].split("/")]
    body = request.body
    if isinstance(body, dict) and "account_id" in body:
        body = {**body, "account_id": victim.account}
    return replace(request, path="/".join(filled), query=(), body=body)


def without_signature(header: dict[str, str], claims: dict[str, Any]) -> str:
    return compact(header, claims, lambda _: b"")


def resigned(token: str, key: str) -> str:
    """The same header and claims, signed with another key."""
    header, claims, _ = token.split(".")
    return compact(unb64(header), unb64(claims), lambda text: _hmac(text, key))


def _hmac(text: bytes, key: str | bytes, digest: str = "sha256") -> bytes:
    """A signature without the checks of a key that a library makes."""
    return hmac.digest(key.encode() if isinstance(key, str) else key, text, digest)


def tampered(token: str, **changes: object) -> str:
    """Other claims under the same signature."""
    header, claims, signature = token.split(".")
    changed = {**json.loads(unb64(claims)), **changes}
    return ".".join((header, b64(json.dumps(changed).encode()), signature))


def api_key_of(fort: Fortress, role: str) -> str:
    """One of a Supabase project's own API keys: signed with the project's secret, and nobody's session."""
    claims = {"iss": "supabase", "ref": "project", "role": role, "iat": fort.now, "exp": fort.now + 10**8}
    return hs256(claims)


STRANGER = SigningKey(EC.key_id, ec_key("an attacker's"))
Forgery = Callable[[Fortress], str]

PEOPLES: dict[str, Forgery] = {
    "alg none": lambda f: without_signature({"alg": "none", "typ": "JWT"}, f.claims()),
    "alg None, and a signature": lambda f: compact({"alg": "None"}, f.claims(), lambda text: _hmac(text, SECRET)),
    "alg left out": lambda f: compact({"typ": "JWT"}, f.claims(), lambda text: _hmac(text, SECRET)),
    "HS256 with an empty key": lambda f: compact({"alg": "HS256"}, f.claims(), lambda text: _hmac(text, b"")),
    "HS256 with a guessed key": lambda f: hs256(f.claims(), secret=WELL_KNOWN),
    "HS256 with the published key as the secret": lambda f: compact(
        {"alg": "HS256", "kid": EC.key_id}, f.claims(), lambda text: _hmac(text, EC.public_forms()["pem"])
    ),
    "HS384 with the right key": lambda f: compact(
        {"alg": "HS384"}, f.claims(), lambda text: _hmac(text, SECRET, "sha384")
    ),
    "ES256 of a key that nobody published": lambda f: STRANGER.token(f.claims()),
    "ES256 with its key in the header": lambda f: STRANGER.token(f.claims(), jwk=STRANGER.jwk()),
    "RS256 under the id of another key": lambda f: RSA.token(f.claims(), kid=EC.key_id),
    "ES256 that says RS256": lambda f: EC.token(f.claims(), alg="RS256"),
    "expired": lambda f: f.user(exp=f.now),
    "expired, of a published key": lambda f: EC.token(f.claims(exp=f.now - 1)),
    "without an end": lambda f: f.user(exp=...),
    "not valid before tomorrow": lambda f: f.user(nbf=f.now + 86_400),
    "issued tomorrow": lambda f: f.user(iat=f.now + 86_400, exp=f.now + 90_000),
    "of another project": lambda f: f.user(iss="https://other.supabase.co/auth/v1"),
    "for another audience": lambda f: f.user(aud="anon"),
    "for nobody": lambda f: f.user(aud=...),
    "the project's service_role key": lambda f: api_key_of(f, "service_role"),
    "the project's anon key": lambda f: api_key_of(f, "anon"),
    "a service_role session": lambda f: f.user(role="service_role"),
    "a tampered payload": lambda f: tampered(f.user(sub=str(uuid4())), sub=f.victim.owner),
    "a tampered payload of a published key": lambda f: tampered(
        EC.token(f.claims(sub=str(uuid4()))), sub=f.victim.owner
    ),
    "no subject": lambda f: f.user(sub=...),
    "a subject that matches everything": lambda f: f.user(sub="*"),
    "two subjects": lambda f: f.user(sub=[f.victim.owner]),
    "an extension that must be understood": lambda f: hs256(f.claims(), crit=["b64"], b64=False),
    "only two parts": lambda f: f.user().rpartition(".")[0],
    "four parts": lambda f: f.user() + ".x",
    "very long": lambda f: f.user(padding="x" * 9_000),
    "no token": lambda _: "null",
}

SERVICES: dict[str, Forgery] = {
    "alg none": lambda f: without_signature({"alg": "none", "kid": "k1"}, f.runtime_claims()),
    "alg swapped, signature kept": lambda f: ".".join(
        (b64(b'{"alg":"HS512","typ":"JWT","kid":"k1"}'), *f.service().split(".")[1:])
    ),
    "HS512 with the right key": lambda f: compact(
        {"alg": "HS512", "kid": "k1"}, f.runtime_claims(), lambda text: _hmac(text, SERVICE_KEY, "sha512")
    ),
    "HS256 with an empty key": lambda f: resigned(f.service(), ""),
    "the id of another key": lambda f: f.service("k2", SERVICE_KEY),
    "the id of no key": lambda f: f.service("k3"),
    "no key id": lambda f: hs256(f.runtime_claims(), secret=SERVICE_KEY),
    "a key id that is a path": lambda f: f.service("../../dev/null", ""),
    "several key ids": lambda f: hs256(f.runtime_claims(), secret=SERVICE_KEY, kid=["k1"]),
    "expired": lambda f: f.service(iat=f.now - 600, exp=f.now - 31),
    "not valid yet": lambda f: f.service(nbf=f.now + 31),
    "living for a year": lambda f: f.service(exp=f.now + 365 * 86_400),
    "without an end": lambda f: f.service(exp=...),
    "for another audience": lambda f: f.service(aud="authenticated"),
    "bound to a pattern": lambda f: f.service(account_id="*"),
    "bound to a list": lambda f: f.service(account_id=[f.victim.account]),
    "a tampered binding": lambda f: tampered(f.service(account_id=str(uuid4())), account_id=f.victim.account),
    "tampered scopes": lambda f: tampered(f.service(scope="none"), scope=" ".join(ALL_PERMISSIONS)),
    # ---- one verifier's key under the other's issuer
    "a person's token that says it is the runtime's": lambda f: hs256(f.runtime_claims(), kid="k1"),
    "the same with the person's audience": lambda f: f.user(iss=RUNTIME),
    "the same of a published key": lambda f: EC.token(f.runtime_claims()),
    "the runtime's key on a person's token": lambda f: hs256(f.claims(), secret=SERVICE_KEY, kid="k1"),
    "the runtime's key on a person's token, id and all": lambda f: hs256(
        f.claims(aud=["authenticated", AUDIENCE], role="authenticated"), secret=SERVICE_KEY, kid="k1"
    ),
    "two issuers": lambda f: f.user(iss=[f.issuer, RUNTIME]),
    "the issuer twice, the runtime's first": lambda f: compact(
        {"alg": "HS256", "kid": "k1"}, twice("iss", RUNTIME, f.claims()), lambda text: _hmac(text, SERVICE_KEY)
    ),
    "the issuer twice, the runtime's last": lambda f: compact(
        {"alg": "HS256"}, twice("iss", f.issuer, f.runtime_claims()), lambda text: _hmac(text, SECRET)
    ),
}


def twice(name: str, first: str, claims: dict[str, Any]) -> bytes:
    """The claims as JSON in which one name stands twice."""
    return f'{{"{name}":"{first}",{json.dumps(claims)[1:]}'.encode()


HEADERS: dict[str, Callable[[Fortress], tuple[str, ...]]] = {
    "none": lambda _: (),
    "empty": lambda _: ("",),
    "a scheme alone": lambda _: ("Bearer",),
    "a scheme and blanks": lambda _: ("Bearer   ",),
    "a token without its scheme": lambda f: (f.user(),),
    "Basic with the token as password": lambda f: ("Basic " + b64(f"x:{f.user()}".encode()),),
    "Basic with the token itself": lambda f: (f"Basic {f.user()}",),
    "another scheme": lambda f: (f"Token {f.user()}",),
    "two headers, each with a good token": lambda f: (f"Bearer {f.user()}", f"Bearer {f.service()}"),
    "a good and a forged one": lambda f: (f"Bearer {f.user()}", f"Bearer {PEOPLES['alg none'](f)}"),
    "a forged and a good one": lambda f: (f"Bearer {PEOPLES['alg none'](f)}", f"Bearer {f.user()}"),
    "two tokens in one": lambda f: (f"Bearer {f.user()} {f.user()}",),
    "a token and a comment": lambda f: (f"Bearer {f.user()};alg=none",),
    "a line break in the token": lambda f: (f"Bearer {f.user()[:40]}\r\nX: {f.user()[40:]}",),
    "a character beyond ASCII": lambda f: (f"Bearer {f.user()}é",),
}


def assert_refused(answers: dict[Route, Answer], *, sent: tuple[str, ...] = ()) -> None:
    """401 everywhere, as a problem, saying how to do better and repeating nothing."""
    assert set(answers) == set(routes())
    for route, answer in answers.items():
        assert answer.status == 401, (route, answer)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == 'Bearer realm="operator-memory"'
        assert answer.headers["cache-control"] == "no-store"
        assert set(answer.json) == {"type", "title", "status", "detail"}
        assert not SECRETS.findall(answer.body)
        pieces = [piece for value in sent for piece in value.replace(" ", ".").split(".") if len(piece) > 12]
        assert not any(piece in answer.body for piece in pieces)


# --- the credentials that the forgeries are made from are good


def test_good_credentials_pass_every_route(fortress: Fortress) -> None:
    for token in (fortress.user(), EC.token(fortress.claims()), RSA.token(fortress.claims())):
        people = fortress.answers(f"Bearer {token}")
        assert {route for route, answer in people.items() if answer.status == 401} == {("POST", "/v1/context")}
        assert max(answer.status for answer in people.values()) < 500
    for token in (fortress.service(), fortress.service("k2", SECOND_KEY)):
        named = fortress.answers(f"Bearer {token}", query=(("account_id", fortress.victim.account),))
        assert not {401, 403} & {answer.status for answer in named.values()}
        assert max(answer.status for answer in named.values()) < 500


def test_the_schemes_name_may_be_written_in_any_case(fortress: Fortress) -> None:
    answers = fortress.answers(f"bearer {fortress.service()}")  # RFC 9110: a scheme is case-insensitive
    assert 401 not in {answer.status for answer in answers.values()}


# --- and no forgery does


@pytest.mark.parametrize("forgery", PEOPLES)
def test_a_forged_token_of_a_person(fortress: Fortress, forgery: str) -> None:
    token = PEOPLES[forgery](fortress)
    assert_refused(fortress.answers(f"Bearer {token}"), sent=(token,))


@pytest.mark.parametrize("forgery", SERVICES)
def test_a_forged_token_of_a_service(fortress: Fortress, forgery: str) -> None:
    token = SERVICES[forgery](fortress)
    assert_refused(fortress.answers(f"Bearer {token}"), sent=(token,))


@pytest.mark.parametrize("form", HEADERS)
def test_another_form_of_the_header(fortress: Fortress, form: str) -> None:
    values = HEADERS[form](fortress)
    assert_refused(fortress.answers(*values), sent=values)


def test_a_token_in_another_place_is_no_credential(fortress: Fortress) -> None:
    token = fortress.user()
    for name in ("access_token", "token", "jwt", "apikey", "Authorization"):
        assert {a.status for a in fortress.answers(query=((name, token),)).values()} <= {401, 422}
    for name in ("x-authorization", "apikey", "cookie", "x-amz-security-token", "x-forwarded-authorization"):
        for request in fortress.requests.values():
            headers = [("content-type", "application/json"), (name, f"Bearer {token}"), *request.headers]
            assert fortress.world.deliver(request, headers).status == 401


def test_a_body_that_holds_a_token_or_an_identity_is_no_credential(fortress: Fortress) -> None:
    for request in fortress.requests.values():
        if isinstance(request.body, dict):
            claimed = {"user_id": fortress.victim.owner, "access_token": fortress.user()}
            answer = fortress.world.send(replace(request, body={**request.body, **claimed}))
            assert answer.status in {401, 422}


def test_another_persons_token_opens_the_account_only_if_it_is_signed(fortress: Fortress) -> None:
    """``sub`` decides whose account it is: who can sign it is that person."""
    world, victim = fortress.world, fortress.victim
    request = Request("GET", "/v1/memories", (("account_id", victim.account),))
    assert world.send(request, fortress.user()).status == 200
    stranger = world.management.platform.new_user()
    assert world.send(request, fortress.user(sub=stranger)).status == 403
    assert world.send(request, tampered(fortress.user(sub=stranger), sub=victim.owner)).status == 401


def test_a_service_token_reaches_only_what_it_is_bound_to_whatever_its_subject_says(fortress: Fortress) -> None:
    world, victim = fortress.world, fortress.victim
    bound = mint(
        "k1", SERVICE_KEY.encode(), permissions=ALL_PERMISSIONS, now=world.management.clock.now(),
        lifetime=timedelta(minutes=5), subject=victim.owner, account=str(uuid4()),
    )  # fmt: skip
    for route, request in fortress.requests.items():
        if ("account_id", "query") in {(p["name"], p["in"]) for p in routes()[route].get("parameters", ())}:
            named = replace(request, query=(("account_id", victim.account),))
            assert world.send(named, bound).status in {403, 422}, route


def test_forgeries_leave_nothing_behind(fortress: Fortress) -> None:
    before = fortress.world.held(fortress.victim.account)
    noted = len(fortress.world.management.events.events)
    for forged in (PEOPLES["a tampered payload"], SERVICES["a tampered binding"]):
        fortress.answers(f"Bearer {forged(fortress)}")
    assert fortress.world.held(fortress.victim.account) == before
    assert len(fortress.world.management.events.events) == noted
