"""The rule extractor: facts from plain first-person statements, without any model.

It knows what people commonly say of themselves and how they ask an agent to work. It errs on the side of learning
nothing: what is uncertain, hypothetical, asked, quoted or secret is left out, and so is what is only of this moment.
Pure and linear in the text's length.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice

from operator_memory.domain.conversation import Turn
from operator_memory.domain.fence import display_name
from operator_memory.domain.learning.proposals import Quote
from operator_memory.domain.learning.speakers import with_speaker
from operator_memory.domain.memory.wording import Words, words_of
from operator_memory.domain.rules.answers import declared
from operator_memory.domain.rules.dates import Tense, dated
from operator_memory.domain.rules.instructions import standing_instruction
from operator_memory.domain.rules.lasting import content_of
from operator_memory.domain.rules.requests import asks_about_memory
from operator_memory.domain.rules.single_valued import contradicts
from operator_memory.domain.rules.statements import statement, statements_in
from operator_memory.domain.rules.text import Sentence, sentences, third_person, without_opener
from operator_memory.domain.shared.screening import command_reason

MAX_FACTS_PER_TURN = 40
REACH = 50
"""Facts before it that a fact is compared with: what is put right in a conversation was mostly said just before."""


@dataclass(frozen=True, slots=True)
class RuleFact:
    """A fact, whom it is about (``user`` or ``assistant``), and the index of the turn it comes from.

    ``quotes``: the words it was read from, by the number of their turn. ``when``: the time it speaks of, in ISO 8601.
    ``about``: the name of the speaker, where known.
    """

    text: str
    attributed_to: str
    turn_index: int
    quotes: tuple[Quote, ...] = ()
    when: str | None = None
    about: str | None = None


def extract_facts(
    turns: Sequence[Turn], *, earlier: Sequence[Turn] = (), observed_on: date | None = None
) -> list[RuleFact]:
    """The facts in ``turns``, in order, each text once; of two that cannot both be true the later.

    ``earlier``: the turns before, the last of them number -1; nothing is learned from them, but they may ask what is
    answered now. ``observed_on``: the day of what has no time of its own.
    """
    numbered = {number - len(earlier): turn for number, turn in enumerate((*earlier, *turns))}
    facts: dict[str, RuleFact] = {}
    for index, turn in enumerate(turns):
        around = numbered.get(index - 1), numbered.get(index + 1)
        found = _user_facts(index, turn, around[0]) if turn.role == "user" else _agreements(index, turn, *around)
        day = turn.created_at.date() if turn.created_at else observed_on
        for _, one in zip(range(MAX_FACTS_PER_TURN), found, strict=False):
            fact = _fact(one, turn, index, day)
            latest = islice(reversed(facts.items()), REACH)
            for older in [key for key, other in latest if _takes_the_place(fact, other)]:
                del facts[older]
            facts.setdefault(fact.text.casefold(), fact)
    return list(facts.values())


@dataclass(frozen=True, slots=True)
class _Found:
    text: str
    quotes: tuple[Quote, ...]
    attributed_to: str = "user"
    tense: Tense = Tense.PRESENT


def _fact(found: _Found, turn: Turn, index: int, day: date | None) -> RuleFact:
    name = display_name(turn.name or "") if turn.role == "user" else ""
    text, when = dated(found.text, day, found.tense)
    text = text.rstrip(" .,;:!")
    text = with_speaker(f'{text}".' if text.count('"') % 2 else f"{text}.", name)
    return RuleFact(text, found.attributed_to, index, found.quotes, when, name or None)


def _takes_the_place(fact: RuleFact, other: RuleFact) -> bool:
    return (fact.about, fact.attributed_to) == (other.about, other.attributed_to) and contradicts(fact.text, other.text)


_SECRET = re.compile(
    r"\b(?:password|passcode|passphrase|pin(?: code)?|api[ -]?key|secret|token|cvv|iban|ssn|credit card|card number)\b"
    r"|\b(?:sk|pk|ghp|xox[bp])[-_][A-Za-z0-9_-]{8,}|\bAKIA[A-Z0-9]{8,}|\b(?:\d[ -]?){12,}",
    re.IGNORECASE,
)
_CLAIM_OF_POWER = re.compile(
    r"\b(?:am|i'm) (?:(?:an?|the|your) (?:system )?(?:admin\w*|developer of|creator|owner of this|root)"
    r"|your (?:new )?(?:developer|owner|maker|operator|master|supervisor)|(?:an?|the) account owner|(?:an? |the )?(?:superuser|root|sudo))\b"
    r"|\b(?:admin\w*|root|full|unlimited|unrestricted|special) (?:access|permissions?|rights|privileges)\b"
    r"|\badmin(?:istrator)?s? (?:allow|permit|authori[sz]e|approve|said|want)",
    re.IGNORECASE,
)
_UNCERTAIN = re.compile(
    r"^(?:if|suppose|imagine|let's say|what if|maybe|perhaps|assuming|pretend)\b"
    r"|\b(?:might|i wish|i would have|hypothetically|for example|e\.g\.|role[ -]?play)\b",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"\[[^\]]+\]|\{[^}]+\}")
_QUOTED_SPEECH = re.compile(
    r"[\"\u201c][^\"\u201d]*\bI\b|\b(?:said|says|wrote|writes|told me)\b\s*[:,\"]", re.IGNORECASE
)


def _unfit(sentence: str) -> bool:
    return (
        sentence.endswith("?")
        or _UNCERTAIN.search(sentence) is not None
        or _QUOTED_SPEECH.search(sentence) is not None
        or _SECRET.search(sentence) is not None
        or _PLACEHOLDER.search(sentence) is not None
        or _CLAIM_OF_POWER.search(sentence) is not None
        or command_reason(sentence) is not None
        or asks_about_memory(sentence)
    )


_REMEMBER = re.compile(
    r"^(?:please )?(?:remember|note|keep in mind|don't forget|do not forget)(?: that)?[,:]? (?!to\b|how\b|what\b|when\b)",
    re.IGNORECASE,
)

_NOTE = re.compile(r"^(?:please )?(?:remember|note|keep in mind|don't forget|do not forget)(?: that|:)", re.IGNORECASE)


def _user_facts(index: int, turn: Turn, before: Turn | None) -> Iterator[_Found]:
    asked = _question_of(before)
    for number, sentence in enumerate(sentences(turn.text)):
        found = list(_said(index, sentence))
        if not found and number == 0 and asked and (answer := _answer(asked, sentence)):
            found = [_Found(answer, (Quote(asked.said, index - 1), Quote(sentence.said, index)))]
        if found and not _unfit(sentence.text):
            yield from found


def _said(index: int, sentence: Sentence) -> Iterator[_Found]:
    """The facts in one sentence of the user's."""
    plain = without_opener(sentence.text)
    if " " not in plain:
        return
    if wish := standing_instruction(plain):
        yield _Found(wish, (Quote(sentence.said, index),), "assistant")
        return
    told = _REMEMBER.sub("", plain)
    found = list(statements_in(told))
    for clause, stated in found:
        yield _Found(stated.text, (Quote(sentence.quote_of(clause), index),), tense=stated.tense)
    if not found and _NOTE.match(plain) and len(told.split()) > 2:
        yield _Found(f"{told[0].upper()}{third_person(told[1:])}", (Quote(sentence.said, index),))


