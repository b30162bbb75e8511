"""What of a first-person clause is worth keeping: the part that stands alone and still holds next month.

A clause loses the remarks at its end ("- it's been great"). It is left out where it points back at something that was
said before ("I love that"), speaks to the listener, or says nothing in particular.
"""

import re

from operator_memory.domain.rules.vocabulary import WEEKDAYS
from operator_memory.domain.text import MONTHS

_SUBJECT = r"(?:it|that|this|these|those|they|he|she|you|there|i|we|let|such|what|who)(?:'(?:s|re|ve|ll|d|m))?\b"
_REMARK = re.compile(
    rf"(?<!\d) [\u2013\u2014-] (?!\d)|[\u2013\u2014;]|(?<=\w)- |\.{{3}}|: ?(?={_SUBJECT})|, (?={_SUBJECT})|, as (?={_SUBJECT})"
    rf"|,? (?:and|but) (?={_SUBJECT})(?!(?:it|he|she|they)\b[^,;]*(?:\d|(?-i: [A-Z])))"
    rf"|,? (?:though|although|while|plus|even though) (?={_SUBJECT})"
    r"|(?<! that)(?<! when)(?<! who)(?<! if) (?=(?:(?:he|she|it)'(?:s|ll|d)|(?:they|you)(?:'(?:re|ve|ll)|re))\b)"
    r"|,? which\b|,? so (?!far\b|that\b)|,? (?:because|'cause|cuz) (?!of\b)"
    r"|, (?:not to mention|really|just|even|thanks|hopefully|still|thankfully|please|give|keep|make|use)\b"
    r"|,? (?:and|but) (?:feel|feeling|finding|lately|recently|haven't|hopefully|still)\b"
    r"|,? (?:and|but) (?=(?:(?!(?:because|that|who|when|if|i|we)\b)\w+ ){1,3}(?:can|could|is|are|was|were|will|has|have) )"
    r"|, (?=(?:\w+ ){1,3}(?:\w+ed|is|was|are|were) )",
    re.IGNORECASE,
)
_JOINT = re.compile(r"(?:my|our) [\w' -]{2,40}? and i\b", re.IGNORECASE)
_FINISH = re.compile(
    r"(?:[\s,]+(?:though|tho|haha|lol|yay|right|now|you know|actually|of course|honestly|definitely"
    r"|for sure|at the moment|these days|lately|again|a lot|so much|very much|to be honest|or something|and|but|or|so))+$",
    re.IGNORECASE,
)
_MARKS_LAST = re.compile(r"[^\w)\]\"'%\u20ac$\u00a3+#]+$")


def core(clause: str) -> str:
    """``clause`` without the remarks at its end."""
    subject = _JOINT.match(clause)
    remark = _REMARK.search(clause, subject.end() if subject else 0)
    return _MARKS_LAST.sub("", clause[: remark.start()] if remark else clause)


_TO_LISTENER = re.compile(r"\b(?:you|your|yours|yourself|let's|y'all)\b", re.IGNORECASE)
_ADDING = re.compile(r",? (?:too|as well)$", re.IGNORECASE)
_PLACED = re.compile(
    r"\bthis (?:coming )?(?:year|month|week|weekend|morning|afternoon|evening|spring|summer|autumn|fall|winter|semester"
    rf"|season|{WEEKDAYS}|{MONTHS})\b|\bthese days\b|\bthere(?: i|')s\b|\bat home\b|\bthe same (?=\w+ as\b)"
    r"|(?:(?<=love )|(?<=hate )|(?<=like )|(?<=prefer ))it (?:when|if)\b|\b(?:don't|do not|never) \w+ anything\b"
    r"|\bone (?:of (?:(?:my|our)(?! own)|the)|day|year|month|week|another|time)\b|\b(?:they/them|she/her|he/him)\b"
    r"|\bthat (?=\S+ (?:is|are|was|has|have|can|could|will|would)\b)",
    re.IGNORECASE,
)
_VAGUE = re.compile(
    r"\b(?:this|these|those|here|there|such|same|stuff|things?|something|anything|everything|someone|somebody|everyone"
    r"|everybody|nothing|ones|somewhere|whatever|how|all the|guys?|other people|each other(?:'s)?|others|what|why"
    r"|whether|similar|right now|of one|in mind|(?:where|who) (?:i|we|it|they|he|she|to))\b"
    r"|\b(?:one|another|some|any|more|most|both|all|it|its|mine|theirs|hers|ours|together|that|(?:a few|some) \w+)$"
    r"|\b(?:one|some|many|most|both|all|none|any|lots|few|a lot|plenty|bunch) (?:of (?:it|them|us|these|those|that|the|my)"
    r"|who|that|to|for|with|in|on|last|this|yesterday|today|of (?:my|our) own)\b"
    r"|\b(?:with|for|of|about|on|at|to|from|like|love|enjoy|hate|do|did|in|after|before|by|than|all|is|was|see|know|get"
    r"|by) that\b|\bto \w+ that \w+|([a-z])\1\1",
    re.IGNORECASE,
)
# A pronoun, and what it may stand for if that is named before it.
_PRONOUNS = tuple(
    (re.compile(rf"\b(?:{pronoun})\b", re.IGNORECASE), re.compile(rf"\b(?:{named})\b", re.IGNORECASE))
    for pronoun, named in (
        (r"it|its", r"(?:my|our|an?) (?!(?:little|bit|lot|few)\b)\w+"),
        (r"he|she|him|her|his", r"(?:my|our) \w+|(?-i:[A-Z][a-z]{2,})"),
        (r"they|them|their", r"(?:my|our) \w+|kids|children|people|(?-i:[A-Z][a-z]{2,})|[a-z]{3,}s"),
    )
)


def stands_alone(clause: str) -> bool:
    """Whether ``clause`` needs nothing that was said before or is seen by the listener only."""
    if _TO_LISTENER.search(clause):
        return False
    rest = _PLACED.sub("", _ADDING.sub("", clause))
    if _VAGUE.search(rest):
        return False
    return all(named.search(rest, 0, match.start()) for pronoun, named in _PRONOUNS for match in pronoun.finditer(rest))


_WORD = re.compile(r"\w[\w'-]*")
_SAYING = re.compile(
    r"\b(?!(?:a|an|the|and|or|but|of|to|for|in|on|at|with|by|from|as|up|out|off|down|into|about|over|my|our|me|us|myself"
    r"|am|is|are|be|been|was|were|do|did|have|has|had|not|never|always|really|very|so|too|also|just|still|now|then|again"
    r"|lot|bit|much|more|less|well|better|best|hard|good|great|fun|lately|recently|day|times?|way|ever|long|soon|today"
    r"|together|forward|ahead|around|along|alone|away|back|once|twice|quite|pretty|super|all|both|few|some|many|couple"
    r"|maybe|probably|someday|either"
    r"|get|go|I)\b)\w"
)


def says_something(words: str) -> bool:
    """Whether ``words``, what stands behind a verb, hold more than grammar and degree."""
    return _SAYING.search(words) is not None


def content_of(words: str) -> list[str]:
    """The words of ``words`` that hold more than grammar and degree."""
    return [match[0] for match in _WORD.finditer(words) if _SAYING.match(match[0])]


def finished(clause: str) -> str:
    """``clause`` without "too", "though" and the like at its end."""
    return _FINISH.sub("", clause)
