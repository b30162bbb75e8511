"""The agent runtime's own credential: a short-lived JSON Web Token, signed with a shared key (HS256).

Exactly one algorithm is accepted, so there is nothing to confuse.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import jwt

from operator_memory.adapters.net.json_web_tokens import is_secret, unverified_claims, verified_claims
from operator_memory.domain.errors import ConfigurationError, InvalidInputError, UnauthenticatedError
from operator_memory.domain.management.identity import Caller
from operator_memory.domain.memory.scopes import account_id

ISSUER = "operator-runtime"
AUDIENCE = "operator-memory"
MAX_LIFETIME = timedelta(hours=12)
CLOCK_SKEW = timedelta(seconds=30)
MIN_KEY_LENGTH = 32
_MAX_TOKEN_LENGTH = 4096
_ALGORITHM = "HS256"
_MAX_SUBJECT_LENGTH = 128
"""The subject is a part of the trail's actor and of a rate limit's key; a longer one fits into neither."""


def parse_keys(text: str) -> dict[str, bytes]:
    """Read signing keys from their JSON form, an object of key id to secret.

    Raises:
        ConfigurationError: if it is anything else, empty, or a secret is shorter than 32 characters.
    """
    where = "SERVICE_TOKEN_KEYS (or the parameter that SERVICE_TOKEN_KEYS_PARAMETER names)"
    try:
        decoded = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f'{where} must be a JSON object such as {{"2026-11": "<secret>"}}.') from error
    if not isinstance(decoded, dict) or not decoded:
        raise ConfigurationError(f"{where} must be a JSON object with at least one key.")
    for key_id, secret in decoded.items():
        if not isinstance(secret, str) or len(secret) < MIN_KEY_LENGTH:
            raise ConfigurationError(f"{where}: key {key_id!r} must have at least {MIN_KEY_LENGTH} characters.")
        if not is_secret(secret):
            raise ConfigurationError(f"{where}: key {key_id!r} is a public key or a certificate, not a secret.")
    return {key_id: secret.encode() for key_id, secret in decoded.items()}


def mint(
    key_id: str,
    key: bytes,
    *,
    permissions: Iterable[str],
    now: datetime,
    lifetime: timedelta = timedelta(minutes=5),
    subject: str = "agent-runtime",
    account: str | None = None,
) -> str:
    """Make a token that is valid from ``now`` for ``lifetime``, optionally for one account only."""
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "iat": int(now.timestamp()),
        "exp": int((now + lifetime).timestamp()),
        "scope": " ".join(permissions),
    }
    if account is not None:
        claims["account_id"] = account
    return jwt.encode(claims, key, _ALGORITHM, headers={"kid": key_id})


def is_service_token(token: str) -> bool:
    """Whether ``token`` says that the runtime made it. Unverified: it decides only who is asked to verify it."""
    try:
        return unverified_claims(token, max_length=_MAX_TOKEN_LENGTH).get("iss") == ISSUER
    except UnauthenticatedError:
        return False


class ServiceTokens:
    """Verifies tokens against the keys valid now (two at once make a rotation)."""

    def __init__(self, keys: Callable[[], Mapping[str, bytes]]) -> None:
        """``keys`` gives the valid keys by key id; asked on every call, so it should be cached."""
        self._keys = keys

    def verify(self, token: str, *, now: datetime) -> Caller:
        """The caller that ``token`` stands for.

        Raises:
            UnauthenticatedError: saying what is wrong, never quoting the token.
        """
        claims = verified_claims(token, self._find_key, max_length=_MAX_TOKEN_LENGTH)
        _check_times(claims, now)
        if claims.get("iss") != ISSUER or claims.get("aud") != AUDIENCE:
            raise UnauthenticatedError("the token was made for another service")
        return _caller(claims)

    def _find_key(self, header: Mapping[str, Any]) -> tuple[str, bytes] | None:
        key = self._keys().get(header.get("kid", ""))
        return None if key is None else (_ALGORITHM, key)


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    issued, expires = claims.get("iat"), claims.get("exp")
    if type(issued) is not int or type(expires) is not int:
        raise UnauthenticatedError("the token has no iat or exp")
    not_before = claims.get("nbf", issued)
    seconds, skew = now.timestamp(), int(CLOCK_SKEW.total_seconds())
    if not 0 < expires - issued <= MAX_LIFETIME.total_seconds():
        raise UnauthenticatedError(f"the token must live for at most {MAX_LIFETIME.total_seconds():.0f} seconds")
    if seconds >= expires + skew:
        raise UnauthenticatedError("the token has expired")
    if type(not_before) is not int or seconds < max(issued, not_before) - skew:
        raise UnauthenticatedError("the token is not valid yet")


def _caller(claims: Mapping[str, Any]) -> Caller:
    scope, bound, subject = claims.get("scope", ""), claims.get("account_id"), claims.get("sub", "")
    if not isinstance(scope, str):
        raise UnauthenticatedError("the token's scope is not a string")
    if not isinstance(subject, str) or len(subject) > _MAX_SUBJECT_LENGTH:
        raise UnauthenticatedError(f"the token's sub must be a string of at most {_MAX_SUBJECT_LENGTH} characters")
    try:
        account = None if bound is None else account_id(bound)
    except InvalidInputError as error:
        raise UnauthenticatedError("the token's account_id is malformed") from error
    return Caller(subject, frozenset(scope.split()), account)


def key_provider(read: Callable[[], str]) -> Callable[[], Mapping[str, bytes]]:
    """Parsed keys from ``read``'s JSON text; parsed again only when the text has changed."""
    known: list[tuple[str, dict[str, bytes]]] = []

    def keys() -> Mapping[str, bytes]:
        text = read()
        if not known or known[0][0] != text:
            known[:] = [(text, parse_keys(text))]
        return known[0][1]

    return keys
