"""What the user asks of the memory: not to remember something, or to forget it.

English, German, Spanish, French and Portuguese. "Don't forget that ..." asks for the opposite, and "forget it" for
nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from operator_memory.domain.conversation import Turn
from operator_memory.domain.learning.proposals import Quote, RequestKind
from operator_memory.domain.memory.quantities import numbers_of
from operator_memory.domain.memory.wording import CONTENT_LETTERS, Words, names_in, words_of
from operator_memory.domain.rules.lasting import content_of
from operator_memory.domain.rules.single_valued import repeats
from operator_memory.domain.rules.statements import statements_in
from operator_memory.domain.rules.text import Sentence, sentences

MOST_REQUESTS = 20
MOST_SENTENCES = 20
"""Of what was said before, that a request may be about."""


@dataclass(frozen=True, slots=True)
class RuleRequest:
    """A request: its words, the numbers of other messages that it is about, and the indices of the memories."""

    kind: RequestKind
    quote: Quote
    messages: tuple[int, ...] = ()
    memories: tuple[int, ...] = ()


_BEGINS = (
    r"(?:^|[,;:.!\u2014-]\s*|\b(?:and|but|so|please|kindly|just|can you|could you|you can|und|bitte|y|por favor|et"
    r"|s'il (?:te|vous) pla\u00eet|e)\s+)"
)
# What is asked, up to the object, which begins where the pattern ends.
_FORGET = (
    r"forget (?:about )?(?=(?:(?:the fact )?that (?:i|i'm|i've|we|my|our)|my|our|what (?:i|we)|(?:all|any|every)\w*)\b|(?:this|that)\W*$)",
    r"(?:erase|delete|remove) (?=.{1,80} from (?:your |the )?memory\b)",
    r"(?:vergiss|vergessen sie)(?: bitte)?,? (?=(?:dass|was|mein\w*|unser\w*|alles)\b|das\W*$)",
    r"olv[i\u00ed]d[ae](?:te)?(?: de)? (?=(?:que|lo que|mis?|nuestr\w+|todo)\b|(?:eso|esto)\W*$)",
    r"oublie[sz]?(?: s'il (?:te|vous) pla\u00eet)? (?=(?:que|ce que|mon|ma|mes|notre|nos|tout)\b|qu'|(?:\u00e7a|cela)\W*$)",
    r"esque[c\u00e7][ae](?:-te)?(?: de)? (?=(?:que|o que|tudo|(?:[oa]s? )?m(?:eu|inha)s?)\b|(?:isso|isto)\W*$)",
)
_NOT = (
    r"(?:do not|don't|never) (?:ever )?(?:remember|save|store|memori[sz]e|record|(?:note|write) down) (?=(?:this|that|it|any|anything|what (?:i|we)|my|our)\b)",
    r"(?:this is |that's |that is |strictly )?off the record\b",
    r"(?:merke?|speichere?|behalte|notiere?)(?:n sie)?(?: dir| sich)? (?=(?:das|dies|mein\w*)\b.{0,60}\bnicht\b)",
    r"no (?:lo )?(?:recuerd|guard|memori[cz]|almacen|registr|anot)(?:es|e|en|ces)\b(?=\W+(?:esto|eso|que|lo que|mis?)\b|\W*$)",
    r"n(?:e |')(?:le |la |l')?(?:te |vous )?(?:souvien|retien|reten|m\u00e9moris|enregistr|sauvegard|gard|not)\w* pas\b",
    r"n\u00e3o (?:guard|memoriz|salv|lembr|regist|registr|armazen|anot)(?:es|e|em)\b(?=\W+(?:isto|isso|que|o que|d\w+|[oa]s?|m\w+)\b|\W*$)",
)
_ASKED = tuple(
    (kind, re.compile(f"{_BEGINS}{pattern}", re.IGNORECASE))
    for kind, patterns in ((RequestKind.FORGET, _FORGET), (RequestKind.DO_NOT_REMEMBER, _NOT))
    for pattern in patterns
)
_INTRODUCES = re.compile(
    r"^\W*(?:(?:(?:the fact )?that|this|it|any(?:thing)? of (?:this|that)|dass|das|dies|esto|eso|\u00e7a|cela|ceci|isto|isso"
    r"|lo que|o que|ce que|que|what (?:i|we)(?: just)? (?:said|told you)|everything|anything|all|alles|todo|tout|tudo"
    r"|(?:that )?(?:you know|i (?:said|told you))|about|sobre|\u00fcber|sur|please|bitte|por favor|bitte nicht|nicht)\b\W*|qu')*",
    re.IGNORECASE,
)
_FROM_MEMORY = re.compile(
    r"\W*\b(?:from|in|to|en|dans|de|na|da|em|im|aus)\b(?: \w+)? (?:memory|memoria|mem\u00f3ria|m\u00e9moire|ged\u00e4chtnis)\b.*$",
    re.IGNORECASE,
)


def asks_about_memory(sentence: str) -> bool:
    """Whether ``sentence`` asks to forget something or not to remember it."""
    return _asked(sentence) is not None


def requests_in(turns: Sequence[Turn], memories: Sequence[str], *, earlier: Sequence[Turn] = ()) -> list[RuleRequest]:
    """The requests in ``turns``, with the numbers of the turns (of ``earlier`` below 0) and memories that they mean."""
    numbered = {number - len(earlier): turn for number, turn in enumerate((*earlier, *turns))}
    asking = (
        (index, place, said, asked)
        for index, turn in enumerate(turns)
        if turn.role == "user"
        for said in [list(sentences(turn.text))]
        for place, sentence in enumerate(said)
        if (asked := _asked(sentence.text)) is not None
    )
    return [_request(*one, numbered, memories) for one in islice(asking, MOST_REQUESTS)]


def _asked(sentence: str) -> tuple[RequestKind, re.Match[str]] | None:
    found = ((kind, pattern.search(sentence)) for kind, pattern in _ASKED)
    return next(((kind, match) for kind, match in found if match), None)


def _request(
    index: int,
    place: int,
    said: Sequence[Sentence],
    asked: tuple[RequestKind, re.Match[str]],
    numbered: Mapping[int, Turn],
    memories: Sequence[str],
) -> RuleRequest:
    """``place``: of the sentence in ``said``, those of the turn with that ``index``."""
    kind, match = asked
    objects = _FROM_MEMORY.sub("", _INTRODUCES.sub("", match.string[match.end() :]))
    about, before = [objects], tuple[int, ...]()
    if not _content(objects):  # it only points at something that was said
        around = [*said[max(0, place - 2) : place], *said[place + 1 : place + 2]]
        about = [_INTRODUCES.sub("", match.string[: match.start()]), *(sentence.text for sentence in around)]
        if not any(map(_content, about)):
            before = _latest_of_user(index, numbered)
            about = [one.text for number in before for one in islice(sentences(numbered[number].text), MOST_SENTENCES)]
    meant = sorted({i for text in about for i in _meant(text, memories, elliptic=text is not objects)})
    if meant:
        kind = RequestKind.FORGET
    return RuleRequest(kind, Quote(said[place].said, index), before, tuple(meant))


def _latest_of_user(index: int, numbered: Mapping[int, Turn]) -> tuple[int, ...]:
    """The number of what the user said before, if anything."""
    before = (number for number in range(index - 1, min(numbered) - 1, -1) if numbered[number].role == "user")
    return tuple(islice(before, 1))


def _meant(text: str, memories: Sequence[str], *, elliptic: bool) -> Sequence[int]:
    """The memories that ``text`` speaks of: those that say the same; else those with all of its words; and where it is
    only pointed at, or in another language than they are, those with its names and numbers."""
    facts = [stated.text for _, stated in statements_in(text)]
    if same := [i for i, memory in enumerate(memories) if any(repeats(fact, memory) for fact in facts)]:
        return same
    held = [Words([memory]) for memory in memories]
    wanted = set(_content(text))
    if wanted and (whole := [i for i, words in enumerate(held) if all(map(words.akin, wanted))]):
        return whole
    names = {word for name in names_in(text, frame=frozenset()) for word in words_of(name)}
    figures = set(numbers_of(text))
    if not (names or figures) or not (elliptic or _is_foreign(text)):
        return ()
    return [
        i for i, words in enumerate(held) if all(map(words.akin, names)) and figures <= set(numbers_of(memories[i]))
    ]


def _content(text: str) -> list[str]:
    """What ``text`` is about. Of another language than English the short words are not known from grammar."""
    least = CONTENT_LETTERS if _is_foreign(text) else CONTENT_LETTERS - 1
    return [*(word for said in content_of(text) for word in words_of(said) if len(word) >= least), *numbers_of(text)]


def _is_foreign(text: str) -> bool:
    return re.match(r"\W*(?:i|i'm|i've|we|we're|my|our|the|a|an)\b", text, re.IGNORECASE) is None
