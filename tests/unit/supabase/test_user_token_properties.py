"""Users' access tokens, whatever is done to them: a changed token is refused, and nothing but a refusal comes out."""

import string
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from operator_memory.adapters.supabase.user_tokens import UserTokens
from operator_memory.domain.errors import UnauthenticatedError

from tests.support.management.user_tokens import EC, PERSON, RSA, USER, Project, compact, hs256, refused

SIGNERS: dict[str, Any] = {"HS256": hs256, "ES256": EC.token, "RS256": RSA.token}
BASE64URL = string.ascii_letters + string.digits + "-_"
CHARACTERS = st.sampled_from(BASE64URL) | st.characters()
ALGORITHMS = pytest.mark.parametrize("algorithm", SIGNERS)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
CLAIMS = ("iss", "sub", "aud", "role", "exp", "iat", "nbf", "is_anonymous")
HEADERS = ("alg", "kid", "typ", "crit", "b64", "jwk", "jku", "x5u", "x5c", "zip", "cty")


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    """One for all examples: its clock stands still, so that made-up key ids cost one fetch in all."""
    with Project() as running:
        yield running


@pytest.fixture(scope="module")
def valid(project: Project) -> dict[str, str]:
    """A valid token of each algorithm."""
    return {algorithm: sign(project.claims()) for algorithm, sign in SIGNERS.items()}


def test_the_tokens_that_are_changed_here_are_valid(project: Project, valid: dict[str, str]) -> None:
    assert [project.tokens.verify(token) for token in valid.values()] == [PERSON] * 3


@ALGORITHMS
@given(data=st.data())
def test_a_token_with_one_character_changed_is_refused(
    project: Project, valid: dict[str, str], algorithm: str, data: st.DataObject
) -> None:
    token = valid[algorithm]
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(CHARACTERS.filter(lambda character: character != token[place]))
    refused(project.tokens, token[:place] + other + token[place + 1 :])


@ALGORITHMS
def test_a_token_with_one_character_changed_to_a_likely_one_is_refused_at_every_place(
    project: Project, valid: dict[str, str], algorithm: str
) -> None:
    """The neighbour in the alphabet differs in the lowest bits, which the last character of a part does not use."""
    token = valid[algorithm]
    for place, character in enumerate(token):
        at = BASE64URL.find(character)
        for other in {BASE64URL[at ^ 1], BASE64URL[at ^ 2], "=", "."} - {character}:
            refused(project.tokens, token[:place] + other + token[place + 1 :])


@ALGORITHMS
@given(data=st.data())
def test_a_token_with_characters_added_or_taken_away_is_refused(
    project: Project, valid: dict[str, str], algorithm: str, data: st.DataObject
) -> None:
    token = valid[algorithm]
    start = data.draw(st.integers(0, len(token)))
    end = data.draw(st.integers(start, min(len(token), start + 5)))
    added = data.draw(st.text(CHARACTERS, max_size=3).filter(lambda text: text != token[start:end]))
    refused(project.tokens, token[:start] + added + token[end:])


@given(first=st.sampled_from(sorted(SIGNERS)), second=st.sampled_from(sorted(SIGNERS)), part=st.integers(0, 2))
def test_parts_of_two_valid_tokens_make_no_third(
    project: Project, valid: dict[str, str], first: str, second: str, part: int
) -> None:
    other = SIGNERS[second](project.claims(session_id="another", exp=4102444800), typ="jwt").split(".")
    mixed = valid[first].split(".")
    mixed[part] = other[part]
    refused(project.tokens, ".".join(mixed))


@given(token=st.text(st.sampled_from(BASE64URL + ".="), max_size=200) | st.text(max_size=200))
def test_any_other_text_is_refused(project: Project, token: str) -> None:
    refused(project.tokens, token)


@given(header=JSON | st.dictionaries(st.sampled_from(HEADERS), JSON), claims=JSON, signature=st.binary(max_size=300))
def test_any_header_with_any_signature_is_refused(
    project: Project, header: object, claims: object, signature: bytes
) -> None:
    refused(project.tokens, compact(header, claims, lambda _: signature))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    algorithm=st.sampled_from(sorted(SIGNERS)),
    changes=st.dictionaries(st.sampled_from(CLAIMS), JSON, min_size=1),
    header=st.dictionaries(st.sampled_from([name for name in HEADERS if name not in ("alg", "kid")]), JSON),
)
def test_any_claims_that_are_truly_signed_are_the_person_or_refused(
    project: Project, algorithm: str, changes: dict[str, Any], header: dict[str, Any]
) -> None:
    outcome = verified(project.tokens, SIGNERS[algorithm](project.claims(**changes), **header))
    assert outcome in (PERSON, None)
    if {"iss", "sub"} & changes.keys() or changes.get("role", "authenticated") != "authenticated":
        assert outcome is None, "no text of twenty characters is an issuer or an id"


@given(role=st.text() | st.sampled_from(["service_role", "anon", "AUTHENTICATED"]), sub=st.text() | st.just(USER))
def test_a_secret_that_signs_everything_does_not_make_everything_a_user(project: Project, role: str, sub: str) -> None:
    outcome = verified(project.tokens, hs256(project.claims(role=role, sub=sub)))
    assert outcome == (PERSON if (role, sub) == ("authenticated", USER) else None)


def test_all_of_this_has_cost_the_project_next_to_nothing(project: Project) -> None:
    project.tokens.verify(EC.token(project.claims()))
    assert project.fetches <= 2


def verified(tokens: UserTokens, token: str) -> object:
    """The caller, or ``None`` for a refusal; any other error is one of ours."""
    try:
        return tokens.verify(token)
    except UnauthenticatedError:
        return None
