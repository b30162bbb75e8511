"""Text work of the rule extractor: statements and clauses out of a turn, and first person into third."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

from operator_memory.domain.text import plain_apostrophes, sentences

MAX_SENTENCE = 300
"""A longer sentence is pasted text, or too involved to be rewritten by rules."""

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]{0,200}`", re.DOTALL)
_BULLET = re.compile(r"^(?:[-*\u2022]|\d{1,2}[.)])\s+")
_OPENERS = re.compile(
    r"^(?:(?:oh|ah|well|so|ok|okay|yes|yeah|no|right|sure|and|but|also|actually|btw|by the way|fyi|for the record"
    r"|just so you know|one more thing|hi|hello|hey|thanks|thank you|lovely|great|perfect|please note"
    r"|correction|update)(?:\s+(?:there|again))?\s*[,:;!\u2014-]+\s*|(?:and|but|so|also|actually|btw|by the way|fyi)\s+"
    r"|(?:as you know|you should know|as i said|like i said|i told you|as i (?:already )?(?:mentioned|told you)"
    r"|i should mention|just to let you know)(?: that)?,?\s+)+",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"(?:,?\s+(?:and|but|so)|[;,])\s+(?:now\s+)?(?=(?:I|I'm|I've|my|we|we've|please)\b)", re.IGNORECASE
)
_SUBJECT_SPLIT = re.compile(r"^(?:although|because|since|when|while|if|unless|before|after)\b", re.IGNORECASE)

_JOINT_SUBJECT = re.compile(r"^(?:my|our) \w[\w'-]*(?: \w[\w'-]*)? and I\b", re.IGNORECASE)

_WORDS_THIRD = {
    "i": "they", "i am": "they are",
    "i'm": "they are", "i've": "they have", "i'd": "they would", "i'll": "they will", "my": "their",
    "me": "them", "mine": "theirs", "myself": "themselves", "we": "they", "us": "them", "our": "their",
    "ours": "theirs", "we're": "they are", "we've": "they have", "you": "the assistant",
    "your": "the assistant's",
}  # fmt: skip
_WORD = re.compile(r"\b[Ii] am\b|[A-Za-z]+(?:'[A-Za-z]+)?")


def statements(text: str) -> Iterator[str]:
    """The sentences of ``text`` that may be rewritten; code, quoted lines and long sentences are left out."""
    for line in _CODE.sub(" ", plain_apostrophes(text)).splitlines():
        stripped = _BULLET.sub("", line.strip())
        if stripped.startswith((">", "|", "#", "<", "{")):
            continue
        yield from (sentence for sentence in sentences(stripped) if 3 <= len(sentence) <= MAX_SENTENCE)


def without_opener(sentence: str) -> str:
    """``sentence`` without "By the way," and the like."""
    return _OPENERS.sub("", sentence, count=1)


def clauses(sentence: str) -> list[str]:
    """Parts that each have a first-person subject of their own: "I am Ana and I live in Porto" are two."""
    if _SUBJECT_SPLIT.match(sentence) or _JOINT_SUBJECT.match(sentence):
        return [sentence]
    return [part.strip(" ,;") for part in _CLAUSE.split(sentence) if part.strip(" ,;")]


_TIME_FIRST = re.compile(
    r"^(?P<time>(?:(?:last|next|this) (?:week|month|year|spring|summer|autumn|winter|\w{3,6}day)|today|yesterday"
    r"|tomorrow|(?:on|since|in|until|from) [\w ]{3,20}?)),? "
    r"(?P<rest>(?:I|I'm|I've|we|we're|my)\b[^,;]*?)(?P<end>[.!]*)$",
    re.IGNORECASE,
)
_COURTESY = re.compile(r",? (?:nice|pleased|good|great) to meet you\W*$", re.IGNORECASE)


def time_last(sentence: str) -> str:
    """ "Last week I moved" as "I moved last week", and without "nice to meet you"."""
    sentence = _COURTESY.sub("", sentence)
    if not (match := _TIME_FIRST.match(sentence)):
        return sentence
    time = match["time"]
    return f"{match['rest']} {time[0].lower()}{time[1:]}{match['end']}"


def third_person(text: str) -> str:
    """``text`` about the user, with first-person words turned into third-person ones."""
    return _WORD.sub(lambda match: _third(match[0]), text)


def _third(word: str) -> str:
    if len(word) > 1 and word.isupper():
        return word  # the US is a country
    return _WORDS_THIRD.get(word.lower(), word)


_IRREGULAR = {"have": "has", "do": "does", "go": "goes", "am": "is", "be": "is", "'ve": "has", "don't": "does not"}


def conjugated(verb: str) -> str:
    """The third-person singular of a verb in the present tense."""
    lowered = verb.lower()
    if lowered in _IRREGULAR:
        return _IRREGULAR[lowered]
    if lowered.endswith("y") and lowered[-2:-1] not in "aeiou":
        return f"{lowered[:-1]}ies"
    if lowered.endswith(("s", "x", "z", "ch", "sh", "o")):
        return f"{lowered}es"
    return f"{lowered}s"


_RELATIVE_DAYS = {"today": 0, "tonight": 0, "yesterday": -1, "tomorrow": 1}
_RELATIVE = re.compile(r"\b(?:today|tonight|yesterday|tomorrow|(?:last|next) (?:month|year))\b", re.IGNORECASE)


def dated(text: str, observed_on: date | None) -> str:
    """``text`` with the date added after words like "yesterday", where the day of speaking is known."""
    if observed_on is None:
        return text
    return _RELATIVE.sub(lambda match: f"{match[0]} ({_resolved(match[0].lower(), observed_on)})", text)


def _resolved(word: str, day: date) -> str:
    if word in _RELATIVE_DAYS:
        return (day + timedelta(days=_RELATIVE_DAYS[word])).isoformat()
    step = -1 if word.startswith("last") else 1
    if word.endswith("year"):
        return str(day.year + step)
    months = day.year * 12 + day.month - 1 + step
    return f"{months // 12}-{months % 12 + 1:02}"
