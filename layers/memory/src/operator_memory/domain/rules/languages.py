"""A few first-person statements in German, Spanish, French and Portuguese: name, home, work, diet, likes."""

import re

_NAME = r"(?P<what>[A-Z\u00c0-\u00de][\w'-]+(?: [A-Z\u00c0-\u00de][\w'-]+){0,3})"
_REST = r"(?P<what>[^.,;!?]{2,60})"

_PATTERNS = [
    (re.compile(pattern, re.NOFLAG if _NAME in pattern else re.IGNORECASE), fact)
    for pattern, fact in (
        # German, also as it stands behind "dass"
        (rf"^(?:[Ii]ch hei(?:\u00dfe|sse)|[Mm]ein [Nn]ame ist) {_NAME}", "User's name is {}"),
        (rf"^(?:ich )?(?:wohne|lebe) in {_REST}", "User lives in {}"),
        (rf"^ich in {_REST} (?:wohne|lebe)\b", "User lives in {}"),
        (rf"^(?:ich )?arbeite als {_REST}", "User works as {}"),
        (rf"^ich als {_REST} arbeite\b", "User works as {}"),
        (rf"^(?:ich )?bin allergisch gegen {_REST}", "User is allergic to {}"),
        (rf"^ich allergisch gegen {_REST} bin\b", "User is allergic to {}"),
        (rf"^ich gegen {_REST} allergisch bin\b", "User is allergic to {}"),
        (r"^(?:ich )?bin (?P<what>vegetarier(?:in)?|veganer(?:in)?)\b", "User is {}"),
        (r"^ich (?P<what>vegetarier(?:in)?|veganer(?:in)?) bin\b", "User is {}"),
        (rf"^ich mag (?!das|es|nicht|keine){_REST}", "User likes {}"),
        (rf"^(?:jetzt |nun )?arbeite ich als {_REST}", "User works as {}"),
        (rf"^ich bin nach {_REST} (?:um)?gezogen", "User moved to {}"),
        # Spanish
        (rf"^(?:[Mm]e llamo|[Mm]i nombre es) {_NAME}", "User's name is {}"),
        (rf"^(?:yo )?vivo en {_REST}", "User lives in {}"),
        (rf"^(?:yo )?trabajo como {_REST}", "User works as {}"),
        (rf"^(?:yo )?soy al\u00e9rgic[oa] (?:a las|a los|a la|al|a) {_REST}", "User is allergic to {}"),
        (r"^(?:yo )?soy (?P<what>vegetarian[oa]|vegan[oa])\b", "User is {}"),
        (rf"^me gustan? (?!que|saber){_REST}", "User likes {}"),
        (rf"^(?:yo )?me mud\u00e9 a {_REST}", "User moved to {}"),
        # French
        (rf"^(?:[Jj]e m'appelle|[Mm]on nom est) {_NAME}", "User's name is {}"),
        (rf"^j'habite (?:\u00e0|en|au|aux) {_REST}", "User lives in {}"),
        (rf"^je travaille comme {_REST}", "User works as {}"),
        (rf"^je suis allergique (?:\u00e0 la|\u00e0 l'|\u00e0|aux?) ?{_REST}", "User is allergic to {}"),
        (r"^je suis (?P<what>v\u00e9g\u00e9tarien(?:ne)?|v\u00e9gane?)\b", "User is {}"),
        (rf"^j'aime (?!bien que|que|savoir){_REST}", "User likes {}"),
        (rf"^j'ai d\u00e9m\u00e9nag\u00e9 (?:\u00e0|en|au|aux) {_REST}", "User moved to {}"),
        # Portuguese
        (rf"^(?:(?:[Ee]u )?me chamo|[Cc]hamo-me|(?:[Oo] )?[Mm]eu nome \u00e9) {_NAME}", "User's name is {}"),
        (rf"^(?:eu )?(?:moro|vivo) (?:em|no|na|nos|nas) {_REST}", "User lives in {}"),
        (rf"^(?:eu )?trabalho como {_REST}", "User works as {}"),
        (rf"^(?:eu )?sou al\u00e9rgic[oa] (?:aos?|\u00e0s?|a) {_REST}", "User is allergic to {}"),
        (r"^(?:eu )?sou (?P<what>vegetarian[oa]|vegan[oa])\b", "User is {}"),
        (rf"^(?:eu )?(?:me )?mudei(?:-me)? para {_REST}", "User moved to {}"),
        (rf"^(?:eu )?(?:gosto|adoro) (?:de )?(?!que|saber){_REST}", "User likes {}"),
    )
]

_AND = re.compile(
    r"(?:,|,?\s+(?:y|und|et|e|pero|aber|mais|mas))\s+(?=(?:yo|vivo|trabajo|soy|me|ich|wohne|lebe|arbeite|bin|mein|je"
    r"|mon|eu|moro|sou|trabalho|gosto|adoro|meu|chamo-me|mudei|jetzt)\b|j')",
    re.IGNORECASE,
)


def foreign_clauses(sentence: str) -> list[tuple[str, str | None]]:
    """The clauses of a sentence of one of these languages, each with the fact that it says; none of another's.

    The facts' frame is English; the words that matter stay in their language.
    """
    clauses = [(clause, _fact(clause)) for clause in _AND.split(sentence)]
    return clauses if any(fact for _, fact in clauses) else []


def _fact(clause: str) -> str | None:
    for pattern, fact in _PATTERNS:
        if match := pattern.match(clause):
            return fact.format(match["what"].strip())
    return None
