"""From the messages of a run to the turns worth reading: what is text, who said it, what is noise.

Message content is untrusted. Cleaning here never raises on odd content: what cannot be read is left out and
counted, so that one binary message does not cost a user the memory of the rest.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from operator_memory.domain.fence import without_memories

MAX_TURN_CHARACTERS = 20_000
"""A longer turn is cut: its beginning and end are kept. Pasted documents are not conversation."""

MAX_NAME_CHARACTERS = 64

READ_ROLES = ("user", "assistant")
"""Types of messages that are read: what the two sides said."""

_MAX_WRAPPINGS = 4  # a row holds a JSON string that holds an object that holds parts; deeper is not the platform's
# An opening tag must not contain "<": otherwise a text of a thousand unfinished tags takes quadratic time.
_TOOL_XML = re.compile(
    r"<(?P<tag>function_calls|tool_call|tool_result|function_result)\b[^<>]*>.*?(?:</(?P=tag)>|\Z)", re.DOTALL
)
_UPLOAD_MARKER = re.compile(r"\[Uploaded File: [^\]\n]{0,1000}+\]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_READABLE = re.compile(r"\w")
_GAP = "\n[...]\n"


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A message as the platform hands it over.

    ``type`` is the platform's message type where known (``user``, ``assistant``, ``tool``, ``status`` ...);
    for inline messages it is the role. ``content`` is a string, a ``{"role", "content"}`` object, or parts.
    """

    type: str
    content: Any
    message_id: str | None = None
    created_at: datetime | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class Watermark:
    """How far a thread has been read: the last message's time and id (ties are broken by id)."""

    created_at: datetime
    message_id: str


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without its secrets, and how many were taken out of it, by kind. Never what they were."""

    text: str
    counts: Mapping[str, int] = field(default_factory=dict)
    """``api_key``, ``token``, ``private_key``, ``card_number``, ``password``; only kinds that were found."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing that one side said, cleaned. ``role`` is ``user`` or ``assistant``; ``text`` is not empty.

    ``name``: who spoke, on one line and without secrets, where the message says so. ``position``: where it was said,
    unlike that of any other turn of its session (see `with_positions`).
    """

    role: str
    text: str
    message_id: str | None = None
    created_at: datetime | None = None
    name: str | None = None
    position: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """The turns of a run, and how many messages were left out or cut, by reason."""

    turns: tuple[Turn, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)


def with_positions(turns: Iterable[Turn], job_id: str) -> tuple[Turn, ...]:
    """``turns``, each with its position: its message's id, else its number in the run that is ``job_id``."""
    return tuple(replace(turn, position=turn.message_id or f"{job_id}/{seq}") for seq, turn in enumerate(turns))


class Utterance(Protocol):
    """What somebody said: a turn, or the memory of one."""

    @property
    def role(self) -> str | None:
        """Who."""
        ...

    @property
    def text(self) -> str:
        """What."""
        ...


def answers(later: Utterance, earlier: Utterance) -> bool:
    """Whether ``later``, said right after ``earlier``, may answer a question of it: "Yes" alone says nothing."""
    return earlier.role != later.role and "?" in earlier.text


def said_at(message: RawMessage | Turn, fallback: datetime) -> datetime:
    """When it was said; ``fallback`` where nobody knows, or the time is without a zone."""
    at = message.created_at
    return at if at is not None and at.tzinfo is not None else fallback


def read_conversation(messages: Iterable[RawMessage], *, redact: Callable[[str], str]) -> Conversation:
    """Keep what user and assistant said; drop tool traffic, uploads, our own injected block and noise.

    ``redact`` takes secrets out of a text. It sees the whole text: half a key is no key that it would know.
    """
    turns: list[Turn] = []
    skipped: Counter[str] = Counter()
    for message in messages:
        if message.type not in READ_ROLES:
            skipped["not_user_or_assistant"] += 1
            continue
        text, cut = _cut(redact(clean_text(message_text(message.content))))
        if not _READABLE.search(text):
            skipped["no_text"] += 1
            continue
        skipped["cut"] += cut
        name = _name(redact(message.name)) if message.name else None
        turns.append(Turn(message.type, text, message.message_id, message.created_at, name))
    return Conversation(tuple(turns), {reason: n for reason, n in skipped.items() if n})


def _name(name: str) -> str | None:
    return " ".join(_CONTROL.sub("", name).split())[:MAX_NAME_CHARACTERS].strip() or None


def message_text(content: object) -> str:
    """The text of a message's content, whatever its shape; ``""`` if it holds none.

    Shapes: text; a JSON string that holds a ``{"role", "content"}`` object (how the browser stores user
    rows); such an object; a list of parts, of which the text parts count.
    """
    for _ in range(_MAX_WRAPPINGS):
        if isinstance(content, Mapping):
            content = content["content"] if "content" in content else content.get("text")
        elif isinstance(content, str) and (decoded := _decoded_message(content)) is not None:
            content = decoded
        else:
            break
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence) and not isinstance(content, bytes | bytearray):
        return "\n".join(filter(None, map(_part_text, content)))
    return ""


def speaker_name(content: object) -> str | None:
    """Who spoke, where a message's object says so (OpenAI's ``name``), whether it is an object or a string of one."""
    for _ in range(_MAX_WRAPPINGS):
        if isinstance(content, Mapping):
            name = content.get("name")
            if isinstance(name, str):
                return name
            content = content.get("content")
        elif isinstance(content, str):
            content = _decoded_message(content)
        else:
            break
    return None


def _decoded_message(text: str) -> Mapping[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        decoded = json.loads(text)
    except (ValueError, RecursionError):
        return None
    # Only what is plainly a message: a person may paste JSON of their own.
    if not isinstance(decoded, dict) or not isinstance(decoded.get("role"), str):
        return None
    return decoded if isinstance(decoded.get("content"), str | list) else None


def _part_text(part: object) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Mapping) and part.get("type", "text") in ("text", "input_text", "output_text"):
        text = part.get("text")
        return text if isinstance(text, str) else ""
    return ""


def clean_text(text: str) -> str:
    """Take out recalled memories and their citations (never learn them again), tool XML, upload markers and control
    characters."""
    text = without_memories(_CONTROL.sub("", text))
    for pattern in (_TOOL_XML, _UPLOAD_MARKER):
        text = pattern.sub(" ", text)  # a space, so that what stood left and right cannot form a new tag
    return text.strip()


def _cut(text: str) -> tuple[str, bool]:
    if len(text) <= MAX_TURN_CHARACTERS:
        return text, False
    half = (MAX_TURN_CHARACTERS - len(_GAP)) // 2
    return f"{text[:half]}{_GAP}{text[-half:]}", True


def chunked(turns: Sequence[Turn], max_characters: int) -> list[tuple[Turn, ...]]:
    """Split at message borders into chunks of at most ``max_characters`` of text, in order.

    A single turn longer than that is a chunk of its own.
    """
    chunks: list[tuple[Turn, ...]] = []
    current: list[Turn] = []
    size = 0
    for turn in turns:
        if current and size + len(turn.text) > max_characters:
            chunks.append(tuple(current))
            current, size = [], 0
        current.append(turn)
        size += len(turn.text)
    return [*chunks, tuple(current)] if current else chunks
