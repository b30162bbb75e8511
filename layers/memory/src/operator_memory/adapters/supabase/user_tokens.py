"""Access tokens of the platform's users, as Supabase Auth signs them.

Three algorithms, each bound to its own kind of key: HS256 to the project's secret (older projects), ES256 to a P-256
key and RS256 to an RSA key of the project's published set (JWKS). What a token says about where its key is to be
found (``jwk``, ``jku``, ``x5u``) is not read. RFC 7515, 7517, 7519, 8725.
"""

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from operator_memory.adapters.net.http import HttpClient, json_object
from operator_memory.adapters.net.json_web_tokens import Key, verified_claims
from operator_memory.application.ports.core import Clock
from operator_memory.domain.errors import (
    ConfigurationError,
    MalformedResponseError,
    UnauthenticatedError,
    UpstreamError,
    UpstreamUnavailableError,
)
from operator_memory.domain.management.identity import Caller

MAX_TOKEN_LENGTH = 8192
"""In characters. Supabase's tokens have about 1000; custom claims may add to that."""

CLOCK_SKEW_SECONDS = 30
"""How far ahead the issuer's clock may be: for ``iat`` and ``nbf``. A token ends at ``exp`` by our own clock."""

KEYS_MAX_AGE_SECONDS = 600.0
"""How long published keys are used before they are read again; a revoked key is refused within this time."""

COOL_DOWN_SECONDS = 30.0
"""After a fetch that did not find a key id, or that failed: how long the keys known so far are all there is."""

FETCH_TIMEOUT = 2.5
"""Deadline of reading the published keys, in seconds."""

MIN_SECRET_LENGTH = 32
MIN_RSA_BITS = 2048

_SYSTEM = "supabase_auth"
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_KINDS = {("EC", "P-256"): "ES256", ("RSA", None): "RS256"}


class UserTokens:
    """Verifies users' access tokens. Safe to use from several threads."""

    def __init__(
        self,
        *,
        issuer: str,
        audience: str = "authenticated",
        hs256_secret: Callable[[], str] | None,
        jwks_url: str | None,
        clock: Clock,
    ) -> None:
        """``issuer`` is ``{supabase_url}/auth/v1``.

        ``hs256_secret`` gives the project's JWT secret; it is asked for every HS256 token, so it should be cached.
        ``jwks_url`` is where the public keys are. What is ``None`` is not accepted.

        Raises:
            ConfigurationError: if both are ``None`` or the URL is none.
        """
        if hs256_secret is None and jwks_url is None:
            raise ConfigurationError("To verify users' tokens the project's JWT secret or its JWKS URL is needed.")
        self._issuer = issuer
        self._audience = audience
        self._secret = hs256_secret
        self._published = PublishedKeys(jwks_url, clock) if jwks_url is not None else None
        self._clock = clock

    def close(self) -> None:
        """Close the idle connections. The tokens can still be verified."""
        if self._published is not None:
            self._published.close()

    def verify(self, token: str) -> Caller:
        """The person that ``token`` stands for; anonymous sign-ins are people too.

        Raises:
            UnauthenticatedError: saying what is wrong, never quoting the token.
            UpstreamError: the published keys were never read and cannot be read now.
            ConfigurationError: the project's JWT secret is too short, or a public key.
        """
        claims = verified_claims(token, self._find_key, max_length=MAX_TOKEN_LENGTH)
        self._check_times(claims)
        if claims.get("iss") != self._issuer or not _contains(claims.get("aud"), self._audience):
            raise UnauthenticatedError("the token was made for another service")
        if claims.get("role") != "authenticated":
            raise UnauthenticatedError("the token is not a signed-in user's")
        user_id = _user_id(claims.get("sub"))
        return Caller(subject=user_id, user_id=user_id)

    def _find_key(self, header: Mapping[str, Any]) -> tuple[str, Key] | None:
        """The algorithm and the one key that goes with it."""
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm == "HS256" and self._secret is not None:  # its key id says nothing: there is one secret
            return algorithm, _checked_secret(self._secret())
        if algorithm in ("ES256", "RS256") and self._published is not None and key_id:
            key = self._published.find(key_id)
            return None if key is None else (key.algorithm_name, key)
        return None

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._clock.now().timestamp()
        expires = claims.get("exp")
        if type(expires) is not int:
            raise UnauthenticatedError("the token has no exp")
        if now >= expires:
            raise UnauthenticatedError("the token has expired")
        for name in ("iat", "nbf"):
            since = claims.get(name, 0)
            if type(since) is not int or now < since - CLOCK_SKEW_SECONDS:
                raise UnauthenticatedError("the token is not valid yet")


