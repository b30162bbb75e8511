"""What the retrieval benchmark asks: a file in LoCoMo's format, here a made-up one, and our own set in its folder."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench.retrieval.questions import ALL_ACCOUNT, TOGETHER, Conversation, load_locomo, load_own
from bench.retrieval.run import locomo_or_nothing


def said(ref: str, speaker: str, text: str, **more: str) -> dict[str, str]:
    return {"dia_id": ref, "speaker": speaker, "text": text, **more}


def asks(question: object, category: int, *evidence: str) -> dict[str, Any]:
    return {"question": question, "answer": "unused", "category": category, "evidence": list(evidence)}


TALK: dict[str, Any] = {
    "speaker_a": "Ines",
    "speaker_b": "Tove",
    "session_10_date_time": "9:00 am on 2 July, 2023",
    "session_10": [said("D10:1", "Ines", "We sold it.")],
    "session_1_date_time": "1:56 pm on 8 May, 2023",
    "session_1": [
        said("D1:1", "Ines", "I have a new canoe."),
        said("D1:2", "Tove", "Lovely!", blip_caption="a red canoe on a lake", query="canoe"),
        said("D1:3", "Ines", "It leaks, though."),
    ],
    "session_2_date_time": "12:05 am on 1 June, 2023",
    "session_2": [said("D2:1", "Tove", "I mended it.")],
    "session_11_date_time": "9:00 am on 3 July, 2023",
    "session_11": [],
}
QUESTIONS = [
    asks("What is new?", 1, "D1:1"),
    asks("What became of it?", 2, "D1:3; D2:1", "D10:1"),
    asks("Who mended it?", 3, "D2:1", "D9:99"),
    asks("Where is the lake?", 4, "D9:99"),
    asks("What do they say of nothing?", 4),
    asks(2023, 4, "D", "D:2", "(D1:2)"),
    asks("Why did Tove sell it?", 5, "D10:1"),
]


@pytest.fixture
def conversation(tmp_path: Path) -> Conversation:
    file = tmp_path / "talks.json"
    file.write_text(json.dumps([{"sample_id": "t-1", "conversation": TALK, "qa": QUESTIONS}]), "utf-8")
    [only] = load_locomo(file)
    return only


# --- LoCoMo's format


def test_sessions_are_in_the_order_of_their_numbers_and_an_empty_one_is_left_out(conversation: Conversation) -> None:
    assert [[m.message_id for m in s.messages] for s in conversation.sessions] == [
        ["D1:1", "D1:2", "D1:3"],
        ["D2:1"],
        ["D10:1"],
    ]
    assert len({session.id for session in conversation.sessions}) == 3
    assert "t-1" in conversation.account


def test_who_speaks_first_is_the_user_and_everybody_keeps_their_name(conversation: Conversation) -> None:
    messages = conversation.sessions[0].messages
    assert [(m.type, m.name) for m in messages] == [("user", "Ines"), ("assistant", "Tove"), ("user", "Ines")]


def test_turns_follow_one_another_from_when_the_session_began(conversation: Conversation) -> None:
    first, midnight, _ = conversation.sessions
    times = [m.created_at for m in first.messages if m.created_at is not None]
    assert times[0] == datetime(2023, 5, 8, 13, 56, tzinfo=UTC)
    assert times == sorted(set(times))
    assert midnight.messages[0].created_at == datetime(2023, 6, 1, 0, 5, tzinfo=UTC)
    assert first.finished_at >= times[-1]
    assert first.finished_at < midnight.finished_at


def test_a_photo_counts_as_what_it_shows(conversation: Conversation) -> None:
    assert [m.content for m in conversation.sessions[0].messages] == [
        "I have a new canoe.",
        "Lovely! [photo: a red canoe on a lake]",
        "It leaks, though.",
    ]


def test_evidence_is_every_id_there_is_wherever_it_stands(conversation: Conversation) -> None:
    assert {q.query: set(q.relevant) for q in conversation.questions} == {
        "What is new?": {"D1:1"},
        "What became of it?": {"D1:3", "D2:1", "D10:1"},  # two in one string
        "Who mended it?": {"D2:1"},  # the other does not exist
        "2023": {"D1:2"},
    }


def test_what_has_no_answer_or_no_evidence_is_not_asked(conversation: Conversation) -> None:
    asked = {question.query for question in conversation.questions}
    assert "Why did Tove sell it?" not in asked, "category 5: there is nothing to find"
    assert asked.isdisjoint({"Where is the lake?", "What do they say of nothing?"}), "nobody could find that"
    assert {(q.group, q.account) for q in conversation.questions} == {("LoCoMo", conversation.account)}


def test_without_the_file_there_is_a_message_and_nothing_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "not-here.json"
    assert locomo_or_nothing(missing) == []
    assert str(missing) in capsys.readouterr().out
    missing.write_text(json.dumps([{"sample_id": "1", "conversation": TALK, "qa": QUESTIONS}]), "utf-8")
    assert len(locomo_or_nothing(missing)) == 1
    assert capsys.readouterr().out == ""


# --- our own set


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    memory = {"id": "m-1", "text": "I sold the canoe.", "kind": "turn", "said_at": "2026-03-01T10:00:00+00:00"}
    boats = {
        "name": "boats",
        "memories": [memory | {"speaker": "Ines"}, memory | {"id": "m-2", "kind": "fact"}],
        "questions": [
            {"query": "What of the canoe?", "relevant": ["m-1"], "outdated": ["m-2"]},
            {"query": "And then?", "relevant": ["m-2"]},
        ],
    }
    nothing = {"name": "nothing", "memories": [], "questions": [{"query": "What is my shoe size?"}]}
    for content in (boats, nothing):
        (tmp_path / f"{content['name']}.json").write_text(json.dumps(content), "utf-8")
    (tmp_path / "notes.txt").write_text("no part of the set", "utf-8")
    return tmp_path


def test_each_group_is_asked_in_an_account_of_its_own_and_once_more_among_all(folder: Path) -> None:
    memories, questions = load_own(folder)
    assert [(m.account, m.ref) for m in memories] == [
        ("own-boats", "m-1"), ("own-boats", "m-2"), (ALL_ACCOUNT, "m-1"), (ALL_ACCOUNT, "m-2"),
    ]  # fmt: skip
    assert [(q.group, q.account, q.query) for q in questions] == [
        ("boats", "own-boats", "What of the canoe?"),
        ("boats", "own-boats", "And then?"),
        (f"boats{TOGETHER}", ALL_ACCOUNT, "What of the canoe?"),
        (f"boats{TOGETHER}", ALL_ACCOUNT, "And then?"),
        ("nothing", ALL_ACCOUNT, "What is my shoe size?"),
    ]


def test_what_is_right_what_was_and_who_said_it_is_taken_over(folder: Path) -> None:
    (first, second, *_), (question, *_, nothing) = load_own(folder)
    assert (first.kind, first.speaker, second.kind, second.speaker) == ("turn", "Ines", "fact", None)
    assert first.said_at == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert (set(question.relevant), set(question.outdated)) == ({"m-1"}, {"m-2"})
    assert (nothing.relevant, nothing.outdated) == (frozenset(), frozenset())
