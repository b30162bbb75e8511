"""A memory as a line of an export, and back: nothing is lost, and nothing of another account is confirmed."""

import json
import uuid
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.characters import as_seen
from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.management.export_line import MAX_TEXT, memory_line, memory_of_line, original_id
from operator_memory.domain.memory.memory import Memory, PastVersion, memory_id
from operator_memory.domain.memory.provenance import MOST_QUOTES, SaidWords, SourceClass, least_trusted
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope, ScopeKey

from tests.support.builders import ACCOUNT, AGENT_KEY, NOW, SESSION_KEY, USER_KEY, a_memory

OTHER = AccountId("acct-2")
NOT_TRANSFERRED = {"id", "account_id", "imported_at", "import_id", "superseded_by", "source_class"}

moments = st.integers(0, 10**10).map(lambda seconds: NOW.replace(year=1971) + timedelta(seconds=seconds))
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).map(as_seen).filter(str.strip)
ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,20}", fullmatch=True)
quotes = st.builds(
    SaidWords,
    texts,
    message_id=st.none() | ids,
    role=st.sampled_from([None, "user", "assistant"]),
    speaker=st.sampled_from([None, "Ana Lima"]),
    author_id=st.none() | ids,
    said_at=st.none() | moments,
    run_id=st.none() | ids,
)
past_versions = st.builds(PastVersion, st.integers(1, 99), texts, moments, st.just("user:u"))


@st.composite
def memories(draw: st.DrawFn) -> Memory:
    """Any memory that could be stored."""
    key = draw(st.sampled_from([USER_KEY, AGENT_KEY, SESSION_KEY]))
    return Memory(
        id=str(draw(st.uuids())),
        account_id=ACCOUNT,
        scope=key.scope,
        kind=draw(st.sampled_from(Kind)),
        text=draw(texts),
        created_at=draw(moments),
        updated_at=draw(moments),
        agent_id="agent-1" if key.scope is Scope.AGENT else draw(st.none() | ids),
        session_id="session-1" if key.scope is Scope.SESSION else draw(st.none() | ids),
        thread_id=draw(st.none() | ids),
        author_id=draw(st.none() | ids),
        attributed_to=draw(st.sampled_from([None, "user", "assistant"])),
        role=draw(st.sampled_from([None, "user", "assistant"])),
        speaker=draw(st.sampled_from([None, "Ana Lima", "李"])),
        message_id=draw(st.none() | ids),
        seq=draw(st.none() | st.integers(0, 2**40)),
        source_run_id=draw(st.none() | ids),
        importance=draw(st.floats(0, 1)),
        pinned=draw(st.booleans()),
        expires_at=draw(st.none() | moments),
        superseded_by=draw(st.none() | st.uuids().map(str)),
        valid_until=draw(st.none() | moments),
        last_accessed_at=draw(st.none() | moments),
        access_count=draw(st.integers(0, 2**40)),
        version=draw(st.integers(1, 2**40)),
        history=tuple(draw(st.lists(past_versions, max_size=3))),
        imported_at=draw(st.none() | moments),
        import_id=draw(st.none() | ids),
        evidence=tuple(draw(st.lists(quotes, max_size=MOST_QUOTES))),
        repeated_in=tuple(draw(st.lists(ids, max_size=3))),
        source_class=draw(st.sampled_from([None, *SourceClass])),
        when=draw(st.sampled_from([None, "2026", "2026-11", "2026-11-24/2026-12-01"])),
        inferred=draw(st.booleans()),
    )


def line(**changes: Any) -> dict[str, Any]:
    """A line as an export gives it, with changes."""
    return {**memory_line(a_memory()), **changes}


def read(**changes: Any) -> Memory:
    return memory_of_line(line(**changes), ACCOUNT, now=NOW)


def test_words_are_brought_back_as_a_person_sees_them() -> None:
    past = {"version": 1, "text": "Bo\u0308hm\u200b", "changed_at": "2026-01-01T00:00:00Z", "changed_by": "user:u"}
    memory = read(text="Lives in Ko\u0308ln\U000e0041", speaker="Jo\u0308rg", history=[past])
    assert (memory.text, memory.speaker, memory.history[0].text) == ("Lives in K\u00f6ln", "J\u00f6rg", "B\u00f6hm")
    with pytest.raises(InvalidInputError, match="text: must be a text that is not empty"):
        read(text="\u200b\U000e0041")


@given(memories())
def test_everything_comes_along_but_what_belongs_to_the_old_place(memory: Memory) -> None:
    text = json.dumps(memory_line(memory))
    again = memory_of_line(json.loads(text), OTHER, now=NOW)
    for field in fields(Memory):
        if field.name not in NOT_TRANSFERRED:
            assert getattr(again, field.name) == getattr(memory, field.name), field.name
    assert (again.account_id, again.imported_at, again.superseded_by) == (OTHER, NOW, None)
    assert again.source_class is least_trusted(memory.source_class or SourceClass.IMPORT, SourceClass.IMPORT)


