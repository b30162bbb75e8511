"""The project's JWT secret, signing key and API keys, and what a request's keys say about the caller."""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from devstack.supabase.errors import ApiError

_TEN_YEARS = 10 * 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Keys:
    """Made once per data folder, as a Supabase project makes them once."""

    jwt_secret: str
    anon_key: str
    service_role_key: str
    signing_jwk: dict[str, str]
    """An ES256 key pair as a JSON Web Key, for tokens that are verified with the published public key."""

    def user_token(
        self, user_id: str, *, iss: str, expires_in: int = 3600, algorithm: Literal["HS256", "ES256"] = "HS256"
    ) -> str:
        """A signed-in user's access token of the issuer ``iss``, valid for ``expires_in`` seconds."""
        claims = user_claims(user_id, iss=iss, expires_in=expires_in)
        if algorithm == "HS256":
            return jwt.encode(claims, self.jwt_secret, algorithm="HS256")
        pair = jwt.PyJWK(self.signing_jwk)
        return jwt.encode(claims, pair.key, algorithm="ES256", headers={"kid": self.signing_jwk["kid"]})

    @property
    def jwks(self) -> dict[str, list[dict[str, object]]]:
        """The public half of the signing key, as the platform publishes it."""
        public = {name: value for name, value in self.signing_jwk.items() if name != "d"}
        return {"keys": [{**public, "alg": "ES256", "use": "sig", "key_ops": ["verify"], "ext": True}]}


def user_claims(user_id: str, *, iss: str, expires_in: int = 3600) -> dict[str, Any]:
    """What the platform says of a signed-in user for ``expires_in`` seconds from now."""
    now = int(time.time())
    claims = {"iss": iss, "sub": user_id, "role": "authenticated", "aud": "authenticated"}
    return {**claims, "iat": now, "exp": now + expires_in}


def load_keys(path: Path) -> Keys:
    """Read the keys, or make and keep them (readable by the owner only)."""
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else _shared_keys()
    if "signing_jwk" not in kept:  # nor has it a folder that was made before there was one
        kept["signing_jwk"] = _signing_jwk()
        draft = path.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(kept, indent=2))
        draft.rename(path)
    return Keys(**kept)


def _shared_keys() -> dict[str, Any]:
    secret = secrets.token_urlsafe(48)
    keys = {f"{role}_key": _api_key(secret, role) for role in ("anon", "service_role")}
    return {"jwt_secret": secret, **keys}


def _signing_jwk() -> dict[str, str]:
    pair: dict[str, str] = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
    return {"kid": str(uuid4()), **pair}


def _api_key(secret: str, role: str) -> str:
    now = int(time.time())
    claims = {"iss": "supabase", "ref": "devstack", "role": role, "iat": now, "exp": now + _TEN_YEARS}
    return jwt.encode(claims, secret, algorithm="HS256")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the database role, and all verified claims."""

    role: str
    claims: dict[str, Any]

    @property
    def anonymous(self) -> bool:
        """Whether nobody is signed in."""
        return self.role == "anon"


def identify(headers: Mapping[str, str], query: Mapping[str, str], keys: Keys) -> Caller:
    """Check ``apikey`` as the platform's gateway does, then the bearer token as PostgREST does.

    Without ``Authorization`` the API key itself is the token.

    Raises:
        ApiError: 401, saying which of the two is missing, malformed, expired or wrongly signed.
    """
    api_key = headers.get("apikey") or query.get("apikey")
    if not api_key:
        raise ApiError(
            401,
            "401",
            "No API key found in request",
            hint="No `apikey` request header or url param was found.",
        )
    if api_key not in (keys.anon_key, keys.service_role_key):
        raise ApiError(
            401, "401", "Invalid API key", hint="Double check your Supabase `anon` or `service_role` API key."
        )
    scheme, _, token = headers.get("authorization", f"Bearer {api_key}").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise ApiError(401, "PGRST301", "Expected a bearer token in the Authorization header")
    claims = _verified(token.strip(), keys)
    role = claims.get("role", "anon")
    if not isinstance(role, str):
        raise ApiError(401, "PGRST303", "The role claim must be a string")
    return Caller(role, claims)


def _verified(token: str, keys: Keys) -> dict[str, Any]:
    try:
        published = jwt.get_unverified_header(token).get("alg") == "ES256"
        claims: dict[str, Any] = jwt.decode(
            token,
            jwt.PyJWK(keys.jwks["keys"][0]) if published else keys.jwt_secret,
            algorithms=["ES256" if published else "HS256"],  # one key, one algorithm
            options={"verify_aud": False, "verify_sub": False},
            leeway=30,
        )
    except jwt.ExpiredSignatureError:
        raise ApiError(401, "PGRST303", "JWT expired") from None
    except (jwt.ImmatureSignatureError, jwt.InvalidIssuedAtError):
        raise ApiError(401, "PGRST303", "JWT not yet valid") from None
    except jwt.InvalidTokenError as error:
        raise ApiError(401, "PGRST301", "No suitable key or wrong key type", details=str(error)) from None
    return claims
