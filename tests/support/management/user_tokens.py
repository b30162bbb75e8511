"""Users' tokens for tests: keys of every kind, tokens that no library would make, and a project that publishes keys."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Self

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from operator_memory.adapters.supabase.user_tokens import UserTokens
from operator_memory.domain.errors import UnauthenticatedError
from operator_memory.domain.management.identity import Caller

from tests.support.fakes.core import FakeClock
from tests.support.loopback import HttpServer, Request, reply

ISSUER = "https://project.supabase.example/auth/v1"
SECRET = "the-project's-secret-of-more-than-thirty-two-characters"
USER = "5f0c1d9e-8a44-4b8f-9d53-0a2b7c6e1f01"

PERSON = Caller(USER, user_id=USER)

Signer = Callable[[bytes], bytes]


@cache
def ec_key(name: str, curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    """The key of this name, made once a test run."""
    return ec.generate_private_key(curve())


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """The key of this name, made once a test run."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@dataclass(frozen=True)
class SigningKey:
    """A key of a project: an ES256 or RS256 key pair and its id."""

    key_id: str
    private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

    @property
    def algorithm(self) -> str:
        return "ES256" if isinstance(self.private, ec.EllipticCurvePrivateKey) else "RS256"

    def jwk(self, **members: object) -> dict[str, Any]:
        """The public key as Supabase publishes it; ``members`` replace or, being ``None``, remove some."""
        public = self.private.public_key()
        numbers: dict[str, Any] = (
            ECAlgorithm.to_jwk(public, as_dict=True)
            if isinstance(public, ec.EllipticCurvePublicKey)
            else RSAAlgorithm.to_jwk(public, as_dict=True)
        )
        whole = {**numbers, "kid": self.key_id, "alg": self.algorithm, "use": "sig", "key_ops": ["verify"], **members}
        return {name: value for name, value in whole.items() if value is not None}

    def token(self, claims: Mapping[str, Any], **header: Any) -> str:
        """A token that is really signed with this key; ``header`` may contradict that."""
        signer = jwt.get_algorithm_by_name(self.algorithm)
        return compact(
            {"alg": self.algorithm, "typ": "JWT", "kid": self.key_id, **header},
            claims,
            lambda text: signer.sign(text, self.private),
        )

    def public_forms(self) -> dict[str, bytes]:
        """Everything public about the key that somebody might take for a shared secret."""
        public = self.private.public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return {
            "pem": pem,
            "pem without its last line break": pem.strip(),
            "der": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            "jwk": json.dumps(self.jwk(), separators=(",", ":")).encode(),
            "number": unb64(self.jwk().get("x") or self.jwk()["n"]),
            "nothing": b"",
        }


EC = SigningKey("ec-2026", ec_key("project"))
RSA = SigningKey("rsa-2026", rsa_key("project"))
KEY_PAIRS = pytest.mark.parametrize("key", [EC, RSA], ids=["ES256", "RS256"])


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def compact(header: object, claims: object, sign: Signer) -> str:
    """A token of any header and any claims (bytes are taken as they are), with the signature that ``sign`` makes."""
    parts = [b64(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in (header, claims)]
    text = ".".join(parts)
    return f"{text}.{b64(sign(text.encode()))}"


def claims(clock: FakeClock, **changes: object) -> dict[str, Any]:
    """What Supabase puts into a user's token, valid for an hour; a change to ``...`` removes the claim."""
    now = int(clock.now().timestamp())
    whole: dict[str, Any] = {
        "iss": ISSUER,
        "sub": USER,
        "aud": "authenticated",
        "exp": now + 3600,
        "iat": now,
        "email": "ada@example.com",
        "app_metadata": {"provider": "email", "providers": ["email"]},
        "role": "authenticated",
        "aal": "aal1",
        "session_id": "0d1f9d0f-6f1b-4a0e-8f6b-6f0c7d0c9f11",
        "is_anonymous": False,
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not ...}


def hs256(claims: Mapping[str, Any], *, secret: str = SECRET, **header: Any) -> str:
    """A token of an older project, whose one secret signs everything."""
    signer = jwt.get_algorithm_by_name("HS256")
    return compact({"alg": "HS256", "typ": "JWT", **header}, claims, lambda text: signer.sign(text, secret.encode()))


@dataclass
class Project:
    """A Supabase project that publishes ``keys``, on a real socket."""

    keys: list[dict[str, Any]] = field(default_factory=lambda: [EC.jwk(), RSA.jwk()])
    clock: FakeClock = field(default_factory=FakeClock)

    def __enter__(self) -> Self:
        self.server = HttpServer(self.publish)
        self.tokens = self.verifier()
        return self

    def __exit__(self, *_: object) -> None:
        self.tokens.close()
        self.server.close()

    def publish(self, _request: Request) -> bytes:
        return reply({"keys": self.keys})

    @property
    def jwks_url(self) -> str:
        return f"{self.server.url}/auth/v1/.well-known/jwks.json"

    @property
    def fetches(self) -> int:
        """How often the keys were asked for."""
        return len(self.server.requests)

    def verifier(self) -> UserTokens:
        """Accepts what the project signs, with its secret and with its keys."""
        return UserTokens(issuer=ISSUER, hs256_secret=lambda: SECRET, jwks_url=self.jwks_url, clock=self.clock)

    def claims(self, **changes: object) -> dict[str, Any]:
        return claims(self.clock, **changes)


def refused(tokens: UserTokens, token: str) -> str:
    """The sentence with which ``token`` is refused."""
    with pytest.raises(UnauthenticatedError) as refusal:
        tokens.verify(token)
    sentence = str(refusal.value)
    assert len(sentence) < 120
    assert not any(part in sentence for part in token.split(".") if len(part) > 8), "never quotes the token"
    return sentence


def secret_only(clock: FakeClock, secret: str = SECRET) -> UserTokens:
    """Accepts what an older project signs, and no published keys."""
    return UserTokens(issuer=ISSUER, hs256_secret=lambda: secret, jwks_url=None, clock=clock)
