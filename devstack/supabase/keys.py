"""The project's JWT secret and API keys, and what a request's keys say about the caller."""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jwt

from devstack.supabase.errors import ApiError

_TEN_YEARS = 10 * 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Keys:
    """Made once per data folder, as a Supabase project makes them once."""

    jwt_secret: str
    anon_key: str
    service_role_key: str

    def user_token(self, user_id: str, *, iss: str, expires_in: int = 3600) -> str:
        """A signed-in user's access token of the issuer ``iss``, valid for ``expires_in`` seconds."""
        now = int(time.time())
        claims = {"iss": iss, "sub": user_id, "role": "authenticated", "aud": "authenticated", "iat": now}
        return jwt.encode({**claims, "exp": now + expires_in}, self.jwt_secret, algorithm="HS256")


def load_keys(path: Path) -> Keys:
    """Read the keys, or make and keep them (readable by the owner only)."""
    if not path.exists():
        secret = secrets.token_urlsafe(48)
        fresh = Keys(secret, _api_key(secret, "anon"), _api_key(secret, "service_role"))
        draft = path.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(fresh), indent=2))
        draft.rename(path)
    return Keys(**json.loads(path.read_text()))


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
    claims = _verified(token.strip(), keys.jwt_secret)
    role = claims.get("role", "anon")
    if not isinstance(role, str):
        raise ApiError(401, "PGRST303", "The role claim must be a string")
    return Caller(role, claims)


def _verified(token: str, secret: str) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            token, secret, algorithms=["HS256"], options={"verify_aud": False, "verify_sub": False}, leeway=30
        )
    except jwt.ExpiredSignatureError:
        raise ApiError(401, "PGRST303", "JWT expired") from None
    except (jwt.ImmatureSignatureError, jwt.InvalidIssuedAtError):
        raise ApiError(401, "PGRST303", "JWT not yet valid") from None
    except jwt.InvalidTokenError as error:
        raise ApiError(401, "PGRST301", "No suitable key or wrong key type", details=str(error)) from None
    return claims
