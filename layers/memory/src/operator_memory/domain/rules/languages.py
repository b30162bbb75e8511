"""A few first-person statements in German, Spanish and French: name, home, work, diet, likes."""

import re

_NAME = r"(?P<what>[A-Z\u00c0-\u00de][\w'-]+(?: [A-Z\u00c0-\u00de][\w'-]+){0,3})"
_REST = r"(?P<what>[^.,;!?]{2,60})"

_PATTERNS = [
    (re.compile(pattern, re.NOFLAG if _NAME in pattern else re.IGNORECASE), fact)
    for pattern, fact in (
        # German
        (rf"^(?:[Ii]ch hei(?:\u00dfe|sse)|[Mm]ein [Nn]ame ist) {_NAME}", "User's name is {}"),
        (rf"^(?:ich )?(?:wohne|lebe) in {_REST}", "User lives in {}"),
        (rf"^(?:ich )?arbeite als {_REST}", "User works as {}"),
        (rf"^(?:ich )?bin allergisch gegen {_REST}", "User is allergic to {}"),
        (r"^(?:ich )?bin (?P<what>vegetarier(?:in)?|veganer(?:in)?)\b", "User is {}"),
        (rf"^ich mag (?!das|es|nicht|keine){_REST}", "User likes {}"),
        # Spanish
        (rf"^(?:[Mm]e llamo|[Mm]i nombre es) {_NAME}", "User's name is {}"),
        (rf"^(?:yo )?vivo en {_REST}", "User lives in {}"),
        (rf"^(?:yo )?trabajo como {_REST}", "User works as {}"),
        (rf"^(?:yo )?soy al\u00e9rgic[oa] (?:al?|a la|a los|a las) {_REST}", "User is allergic to {}"),
        (r"^(?:yo )?soy (?P<what>vegetarian[oa]|vegan[oa])\b", "User is {}"),
        (rf"^me gustan? (?!que|saber){_REST}", "User likes {}"),
        # French
        (rf"^(?:[Jj]e m'appelle|[Mm]on nom est) {_NAME}", "User's name is {}"),
        (rf"^j'habite (?:\u00e0|en|au|aux) {_REST}", "User lives in {}"),
        (rf"^je travaille comme {_REST}", "User works as {}"),
        (rf"^je suis allergique (?:\u00e0 la|\u00e0 l'|\u00e0|aux?) ?{_REST}", "User is allergic to {}"),
        (r"^je suis (?P<what>v\u00e9g\u00e9tarien(?:ne)?|v\u00e9gane?)\b", "User is {}"),
        (rf"^j'aime (?!bien que|que|savoir){_REST}", "User likes {}"),
    )
]


_AND = re.compile(
    r",?\s+(?:y|und|et)\s+(?=(?:yo|vivo|trabajo|soy|me|ich|wohne|lebe|arbeite|bin|mein|je|mon)\b|j')", re.IGNORECASE
)


def foreign_facts(sentence: str) -> list[str]:
    """The facts in a sentence of one of these languages; the words themselves stay in their language."""
    found = [_fact(part) for part in _AND.split(sentence)]
    return [fact for fact in found if fact]


def _fact(clause: str) -> str | None:
    for pattern, fact in _PATTERNS:
        if match := pattern.match(clause):
            return fact.format(match["what"].strip())
    return None
