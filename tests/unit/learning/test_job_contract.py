"""The queue's contract: what a job is, and what becomes of everything that is none."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.conversation import MAX_TURN_CHARACTERS, read_conversation
from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.learning.jobs import RunJob
from operator_memory.entrypoints.contracts import generate
from operator_memory.entrypoints.contracts.job import MAX_BODY_CHARACTERS, parse_job

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "run-job.schema.json").read_text(encoding="utf-8"))
JOB: dict[str, Any] = {
    "job_id": "job-1",
    "account_id": "5a0b9f5e-6c0e-5d0f-9a53-8d8f4c1c2a77",
    "thread_id": "thread-1",
    "status": "completed",
    "finished_at": "2026-11-24T09:00:00+01:00",
}


def parsed(**changes: Any) -> RunJob:
    job, _ = parse_job(json.dumps({**JOB, **changes}))
    return job


def refusal(**changes: Any) -> InvalidInputError:
    with pytest.raises(InvalidInputError) as refused:
        parsed(**changes)
    assert not refused.value.retryable
    return refused.value


def test_a_job_is_read_with_its_time_in_utc() -> None:
    job = parsed(agent_id="a", session_id="session_t_2026-11-24T09:00:00.5", author_id="m")
    assert job.finished_at == datetime(2026, 11, 24, 8, tzinfo=UTC)
    assert (job.agent_id, job.author_id, job.messages) == ("a", "m", None)
    assert job.effective_session_id == "session_t_2026-11-24T09:00:00.5"
    assert parsed().effective_session_id == "thread-1"


def test_a_time_without_an_offset_is_utc() -> None:
    assert parsed(finished_at="2026-11-24T09:00:00").finished_at == datetime(2026, 11, 24, 9, tzinfo=UTC)


IDS = ["job_id", "account_id", "thread_id", "agent_id", "session_id", "author_id"]
BAD_IDS = [
    "*",
    "",
    " ",
    "a b",
    "a\tb",
    "a\nb",
    "a\x00b",
    "a\n",
    "x" * 10_000,
    "a/b",
    'a"b',
    "-a",
    "\u00e9",
    "a*",
    7,
    {},
    [],
]


@pytest.mark.parametrize("field", IDS)
@pytest.mark.parametrize("bad", BAD_IDS, ids=range(len(BAD_IDS)))
def test_an_id_that_is_none_is_refused_by_name_and_never_repeated(field: str, bad: object) -> None:
    error = refusal(**{field: bad})
    assert error.field == field
    assert len(str(error)) < 200
    assert "xxxx" not in str(error)


@pytest.mark.parametrize("field", ["job_id", "account_id", "thread_id", "status", "finished_at"])
def test_what_is_required_is_missed_by_name(field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_job(json.dumps({name: value for name, value in JOB.items() if name != field}))
    assert refused.value.field == field


@pytest.mark.parametrize("bad", ["yesterday", "", "2026-13-45T00:00:00Z", None, {}, "9" * 5000])
def test_a_time_that_is_none_is_refused_by_name(bad: object) -> None:
    assert refusal(finished_at=bad).field == "finished_at"


def test_an_unknown_field_is_refused_by_name() -> None:
    assert refusal(acount_id="typo").field == "acount_id"


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "not json",
        "[]",
        '"text"',
        "null",
        "\x00",
        "{",
        "[" * 100_000,
        '{"a": NaN',
        base64.b64encode(bytes(range(64))).decode(),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(body: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_job(body)
    assert refused.value.field == "body"


def test_of_a_key_given_twice_the_last_counts_in_the_job_and_in_its_hash() -> None:
    twice = json.dumps(JOB)[:-1] + ', "account_id": "last"}'
    job, digest = parse_job(twice)
    assert job.account_id == "last"
    assert digest == parse_job(json.dumps({**JOB, "account_id": "last"}))[1]
    with pytest.raises(InvalidInputError, match="account_id"):
        parse_job(json.dumps(JOB)[:-1] + ', "account_id": "*"}')


def test_a_body_without_end_is_refused_before_it_is_read() -> None:
    with pytest.raises(InvalidInputError, match="at most"):
        parse_job(" " * (MAX_BODY_CHARACTERS + 1))


@pytest.mark.parametrize("bad", ["text", {}, 7, True])
def test_messages_that_are_no_list_are_refused_by_name(bad: object) -> None:
    assert refusal(messages=bad).field == "messages"


def test_a_message_may_say_who_spoke() -> None:
    said = [{"role": "user", "content": "Hi", "name": "Ana Lima"}, {"role": "user", "content": "Hi", "name": None}]
    messages = parsed(messages=[*said, {"role": "assistant", "content": "Hi"}]).messages
    assert messages is not None
    assert [message.name for message in messages] == ["Ana Lima", None, None]


@pytest.mark.parametrize("odd", [7, True, ["Ana"], {"first": "Ana"}, "x" * 201])
def test_an_odd_name_does_not_cost_a_run_its_memory(odd: object) -> None:
    messages = parsed(messages=[{"role": "user", "content": "Hi", "name": odd}]).messages
    assert messages is not None
    [turn] = read_conversation(messages, redact=str).turns
    assert turn.text == "Hi"
    assert turn.name == ("x" * 64 if isinstance(odd, str) else None)


def test_who_spoke_is_part_of_what_a_job_says() -> None:
    bodies = [json.dumps({**JOB, "messages": [{"role": "user", "content": "Hi", "name": n}]}) for n in ("Ana", "Ben")]
    assert len({parse_job(body)[1] for body in bodies}) == 2


def test_too_many_messages_are_refused() -> None:
    assert refusal(messages=[{"role": "user", "content": "x"}] * 5_001).field == "messages"


def test_a_secret_in_a_broken_job_is_not_repeated() -> None:
    error = refusal(messages="my secret", status="")
    assert "secret" not in f"{error} {error.detail} {error.field}"


MESSAGES: list[tuple[dict[str, Any], list[str]]] = [
    ({"role": "user", "content": "plain"}, ["plain"]),
    (
        {"type": "user", "content": json.dumps({"role": "user", "content": "stored by the browser"})},
        ["stored by the browser"],
    ),
    ({"role": "assistant", "content": {"role": "assistant", "content": "object"}}, ["object"]),
    ({"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "image_url", "image_url": {}}]}, ["one"]),
    ({"role": "user", "content": ""}, []),
    ({"role": "user", "content": None}, []),
    ({"role": "user"}, []),
    ({"role": "user", "content": 7}, []),
    ({"role": "user", "content": {"data": [1, 2]}}, []),
    ({"role": "robot", "content": "unknown role"}, []),
    ({"role": "system", "content": "rules"}, []),
    ({"type": "tool", "content": {"role": "user", "content": "a tool's result"}}, []),
    ({"role": "user", "content": "null\x00byte"}, ["nullbyte"]),
    ({"role": "user", "content": "half \ud800 pair"}, ["half  pair"]),
    (
        {"role": "user", "content": "\U0001f408\u200d\u2b1b and \u05d0\u05e0\u05d9"},
        ["\U0001f408\u200d\u2b1b and \u05d0\u05e0\u05d9"],
    ),
    (
        {
            "role": "user",
            "content": "x",
            "extra": "is ignored",
            "message_id": "m",
            "created_at": "2026-11-24T09:00:00Z",
        },
        ["x"],
    ),
]


@pytest.mark.parametrize(("message", "texts"), MESSAGES, ids=range(len(MESSAGES)))
def test_messages_of_every_shape_are_read_or_left_out_and_counted(message: dict[str, Any], texts: list[str]) -> None:
    job = parsed(messages=[message])
    assert job.messages is not None
    conversation = read_conversation(job.messages, redact=str)
    assert [turn.text for turn in conversation.turns] == texts
    assert len(conversation.turns) + sum(conversation.skipped.values()) == 1


def test_a_message_of_6_mb_is_cut_and_the_others_are_kept() -> None:
    job = parsed(messages=[{"role": "user", "content": "word " * 1_200_000}, {"role": "user", "content": "short"}])
    assert job.messages is not None
    *long, short = read_conversation(job.messages, redact=str).turns
    assert max(len(turn.text) for turn in long) <= MAX_TURN_CHARACTERS
    assert short.text == "short"


content = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "type", "text"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(
    st.lists(
        st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "tool"]), "content": content}), max_size=4
    )
)
def test_whatever_a_message_holds_its_turns_can_be_stored(messages: list[dict[str, Any]]) -> None:
    job = parsed(messages=messages)
    assert job.messages is not None
    for turn in read_conversation(job.messages, redact=str).turns:
        assert turn.text.encode("utf-8")
        assert "\x00" not in turn.text


def test_the_hash_is_of_the_content_not_of_its_spelling() -> None:
    _, one = parse_job(json.dumps(JOB))
    _, same = parse_job(json.dumps(dict(reversed(JOB.items())), indent=3))
    _, other = parse_job(json.dumps({**JOB, "status": "failed"}))
    assert one == same != other


@pytest.mark.parametrize(
    "job",
    [JOB, {**JOB, "agent_id": None}, {**JOB, "messages": []}, {**JOB, "messages": [{"type": "user", "content": "x"}]}],
)
def test_the_published_schema_accepts_what_is_accepted(job: dict[str, Any]) -> None:
    jsonschema.validate(job, SCHEMA)
    parse_job(json.dumps(job))


@pytest.mark.parametrize(
    "change", [{"account_id": "*"}, {"limit": 1}, {"job_id": ""}, {"status": ""}, {"messages": "x"}]
)
def test_the_published_schema_refuses_what_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**JOB, **change}, SCHEMA)
    refusal(**change)


def test_the_generated_documents_are_current() -> None:
    assert generate.stale(ROOT) == [], "run: make docs"


def test_the_generator_writes_and_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--check", str(tmp_path)]) == 1
    assert "run make docs" in capsys.readouterr().err
    assert generate.main([str(tmp_path)]) == 0
    assert generate.main(["--check", str(tmp_path)]) == 0
