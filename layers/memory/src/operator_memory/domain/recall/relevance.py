"""The relevance gate: where nothing that is stored has to do with the question, nothing is injected.

How close is close depends on the embedder, so the numbers are measured for each by
``python -m bench.embedders.calibrate``, which writes them with its evidence to ``entrypoints/relevance.json``.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from operator_memory.domain.text import word_set, words

# In lower case and without accents. The first say it, the others only stand beside them.
_GREETINGS = word_set(
    """awesome bom bonjour buenas buenos bye ciao cool danke excellent goodbye grazie gracias haha hallo hello hey hi hm
    hmm hola lol merci moin no nope obrigada obrigado oh ok okay ola perfect perfetto please salut si sorry sure thank
    thanks welcome wonderful yeah yep yes yo hej hoi tack dank bedankt czesc dzieki dzien merhaba"""
)
_FILLERS = word_set(
    """a afternoon again ah all are as best boa day dia dias done evening fine for good got great guten how i is it just
    later me mind morgen morning much never nice night noche noches noite now of right s saying see so tag tarde tardes
    that the then there this today tomorrow too very well you your dobry"""
)
_SMALL_TALK = _GREETINGS | _FILLERS
_SAID_AS_GREETING = frozenset({"good", "guten", "boa", "great", "nice", "fine", "well", "never", "see", "got", "how"})
_MOST_SMALL_TALK_WORDS = 6
MOST_SMALL_TALK_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class RelevanceGate:
    """What a memory must show to be injected for a question.

    ``similarity``: the cosine that the closest memory must have, unless one has ``words``, its part of the keyword
    score, by which it is found beyond doubt. ``each``: the relevance (see `ScoreParts`) of every single one.
    ``impersonal``: the same for a question that is about nobody; zero asks no more than of any question.
    """

    similarity: float
    words: float
    each: float
    impersonal: float = 0.0

    def opens(self, found: Iterable[tuple[float, float]]) -> bool:
        """Whether anything is relevant at all, from the (cosine, words) of what was found."""
        return any(cosine >= self.similarity or words >= self.words for cosine, words in found)

    def passing(self, *, impersonal: bool = False) -> float:
        """The relevance from which a memory passes the open gate. ``impersonal``: the question is about nobody."""
        return max(self.each, self.impersonal) if impersonal else self.each


OPEN = RelevanceGate(0.0, 0.0, 0.0)
"""Lets everything through."""


def is_small_talk(query: str) -> bool:
    """Whether ``query`` only greets, thanks or agrees: no memory is about that."""
    said = words(query)
    if not 0 < len(said) <= _MOST_SMALL_TALK_WORDS or not _SMALL_TALK.issuperset(said):
        return False
    return said[0] in _SAID_AS_GREETING or not _GREETINGS.isdisjoint(said)
