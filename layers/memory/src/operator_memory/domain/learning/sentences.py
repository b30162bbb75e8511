"""Does a text say a fact. Pure.

More is asked for than by a `Grounding`, which knows that a model has read the fact out of the turns: of a long text
some words of any fact are somewhere, and "User loves to travel" has one word that is not everybody's.
"""

import re
from collections.abc import Callable
from functools import cached_property

from operator_memory.domain.conversation import Turn
from operator_memory.domain.learning.grounding import FOREIGN_WITH_DETAILS, FactWords, Grounding
from operator_memory.domain.learning.meaning import Relation, relate
from operator_memory.domain.text import normalised_text

SAID, SAID_WITH_DETAILS = 0.67, 0.5
"""Share of a fact's words, "likes" and "has" among them, in a sentence that says it; with a name, number or date."""

_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|\n+")


class Sentences:
    """A text, by whoever it was said, read once to be asked about many facts."""

    def __init__(self, text: str, *, asked: str = "") -> None:
        """``asked``: a question before it, whose words count for each of its sentences."""
        self._text = text
        self._asked = asked

    def say(self, fact: str) -> bool:
        """Whether one of them says ``fact`` in most of its words, or in another language its names.

        What is said of somebody else does not count for a fact about the user.
        """
        read = FactWords(fact)
        own = [word for word in read.words if not word.small and not word.stem.startswith("user")]
        enough = (SAID_WITH_DETAILS if read.has_details else SAID) * len(own)
        if not read.has_details and self._whole.words_said(own) < enough:
            return False  # not even all of it does
        for said in self._each:
            found = said.evidence_of(read, about_user=True)
            if found is None or found.strength < FOREIGN_WITH_DETAILS:
                continue
            if found.strength == FOREIGN_WITH_DETAILS or said.words_said(own) >= enough:
                return True
        return False

    @cached_property
    def _whole(self) -> Grounding:
        return self._read(self._text)

    @cached_property
    def _each(self) -> list[Grounding]:
        return [self._read(sentence) for sentence in _SENTENCE_END.split(self._text)]

    def _read(self, text: str) -> Grounding:
        return Grounding([Turn("user", f"{self._asked} {text}")])


def says(text: str, fact: str, *, asked: str = "") -> bool:
    """Whether ``text`` says ``fact`` (see `Sentences`)."""
    return Sentences(text, asked=asked).say(fact)


class WordComparison:
    """Port ``Wording``, on the statements and sentences of the texts."""

    def same(self, one: str, other: str) -> bool:
        """Whether two facts differ in their wording only."""
        same_words = normalised_text(one) == normalised_text(other)
        return same_words or relate(one, other, similarity=0.0) is Relation.SAME

    def reading(self, text: str, *, asked: str) -> Callable[[str], bool]:
        """Read ``text``, said in answer to ``asked``; returns a function that tells whether it says a fact."""
        return Sentences(text, asked=asked).say
