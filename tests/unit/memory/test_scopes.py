"""Ids are checked before anything else sees them; a scope key cannot be ambiguous."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.errors import InvalidInputError, PermissionDeniedError
from operator_memory.domain.management.identity import READ_CONTEXT, Caller
from operator_memory.domain.memory.memory import memory_id
from operator_memory.domain.memory.scopes import AccountId, Scope, ScopeKey, account_id, canonical_id, checked_id

GOOD = [
    "a",
    "7",
    "9f0c3c2e-2f6e-4f0f-8a55-0d8f4c1c2a77",
    "user@example.org",
    "agent:v2.1_beta+eu-west",
    "x" * 128,
]
BAD = {
    "Mem0's wildcard": "*",
    "wildcard inside": "acct*",
    "empty": "",
    "space": " ",
    "space around": " acct ",
    "inner space": "ac ct",
    "tab": "ac\tct",
    "trailing newline": "acct\n",
    "null byte": "acct\x00",
    "control character": "acct\x1b",
    "slash": "../acct",
    "quote": 'acct"',
    "emoji": "acct😀",
    "right-to-left": "שלום",
    "look-alike letter": "аcct",
    "full-width digit": "acct１",
    "bidi override": "acct\u202e",
    "lone surrogate": "acct\ud800",
    "leading punctuation": "-acct",
    "129 characters": "x" * 129,
    "10,000 characters": "x" * 10_000,
}


@pytest.mark.parametrize("value", GOOD)
def test_a_well_formed_id_passes_unchanged(value: str) -> None:
    assert checked_id("agent_id", value) == value
    assert account_id(value) == value


@pytest.mark.parametrize("value", BAD.values(), ids=BAD.keys())
def test_a_malformed_id_is_refused_by_field_and_never_echoed(value: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        checked_id("agent_id", value)
    assert refusal.value.field == "agent_id"
    assert len(str(refusal.value)) < 120
    assert len(value) < 4 or value not in str(refusal.value)


@pytest.mark.parametrize("value", [None, 1, 1.5, True, b"acct", ["acct"], {"id": "acct"}])
def test_only_a_string_is_an_id(value: object) -> None:
    with pytest.raises(InvalidInputError, match="account_id: must be a string"):
        account_id(value)


@given(st.text(max_size=140))
def test_whatever_passes_is_short_plain_ascii_without_wildcards(text: str) -> None:
    try:
        passed = checked_id("id", text)
    except InvalidInputError:
        return
    assert passed == canonical_id(text)
    assert 1 <= len(passed) <= 128
    assert passed.isascii()
    assert passed.isprintable()
    assert not set(passed) & set("*/\\'\"<>{}()[]?&#% ")


@given(st.uuids(), st.data())
def test_a_uuid_has_one_spelling_however_its_letters_are_written(identity: UUID, data: st.DataObject) -> None:
    known = str(identity)
    upper = data.draw(st.lists(st.booleans(), min_size=len(known), max_size=len(known)))
    written = "".join(letter.upper() if up else letter for letter, up in zip(known, upper, strict=True))
    assert checked_id("thread_id", written) == known
    tenant = account_id(written)
    assert tenant == account_id(known)
    assert memory_id(tenant, ScopeKey(Scope.USER), "Likes tea") == memory_id(
        account_id(known), ScopeKey(Scope.USER), "Likes tea"
    )
    assert canonical_id(checked_id("thread_id", written)) == known, "and it stays as it is"


@given(st.text("AFGaf09._:@+-", max_size=126), st.uuids())
def test_an_id_that_is_no_whole_uuid_stays_as_it_is(text: str, identity: UUID) -> None:
    known = str(identity).upper()
    for other in (f"Z{text}", known.replace("-", ""), f"{known}0", f"X{known}", f"{known}:{known}", known[:-1]):
        assert checked_id("session_id", other) == other


def test_a_user_scope_has_no_owner_and_the_others_need_one() -> None:
    assert ScopeKey(Scope.USER).owner_id is None
    assert ScopeKey(Scope.AGENT, "a1") != ScopeKey(Scope.SESSION, "a1")
    for scope, owner in ((Scope.USER, "a1"), (Scope.USER, ""), (Scope.AGENT, None), (Scope.SESSION, "")):
        with pytest.raises(ValueError, match="owner id"):
            ScopeKey(scope, owner)


def test_a_caller_may_do_what_its_token_says_in_the_account_it_is_bound_to() -> None:
    runtime = Caller("agent-runtime", frozenset({READ_CONTEXT}))
    bound = Caller("agent-runtime", frozenset({READ_CONTEXT}), AccountId("acct-1"))
    runtime.require(READ_CONTEXT, AccountId("acct-2"))
    bound.require(READ_CONTEXT, AccountId("acct-1"))
    with pytest.raises(PermissionDeniedError, match="another account"):
        bound.require(READ_CONTEXT, AccountId("acct-2"))
    with pytest.raises(PermissionDeniedError, match=r"memories:write"):
        runtime.require("memories:write", AccountId("acct-1"))