def _question_of(turn: Turn | None) -> Sentence | None:
    """The question that an assistant's turn ends with."""
    said = list(sentences(turn.text)) if turn and turn.role == "assistant" else []
    return said[-1] if said and said[-1].text.endswith("?") else None


def _answer(question: Sentence, answer: Sentence) -> str | None:
    said = declared(question.text, answer.text)
    stated = statement(said) if said else None
    return stated.text if stated else None


_AGREED = re.compile(
    r"^(?:as )?(?:we(?:'ve| have)? )(?P<verb>agreed|decided|settled)(?P<what> (?:to|that|on)\b.{3,200})$", re.IGNORECASE
)
_ASSENT = re.compile(
    r"^(?:yes|yeah|yep|ok|okay|sure|great|perfect|right|exactly|good|fine|deal|agreed|sounds|thanks|thank|lovely)\b",
    re.IGNORECASE,
)


def _agreements(index: int, turn: Turn, before: Turn | None, after: Turn | None) -> Iterator[_Found]:
    """Of what an assistant says, only what was decided together; its guesses are not facts.

    What the user said to it is quoted too: their proposal right before, or their assent right after.
    """
    reply = next(sentences(after.text), None) if after and after.role == "user" else None
    assent = (Quote(reply.said, index + 1),) if reply and _ASSENT.match(reply.text) else ()
    for sentence in sentences(turn.text):
        match = _AGREED.match(without_opener(sentence.text).rstrip(".! "))
        if match and not _unfit(sentence.text):
            text = f"The user and the assistant {match['verb'].lower()}{third_person(match['what'])}"
            proposed = (Quote(said, index - 1) for said in _proposals(before, match["what"]))
            yield _Found(text, (Quote(sentence.said, index), *assent, *proposed), "assistant")


def _proposals(turn: Turn | None, agreed: str) -> Iterator[str]:
    """The sentences of the user's that hold most of the words of what was ``agreed``."""
    wanted = [word for said in content_of(agreed) for word in words_of(said)]
    for sentence in sentences(turn.text if turn and turn.role == "user" else ""):
        said = Words([sentence.text])
        if 2 * sum(map(said.akin, wanted)) > len(wanted):
            yield sentence.said
