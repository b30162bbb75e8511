"""What of a memory is looked up by words: who said it, what, and on which day."""

from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import Kind
from operator_memory.domain.scripts import needs_a_dictionary
from operator_memory.domain.text import written_day

MAX_BEFORE_CHARACTERS = 300
"""Of what was said before a turn, its end: there the question stands."""


def keyword_text(memory: Memory, before: str = "") -> str:
    """The text of ``memory`` as the keyword index gets it, with the end of what was said ``before`` it.

    The day is in it as people write it ("8 May 2023"), so that a question about May finds what was said then. Not
    beside words that only a dictionary tells apart: the index takes such a text for one language, and English words
    make it take another (docs/retrieval.md).
    """
    speaker = f"{memory.speaker}: " if memory.kind is Kind.TURN and memory.speaker else ""
    day = "" if needs_a_dictionary(memory.text) else f" ({written_day(memory.created_at)})"
    text = f"{speaker}{memory.text}{day}"
    return f"{text} {before[-MAX_BEFORE_CHARACTERS:]}" if before else text