@given(memories())
def test_a_line_says_everything_that_is_stored_and_no_more_than_has_a_value(memory: Memory) -> None:
    made = memory_line(memory)
    assert None not in made.values()
    assert made["type"] == "memory"
    for field in fields(Memory):
        value = getattr(memory, field.name)
        assert (field.name in made) == (value is not None and value != ()), field.name


@pytest.mark.parametrize(
    ("exported", "imported"),
    [(None, "import"), ("person", "import"), ("by_hand", "import"), ("import", "import"), ("assistant", "assistant")],
)
def test_an_import_is_never_trusted_more_than_an_import(exported: str | None, imported: str) -> None:
    assert read(source_class=exported).source_class == imported


QUOTE = {"quote": "I like tea."}


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("evidence", {"evidence": "I like tea."}),
        ("evidence", {"evidence": [QUOTE] * (MOST_QUOTES + 1)}),
        ("evidence", {"evidence": ["I like tea."]}),
        ("evidence", {"evidence": [{"quote": "x" * 60_000}] * 2}),
        ("quote", {"evidence": [{"quote": "x" * (MAX_TEXT + 1)}]}),
        ("quote", {"evidence": [{"quote": " "}]}),
        ("quote", {"evidence": [{"quote": 7}]}),
        ("message_id", {"evidence": [{**QUOTE, "message_id": "x" * 129}]}),
        ("role", {"evidence": [{**QUOTE, "role": ["user"]}]}),
        ("run_id", {"evidence": [{**QUOTE, "run_id": "* *"}]}),
        ("author_id", {"evidence": [{**QUOTE, "author_id": {}}]}),
        ("said_at", {"evidence": [{**QUOTE, "said_at": "yesterday"}]}),
        ("source_class", {"source_class": "god"}),
        ("source_class", {"source_class": ["person"]}),
        ("when", {"when": "soon"}),
        ("when", {"when": 2026}),
        ("repeated_in", {"repeated_in": ["* *"]}),
        ("repeated_in", {"repeated_in": ["r"] * 101}),
    ],
)
def test_provenance_that_breaks_the_contract_is_named(field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read(**changes)
    assert caught.value.field == field


class TestItsId:
    @given(memories(), st.uuids().map(str))
    def test_follows_from_the_account_that_it_goes_to_never_from_the_line(self, memory: Memory, guess: str) -> None:
        # An id that somebody names, and that is another account's, must not become the id of what is written.
        made = memory_of_line({**memory_line(memory), "id": guess}, OTHER, now=NOW)
        assert made.id != guess
        assert made.id != memory_of_line({**memory_line(memory), "id": guess}, ACCOUNT, now=NOW).id

    def test_of_a_fact_is_that_of_the_same_words_said_there(self) -> None:
        made = memory_of_line(line(text="likes  TEA"), OTHER, now=NOW)
        assert made.id == memory_id(OTHER, ScopeKey(Scope.USER), "Likes tea.")

    def test_of_turns_that_say_the_same_stay_apart(self) -> None:
        turns = [
            line(id=str(uuid.UUID(int=n)), kind="turn", scope="session", session_id="s", text="yes") for n in range(3)
        ]
        assert len({memory_of_line(turn, OTHER, now=NOW).id for turn in turns}) == 3

    def test_of_a_corrected_fact_is_not_that_of_its_words(self) -> None:
        past = {"version": 1, "text": "Old.", "changed_at": "2026-01-01T00:00:00Z", "changed_by": "user:u"}
        assert read(history=[past]).id != read().id

    def test_is_the_same_each_time(self) -> None:
        assert read(kind="turn", scope="session", session_id="s") == read(kind="turn", scope="session", session_id="s")

    @pytest.mark.parametrize(
        "spelling", [str.upper, "{{{}}}".format, "urn:uuid:{}".format, lambda x: x.replace("-", "")]
    )
    def test_may_be_spelt_in_any_way(self, spelling: Any) -> None:
        plain = a_memory().id
        assert original_id({"id": spelling(plain)}) == plain
        assert read(id=spelling(plain), kind="turn").id == read(kind="turn").id


class TestDefaults:
    def test_the_least_that_a_line_needs(self) -> None:
        least = {
            "id": a_memory().id,
            "scope": "user",
            "kind": "fact",
            "text": "Likes tea.",
            "created_at": "2026-11-24T12:00:00Z",
        }
        made = memory_of_line(least, ACCOUNT, now=NOW + timedelta(days=1))
        assert (made.created_at, made.updated_at) == (NOW, NOW)
        assert (made.importance, made.pinned, made.version, made.access_count, made.history) == (0.5, False, 1, 0, ())

    def test_times_are_read_in_any_zone_and_without_one_as_utc(self) -> None:
        assert read(created_at="2026-11-24T14:00:00+02:00").created_at == NOW
        assert read(created_at="2026-11-24T12:00:00").created_at == NOW
        assert read(created_at="2026-11-24T14:00:00+02:00").created_at.tzinfo is UTC

    def test_unknown_fields_are_passed_over(self) -> None:
        assert read(colour="red", account_id="somebody-else") == read()

    def test_what_was_archived_counts_as_used_now(self) -> None:
        """Otherwise it would be archived again at once, since nobody has used it for long."""
        assert read(archived=True, last_accessed_at="2020-01-01T00:00:00Z").last_accessed_at == read().imported_at

    def test_half_a_surrogate_pair_is_replaced_wherever_a_text_may_be(self) -> None:
        past = {"version": 1, "text": "\ud800", "changed_at": "2026-01-01T00:00:00Z", "changed_by": "user:\udfff"}
        made = read(text="tea \ud800", attributed_to="\ud800", role="\udc00", history=[past])
        assert (made.text, made.attributed_to, made.role) == ("tea ?", "?", "?")
        assert made.history[0] == PastVersion(1, "?", datetime(2026, 1, 1, tzinfo=UTC), "user:?")


PAST = {"version": 1, "text": "Old.", "changed_at": "2026-01-01T00:00:00Z", "changed_by": "user:u"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", None),
        ("id", "1"),
        ("id", 7),
        ("id", ["a"]),
        ("scope", None),
        ("scope", "team"),
        ("scope", ["user"]),
        ("scope", {}),
        ("kind", "note"),
        ("text", None),
        ("text", ""),
        ("text", " \n"),
        ("text", 7),
        ("text", "x" * (MAX_TEXT + 1)),
        ("created_at", None),
        ("created_at", "yesterday"),
        ("created_at", 1764000000),
        ("created_at", "1969-12-31T23:59:59Z"),
        ("created_at", "9999-12-31T23:59:59-23:59"),
        ("updated_at", "0001-01-01T00:00:00+23:59"),
        ("expires_at", {}),
        ("valid_until", "soon"),
        ("last_accessed_at", "3000-01-01T00:00:00Z"),
        ("agent_id", "*"),
        ("session_id", "a b"),
        ("thread_id", 7),
        ("author_id", "x" * 129),
        ("source_run_id", ""),
        ("superseded_by", "a\nb"),
        ("attributed_to", 7),
        ("role", "x" * 65),
        ("speaker", "x" * 65),
        ("speaker", ["Ana"]),
        ("message_id", "x" * 129),
        ("message_id", 7),
        ("seq", -1),
        ("seq", 1.5),
        ("seq", True),
        ("seq", 2**53),
        ("importance", float("nan")),
        ("importance", float("inf")),
        ("importance", -0.1),
        ("importance", 10**400),
        ("importance", True),
        ("importance", "high"),
        ("access_count", "1"),
        ("version", -1),
        ("version", 2**60),
        ("history", None),
        ("history", {}),
        ("history", ["Old."]),
        ("history", [PAST] * 51),
        ("history", [{**PAST, "changed_at": None}]),
        ("history", [{**PAST, "changed_by": None}]),
        ("history", [{**PAST, "changed_by": "x" * 201}]),
        ("history", [{**PAST, "text": "x" * MAX_TEXT}] * 3),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_field_that_is_wrong_is_named(field: str, value: object) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read(**{field: value})
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("past", "field"), [({"text": ""}, "text"), ({"version": "1"}, "version"), ({"changed_at": "then"}, "changed_at")]
)
def test_so_is_one_of_a_past_version(past: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read(history=[{**PAST, **past}])
    assert caught.value.field == field


@pytest.mark.parametrize(("scope", "owner"), [("agent", "agent_id"), ("session", "session_id")])
def test_a_scope_needs_its_owner(scope: str, owner: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read(scope=scope)
    assert caught.value.field == owner
    assert read(scope=scope, **{owner: "o-1"}).key == ScopeKey(Scope(scope), "o-1")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.just("user"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(sorted(memory_line(a_memory(history=(PastVersion(1, "x", NOW, "u"),))))), anything)
)
def test_whatever_a_line_holds_it_is_a_memory_or_refused(changes: dict[str, Any]) -> None:
    try:
        made = read(**changes)
    except InvalidInputError:
        return
    json.dumps(memory_line(made)).encode()
    assert made.text.encode()
    assert replace(made, id="x").account_id == ACCOUNT
