"""Every known way to forge a user's access token, each with a token that is really signed, by a real key."""

import hmac
import json
from typing import Any

import jwt
import pytest
from operator_memory.adapters.supabase.user_tokens import UserTokens

from tests.support.loopback import HttpServer, reply
from tests.support.management.user_tokens import (
    EC,
    ISSUER,
    KEY_PAIRS,
    PERSON,
    RSA,
    SECRET,
    Project,
    SigningKey,
    b64,
    compact,
    ec_key,
    hs256,
    refused,
    rsa_key,
    secret_only,
)

pytest_plugins = ["tests.support.management.user_token_fixtures"]


class TestForgedAlgorithms:
    @pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", None, 0, [], ["HS256"], {"alg": "HS256"}])
    @pytest.mark.parametrize("signature", [b"", b"\0", b"anything"])
    def test_an_unsigned_token(self, project: Project, name: object, signature: bytes) -> None:
        header = {"alg": name, "typ": "JWT", "kid": EC.key_id}
        refused(project.tokens, compact(header, project.claims(), lambda _: signature))

    def test_a_token_that_names_no_algorithm(self, project: Project) -> None:
        refused(project.tokens, compact({"kid": EC.key_id}, project.claims(), lambda _: b"anything"))

    @pytest.mark.parametrize("name", ["HS384", "HS512"])
    def test_the_right_secret_with_another_hash(self, project: Project, name: str) -> None:
        refused(project.tokens, jwt.encode(project.claims(), SECRET * 2, name))
        digest = name.replace("HS", "sha")
        header = {"alg": name, "typ": "JWT"}
        refused(
            project.tokens, compact(header, project.claims(), lambda text: hmac.digest(SECRET.encode(), text, digest))
        )

    @pytest.mark.parametrize("name", ["RS384", "RS512", "PS256", "PS512"])
    def test_the_right_rsa_key_with_another_scheme(self, project: Project, name: str) -> None:
        refused(project.tokens, jwt.encode(project.claims(), RSA.private, name, headers={"kid": RSA.key_id}))

    @pytest.mark.parametrize("name", ["hs256", "Hs256", "HS256 ", "ES256K", "EdDSA"])
    def test_an_algorithm_that_is_not_one_of_three(self, project: Project, name: str) -> None:
        refused(project.tokens, hs256(project.claims(), alg=name, kid=EC.key_id))

    @KEY_PAIRS
    @pytest.mark.parametrize("form", sorted(EC.public_forms()))
    def test_a_public_key_taken_for_a_shared_secret(self, project: Project, key: SigningKey, form: str) -> None:
        public = key.public_forms()[form]

        def sign(text: bytes) -> bytes:
            return hmac.digest(public, text, "sha256")

        token = compact({"alg": "HS256", "typ": "JWT", "kid": key.key_id}, project.claims(), sign)
        keys_only = UserTokens(issuer=ISSUER, hs256_secret=None, jwks_url=project.jwks_url, clock=project.clock)

        refused(project.tokens, token)
        refused(keys_only, token)
        assert keys_only.verify(key.token(project.claims())) == PERSON
        keys_only.close()

    @KEY_PAIRS
    @pytest.mark.parametrize("said", ["HS256", "ES256", "RS256"])
    def test_a_true_signature_under_another_algorithms_name(self, project: Project, key: SigningKey, said: str) -> None:
        token = key.token(project.claims(), alg=said)
        if said == key.algorithm:
            assert project.tokens.verify(token) == PERSON
        else:
            refused(project.tokens, token)

    @KEY_PAIRS
    def test_a_key_under_the_id_of_another_kind_of_key(self, project: Project, key: SigningKey) -> None:
        other = RSA if key is EC else EC
        refused(project.tokens, key.token(project.claims(), kid=other.key_id))
        refused(project.tokens, key.token(project.claims(), kid=other.key_id, alg=other.algorithm))

    @KEY_PAIRS
    def test_published_keys_where_only_the_secret_is_accepted(self, project: Project, key: SigningKey) -> None:
        refused(secret_only(project.clock), key.token(project.claims()))
        assert project.fetches == 0

    def test_a_shared_secret_among_the_published_keys(self, project: Project) -> None:
        project.keys = [{"kty": "oct", "kid": "shared", "alg": "HS256", "k": b64(b"a shared secret " * 4)}]
        refused(project.tokens, hs256(project.claims(), secret="a shared secret " * 4, kid="shared"))
        refused(project.tokens, hs256(project.claims(), secret="a shared secret " * 4, kid="shared", alg="ES256"))


