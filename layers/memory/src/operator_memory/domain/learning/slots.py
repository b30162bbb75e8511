"""What a memory states, cut into statements, and the single-valued slots that they fill.

A person lives in one place, has one age and one employer; a meeting has one time. Two statements about the same subject
that fill the same slot with different values cannot both hold. English only: in
other languages nothing fills a slot.
"""

import re
from dataclasses import dataclass

from operator_memory.domain.learning.meaning_words import content, names, plain, reworded, words
from operator_memory.domain.learning.slots_people import ATTRIBUTES, LAST, PEOPLE, Filled
from operator_memory.domain.learning.slots_things import REQUESTS, THINGS, requested

MAX_STATEMENTS = 8
MAX_STATEMENT = 300
"""Longer ones fill no slot. Both limits keep comparing in linear time."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One clause. ``slot`` is empty when it fills none; ``value`` and ``rest`` (what else is said) are folded words.

    ``about`` is the folded subject. ``ended``: the slot is left without a new value ("quit the job").
    """

    about: tuple[str, ...]
    slot: str
    value: tuple[str, ...]
    rest: tuple[str, ...]
    said: tuple[str, ...]
    text: str
    history: bool = False
    update: bool = False
    also: bool = False
    ended: bool = False


_VERBS = (
    r"lives?|living|resides|works?|working|drives?|eats?|drinks?|likes?|loves|prefers?|moved|relocated|plays"
    r"|speaks|uses"
    r"|owns|goes|wants|plans?|started|joined|sold|bought|quit|stopped|left|became|got|studies|runs|hates"
    r"|dislikes|enjoys"
    r"|is|has|was|had|not|no longer|formerly|does|did|will|would|might|may|switched|changed|asked|learning|cancelled"
    r"|canceled|visited|costs?|weighs|earns|pays|wakes|gets|takes|knows|follows|turned|retired|resigned|adopted"
)
_BORDER = re.compile(
    r" [.;] (?=\S)| ?,? (?:and|but|though|although|while|whereas) "
    rf"(?=(?:(?:now|also|currently|then|recently|just|still|they|he|she|user) )*(?:{_VERBS})\b|user 's |(?:their|his|her) \w+ (?:is|has)\b)"  # noqa: E501
    r"| , (?=(?:now|user|they|their) )"
)
_CONTRAST = re.compile(r" (?:, (?:and |but )?not|but not|and not|instead of|rather than) .*$")
_PRONOUN = re.compile(r"^(?:they|he|she) ")
_THEIR = re.compile(r"^(?:their|his|her) ")
_SUBJECT = re.compile(rf"^(?P<who>.{{1,60}}?) (?=(?:{_VERBS})\b)")
_ADVERBS = re.compile(
    r"\b(?:now|currently|presently|recently|just|already|usually|generally|normally|typically|mostly|finally"
    r"|again|still"
    r"|actually|officially|permanently|mainly|also|always|as well|at least|approximately|about (?=\d)|around"
    r" (?=\d))\b"
)
_UPDATE = re.compile(
    r"\b(?:now|no longer|not|anymore|changed|moved|switched|instead|rather than|relocated|became|turned|new"
    r"|again|quit"
    r"|stopped|left|updated|rescheduled|postponed|started|replaced|got|promoted|cancell?ed|recently|bought)\b"
)
_HISTORY = re.compile(
    r"\b(?:formerly|previously|once|in the past|back then|at the time|as a (?:child|kid|teenager|student)|years? ago"
    r"|until (?:(?:19|20)\d\d|last|recently)|before (?:that|moving)|growing up|grew up|originally)\b"
)
_ALSO = re.compile(
    r"\b(?:also|as well|too|additionally|another|second|one of|part time|side job|freelances?|volunteers?)\b"
)


def statements(text: str) -> list[Statement]:
    """The statements of ``text``, in order; none if there are too many to be one memory."""
    rewritten = reworded(plain(text)).rstrip(" .,;")
    parts = [part.strip(" .,;") for part in _BORDER.split(rewritten)]
    parts = [part for part in parts if part]
    if len(parts) > MAX_STATEMENTS:
        return []
    found: list[Statement] = []
    named = names(text)
    subject = ""
    for raw in parts:
        part = _THEIR.sub("user 's ", _PRONOUN.sub("user ", raw))
        if (match := _SUBJECT.match(part)) and _names_somebody(match["who"]):
            subject = match["who"]
        elif subject:
            part = f"{subject} {part}"
        found.append(_statement(part, named))
    return found


def _names_somebody(who: str) -> bool:
    return re.fullmatch(r"(?:(?:now|also|currently|then|recently|just|still|not) ?)*", who) is None


def _statement(text: str, named: frozenset[str]) -> Statement:
    history, update = _HISTORY.search(text) is not None, _UPDATE.search(text) is not None
    also, said = _ALSO.search(text) is not None, _said(text)
    bare = " ".join(_CONTRAST.sub("", _ADVERBS.sub("", text)).split())
    if filled := _filled(bare, named):
        denied = filled.who.endswith(" not")  # "not lives in Porto" leaves the slot without a value
        about, ended = _folded_subject(filled.who.removesuffix(" not")), filled.ended or denied
        value, rest = content(filled.value), content(filled.rest)
        history, update = history or filled.past, update or filled.update
        return Statement(about, filled.slot, value, rest, said, text, history, update, also, ended)
    match = _SUBJECT.match(bare)
    about = _folded_subject(match["who"]) if match else said[:1]
    return Statement(about, "", (), (), said, text, history, update, also)


def _filled(bare: str, named: frozenset[str]) -> Filled | None:
    if len(bare) > MAX_STATEMENT:
        return None
    for slot in (*REQUESTS, *ATTRIBUTES, *THINGS, *PEOPLE, *LAST):
        filled = slot(bare)
        if filled and (not filled.named or named & set(words(filled.value))):
            return filled
    return None


def _said(text: str) -> tuple[str, ...]:
    what = requested(text)
    return content(text) if what is None else ("asked", *content(what))


def _folded_subject(who: str) -> tuple[str, ...]:
    return content(re.sub(r"^(?:the|a|an) ", "", who))