class PublishedKeys:
    """The project's public keys, by key id; read when needed, by one thread at a time.

    A key that is known is never waited for while another thread reads, and stays valid when reading fails.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        """``url`` answers with a JSON Web Key Set."""
        self._http = HttpClient(url, system=_SYSTEM)
        self._clock = clock
        self._reading = threading.Lock()
        self._keys: Mapping[str, jwt.PyJWK] | None = None
        self._fresh_until = float("-inf")
        self._quiet_until = float("-inf")
        self._error: UpstreamError | None = None
        self._reads = 0

    def close(self) -> None:
        """Close the idle connections."""
        self._http.close()

    def find(self, key_id: str) -> jwt.PyJWK | None:
        """The key, or ``None`` if the project does not publish it.

        Raises:
            UpstreamError: the key is not known, and whether it is published could not be found out.
        """
        if key_id not in (self._keys or {}):
            self._look_for(key_id)
        elif self._reading.acquire(blocking=False):
            try:
                self._renew_if_old()
            finally:
                self._reading.release()
        key = (self._keys or {}).get(key_id)
        if key is None and self._error is not None:
            raise UpstreamUnavailableError(_SYSTEM, "the signing keys cannot be read") from self._error
        return key

    def _look_for(self, key_id: str) -> None:
        reads = self._reads
        with self._reading:
            if self._reads != reads or self._clock.monotonic() < self._quiet_until:
                return  # another thread has just read them: its answer is ours; or it is too early to ask again
            self._read()
            if self._keys is not None and key_id not in self._keys:
                self._quiet_until = self._clock.monotonic() + COOL_DOWN_SECONDS

    def _renew_if_old(self) -> None:
        if self._clock.monotonic() < self._fresh_until:
            return
        self._read()
        if self._error is not None:
            self._fresh_until = self._clock.monotonic() + COOL_DOWN_SECONDS

    def _read(self) -> None:
        try:
            answer = json_object(_SYSTEM, self._http.request("GET", "", timeout=FETCH_TIMEOUT))
            self._keys = _usable_keys(answer)
            self._fresh_until = self._clock.monotonic() + KEYS_MAX_AGE_SECONDS
            self._error = None
        except UpstreamError as error:
            self._error = error
        self._reads += 1


def _usable_keys(key_set: Mapping[str, Any]) -> dict[str, jwt.PyJWK]:
    members = key_set.get("keys")
    if not isinstance(members, list):
        raise MalformedResponseError(_SYSTEM, "the answer is not a JSON Web Key Set")
    keys: dict[str, jwt.PyJWK] = {}
    for member in members:
        key = _usable_key(member) if isinstance(member, dict) else None
        if key is not None and key.key_id:
            keys.setdefault(key.key_id, key)
    return keys


def _usable_key(member: Mapping[str, Any]) -> jwt.PyJWK | None:
    """The key, if it may verify one of our algorithms. Secrets and private keys do not belong in a published set."""
    if not all(isinstance(member.get(name, ""), str) for name in ("kid", "kty", "crv", "alg", "use")):
        return None
    algorithm = _KINDS.get((member.get("kty", ""), member.get("crv")))
    if algorithm is None or member.get("alg", algorithm) != algorithm or member.get("use", "sig") != "sig":
        return None
    if not _contains(member.get("key_ops", ["verify"]), "verify"):
        return None
    try:
        key = jwt.PyJWK(dict(member), algorithm)
    except jwt.PyJWTError:
        return None
    if isinstance(key.key, RSAPublicKey):
        return key if key.key.key_size >= MIN_RSA_BITS else None
    return key if isinstance(key.key, EllipticCurvePublicKey) else None


def _checked_secret(secret: str) -> str:
    if len(secret) < MIN_SECRET_LENGTH:
        raise ConfigurationError(f"The Supabase project's JWT secret must have {MIN_SECRET_LENGTH} characters or more.")
    return secret


def _contains(value: object, wanted: str) -> bool:
    """Whether ``value`` is the text that is wanted or a list that holds it."""
    return value == wanted or (isinstance(value, list) and wanted in value)


def _user_id(subject: object) -> str:
    user_id = subject.lower() if isinstance(subject, str) else ""
    if not _UUID.fullmatch(user_id):
        raise UnauthenticatedError("the token's sub is not a user's id")
    return user_id
