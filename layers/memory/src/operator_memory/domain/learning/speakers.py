"""Whose fact it is: what a named speaker says of themselves is theirs, never "the user's". Pure."""

import re
from collections.abc import Sequence

from operator_memory.domain.conversation import Turn
from operator_memory.domain.fence import display_name
from operator_memory.domain.learning.proposals import Quote
from operator_memory.domain.learning.said import FoldedTurn, folded_quote
from operator_memory.domain.memory.wording import Words, words_of

_USER = re.compile(r"\A(?:the )?user(?!\w)", re.IGNORECASE)
_USER_INSIDE = re.compile(r"(?<![\w'])(?:[Tt]he user|User)(?!\w)")


def speaker_of(quotes: Sequence[Quote], turns: Sequence[Turn]) -> str | None:
    """The name of the person who said the first of ``quotes`` that stands in a turn of a person; ``None`` if unknown.

    ``turns`` are numbered from 0.
    """
    folded = [FoldedTurn(turn) for turn in turns]
    for quote in quotes:
        wanted = folded_quote(quote.text)
        named = [quote.message] if quote.message is not None and 0 <= quote.message < len(turns) else []
        for index in (*named, *range(len(turns))):
            if turns[index].role == "user" and folded[index].find(wanted) is not None:
                name: str | None = turns[index].name
                return name
    return None


def with_speaker(text: str, speaker: str | None) -> str:
    """``text`` about ``speaker`` instead of "User". A text that names them already stays as it is."""
    name = display_name(speaker or "")
    if not name or set(words_of(name)) <= Words([text]).all:
        return text
    named, found = _USER.subn(lambda _: name, text, count=1)
    if not found:
        return f"{name}: {text}"
    return _USER_INSIDE.sub(lambda _: name, named)
