"""What a question says about itself: whom it names, and which time it is about. Pure functions.

English is known. A question in another language names people all the same, and asks about the present.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from operator_memory.domain.characters import as_seen
from operator_memory.domain.recall.question_subject import is_impersonal, is_little
from operator_memory.domain.recall.relevance import is_small_talk
from operator_memory.domain.scripts import needs_a_dictionary
from operator_memory.domain.text import one_line

_WORD = re.compile(r"\w+")
_NAME = re.compile(r"\w{2,}")
_LATEST = frozenset({"last", "latest", "newest", "current", "currently", "now", "recent", "recently", "still", "today"})
_PAST = frozenset(
    {"when", "first", "before", "after", "ago", "earliest", "originally", "previously", "did", "was", "were", "had"}
)


MAX_QUERY_CHARACTERS = 2_000
"""A longer query is searched by its beginning and its end, where people put the question."""


def searchable_query(query: str | None) -> str | None:
    """Return ``query`` as a person sees it, shortened to its two ends, or ``None`` if nothing is left."""
    if query is None:
        return None
    text = one_line(as_seen(query))
    if len(text) > MAX_QUERY_CHARACTERS:
        half = MAX_QUERY_CHARACTERS // 2
        text = f"{text[: half - 1]} {text[-half:]}"
    return text if _WORD.search(text) else None


class TimeFocus(StrEnum):
    """Which of several memories about the same thing a question means."""

    PRESENT = "present"
    """What holds now, the newest: "where do I live", "my last visit"."""
    PAST = "past"
    """What was, at some time: "when did I first ...". Age says nothing."""


@dataclass(frozen=True, slots=True)
class QueryWords:
    """The question's words in lower case, the time it is about, and whether it is a question at all."""

    words: frozenset[str]
    focus: TimeFocus
    small_talk: bool = False
    exact: bool = False
    """It quotes a number or a code: only that very one is meant."""
    impersonal: bool = False
    """It is about nobody, unless it names somebody."""
    little_words_count: bool = False
    """Its script joins words, and the index knows no little words there ("the", "of"): two memories that share only
    such are not about the same thing."""
    names: frozenset[str] = frozenset()
    """What it writes with a capital letter, after its first word, without little words: "The" is in any text."""


def read_query(query: str) -> QueryWords:
    """Read ``query``."""
    words = frozenset(_WORD.findall(query.casefold()))
    past = bool(words & _PAST) and not words & _LATEST
    return QueryWords(
        words,
        TimeFocus.PAST if past else TimeFocus.PRESENT,
        is_small_talk(query),
        exact=any(map(str.isdigit, query)),
        impersonal=is_impersonal(query),
        little_words_count=needs_a_dictionary(query),
        names=frozenset(word for word in _NAME.findall(query)[1:] if word[0].isupper() and not is_little(word)),
    )


def names_anyone(query: QueryWords, speakers: Iterable[str], texts: Iterable[str]) -> bool:
    """Whether the question names any of ``speakers`` (in lower case), by any part of the name, or by a name that one of
    ``texts`` has."""
    if any(not query.words.isdisjoint(_NAME.findall(speaker)) for speaker in speakers):
        return True
    return any(name in text and name in _NAME.findall(text) for text in texts for name in query.names)


def named_speaker(query: QueryWords, speakers: frozenset[str]) -> str | None:
    """The one of ``speakers`` (in lower case) whom the question names by the first name or any other part of it.

    ``None`` if it names none of them, or several. Of people who share a name, "Ana Lima" is the one who has both. An
    initial is no name: "a" and "I" are words of most questions.
    """
    parts = {speaker: query.words.intersection(_NAME.findall(speaker)) for speaker in speakers}
    named = [speaker for speaker, of_it in parts.items() if of_it and not any(of_it < more for more in parts.values())]
    return named[0] if len(named) == 1 else None
