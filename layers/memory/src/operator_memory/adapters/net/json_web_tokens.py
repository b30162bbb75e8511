"""What a signed JSON Web Token says, read with PyJWT: one key, one algorithm, and no word of the token about either.

PyJWT checks the form and the signature. The claims are checked by who knows what they must say, and by a clock that
tests can set. RFC 7515, 7519, 8725.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import jwt

from operator_memory.domain.errors import ConfigurationError, UnauthenticatedError

Claims = dict[str, Any]
Key = str | bytes | jwt.PyJWK
FindKey = Callable[[Mapping[str, Any]], tuple[str, Key] | None]
"""For a token's header the algorithm and the one key that it must be signed with, ``None`` if there is none."""

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_JWS = jwt.PyJWS(algorithms=["HS256", "ES256", "RS256"])
_NO_TOKEN = "the token is not a JSON Web Token"  # noqa: S105  (no secret)
_NO_KEY = "the token is signed with an unknown key or algorithm"


def verified_claims(token: str, find_key: FindKey, *, max_length: int) -> Claims:
    """The claims of ``token``, whose signature is verified.

    Raises:
        UnauthenticatedError: saying what is wrong, never quoting the token.
        ConfigurationError: the key is no secret but a public key or a certificate.
    """
    header = _header(token, max_length)
    found = None if "crit" in header else find_key(header)
    if found is None or header.get("alg") != found[0]:
        raise UnauthenticatedError(_NO_KEY)
    algorithm, key = found
    try:
        return _claims(_JWS.decode(token, key, algorithms=[algorithm]))
    except jwt.InvalidKeyError:  # of published keys only good ones are kept
        raise ConfigurationError("A JWT secret is set to a public key, not to a secret.") from None
    except jwt.InvalidSignatureError:
        raise UnauthenticatedError("the token's signature is not valid") from None
    except jwt.PyJWTError:
        raise UnauthenticatedError(_NO_TOKEN) from None


def is_secret(key: str) -> bool:
    """Whether ``key`` can be shared to sign with, and is not a public key or a certificate that somebody mixed up."""
    try:
        jwt.get_algorithm_by_name("HS256").prepare_key(key)
    except jwt.InvalidKeyError:
        return False
    return True


def unverified_claims(token: str, *, max_length: int) -> Claims:
    """The claims of ``token``, whoever made it.

    Raises:
        UnauthenticatedError: it is no JSON Web Token.
    """
    _check_form(token, max_length)
    try:
        return _claims(_JWS.decode(token, options={"verify_signature": False}))
    except jwt.PyJWTError:
        raise UnauthenticatedError(_NO_TOKEN) from None


def _check_form(token: str, max_length: int) -> None:
    if len(token) > max_length or not _COMPACT.fullmatch(token):
        raise UnauthenticatedError(_NO_TOKEN)


def _header(token: str, max_length: int) -> Mapping[str, Any]:
    _check_form(token, max_length)
    try:
        header = _JWS.get_unverified_header(f"{token.partition('.')[0]}..")  # the rest is read when it is verified
    except jwt.DecodeError:
        header = {}
    except jwt.InvalidTokenError:  # a key id that is no text, an extension that must be understood
        raise UnauthenticatedError(_NO_KEY) from None
    if "alg" not in header:
        raise UnauthenticatedError(_NO_TOKEN)
    return header


def _claims(payload: bytes) -> Claims:
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise UnauthenticatedError("the token's claims are not a JSON object")
    return claims
