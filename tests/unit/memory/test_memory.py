"""The id of a memory follows from whose it is and what it says, so a write that comes twice changes nothing."""

import unicodedata
import uuid
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.learning.jobs import content_hash, retry_delay_seconds
from operator_memory.domain.memory.memory import EmbeddedMemory, memory_id
from operator_memory.domain.memory.scopes import AccountId, Scope, ScopeKey
from operator_memory.domain.text import normalised_text

from tests.support.builders import ACCOUNT, AGENT_KEY, SESSION_KEY, USER_KEY, a_memory

ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,20}", fullmatch=True)
keys = st.one_of(st.just(USER_KEY), st.builds(ScopeKey, st.sampled_from([Scope.AGENT, Scope.SESSION]), ids))
any_text = st.text(st.characters())  # lone surrogates included
few_ids = st.sampled_from(["a", "b", "agent-1"])
few_keys = st.sampled_from([USER_KEY, AGENT_KEY, SESSION_KEY, ScopeKey(Scope.AGENT, "a")])
few_texts = st.sampled_from(["Yes", "yes.", "no", ""]) | any_text


@given(ids, keys, any_text)
def test_the_same_memory_always_gets_the_same_uuid(account: str, key: ScopeKey, text: str) -> None:
    first = memory_id(AccountId(account), key, text)
    assert first == memory_id(AccountId(account), key, text)
    assert uuid.UUID(first).version == 5


@given(st.lists(st.tuples(few_ids, few_keys, few_texts), min_size=2, max_size=2))
def test_two_memories_share_an_id_only_if_account_scope_owner_and_words_agree(
    pair: list[tuple[str, ScopeKey, str]],
) -> None:
    (account_a, key_a, text_a), (account_b, key_b, text_b) = pair
    same = (account_a, key_a, normalised_text(text_a)) == (account_b, key_b, normalised_text(text_b))
    assert (memory_id(AccountId(account_a), key_a, text_a) == memory_id(AccountId(account_b), key_b, text_b)) == same


@given(any_text)
def test_every_account_and_scope_keeps_its_own_copy(text: str) -> None:
    copies = [memory_id(ACCOUNT, key, text) for key in (USER_KEY, AGENT_KEY, SESSION_KEY)]
    copies.append(memory_id(ACCOUNT, ScopeKey(Scope.AGENT, "agent-2"), text))
    copies.append(memory_id(ACCOUNT, ScopeKey(Scope.SESSION, "agent-1"), text))
    copies.append(memory_id(AccountId("acct-2"), USER_KEY, text))
    assert len(set(copies)) == len(copies)


@given(any_text)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = normalised_text(text)
    assert normalised_text(once) == once


@given(st.text())
def test_case_white_space_unicode_form_and_final_stop_do_not_make_another_memory(text: str) -> None:
    for variant in (f"  {text}\t\n", text.replace(" ", " \u00a0"), unicodedata.normalize("NFD", text), f"{text}."):
        assert normalised_text(variant) == normalised_text(text)
    assert normalised_text(text.casefold()) == normalised_text(text)


def test_marks_without_end_are_cut_and_nothing_else_is() -> None:
    endless = normalised_text("a" + "\u0301\u0323" * 10_000 + "b")
    assert len(endless) < 80
    assert endless.endswith("b")
    for text in ("\u00bf" + "\u2501" * 300 + "x", "\U0001f600" * 300, "e\u0301" * 300, "o\u0323\u0301" * 300):
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        assert normalised_text(text) == folded


def test_different_words_make_different_memories() -> None:
    texts = ["Likes tea", "Likes tee", "Likes tea!", "Likes no tea", "Likes", ""]
    assert len({memory_id(ACCOUNT, USER_KEY, text) for text in texts}) == len(texts)


def test_the_same_words_at_two_places_of_a_session_are_two_turns() -> None:
    turns = {memory_id(ACCOUNT, SESSION_KEY, "yes", position=str(n)) for n in range(100)}
    assert len(turns) == 100


def test_the_id_of_a_memory_is_pinned() -> None:
    """Stored points keep their ids: another namespace or normal form would store everything twice."""
    assert memory_id(AccountId("demo"), USER_KEY, "Likes TEA.") == memory_id(AccountId("demo"), USER_KEY, "likes tea")
    assert memory_id(AccountId("demo"), USER_KEY, "likes tea") == "041269c4-39a1-5851-838d-c61c529a6374"


def test_a_memory_knows_its_scope_key() -> None:
    assert [a_memory(key=key).key for key in (USER_KEY, AGENT_KEY, SESSION_KEY)] == [USER_KEY, AGENT_KEY, SESSION_KEY]


def test_a_vector_does_not_fill_the_logs() -> None:
    assert "0.125" not in repr(EmbeddedMemory(a_memory(), [0.125] * 1536))


scalars = st.none() | st.booleans() | st.integers() | any_text
json_values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(any_text, inner), max_leaves=8)


@given(st.dictionaries(any_text, json_values), st.randoms())
def test_a_jobs_hash_ignores_the_order_of_keys(body: dict[str, object], random: Random) -> None:
    items = list(body.items())
    random.shuffle(items)
    assert content_hash(dict(items)) == content_hash(body)
    assert content_hash({**body, "one": "more"}) != content_hash(body) or body.get("one") == "more"


def test_a_failed_job_waits_longer_each_time_but_never_more_than_ten_minutes() -> None:
    assert [retry_delay_seconds(n) for n in (-1, 0, 1, 2, 3, 4, 5, 10_000)] == [5, 5, 5, 25, 125, 600, 600, 600]
