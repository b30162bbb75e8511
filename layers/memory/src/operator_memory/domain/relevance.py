"""The relevance gate: where nothing that is stored has to do with the question, nothing is injected.

How close is close depends on the embedder, so the numbers are measured for each by ``python -m bench.calibrate``,
which writes them with its evidence to ``entrypoints/relevance.json``.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+")
_SMALL_TALK = frozenset(
    """a afternoon again ah all are awesome best bye bom boa bonjour buenas buenos ciao cool danke day dia dias done
    evening excellent fine for gracias good goodbye got great grazie guten haha hallo hello hey hi hola hm hmm i is it
    just later lol me merci mind moin morgen morning much never nice night no nope obrigada obrigado of oh ok okay ola
    perfect please right s salut see so sorry super sure tag thank thanks that the then there this today tomorrow very
    welcome well wonderful yeah yep yes yo you your""".split()  # noqa: SIM905  (a list of words reads as words)
)
_MOST_SMALL_TALK_WORDS = 6


@dataclass(frozen=True, slots=True)
class RelevanceGate:
    """What a memory must show to be injected for a question.

    ``similarity``: the cosine that the closest memory must have, unless one has ``words``, its part of the keyword
    score, by which it is found beyond doubt. ``each``: the relevance (see `ScoreParts`) of every single one.
    """

    similarity: float
    words: float
    each: float

    def opens(self, found: Iterable[tuple[float, float]]) -> bool:
        """Whether anything is relevant at all, from the (cosine, words) of what was found."""
        return any(cosine >= self.similarity or words >= self.words for cosine, words in found)


OPEN = RelevanceGate(0.0, 0.0, 0.0)
"""Lets everything through."""


def is_small_talk(query: str) -> bool:
    """Whether ``query`` only greets, thanks or agrees: no memory is about that."""
    words = _WORD.findall(query.casefold())
    return 0 < len(words) <= _MOST_SMALL_TALK_WORDS and _SMALL_TALK.issuperset(words)
