"""Service tokens: what is minted is valid, and nothing else passes, made by a library or by hand."""

import base64
import hashlib
import hmac
import json
import string
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt as pyjwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.adapters.net.service_tokens import (
    AUDIENCE,
    CLOCK_SKEW,
    ISSUER,
    MAX_LIFETIME,
    ServiceTokens,
    key_provider,
    mint,
    parse_keys,
)
from operator_memory.domain.errors import ConfigurationError, UnauthenticatedError
from operator_memory.domain.management.identity import READ_CONTEXT, Caller
from operator_memory.domain.memory.scopes import AccountId

from tests.support.management.user_tokens import EC

KEY, OTHER_KEY = b"a-key-of-at-least-thirty-two-characters", b"another-key-of-thirty-two-characters-or-more"
NOW = datetime.now(UTC).replace(microsecond=0)  # PyJWT judges by the machine's clock, with a day to spare
SECONDS = int(NOW.timestamp())
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "agent-runtime",
    "iat": SECONDS,
    "exp": SECONDS + 300,
    "scope": READ_CONTEXT,
}
TOKENS = ServiceTokens(lambda: {"k1": KEY})


def signed(claims: dict[str, Any] | None = None, *, key: bytes = KEY, **header: Any) -> str:
    """A token by PyJWT, whose claims and header are ours but for what is given."""
    return pyjwt.encode({**CLAIMS, **(claims or {})}, key, "HS256", headers={"kid": "k1", **header})


def handmade(header: object, claims: object, *, key: bytes = KEY) -> str:
    """A token that no library would make, with a correct HMAC-SHA256 over it."""

    def part(value: object) -> str:
        raw = value if isinstance(value, bytes) else json.dumps(value).encode()
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    text = f"{part(header)}.{part(claims)}"
    return f"{text}.{part(hmac.digest(key, text.encode(), 'sha256'))}"


def refused(token: str, *, now: datetime = NOW, tokens: ServiceTokens = TOKENS) -> str:
    with pytest.raises(UnauthenticatedError) as refusal:
        tokens.verify(token, now=now)
    assert len(str(refusal.value)) < 120, "never quotes the token"
    return str(refusal.value)


# --- what is valid


@given(
    permissions=st.lists(st.from_regex(r"[a-z]{1,8}:[a-z]{1,8}", fullmatch=True), max_size=4),
    account=st.none() | st.just(AccountId("acct-1")),
    subject=st.text(max_size=20),
    minutes=st.integers(1, 720),
)
def test_our_tokens_are_valid_for_pyjwt_and_for_us(
    permissions: list[str], account: AccountId | None, subject: str, minutes: int
) -> None:
    token = mint(
        "k1",
        KEY,
        permissions=permissions,
        now=NOW,
        lifetime=timedelta(minutes=minutes),
        subject=subject,
        account=account,
    )
    claims = pyjwt.decode(token, KEY, ["HS256"], audience=AUDIENCE, issuer=ISSUER, leeway=86_400)
    assert pyjwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT", "kid": "k1"}
    assert claims["exp"] - claims["iat"] == minutes * 60
    caller = TOKENS.verify(token, now=NOW)
    assert caller == Caller(subject, frozenset(permissions), account)


def test_pyjwts_tokens_are_valid_for_us() -> None:
    assert TOKENS.verify(signed(), now=NOW) == Caller("agent-runtime", frozenset({READ_CONTEXT}))
    bound = TOKENS.verify(signed({"account_id": "acct-1", "scope": "a b  a"}), now=NOW)
    assert bound == Caller("agent-runtime", frozenset({"a", "b"}), bound.account_id)
    assert bound.account_id == "acct-1"
    assert TOKENS.verify(signed({"scope": ""}), now=NOW).permissions == frozenset()


def test_during_a_rotation_both_keys_are_valid_and_afterwards_only_the_new_one() -> None:
    keys = {"old": KEY, "new": OTHER_KEY}
    tokens = ServiceTokens(lambda: keys)
    old, new = signed(kid="old"), signed(kid="new", key=OTHER_KEY)
    assert tokens.verify(old, now=NOW) == tokens.verify(new, now=NOW)
    del keys["old"]
    tokens.verify(new, now=NOW)
    assert "unknown key" in refused(old, tokens=tokens)


# --- the signature


def test_a_signature_by_another_key_or_under_another_keys_name_is_refused() -> None:
    assert "signature" in refused(signed(key=OTHER_KEY))
    two = ServiceTokens(lambda: {"k1": KEY, "k2": OTHER_KEY})
    assert "signature" in refused(signed(kid="k2"), tokens=two)


