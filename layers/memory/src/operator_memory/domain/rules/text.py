"""Text work of the rule extractor: sentences and clauses out of a turn, and first person into third."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from operator_memory.domain.rules.vocabulary import MY_VERBS, WEEKDAYS
from operator_memory.domain.text import MONTHS

MAX_SENTENCE = 300
"""A longer sentence is pasted text, or too involved to be rewritten by rules."""

_CODE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]{0,200}`", re.DOTALL)
_LINE = re.compile(r"[ \t]*(?:(?:[-*\u2022]|\d{1,2}[.)])[ \t]+)?(?P<text>[^\n\r\x0b\x0c\x85\u2028\u2029]+)")
_SENTENCE = re.compile(r"[^.!?\n]*(?:[.!?](?!\s|$|[\"')\]])[^.!?\n]*)*[.!?]*")
_ABBREVIATED = re.compile(r"\b(?:(?:Dr|Mr|Mrs|Ms|Prof|St|Mt|[ap]\.m)\.(?=\s)|(?:[A-Z]\.)+(?=\s[A-Z][a-z]))")
_NOT_SAID = (">", "|", "#", "<", "{")
_BLANK, _DOT = "\x00", "\x01"
_OPENERS = re.compile(
    r"^(?:(?:oh|ah|aw+|hm+|well|so|ok|okay|yes|yeah|yep|yup|no|nope|nah|right|sure|definitely|totally|absolutely|of course"
    r"|and|but|also|plus|actually|btw|by the way|fyi|for the record|guess what|wow|haha|lol|honestly|speaking of which"
    r"|just so you know|one more thing|hi|hello|hey|hallo|hola|bonjour|salut|ol\u00e1|oi|thanks|thank you|cheers|lovely|great|perfect|cool|awesome|nice"
    r"|please note|sorry|good news|correction|update)"
    r"(?:\s+(?:there|again|everyone|all|man|so much|a lot|(?-i:[A-Z][a-z]+)))?\s*[,:;!\u2014-]+\s*"
    r"|(?:and|but|so|also|plus|actually|btw|by the way|fyi|honestly|personally|frankly)\s+"
    r"|\([^()]{1,40}\)\s+|(?:as you know|you should know|as i said|like i said|i told you|as i (?:already )?(?:mentioned|told you)"
    r"|i should mention|i mentioned|just to let you know|did i mention|i meant|i think|i believe|i guess"
    r"|(?:i just|i'm (?:so )?(?:excited|happy)|i)(?: wanted)? to (?:tell you|let you know|share|say))"
    r"(?: that)?,?\s+)+",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"(?:,?\s+(?:and|but|so)|[;,]|\s[\u2013\u2014-])\s+(?:now\s+)?"
    rf"(?=(?:I|I'm|I've|we|we've|we're|please)\b|(?:my|our)\b[\w' -]{{1,40}}?(?:'s| (?:{MY_VERBS})) )",
    re.IGNORECASE,
)
_SUBJECT_SPLIT = re.compile(r"^(?:although|because|since|when|while|if|unless|before|after)\b", re.IGNORECASE)

_JOINT_SUBJECT = re.compile(r"^(?:my|our) \w[\w'-]*(?: \w[\w'-]*)? and I\b", re.IGNORECASE)

_WORDS_THIRD = {
    "i": "they", "i am": "they are",
    "i'm": "they are", "im": "they are", "ive": "they have", "i've": "they have", "i'd": "they would", "i'll": "they will", "my": "their",
    "me": "them", "mine": "theirs", "myself": "themselves", "we": "they", "us": "them", "our": "their",
    "ours": "theirs", "ourselves": "themselves", "we're": "they are", "we've": "they have", "we'd": "they would",
    "we'll": "they will", "you": "the assistant", "your": "the assistant's",
}  # fmt: skip
_WORD = re.compile(r"\b[Ii] am\b|[A-Za-z]+(?:'[A-Za-z]+)?")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence as the rules read it, with its final marks, and ``said``: the same, letter for letter as it stands
    in the turn."""

    text: str
    said: str

    def quote_of(self, part: str) -> str:
        """The verbatim words of ``part``; of the whole sentence, where they cannot be told apart."""
        at = self.text.find(part) if len(self.text) == len(self.said) else -1
        return self.said[at : at + len(part)] if at >= 0 else self.said


def sentences(text: str) -> Iterator[Sentence]:
    """The sentences of ``text``; code and quoted lines are left out."""
    readable = _CODE.sub(lambda match: re.sub(r"[^\n]", _BLANK, match[0]), text.replace("\u2019", "'"))
    readable = _ABBREVIATED.sub(lambda match: match[0].replace(".", _DOT), readable)  # as long as ``text``
    for line in _LINE.finditer(readable):
        if line["text"].startswith(_NOT_SAID):
            continue
        for found in _SENTENCE.finditer(readable, *line.span("text")):
            sentence = " ".join(found[0].replace(_BLANK, "").replace(_DOT, ".").split())
            if 2 <= len(sentence) <= MAX_SENTENCE:
                yield Sentence(sentence, text[found.start() : found.end()].strip())


def without_opener(sentence: str) -> str:
    """``sentence`` without "By the way," and the like."""
    return _OPENERS.sub("", sentence, count=1)


def clauses(sentence: str) -> list[str]:
    """Parts that each have a first-person subject of their own: "I am Ana and I live in Porto" are two."""
    sentence = _COURTESY.sub("", sentence)
    time, rest = time_first(sentence)
    if not time and (_SUBJECT_SPLIT.match(sentence) or _JOINT_SUBJECT.match(sentence)):
        return [sentence]
    first, *others = (part.strip(" ,;") for part in _CLAUSE.split(rest))
    return [part for part in (f"{time} {first}".strip(), *others) if part]


_TIME_FIRST = re.compile(
    r"(?P<time>(?:last|next|this|one) (?:week|month|year|spring|summer|autumn|fall|winter|weekend|night|\w{3,6}day)"
    r"|today|yesterday|tomorrow|(?:a|one|two|three|(?:a )?few|\d+) (?:days?|weeks?|months?|years?) ago|earlier this \w+"
    r"|in my (?:free|spare) time|when(?:ever)? i \w+(?: \w+){0,2}?|(?:for|at) (?!(?:first|last|least|all|example|now|once|me|us|that|this|it|him|her|them|sure)\b)\w+|(?:on|since|in|until|from) (?:(?:last|next|this|early|late) )?(?:the )?"
    rf"(?:\d[\w-]*|{MONTHS}|{WEEKDAYS}s?|weekends?|spring|summer|autumn|fall|winter|week|month|year)(?: \d+)?),? "
    r"(?=(?:I|I'm|I've|we|we're|my|our)\b)",
    re.IGNORECASE,
)
_COURTESY = re.compile(r",? (?:nice|pleased|good|great) to meet you\W*$", re.IGNORECASE)


def time_first(clause: str) -> tuple[str, str]:
    """The time that ``clause`` begins with, or ``""``, and what follows: ("Last week", "I moved")."""
    match = _TIME_FIRST.match(clause)
    return (match["time"], clause[match.end() :]) if match else ("", clause)


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
