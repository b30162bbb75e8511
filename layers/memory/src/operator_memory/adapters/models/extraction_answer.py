"""Reads a model's extraction as far as it can be read. Pure.

Models think aloud before the JSON, put a fence or a sentence around it, break one item among good ones, or give bare
strings. Each readable item counts; the others are counted. What holds no list of memories at all is an error.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.learning.proposals import Quote, RequestKind
from operator_memory.domain.message_content import clean_text

MOST_QUOTES = 8
MOST_IDS = 10
MAX_QUOTE_CHARACTERS = 2_000
_MAX_ID = 64
_DECODER = json.JSONDecoder(strict=False)
_MOST_STARTS = 200


@dataclass(frozen=True, slots=True)
class Proposal:
    """One memory as the model gave it; ids are the numbers that Mem0 shows for existing memories."""

    text: str
    attributed_to: str = "user"
    quotes: tuple[Quote, ...] = ()
    replaces: tuple[str, ...] = ()
    same_as: str | None = None
    about: str | None = None
    when: str | None = None
    inferred: bool = False
    remains: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AskedFor:
    """A request about memory as the model gave it."""

    kind: RequestKind
    quote: Quote
    memories: tuple[str, ...] = ()
    messages: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What could be read of an answer. ``unreadable``: items that are nothing."""

    proposals: tuple[Proposal, ...]
    requests: tuple[AskedFor, ...] = ()
    unreadable: int = 0


def read_answer(text: str) -> Answer:
    """The memories and requests in a model's answer.

    Raises:
        MalformedResponseError: if there is no list of memories in it.
    """
    decoded = next((found for found in _objects(text) if _items(found) is not None), None)
    items = None if decoded is None else _items(decoded)
    if items is None:
        raise MalformedResponseError("llm", 'the extraction has no JSON with a list "memory"')
    proposals = [proposal for item in items if (proposal := _proposal(item)) is not None]
    if items and not proposals and not all(map(_is_empty, items)):
        raise MalformedResponseError("llm", "no item of the extraction has a text")
    asked = decoded.get("requests") if isinstance(decoded, Mapping) else None
    requests = [request for item in _list(asked) if (request := _request(item)) is not None]
    return Answer(tuple(proposals), tuple(requests), len(items) - len(proposals))


def _objects(text: str) -> Iterator[object]:
    """The JSON values that begin at a bracket of ``text``: those that end it first, for thinking comes before."""
    try:
        yield json.loads(text, strict=False)
        return
    except (ValueError, RecursionError):
        pass
    found = []
    at, starts = 0, 0
    while starts < _MOST_STARTS and (at := _next_bracket(text, at)) >= 0:
        starts += 1
        try:
            value, at = _DECODER.raw_decode(text, at)
            found.append(value)
        except (ValueError, RecursionError):
            at += 1
    yield from reversed(found)


def _next_bracket(text: str, at: int) -> int:
    places = [place for bracket in "{[" if (place := text.find(bracket, at)) >= 0]
    return min(places, default=-1)


def _items(decoded: object) -> Sequence[object] | None:
    """The list of memories: under its key, or by itself where its items are objects."""
    if isinstance(decoded, Mapping):
        items = decoded.get("memory")
        return items if isinstance(items, list) else None
    if isinstance(decoded, list) and decoded and all(isinstance(item, Mapping) and "text" in item for item in decoded):
        return decoded
    return None


def _proposal(item: object) -> Proposal | None:
    fields: Mapping[str, object] = item if isinstance(item, Mapping) else {"text": item}
    text = _clean(fields.get("text"))
    if not text:
        return None
    remains = fields.get("remains")
    replaces = _ids(fields.get("replaces"))
    return Proposal(
        text,
        "assistant" if str(fields.get("attributed_to", "")).lower() == "assistant" else "user",
        tuple(_quotes(fields.get("evidence"))),
        replaces,
        next(iter(_ids([fields.get("same_as")])), None),
        _clean(fields.get("about"))[:100] or None,
        _clean(fields.get("when"))[:50] or None,
        str(fields.get("basis", "")).lower() == "inferred",
        dict(_remaining(remains, replaces)),
    )


def _remaining(remains: object, replaces: Sequence[str]) -> Iterator[tuple[str, str]]:
    """By the replaced memory's id; a bare text is of the only one that is replaced."""
    if isinstance(remains, str) and len(replaces) == 1:
        remains = {replaces[0]: remains}
    if isinstance(remains, Mapping):
        for identity, text in list(remains.items())[:MOST_IDS]:
            if str(identity) in replaces and (kept := _clean(text)):
                yield str(identity), kept


def _quotes(evidence: object) -> Iterator[Quote]:
    if isinstance(evidence, str | Mapping):
        evidence = [evidence]
    for item in _list(evidence)[:MOST_QUOTES]:
        fields: Mapping[str, object] = item if isinstance(item, Mapping) else {"quote": item}
        quote = fields.get("quote")
        if isinstance(quote, str) and quote.strip():
            yield Quote(quote[:MAX_QUOTE_CHARACTERS], _number(fields.get("message")))


def _number(value: object) -> int | None:
    """The number of a message: 3, "3" or "[3]"."""
    digits = str(value).strip(" []") if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return int(digits) if digits.removeprefix("-").isdecimal() and len(digits) < 8 else None


def _request(item: object) -> AskedFor | None:
    if not isinstance(item, Mapping):
        return None
    quote = item.get("quote")
    try:
        kind = RequestKind(str(item.get("kind", "")))
    except ValueError:
        return None
    words = quote[:MAX_QUOTE_CHARACTERS] if isinstance(quote, str) else ""
    numbers = [number for n in _list(item.get("messages"))[:MOST_IDS] if (number := _number(n)) is not None]
    return AskedFor(kind, Quote(words, _number(item.get("message"))), _ids(item.get("memories")), tuple(numbers))


def _ids(value: object) -> tuple[str, ...]:
    """Ids are a hint: what is not a list of them is no reason to lose the fact."""
    return tuple(str(i)[:_MAX_ID] for i in _list(value)[:MOST_IDS] if isinstance(i, int | str) and str(i).strip())


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _clean(text: object) -> str:
    """As a message is cleaned: what stands in a model's answer is no safer than what a user wrote."""
    return " ".join(clean_text(text).split()) if isinstance(text, str) else ""


def _is_empty(item: object) -> bool:
    return item in (None, {}, "")
