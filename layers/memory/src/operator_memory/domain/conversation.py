"""From the messages of a run to the turns worth reading: what is text, who said it, what is noise.

Message content is untrusted. Cleaning here never raises on odd content: what cannot be read is left out and
counted, so that one binary message does not cost a user the memory of the rest.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from operator_memory.domain.characters import as_seen, hides_something
from operator_memory.domain.fence import display_name
from operator_memory.domain.message_content import CONTROL, READ_ROLES, clean_text, message_text

MAX_TURN_CHARACTERS = 20_000
"""A longer message becomes several turns."""

MAX_CHARACTERS = 480_000
"""Characters of long messages that one job reads: ten model calls of the usual size. Of what is longer the beginning
and the end are kept. The first 20,000 characters of every message are read in any case."""

MAX_MESSAGE_CHARACTERS = 2_000_000
"""Secrets are taken out of no longer text: it takes up to 40 microseconds for each character."""

_MAX_NAME_READ = 2_000

_READABLE = re.compile(r"\w")
_GAP = "\n[...]\n"
_BORDERS = tuple(map(re.compile, (r"\n\s*\n", r"\n", r"[.!?\u2026\u061f\u06d4\u0964]\s|[\u3002\uff01\uff1f]", r"\s")))


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
    unread: tuple[str, ...] = ()
    """Fields of it that nobody can make sense of, such as a time that is none."""


UNREADABLE = RawMessage("", None)
"""Stands for an item that is no message, or does not say whose."""


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

    ``name``: who spoke, as a plain name without secrets, where the message says so. ``position``: where it was said,
    unlike that of any other turn of its session (see `with_positions`). ``part``: of a message that became several
    turns, which part, from 0. ``hid_something``: characters that nobody sees spelled something in it; they are gone.
    """

    role: str
    text: str
    message_id: str | None = None
    created_at: datetime | None = None
    name: str | None = None
    position: str = ""
    part: int = 0
    hid_something: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """The turns of a run, and what became of the other messages.

    ``skipped``: how many messages were left out or not read whole, by reason. ``skipped_at``: the numbers of the first
    of them among all messages, from 0, by reason.
    """

    turns: tuple[Turn, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)
    skipped_at: Mapping[str, Sequence[int]] = field(default_factory=dict)


MAX_NUMBERS = 50
"""Of messages that ``skipped_at`` names, for each reason."""


def with_positions(turns: Iterable[Turn], job_id: str) -> tuple[Turn, ...]:
    """``turns``, each with its position: its message's id and part, else its number in the run that is ``job_id``."""
    return tuple(
        replace(turn, position=_position_in_message(turn) if turn.message_id else f"{job_id}/{seq}")
        for seq, turn in enumerate(turns)
    )


def _position_in_message(turn: Turn) -> str:
    return f"{turn.message_id}#{turn.part}" if turn.part else turn.message_id or ""


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
    """When it was said, in UTC; ``fallback`` where nobody knows, or the time is without a zone."""
    at = message.created_at
    return at.astimezone(UTC) if at is not None and at.tzinfo is not None else fallback


def read_conversation(messages: Iterable[RawMessage], *, redact: Callable[[str], str]) -> Conversation:
    """Keep what user and assistant said; drop tool traffic, uploads, our own injected block and noise.

    ``redact`` takes secrets out of a text. It sees the whole text: half a key is no key that it would know.
    """
    skipped: defaultdict[str, list[int]] = defaultdict(list)
    read: list[tuple[int, Turn]] = []
    for number, message in enumerate(messages):
        turn = _turn(message, redact)
        if isinstance(turn, Turn):
            read.append((number, turn))
            noted = [f"{name}_not_read" for name in message.unread]
            noted += ["hidden_characters"] if turn.hid_something else []
        else:
            noted = [turn]
        for reason in noted:
            skipped[reason].append(number)
    turns: list[Turn] = []
    for (number, turn), most in zip(read, _allowed([len(turn.text) for _, turn in read]), strict=True):
        if len(turn.text) > most:
            skipped["cut"].append(number)
        turns += _parts(turn, most)
    return Conversation(
        tuple(turns),
        {reason: len(numbers) for reason, numbers in skipped.items()},
        {reason: tuple(numbers[:MAX_NUMBERS]) for reason, numbers in skipped.items()},
    )


def _turn(message: RawMessage, redact: Callable[[str], str]) -> Turn | str:
    """What ``message`` says, however long it is, or why it is left out."""
    if message.type not in READ_ROLES:
        return "not_user_or_assistant" if message.type else "unreadable"
    raw = message_text(message.content)
    text = redact(clean_text(raw))
    if not _READABLE.search(text):
        return "content_not_read" if "content" in message.unread else "no_text"
    name = _name(redact(message.name[:_MAX_NAME_READ])) if message.name else None
    hid_something = hides_something(raw) or hides_something((message.name or "")[:_MAX_NAME_READ])
    return Turn(message.type, text, message.message_id, message.created_at, name, hid_something=hid_something)


def _allowed(lengths: Sequence[int]) -> Iterator[int]:
    """How many characters of each message are read: of all the usual ones, of long ones more while there is room."""
    room = MAX_CHARACTERS - sum(min(length, MAX_TURN_CHARACTERS) for length in lengths)
    for length in lengths:
        more = max(0, min(length - MAX_TURN_CHARACTERS, room))
        room -= more
        yield MAX_TURN_CHARACTERS + more


def _parts(turn: Turn, most: int) -> Iterator[Turn]:
    """``turn`` in parts of at most 20,000 characters, ``most`` characters in all."""
    pieces = (piece.strip() for piece in _pieces(_cut(turn.text, most)))
    for part, piece in enumerate(piece for piece in pieces if _READABLE.search(piece)):
        yield replace(turn, text=piece, part=part)


def _pieces(text: str) -> Iterator[str]:
    """``text``, cut where a paragraph ends, else a line, a sentence, a word."""
    start = 0
    while len(text) - start > MAX_TURN_CHARACTERS:
        latest = start + MAX_TURN_CHARACTERS
        borders = (_last(border, text, latest - MAX_TURN_CHARACTERS // 2, latest) for border in _BORDERS)
        end = next(filter(None, borders), latest)
        yield text[start:end]
        start = end
    yield text[start:]


def _last(border: re.Pattern[str], text: str, start: int, end: int) -> int | None:
    """Where the last ``border`` between the two places ends."""
    return max((found.end() for found in border.finditer(text, start, end)), default=None)


def _name(name: str) -> str | None:
    return display_name(as_seen(CONTROL.sub("", name))) or None


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = (most - len(_GAP)) // 2
    return f"{text[:half]}{_GAP}{text[-half:]}"


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
