"""The questions of the retrieval benchmark, and what is to be stored for them.

LoCoMo (Maharana et al. 2024) is licensed for measuring only and not part of this project: where its file is not
there, it is left out with a message. Our own set is in ``bench/retrieval/set``.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from operator_memory.domain.conversation import RawMessage

OWN_SET = Path(__file__).parent / "set"
SCRIPTS, DATES = Path(__file__).parent / "scripts", Path(__file__).parent / "dates"
"""Two more sets, each stored and asked apart: six languages that are not written in Latin letters, and times."""
ALL_ACCOUNT = "own-all"
TOGETHER = ", all in one account"
_TURN_ID = re.compile(r"D\d+:\d+")
_ADVERSARIAL = 5
_SECONDS_A_TURN = 20


@dataclass(frozen=True, slots=True)
class Question:
    """``relevant`` and ``outdated``: references of what answers it, and of what did once."""

    group: str
    account: str
    query: str
    relevant: frozenset[str]
    outdated: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation to be stored. Its messages' ids are the references that questions name."""

    id: str
    finished_at: datetime
    messages: tuple[RawMessage, ...]


@dataclass(frozen=True, slots=True)
class Conversation:
    """The sessions of one account and the questions about them."""

    account: str
    sessions: tuple[Session, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class OwnMemory:
    """A memory of our own set, to be stored as it stands."""

    account: str
    ref: str
    text: str
    kind: str
    said_at: datetime
    speaker: str | None
    when: str | None = None


def load_locomo(path: Path) -> list[Conversation]:
    """The conversations of a LoCoMo file; questions that have an answer (categories 1 to 4) and evidence."""
    return [_conversation(entry) for entry in json.loads(path.read_text("utf-8"))]


def _conversation(entry: Mapping[str, Any]) -> Conversation:
    account = f"locomo-{entry['sample_id']}"
    talk = entry["conversation"]
    numbers = sorted(int(name.split("_")[1]) for name in talk if re.fullmatch(r"session_\d+", name))
    sessions = tuple(_session(talk, number) for number in numbers if talk[f"session_{number}"])
    known = {message.message_id for session in sessions for message in session.messages}
    questions = tuple(
        Question("LoCoMo", account, str(qa["question"]), evidence)
        for qa in entry["qa"]
        if qa["category"] != _ADVERSARIAL and (evidence := _evidence(qa) & known)
    )
    return Conversation(account, sessions, questions)


def _evidence(qa: Mapping[str, Any]) -> frozenset[str]:
    """Some entries hold several ids in one string, some ids that do not exist."""
    return frozenset(ref for entry in qa["evidence"] for ref in _TURN_ID.findall(entry))


def _session(talk: Mapping[str, Any], number: int) -> Session:
    began = datetime.strptime(talk[f"session_{number}_date_time"], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
    messages = tuple(
        RawMessage(
            "user" if turn["speaker"] == talk["speaker_a"] else "assistant",
            _said(turn),
            turn["dia_id"],
            began + timedelta(seconds=_SECONDS_A_TURN * place),
            turn["speaker"],
        )
        for place, turn in enumerate(talk[f"session_{number}"])
    )
    return Session(f"session-{number}", began + timedelta(seconds=_SECONDS_A_TURN * len(messages)), messages)


def _said(turn: Mapping[str, Any]) -> str:
    """A photo that was shared counts as what it shows."""
    shown = turn.get("blip_caption")
    return f"{turn['text']} [photo: {shown}]" if shown else str(turn["text"])


def load_own(folder: Path = OWN_SET) -> tuple[list[OwnMemory], list[Question]]:
    """Our own set, a file a group: each group in an account of its own, and all of them once more in one account.

    What has no answer is asked of the one account only: there is most to be taken for one.
    """
    memories: list[OwnMemory] = []
    questions: list[Question] = []
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_text("utf-8"))
        name, alone = content["name"], bool(content["memories"])
        for account in [f"own-{name}", ALL_ACCOUNT] if alone else [ALL_ACCOUNT]:
            group = f"{name}{TOGETHER}" if alone and account == ALL_ACCOUNT else name
            memories += (_own_memory(entry, account) for entry in content["memories"])
            questions += (_own_question(entry, group, account) for entry in content["questions"])
    return memories, questions


def _own_memory(entry: Mapping[str, Any], account: str) -> OwnMemory:
    said_at = datetime.fromisoformat(entry["said_at"])
    about = (entry.get("speaker"), entry.get("when"))
    return OwnMemory(account, entry["id"], entry["text"], entry["kind"], said_at, *about)


def _own_question(entry: Mapping[str, Any], group: str, account: str) -> Question:
    relevant, outdated = (frozenset(entry.get(name, ())) for name in ("relevant", "outdated"))
    return Question(group, account, entry["query"], relevant, outdated)