def test_only_hs256_is_accepted_whatever_the_header_says() -> None:
    unsigned = pyjwt.encode(CLAIMS, None, "none", headers={"kid": "k1"})  # type: ignore[arg-type]
    stronger = pyjwt.encode(CLAIMS, KEY + KEY, "HS512", headers={"kid": "k1"})
    for token in (unsigned, stronger, pyjwt.encode(CLAIMS, KEY + KEY, "HS384", headers={"kid": "k1"})):
        assert "algorithm" in refused(token)
    for algorithm in ("none", "None", "hs256", "RS256", "ES256", "", None, ["HS256"]):
        assert "algorithm" in refused(handmade({"alg": algorithm, "kid": "k1"}, CLAIMS))
    stripped = signed().rpartition(".")[0] + "."
    assert "signature" in refused(stripped)


@pytest.mark.parametrize("kid", ["k2", "", None, 1, ["k1"], {"k1": 1}, "K1", "k1 "])
def test_the_key_is_named_by_a_known_key_id(kid: object) -> None:
    tokens = ServiceTokens(lambda: {"k1": KEY, "None": KEY, "1": KEY})
    assert "unknown key" in refused(handmade({"alg": "HS256", "kid": kid}, CLAIMS), tokens=tokens)
    assert "unknown key" in refused(handmade({"alg": "HS256"}, CLAIMS), tokens=tokens)


def test_a_header_that_demands_what_we_do_not_know_is_refused() -> None:
    assert "algorithm" in refused(handmade({"alg": "HS256", "kid": "k1", "crit": ["b64"], "b64": False}, CLAIMS))


@given(st.integers(0, 10_000), st.sampled_from(string.ascii_letters + string.digits + "-_+/=.\n é\x00"))
def test_no_change_of_a_single_character_verifies(position: int, character: str) -> None:
    token = mint("k1", KEY, permissions=[READ_CONTEXT], now=NOW, account="acct-1")
    position %= len(token)
    if token[position] != character:
        refused(token[:position] + character + token[position + 1 :])
    refused(token[:position] + token[position + 1 :])
    refused(token[:position] + character + token[position:])


def test_not_even_the_unused_bits_of_the_last_character_may_differ() -> None:
    """32 bytes are 43 characters, of which the last has two bits to spare: four texts for one signature."""
    token = signed()
    same_bytes = [
        other
        for character in string.ascii_letters + string.digits + "-_"
        if base64.urlsafe_b64decode((other := token[:-1] + character).rpartition(".")[2] + "=")
        == base64.urlsafe_b64decode(token.rpartition(".")[2] + "=")
    ]
    assert len(same_bytes) == 4
    for other in set(same_bytes) - {token}:
        refused(other)


def test_a_payload_moved_under_another_tokens_signature_is_refused() -> None:
    mine, theirs = signed({"account_id": "acct-1"}).split("."), signed({"account_id": "acct-2"}).split(".")
    refused(".".join((mine[0], theirs[1], mine[2])))


# --- the claims


@pytest.mark.parametrize(
    ("shift", "said"),
    [
        (timedelta(seconds=300) + CLOCK_SKEW, "expired"),
        (timedelta(days=3650), "expired"),
        (-CLOCK_SKEW - timedelta(seconds=1), "not valid yet"),
    ],
)
def test_a_token_is_refused_before_and_after_its_time(shift: timedelta, said: str) -> None:
    assert said in refused(signed(), now=NOW + shift)


def test_clocks_may_differ_by_half_a_minute() -> None:
    TOKENS.verify(signed(), now=NOW - CLOCK_SKEW)
    TOKENS.verify(signed(), now=NOW + timedelta(seconds=299) + CLOCK_SKEW)


def test_not_before_is_respected() -> None:
    assert "not valid yet" in refused(signed({"nbf": SECONDS + 60}))
    TOKENS.verify(signed({"nbf": SECONDS - 60}), now=NOW)


def test_a_stolen_token_is_of_use_for_half_a_day_at_most() -> None:
    longest = int(MAX_LIFETIME.total_seconds())
    TOKENS.verify(signed({"exp": SECONDS + longest}), now=NOW)
    assert "live" in refused(signed({"exp": SECONDS + longest + 1}))
    assert "live" in refused(signed({"exp": SECONDS - 5})), "expires before it is issued"


WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "supabase"},
    "another audience": {"aud": "operator-billing"},
    "a list of audiences": {"aud": [AUDIENCE, "operator-billing"]},
    "exp as text": {"exp": str(SECONDS + 300)},
    "exp as fraction": {"exp": SECONDS + 300.5},
    "exp beyond any clock": {"iat": 10**400, "exp": 10**400 + 5},
    "exp is NaN": {"exp": float("nan")},
    "exp is true": {"exp": True, "iat": False},
    "nbf as text": {"nbf": "now"},
    "nbf beyond any clock": {"nbf": 10**400},
    "a malformed account": {"account_id": "*"},
    "an empty account": {"account_id": ""},
    "an account that is a number": {"account_id": 7},
    "scopes as a list": {"scope": [READ_CONTEXT]},
    "no scope": {"scope": None},
}


@pytest.mark.parametrize("claims", WRONG_CLAIMS.values(), ids=WRONG_CLAIMS.keys())
def test_a_well_signed_token_with_a_wrong_claim_is_refused(claims: dict[str, Any]) -> None:
    refused(handmade({"alg": "HS256", "kid": "k1"}, {**CLAIMS, **claims}))


@pytest.mark.parametrize("missing", ["iss", "aud", "iat", "exp"])
def test_a_claim_that_decides_must_be_there(missing: str) -> None:
    refused(handmade({"alg": "HS256", "kid": "k1"}, {k: v for k, v in CLAIMS.items() if k != missing}))


# --- what is no token at all

GARBAGE = {
    "empty": "",
    "dots": "..",
    "a million dots": "." * 1_000_000,
    "a megabyte": "a" * 1_000_000,
    "a megabyte of payload": f"{'eyJ' * 10}.{'A' * 1_000_000}.x",
    "two parts": "a.b",
    "four parts": "a.b.c.d",
    "not base64": "!.!.!",
    "base64 of nothing": "e30.e30.e30",
    "not UTF-8": handmade(b"\xff\xfe", CLAIMS),
    "a list as header": handmade([1], CLAIMS),
    "a list as claims": handmade({"alg": "HS256", "kid": "k1"}, [1]),
    "claims that are not JSON": handmade({"alg": "HS256", "kid": "k1"}, b"{"),
    "nested without end": handmade({"alg": "HS256", "kid": "k1"}, b"[" * 2500),
    "null bytes": "\x00.\x00.\x00",
    "emoji": "😀.😀.😀",
    "lone surrogates": "\ud800.\ud800.\ud800",
    "a space inside": signed().replace(".", " .", 1),
    "a newline after it": signed() + "\n",
    "padding": signed() + "=",
}


@pytest.mark.parametrize("token", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_is_refused_and_costs_nothing(token: str) -> None:
    refused(token)


@given(st.text(st.characters(), max_size=80))
def test_no_text_is_ever_more_than_a_refusal(text: str) -> None:
    refused(text)
    refused(f"{signed().partition('.')[0]}.{text}")


# --- the keys


def test_keys_are_a_json_object_of_ids_and_long_secrets() -> None:
    assert parse_keys(json.dumps({"a": "x" * 32, "b": "y" * 40})) == {"a": b"x" * 32, "b": b"y" * 40}


@pytest.mark.parametrize(
    "text", ["", "secret", "[]", "{}", '"x"', "null", '{"a": 1}', '{"a": ""}', json.dumps({"a": "hunter2" * 4})]
)
def test_keys_that_are_anything_else_say_what_to_set_and_not_what_they_were(text: str) -> None:
    with pytest.raises(ConfigurationError, match="SERVICE_TOKEN_KEYS") as stopped:
        parse_keys(text)
    assert "hunter2" not in str(stopped.value)


def test_a_public_key_is_not_a_secret() -> None:
    for form in ("pem", "jwk"):
        public = EC.public_forms()[form].decode()
        with pytest.raises(ConfigurationError, match="not a secret") as stopped:
            parse_keys(json.dumps({"a": "x" * 32, "b": public}))
        assert public not in str(stopped.value)


def test_keys_are_parsed_when_their_text_changes_and_not_with_every_request() -> None:
    texts = [json.dumps({"a": "x" * 32})] * 2 + [json.dumps({"b": "y" * 32})]
    provide = key_provider(iter(texts).__next__)
    first, second, third = provide(), provide(), provide()
    assert first is second
    assert dict(third) == {"b": b"y" * 32}


def test_the_signature_is_the_hmac_of_rfc_7515() -> None:
    token = mint("k1", KEY, permissions=["a"], now=NOW)
    text, _, signature = token.rpartition(".")
    expected = hmac.new(KEY, text.encode(), hashlib.sha256).digest()
    assert base64.urlsafe_b64decode(signature + "=") == expected