class TestForgedSignatures:
    @pytest.mark.parametrize("sign", [hs256, EC.token, RSA.token], ids=["HS256", "ES256", "RS256"])
    def test_changed_claims_under_an_old_signature(self, project: Project, sign: Any) -> None:
        header, _, signature = sign(project.claims()).split(".")
        other = b64(json.dumps(project.claims(sub="00000000-0000-4000-8000-000000000001")).encode())
        assert "signature" in refused(project.tokens, f"{header}.{other}.{signature}")

    @pytest.mark.parametrize("sign", [hs256, EC.token, RSA.token], ids=["HS256", "ES256", "RS256"])
    def test_a_header_that_was_not_signed(self, project: Project, sign: Any) -> None:
        key_id = "k" if sign is hs256 else sign.__self__.key_id
        _, body, signature = sign(project.claims()).split(".")
        header = jwt.get_unverified_header(sign(project.claims()))
        changed = b64(json.dumps({**header, "kid": key_id, "typ": "at+jwt"}).encode())
        assert "signature" in refused(project.tokens, f"{changed}.{body}.{signature}")

    @KEY_PAIRS
    def test_a_strangers_key_under_the_projects_key_id(self, project: Project, key: SigningKey) -> None:
        stranger = SigningKey(key.key_id, ec_key("stranger") if key is EC else rsa_key("stranger"))
        assert "signature" in refused(project.tokens, stranger.token(project.claims()))
        assert "signature" in refused(project.tokens, hs256(project.claims(), secret="a guess " * 5))

    @KEY_PAIRS
    @pytest.mark.parametrize("known", [True, False], ids=["the project's key id", "a key id of its own"])
    def test_a_token_that_brings_its_own_key(self, project: Project, key: SigningKey, known: bool) -> None:
        private = ec_key("stranger") if key is EC else rsa_key("stranger")
        stranger = SigningKey(key.key_id if known else "mine", private)
        with HttpServer(lambda _: reply({"keys": [stranger.jwk()]})) as theirs:
            headers: list[dict[str, Any]] = [
                {"jwk": stranger.jwk()},
                {"jku": f"{theirs.url}/jwks.json"},
                {"x5u": f"{theirs.url}/certificate.pem"},
                {"x5c": [b64(stranger.public_forms()["der"])]},
                {"jku": f"{theirs.url}/jwks.json", "jwk": stranger.jwk(), "x5t": "x"},
            ]
            for header in headers:
                refused(project.tokens, stranger.token(project.claims(), **header))
            assert theirs.requests == []

    def test_what_a_true_token_says_about_its_key_is_not_read(self, project: Project) -> None:
        with HttpServer() as theirs:
            token = EC.token(project.claims(), jku=f"{theirs.url}/jwks.json", jwk={"kty": "EC"}, x5u=theirs.url)
            assert project.tokens.verify(token) == PERSON
            assert theirs.requests == []

    @pytest.mark.parametrize("crit", [["exp"], ["b64"], ["unheard-of"], [], None, "exp"], ids=repr)
    def test_extensions_that_the_token_calls_critical(self, project: Project, crit: object) -> None:
        refused(project.tokens, EC.token(project.claims(), crit=crit, exp=1, **{"unheard-of": 1}))
        refused(project.tokens, hs256(project.claims(), crit=crit, b64=True))

    def test_a_payload_that_is_not_part_of_the_token(self, project: Project) -> None:
        refused(project.tokens, hs256(project.claims(), b64=False, crit=["b64"]))
        refused(project.tokens, hs256(project.claims(), b64=False))

    @pytest.mark.parametrize("key_id", [..., None, "", 7, ["ec-2026"], {"kid": "ec-2026"}], ids=repr)
    def test_no_key_id_is_no_key_and_nothing_is_fetched_for_it(self, project: Project, key_id: object) -> None:
        header = {"alg": "ES256", "typ": "JWT"} if key_id is ... else {"alg": "ES256", "typ": "JWT", "kid": key_id}
        signer = jwt.get_algorithm_by_name("ES256")
        refused(project.tokens, compact(header, project.claims(), lambda text: signer.sign(text, EC.private)))
        assert project.fetches == 0

    @pytest.mark.parametrize("key_id", ["../../keys", "' or 1=1 --", "EC-2026", "ec-2026 ", "ec-2026\0", "k" * 3000])
    def test_a_key_id_is_compared_and_nothing_else(self, project: Project, key_id: str) -> None:
        refused(project.tokens, EC.token(project.claims(), kid=key_id))
        assert {request.path for request in project.server.requests} == {"/auth/v1/.well-known/jwks.json"}

    @pytest.mark.parametrize(
        "token",
        [
            "",
            ".",
            "..",
            "...",
            "a.b",
            "a.b.c",
            "a.b.c.d",
            "Bearer x.y.z",
            "é.é.é",
            "e30.e30.",
            "e30.e30.e30.e30.e30",
            "W10.e30.e30",
            "bnVsbA.e30.e30",
            "-_-_.-_-_.-_-_",
            "x" * 100_000,
            f"{b64(b'[' * 4000)}.e30.e30",
        ],
        ids=lambda token: repr(token[:20]),
    )
    def test_what_is_no_token_at_all(self, project: Project, token: str) -> None:
        assert "not a JSON Web Token" in refused(project.tokens, token)
        assert project.fetches == 0

    def test_another_spelling_of_a_true_token(self, project: Project) -> None:
        token = EC.token(project.claims())
        header, body, signature = token.split(".")
        spellings = [
            f" {token}",
            f"{token}\n",
            f"{token}=",
            f"{token}==",
            f"{token}é",
            f"{header}=.{body}.{signature}",
            f"{header}.{body}\n.{signature}",
            f"{header}.{body}.{signature}A",
            f"{header}.{body}.{signature[:-1]}",
        ]
        for spelling in spellings:
            refused(project.tokens, spelling)
