"""Users' access tokens: who is let in, which claims are no user's, and what is our own mistake."""

import hmac
from contextlib import closing
from pathlib import Path
from typing import Any

import jwt
import pytest
from operator_memory.adapters.local.system_clock import SystemClock
from operator_memory.adapters.supabase.user_tokens import CLOCK_SKEW_SECONDS, MAX_TOKEN_LENGTH, UserTokens
from operator_memory.domain.errors import ConfigurationError, UpstreamUnavailableError

from devstack.supabase import SupabaseFront
from devstack.supabase.keys import load_keys
from tests.support.fakes.core import FakeClock
from tests.support.management.user_tokens import (
    EC,
    ISSUER,
    PERSON,
    RSA,
    SECRET,
    USER,
    Project,
    claims,
    compact,
    hs256,
    refused,
    secret_only,
)

pytest_plugins = ["tests.support.supabase.fixtures", "tests.support.management.user_token_fixtures"]


class TestWhoIsLetIn:
    @pytest.mark.parametrize("sign", [hs256, EC.token, RSA.token], ids=["HS256", "ES256", "RS256"])
    def test_a_person_without_permissions_of_their_own(self, project: Project, sign: Any) -> None:
        caller = project.tokens.verify(sign(project.claims()))

        assert caller == PERSON
        assert caller.actor == f"user:{USER}"

    def test_a_shared_secret_needs_no_published_keys(self, project: Project) -> None:
        assert project.tokens.verify(hs256(project.claims(), kid="Vy0k1x")) == PERSON
        assert project.fetches == 0

    def test_what_the_library_signs(self, project: Project) -> None:
        token = jwt.encode(project.claims(), EC.private, "ES256", headers={"kid": EC.key_id})
        assert project.tokens.verify(token) == PERSON

    @pytest.mark.parametrize(
        "changes",
        [
            {"is_anonymous": True},
            {"sub": USER.upper()},
            {"aud": ["elsewhere", "authenticated"]},
            {"iat": ...},
            {"nbf": 1},
            {"user_metadata": {"name": "Ада 🦜"}},
        ],
        ids=repr,
    )
    def test_the_same_person_by_other_claims(self, project: Project, changes: dict[str, Any]) -> None:
        assert project.tokens.verify(EC.token(project.claims(**changes))) == PERSON

    def test_a_token_as_long_as_is_allowed_but_no_longer(self, project: Project) -> None:
        bare = len(hs256(project.claims(note="")))
        filler = "x" * ((MAX_TOKEN_LENGTH - bare) * 3 // 4)
        assert MAX_TOKEN_LENGTH - 4 < len(hs256(project.claims(note=filler))) <= MAX_TOKEN_LENGTH

        assert project.tokens.verify(hs256(project.claims(note=filler))) == PERSON
        refused(project.tokens, hs256(project.claims(note=filler + "xxxx")))

    def test_the_secret_is_asked_for_each_time_so_that_it_can_be_replaced(self) -> None:
        clock, secrets = FakeClock(), [SECRET]
        tokens = UserTokens(issuer=ISSUER, hs256_secret=lambda: secrets[-1], jwks_url=None, clock=clock)
        before = hs256(claims(clock))
        assert tokens.verify(before) == PERSON

        secrets.append("another-secret-of-more-than-thirty-two-characters")

        refused(tokens, before)
        assert tokens.verify(hs256(claims(clock), secret=secrets[-1])) == PERSON


class TestThePlatformOnThisMachine:
    def test_its_users_are_let_in_and_its_api_keys_are_not(self, supabase_front: SupabaseFront) -> None:
        tokens = UserTokens(
            issuer=f"{supabase_front.url}/auth/v1",
            hs256_secret=lambda: supabase_front.jwt_secret,
            jwks_url=None,
            clock=SystemClock(),
        )

        assert tokens.verify(supabase_front.user_token(USER)) == PERSON
        assert "expired" in refused(tokens, supabase_front.user_token(USER, expires_in=-1))
        refused(tokens, supabase_front.service_role_key)
        refused(tokens, supabase_front.anon_key)

    def test_its_published_key_is_read_and_serves(self, supabase_front: SupabaseFront) -> None:
        issuer = f"{supabase_front.url}/auth/v1"
        url = f"{issuer}/.well-known/jwks.json"
        with closing(UserTokens(issuer=issuer, hs256_secret=None, jwks_url=url, clock=SystemClock())) as tokens:
            assert tokens.verify(supabase_front.user_token(USER, algorithm="ES256")) == PERSON
            assert "unknown key" in refused(tokens, supabase_front.user_token(USER, algorithm="HS256"))

    def test_another_project_with_the_same_secret_is_another_issuer(self, tmp_path: Path) -> None:
        keys = load_keys(tmp_path / "keys.json")
        tokens = UserTokens(issuer=ISSUER, hs256_secret=lambda: keys.jwt_secret, jwks_url=None, clock=SystemClock())

        assert tokens.verify(keys.user_token(USER, iss=ISSUER)) == PERSON
        assert "another service" in refused(tokens, keys.user_token(USER, iss="https://other.example/auth/v1"))


class TestClaims:
    @pytest.mark.parametrize(
        "changes",
        [
            {"exp": ...},
            {"exp": None},
            {"exp": "4102444800"},
            {"exp": 4102444800.5},
            {"exp": True},
            {"exp": [4102444800]},
            {"exp": 0},
            {"exp": -1},
            {"iat": "0"},
            {"iat": None},
            {"nbf": "0"},
            {"nbf": False},
            {"sub": ...},
            {"sub": None},
            {"sub": ""},
            {"sub": "ada"},
            {"sub": "*"},
            {"sub": 7},
            {"sub": [USER]},
            {"sub": USER.replace("-", "")},
            {"sub": f"{{{USER}}}"},
            {"sub": f"urn:uuid:{USER}"},
            {"sub": f"{USER}\n"},
            {"sub": f" {USER}"},
            {"sub": f"{USER[:-1]}"},
            {"sub": USER.replace("5", "５")},
            {"iss": ...},
            {"iss": None},
            {"iss": "supabase"},
            {"iss": f"{ISSUER}/"},
            {"iss": ISSUER.upper()},
            {"iss": ISSUER.removesuffix("/auth/v1")},
            {"iss": [ISSUER]},
            {"iss": f"{ISSUER}.attacker.example"},
            {"aud": ...},
            {"aud": None},
            {"aud": ""},
            {"aud": []},
            {"aud": "anon"},
            {"aud": "authenticated-not"},
            {"aud": ["anon", "service"]},
            {"aud": [["authenticated"]]},
            {"aud": {"authenticated": True}},
            {"role": ...},
            {"role": None},
            {"role": "service_role"},
            {"role": "anon"},
            {"role": "supabase_admin"},
            {"role": "Authenticated"},
            {"role": ["authenticated"]},
        ],
        ids=repr,
    )
    def test_a_true_signature_over_claims_that_are_no_users(self, project: Project, changes: dict[str, Any]) -> None:
        refused(project.tokens, EC.token(project.claims(**changes)))
        refused(project.tokens, hs256(project.claims(**changes)))

    @pytest.mark.parametrize(
        "payload",
        [b"", b"null", b"[]", b'"text"', b"1", b"{", b"\xff\xfe", b"[" * 5000, b'{"exp":' + b"9" * 5000 + b"}"],
    )
    def test_a_true_signature_over_what_are_no_claims(self, project: Project, payload: bytes) -> None:
        token = compact({"alg": "HS256"}, payload, lambda text: hmac.digest(SECRET.encode(), text, "sha256"))
        refused(project.tokens, token)

    def test_the_keys_that_supabase_calls_anon_and_service_role(self, project: Project) -> None:
        now = int(project.clock.now().timestamp())
        for role in ("anon", "service_role"):
            api_key = {"iss": "supabase", "ref": "project", "role": role, "iat": now, "exp": now + 10**9}
            refused(project.tokens, hs256(api_key))
            refused(project.tokens, hs256({**api_key, "iss": ISSUER, "aud": "authenticated", "sub": USER}))

    def test_a_token_ends_at_its_last_second(self, project: Project) -> None:
        token = EC.token(project.claims())

        project.clock.advance(seconds=3599)
        assert project.tokens.verify(token) == PERSON
        project.clock.advance(seconds=1)
        assert "expired" in refused(project.tokens, token)

    @pytest.mark.parametrize("claim", ["iat", "nbf"])
    def test_a_token_begins_when_it_says_give_or_take_the_clocks(self, project: Project, claim: str) -> None:
        begins = int(project.clock.now().timestamp()) + CLOCK_SKEW_SECONDS + 1
        token = EC.token(project.claims(**{claim: begins}))

        assert "not valid yet" in refused(project.tokens, token)
        project.clock.advance(seconds=1)
        assert project.tokens.verify(token) == PERSON

    def test_the_hour_is_the_given_clocks_not_the_machines(self) -> None:
        """A token that the library's own check takes for expired years ago, and one from the far future."""
        for year in (2001, 2099):
            clock = FakeClock()
            clock.time = clock.time.replace(year=year)
            assert secret_only(clock).verify(hs256(claims(clock))) == PERSON


class TestConfiguration:
    def test_with_neither_secret_nor_keys_nothing_could_be_verified(self) -> None:
        with pytest.raises(ConfigurationError, match="secret"):
            UserTokens(issuer=ISSUER, hs256_secret=None, jwks_url=None, clock=FakeClock())

    @pytest.mark.parametrize("url", ["", "project.supabase.example", "file:///etc/passwd", "http://[::1"])
    def test_the_address_of_the_keys_must_be_one(self, url: str) -> None:
        with pytest.raises(ConfigurationError):
            UserTokens(issuer=ISSUER, hs256_secret=None, jwks_url=url, clock=FakeClock())

    @pytest.mark.parametrize(
        "secret", ["", "x" * 31, EC.public_forms()["pem"].decode(), EC.public_forms()["jwk"].decode()]
    )
    def test_a_secret_that_is_none_is_our_mistake_not_the_callers(self, secret: str) -> None:
        clock = FakeClock()
        with pytest.raises(ConfigurationError, match="JWT secret") as mistake:
            secret_only(clock, secret).verify(hs256(claims(clock), secret=secret))
        assert not secret or secret not in str(mistake.value)

    def test_a_secret_that_cannot_be_read_now_is_nobodys_mistake(self) -> None:
        def unreadable() -> str:
            raise UpstreamUnavailableError("ssm", "answered 503")

        clock = FakeClock()
        tokens = UserTokens(issuer=ISSUER, hs256_secret=unreadable, jwks_url=None, clock=clock)
        with pytest.raises(UpstreamUnavailableError):
            tokens.verify(hs256(claims(clock)))
