"""Does a text say a fact, in most of its words? Pure; no word lists."""

from functools import cached_property

from operator_memory.domain.memory.quantities import numbers_of
from operator_memory.domain.memory.wording import Words, frame_of, names_in, words_of
from operator_memory.domain.text import sentences

SAID, SAID_WITH_DETAILS = 0.67, 0.5
"""Share of a fact's words in a sentence that says it; with a name or number of it."""


class Saying:
    """A text, by whoever it was said, read once to be asked about many facts."""

    def __init__(self, text: str, *, asked: str = "") -> None:
        """``asked``: a question before it, whose words count for each of its sentences."""
        self._text = text
        self._asked = asked

    def says(self, fact: str) -> bool:
        """Whether one of its sentences says ``fact``."""
        frame = frame_of(fact)
        words = [word for word in dict.fromkeys(words_of(fact)) if word not in frame]
        details = {word for name in names_in(fact, frame=frame) for word in words_of(name)}
        numbers = set(numbers_of(fact))
        if not words or not any(map(self._whole.akin, words)):
            return False
        for sentence, spoken in self._sentences:
            said = sum(map(sentence.akin, words))
            detailed = any(map(sentence.akin, details)) or bool(numbers & spoken)
            if said >= (SAID_WITH_DETAILS if detailed else SAID) * len(words):
                return True
        return False

    @cached_property
    def _whole(self) -> Words:
        return Words([self._asked, self._text])

    @cached_property
    def _sentences(self) -> list[tuple[Words, set[str]]]:
        return [(Words([self._asked, said]), set(numbers_of(said))) for said in sentences(self._text)]


def says(text: str, fact: str, *, asked: str = "") -> bool:
    """Whether ``text`` says ``fact`` (see `Saying`)."""
    return Saying(text, asked=asked).says(fact)
