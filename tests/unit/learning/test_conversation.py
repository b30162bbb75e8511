"""From the platform's message rows to what user and assistant said; odd content costs nobody the rest."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.conversation import (
    MAX_CHARACTERS,
    MAX_TURN_CHARACTERS,
    RawMessage,
    Turn,
    chunked,
    read_conversation,
    with_positions,
)
from operator_memory.domain.fence import MAX_NAME_CHARACTERS
from operator_memory.domain.message_content import clean_text, message_text, speaker_name
from operator_memory.domain.recall.rendering import render_context

from tests.support.builders import a_memory

USER_ROW = json.dumps({"role": "user", "content": "I live in Lisbon."})
SHAPES: dict[str, tuple[Any, str]] = {
    "plain text": ("I live in Lisbon.", "I live in Lisbon."),
    "user row: a JSON string inside jsonb": (USER_ROW, "I live in Lisbon."),
    "JSON string with parts": (
        json.dumps({"role": "user", "content": [{"type": "text", "text": "Look"}]}),
        "Look",
    ),
    "assistant row: an object": ({"role": "assistant", "content": "Noted."}, "Noted."),
    "object with tool calls only": ({"role": "assistant", "content": None, "tool_calls": [{"id": "c1"}]}, ""),
    "object whose content is a user row": ({"role": "user", "content": USER_ROW}, "I live in Lisbon."),
    "parts": (
        [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            {"type": "input_text", "text": "A cat?"},
            "plain part",
        ],
        "What is this?\nA cat?\nplain part",
    ),
    "parts that are not parts": ([None, 1, {"type": "text", "text": {"value": "x"}}, {"type": ["text"]}, [["x"]]], ""),
    "nothing": (None, ""),
    "a number": (42, ""),
    "bytes": (b"\xff\xfebinary", ""),
    "a byte array": (bytearray(b"abc"), ""),
    "an empty object": ({}, ""),
    "an empty list": ([], ""),
}


@pytest.mark.parametrize(("content", "text"), SHAPES.values(), ids=SHAPES.keys())
def test_the_text_is_found_in_every_shape_the_platform_stores(content: object, text: str) -> None:
    assert message_text(content) == text


@pytest.mark.parametrize(
    "pasted",
    [
        '{"content": "a setting"}',
        '{"name": "x"}',
        "{not json",
        '{"role": "user"}',
        "[1, 2]",
        '{"role": 1, "content": "x"}',
    ],
)
def test_json_that_a_person_pastes_is_their_text(pasted: str) -> None:
    assert message_text(pasted) == pasted
    assert message_text(json.dumps({"role": "user", "content": pasted})) == pasted


def test_wrapping_without_end_is_not_followed_and_does_not_overflow_the_stack() -> None:
    wrapped: Any = "deep"
    for _ in range(100_000):
        wrapped = {"content": wrapped}
    text = "deep"
    for _ in range(12):
        text = json.dumps({"role": "user", "content": text})
    nested_json = '{"role":"user","content":' + "[" * 200_000 + "]" * 200_000 + "}"
    conversation = read_conversation(
        [RawMessage("user", wrapped), RawMessage("user", text), RawMessage("user", nested_json), said("I am Ana.")],
        redact=str,
    )
    assert conversation.turns[-1].text == "I am Ana."
    while wrapped != "deep":  # taken apart here: the interpreter would do it recursively
        wrapped = wrapped["content"]


def said(text: object, role: str = "user") -> RawMessage:
    return RawMessage(role, text)


def test_only_what_user_and_assistant_said_is_read_by_type_not_by_role() -> None:
    tool_result = {"role": "user", "content": "<tool_result>secret output</tool_result>"}
    conversation = read_conversation(
        [
            RawMessage("user", USER_ROW, message_id="m1"),
            RawMessage("tool", tool_result),
            RawMessage("tool", {"role": "assistant", "content": "tool says hi"}),
            RawMessage("status", {"status_type": "thread_run_start"}),
            RawMessage("assistant_response_end", {}),
            RawMessage("browser_state", "data"),
            RawMessage("image_context", "data"),
            RawMessage("summary", "They talked."),
            RawMessage("system", "You are"),
            RawMessage("USER", "x"),
            RawMessage("", "x"),
            RawMessage("assistant", {"role": "assistant", "content": "Noted."}),
        ],
        redact=str,
    )
    assert conversation.turns == (Turn("user", "I live in Lisbon.", "m1"), Turn("assistant", "Noted."))
    assert conversation.skipped == {"not_user_or_assistant": 9, "unreadable": 1}
    assert conversation.skipped_at == {"not_user_or_assistant": (1, 2, 3, 4, 5, 6, 7, 8, 9), "unreadable": (10,)}


CLEANED = {
    "a tool call": (
        'I will look.\n<function_calls>\n<invoke name="search">\nx</invoke>\n</function_calls>\nDone.',
        "I will look. Done.",
    ),
    "two tool calls": ("a <tool_call>1</tool_call> b <tool_call>2</tool_call> c", "a b c"),
    "a tool call cut off by the model": ("Let me check. <function_calls><invoke name='x'>", "Let me check."),
    "attributes": ('<tool_result id="7" name="x">42</tool_result>ok', "ok"),
    "a longer tag name": ("<tool_calls_explained>stays", "<tool_calls_explained>stays"),
    "an unfinished tag": ("The <function_calls tag", "The <function_calls tag"),
    "other markup": ("Use <b>bold</b> and a < b.", "Use <b>bold</b> and a < b."),
    "an upload": ("See [Uploaded File: my plan.pdf at /workspace/my plan.pdf] please", "See please"),
    "an upload marker that never ends": ("[Uploaded File: x", "[Uploaded File: x"),
    "null bytes inside a tag": ("a <function\x00_calls>x</function_calls> b", "a b"),
    "a tag hidden in a tag": (
        "<function_<tool_call>x</tool_call>calls>y</function_calls>",
        "<function_ calls>y</function_calls>",
    ),
    "control characters": ("a\x00b\x1b[31mc\x7fd\x85e", "ab[31mcde"),
    "lone surrogates": ("ok \ud83d fine", "ok fine"),
    "line breaks and tabs": ("a\n\tb\r\nc", "a b c"),
    "emoji and right-to-left text": ("👩‍👩‍👧‍👦 שלום עולם", "👩‍👩‍👧‍👦 שלום עולם"),
}


@pytest.mark.parametrize(("text", "cleaned"), CLEANED.values(), ids=CLEANED.keys())
def test_tool_traffic_uploads_and_control_characters_are_taken_out(text: str, cleaned: str) -> None:
    assert " ".join(clean_text(text).split()) == cleaned


def test_line_breaks_inside_a_turn_are_kept() -> None:
    assert clean_text("My list:\n- tea\n\tgreen") == "My list:\n- tea\n\tgreen"


def test_the_context_we_injected_is_not_learnt_again() -> None:
    injected = render_context([a_memory("Lives in Lisbon. </operator_memory> Is vegan.")]).text
    assert clean_text(f"{injected}\nWhat is for dinner?") == "What is for dinner?"
    assert clean_text(f"Before.\n{injected.removesuffix('</operator_memory>')}") == "Before.", "even when it was cut"


@pytest.mark.parametrize("content", ["", " \n", "...", "👍", "\x00\x01", b"\xff", "\ud800", None, [], "<tool_call>x"])
def test_a_message_without_a_word_is_left_out_and_counted(content: object) -> None:
    conversation = read_conversation([said(content), said("I am Ana.")], redact=str)
    assert [t.text for t in conversation.turns] == ["I am Ana."]
    assert conversation.skipped == {"no_text": 1}


def test_a_document_that_is_too_long_for_a_job_is_cut_to_its_two_ends() -> None:
    conversation = read_conversation([said("START " + "x" * 6_000_000 + " END")], redact=str)
    texts = [turn.text for turn in conversation.turns]
    assert max(map(len, texts)) <= MAX_TURN_CHARACTERS
    assert MAX_CHARACTERS - 10 <= sum(map(len, texts)) <= MAX_CHARACTERS
    assert texts[0].startswith("START")
    assert texts[-1].endswith("END")
    assert (conversation.skipped, conversation.skipped_at) == ({"cut": 1}, {"cut": (0,)})
    at_the_limit = read_conversation([said("x" * MAX_TURN_CHARACTERS)], redact=str)
    assert (len(at_the_limit.turns), at_the_limit.skipped) == (1, {})


def test_a_long_message_is_read_whole_in_parts() -> None:
    fact = "My sister Ines keeps bees in Faro."
    document = "\n\n".join(f"Paragraph {n}. " + "Words go on. " * 60 for n in range(250))
    text = f"{document[:100_000]}\n\n{fact}\n\n{document[100_000:]}"
    message = RawMessage("user", text, "m1", name="Ana")
    conversation = read_conversation([said("Hi there."), message, said("Bye now.")], redact=str)
    first, *parts, last = with_positions(conversation.turns, "job-1")
    assert (first.text, last.text, conversation.skipped) == ("Hi there.", "Bye now.", {})
    assert [turn.text for turn in parts if fact in turn.text] != []
    assert " ".join(" ".join(turn.text for turn in parts).split()) == " ".join(text.split()), "nothing is left out"
    assert {(turn.role, turn.message_id, turn.name) for turn in parts} == {("user", "m1", "Ana")}
    assert [turn.part for turn in parts] == list(range(len(parts)))
    assert [turn.position for turn in parts[:2]] == ["m1", "m1#1"]
    assert all(turn.text.startswith("Paragraph") for turn in parts[:2]), "cut where a paragraph ends"


@pytest.mark.parametrize(
    ("border", "kept"),
    [("\n\n", ""), ("\n", ""), (". ", "."), ("\u3002", "\u3002"), ("\u061f ", "\u061f"), (" ", ""), ("", "")],
)
def test_a_long_message_is_cut_where_something_ends(border: str, kept: str) -> None:
    piece = "x" * 6_999
    texts = [turn.text for turn in read_conversation([said(border.join([piece] * 20))], redact=str).turns]
    assert "".join(texts).count("x") == 20 * 6_999
    if border:
        assert {text.count(piece) for text in texts} <= {1, 2}
        assert all(text.endswith("x" + kept) for text in texts[:-1])


def test_the_first_20_000_characters_of_every_message_are_read_however_many_there_are() -> None:
    messages = [said(f"{n} " + "y" * MAX_TURN_CHARACTERS) for n in range(50)]
    conversation = read_conversation(messages, redact=str)
    assert len(conversation.turns) == 50
    assert conversation.skipped == {"cut": 50}
    assert all(turn.text.endswith("y") and len(turn.text) > MAX_TURN_CHARACTERS - 10 for turn in conversation.turns)


@given(
    st.recursive(
        st.none() | st.integers() | st.binary() | st.text(st.characters()) | st.just(USER_ROW),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["role", "content", "type", "text"]), inner),
        max_leaves=10,
    )
)
def test_no_content_is_ever_an_error_and_every_turn_is_clean_text(content: object) -> None:
    conversation = read_conversation([RawMessage("user", content)], redact=str)
    for turn in conversation.turns:
        assert turn.text.strip() == turn.text != ""
        turn.text.encode("utf-8")
        assert "\x00" not in turn.text
    left_out = sum(n for why, n in conversation.skipped.items() if why not in ("cut", "hidden_characters"))
    assert len(conversation.turns) + left_out == 1


ADVERSARIAL = {
    "open tags": "<function_calls>",
    "open tags that never end": "<function_calls ",
    "our fence, never ended": "<operator_memory ",
    "our fence": "<operator_memory>",
    "closing tags": "</function_calls>",
    "mixed tags": "<function_calls><tool_call></tool_result>",
    "upload markers": "[Uploaded File: ",
    "brackets": "[",
    "angles": "<",
    "objects": '{"role":"user","content":',
    "backslashes": "\\",
}


@pytest.mark.parametrize("piece", ADVERSARIAL.values(), ids=ADVERSARIAL.keys())
@pytest.mark.timeout(60)
def test_hostile_text_takes_time_in_proportion_to_its_length(piece: str) -> None:
    """Quadratic time would need minutes at this length; linear time needs a fraction of a second."""
    assert len(read_conversation([said(piece * 100_000)], redact=str).turns) <= 25


turns = st.lists(st.builds(Turn, st.sampled_from(["user", "assistant"]), st.text(min_size=1, max_size=40)))


@given(turns, st.integers(1, 60))
def test_chunks_keep_every_turn_in_order_and_hold_as_many_as_fit(all_turns: list[Turn], size: int) -> None:
    chunks = chunked(all_turns, size)
    assert [turn for chunk in chunks for turn in chunk] == all_turns
    lengths = [sum(len(turn.text) for turn in chunk) for chunk in chunks]
    assert all(chunk for chunk in chunks)
    assert all(length <= size or len(chunk) == 1 for length, chunk in zip(lengths, chunks, strict=True))
    for length, following in zip(lengths, chunks[1:], strict=False):
        assert length + len(following[0].text) > size, "no chunk is closed too early"


def test_a_secret_is_taken_out_before_a_long_text_is_cut_through_it() -> None:
    secret = "key-" + "k" * 100
    for before in (MAX_TURN_CHARACTERS, MAX_CHARACTERS // 2):
        text = "x" * (before - 50) + secret + "y" * MAX_CHARACTERS
        turns = read_conversation([said(text)], redact=lambda whole: whole.replace(secret, "[redacted: key]")).turns
        assert not [turn for turn in turns if "kkk" in turn.text]


CITED = {
    "in a sentence": ("You live in Lund [m123], as you said.", "You live in Lund, as you said."),
    "several": ("Lund [m123][m123456] it is.", "Lund it is."),
    "several in one": ("Lund [m123, m456].", "Lund."),
    "around a tag": ("Hi <operator_mem[m123]ory>Is vegan.</operator_memory>", "Hi"),
    "a person's own brackets": ("See [m12] and [m: metres].", "See [m12] and [m: metres]."),
}


@pytest.mark.parametrize(("text", "cleaned"), CITED.values(), ids=CITED.keys())
def test_a_citation_that_a_model_repeats_is_not_learnt(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned


# --- who spoke


NAMES: dict[str, tuple[Any, str | None]] = {
    "an object": ({"role": "user", "content": "Hi", "name": "Ana"}, "Ana"),
    "a JSON string inside jsonb": (json.dumps({"role": "user", "content": "Hi", "name": "Ana"}), "Ana"),
    "an object around one": ({"role": "user", "content": {"role": "user", "content": "Hi", "name": "Ana"}}, "Ana"),
    "an object around a string of one": ({"content": json.dumps({"role": "u", "content": "", "name": "Ana"})}, "Ana"),
    "the outermost": ({"name": "Ana", "content": {"role": "user", "content": "Hi", "name": "Ben"}}, "Ana"),
    "none": ({"role": "user", "content": "Hi"}, None),
    "a name that is no text": ({"role": "user", "content": "Hi", "name": {"first": "Ana"}}, None),
    "text": ("my name is Ana", None),
    "JSON that a person pastes": (json.dumps({"name": "Ana"}), None),
    "parts": ({"role": "user", "content": [{"type": "text", "text": "Hi", "name": "Ana"}]}, None),
    "nothing": (None, None),
}


@pytest.mark.parametrize(("content", "name"), NAMES.values(), ids=NAMES.keys())
def test_the_speakers_name_is_read_where_the_platform_stores_it(content: object, name: str | None) -> None:
    assert speaker_name(content) == name


def test_a_name_without_end_of_wrappings_is_not_looked_for() -> None:
    wrapped: dict[str, Any] = {"name": "Ana"}
    for _ in range(10_000):
        wrapped = {"content": wrapped}
    assert speaker_name(wrapped) is None


def spoken_by(name: str | None) -> str | None:
    [turn] = read_conversation([RawMessage("user", "Hi", name=name)], redact=str).turns
    return turn.name


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Ana Lima", "Ana Lima"),
        ("  Ana\n\t Lima ", "Ana Lima"),
        ("Ana\x00\x1b Lima\ud800", "Ana Lima"),
        ("\n", None),
        ("", None),
        (None, None),
        ("x" * 200, "x" * MAX_NAME_CHARACTERS),
        ("x" * (MAX_NAME_CHARACTERS - 1) + " y", "x" * (MAX_NAME_CHARACTERS - 1)),
    ],
)
def test_a_name_is_one_short_line(name: str | None, kept: str | None) -> None:
    assert spoken_by(name) == kept


@given(st.text(max_size=200))
def test_whatever_a_name_is_the_turn_is_kept_and_the_name_can_be_stored(name: str) -> None:
    kept = spoken_by(name)
    if kept is not None:
        assert 0 < len(kept) <= MAX_NAME_CHARACTERS
        assert kept == " ".join(kept.split())
        kept.encode()


def test_a_secret_in_a_name_is_taken_out_before_it_is_cut_through_it() -> None:
    secret = "key-" + "k" * 100
    message = RawMessage("user", "Hi", name=f"Ana {secret}")
    [turn] = read_conversation([message], redact=lambda whole: whole.replace(secret, "[redacted]")).turns
    assert turn.name == "Ana"
