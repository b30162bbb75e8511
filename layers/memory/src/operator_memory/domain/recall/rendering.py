"""The text that is injected into a run: headings, one line a memory, fenced as data, within a budget.

Memory text was written by users and models. Inside the fence it can neither close the fence, nor start a
line or heading of its own, nor be taken for a citation or for a template placeholder by the prompt it is put into,
nor show an image or make a link in what a model repeats of it.

A line: ``- (2026-05-03) Ana: How do I deploy? [m:1a2b3c4d]``. The date (8 tokens) answers "when" and says which of
two memories is the newer one. Turns always have it; facts too, unless their own text names a year, as those that
tell of an event do. The citation (8 to 9 tokens) is the beginning of the memory's id.

Order: user, agent, earlier conversations, session; within each by time, then id, whatever the scores. So the text is
the same byte for byte while the same memories are found, though their scores move, and a provider's prompt cache
still knows it.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from operator_memory.domain.characters import without_hidden
from operator_memory.domain.fence import CITATION_LENGTH, CLOSING, OPENING, citation, defanged, display_name, uncited
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import Kind, Scope
from operator_memory.domain.recall.budget import Line, best_lines
from operator_memory.domain.recall.token_count import Estimate, TokenCounter
from operator_memory.domain.text import one_line

MAX_LINE_CHARACTERS = 2_000
"""A longer memory, a pasted text in a verbatim turn, is shortened in the context."""

_MOST_READ = 4 * MAX_LINE_CHARACTERS
"""Of a memory; more would be cut anyway, unless most of it is links."""

_ROLES = ("user", "assistant")

# What opens or closes a placeholder of the template languages: {{ {% {# ${ #{ and their ends. With their full-width and
# small forms, which a template's reader may fold.
_OPENING, _CLOSING, _SIGN = r"{\ufe37\ufe5b\uff5b", r"}\ufe38\ufe5c\uff5d", r"%#\ufe5f\ufe6a\uff03\uff05"
_PLACEHOLDER = re.compile(
    rf"[{_OPENING}](?=[{_OPENING}{_SIGN}])|[$\ufe69\uff04{_SIGN}](?=[{_OPENING}])|[{_CLOSING}{_SIGN}](?=[{_CLOSING}])"
)
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
Place = tuple[int, str]
"""Which part of the context a line stands in, and that part's heading."""

_TAIL = "]\n"
"""How every line ends: so a heading's tokens do not depend on the line before it."""


@dataclass(frozen=True, slots=True)
class ContextText:
    """The rendered context, the memories that are in it (in their given order), and its token count.

    ``tokenizer`` names what counted; ``citations`` has each memory's by its id, without the brackets.
    """

    text: str
    memories: tuple[Memory, ...]
    token_count: int
    tokenizer: str
    citations: Mapping[str, str] = field(default_factory=dict)


def inert(text: str) -> str:
    """``text`` on one line, unable to close the fence, to open a ``{{placeholder}}``, to cite a memory or to link."""
    shown = uncited(defanged(one_line(without_hidden(text))))
    return _PLACEHOLDER.sub(r"\g<0> ", shown).replace("<", "\u2039").replace(">", "\u203a")


def memory_line(memory: Memory, citation: str) -> str:
    """The line that stands for ``memory`` in a context."""
    turn = memory.kind is Kind.TURN
    date = f"({memory.created_at.date()}) " if turn or not _YEAR.search(memory.text) else ""
    speaker = f"{name}: " if turn and (name := _speaker(memory)) else ""
    return f"- {date}{speaker}{shortened(inert(memory.text[:_MOST_READ]), MAX_LINE_CHARACTERS)} [{citation}]"


def _speaker(memory: Memory) -> str:
    """Who said a turn: their name, which is never one of the roles, else the role."""
    role = memory.role if memory.role in _ROLES else None
    return inert(display_name(memory.speaker or "")) or role or ""


def shortened(text: str, most: int) -> str:
    """``text``, cut after ``most`` characters with a mark that says so."""
    return text if len(text) <= most else f"{text[:most]} [...]"


def render_context(
    memories: Sequence[Memory],
    *,
    scores: Sequence[float] | None = None,
    token_budget: int | None = None,
    counter: TokenCounter | None = None,
    earlier: Collection[str] = (),
) -> ContextText:
    """Render ``memories`` (best first) under their scope headings; of too many those of the highest scores together.

    Args:
        memories: best first. The text depends on which are chosen, not on their order.
        scores: of each memory, above 0; without them all are worth the same. See `best_lines`.
        token_budget: upper bound of the whole text's tokens, headings and fence included.
        counter: counts the tokens; `Estimate` without one.
        earlier: ids of the turns that were said in other sessions.
    """
    counter = counter or Estimate()
    places = {memory.id: _place(memory, memory.id in earlier) for memory in memories}
    citations = cite(memory.id for memory in memories)
    entries = [(memory, memory_line(memory, citations[memory.id])) for memory in memories]
    around = _Around(counter, places.values())
    lines = [
        Line(score, counter.count(f"{line}\n"), places[memory.id][1])
        for (memory, line), score in zip(entries, scores or [1.0] * len(entries), strict=True)
    ]
    taken = range(len(lines)) if token_budget is None else best_lines(lines, token_budget, around)
    if not taken:
        return ContextText("", (), 0, counter.name)
    chosen = [entries[i] for i in taken]
    return ContextText(
        text=_layout(chosen, places),
        memories=tuple(memory for memory, _ in chosen),
        token_count=around({lines[i].heading for i in taken}) + sum(lines[i].tokens for i in taken),
        tokenizer=counter.name,
        citations={memory.id: citations[memory.id] for memory, _ in chosen},
    )


def cite(ids: Iterable[str]) -> dict[str, str]:
    """The citation of each id, ``m:`` and the first digits of it: the same in every context unless two share them."""
    digits = {one: _digits(one) for one in ids}
    length = CITATION_LENGTH
    while len({shown[:length] for shown in digits.values()}) < len(digits):
        length += 4
    return {one: citation(shown[:length]) for one, shown in digits.items()}


def _digits(memory_id: str) -> str:
    try:
        uuid = UUID(memory_id)
    except ValueError:
        uuid = None
    if uuid is not None and str(uuid) == memory_id:
        return uuid.hex
    return hashlib.sha256(memory_id.encode("utf-8", "replace")).hexdigest()


class _Around:
    """The tokens of what stands around the lines: the fence, and the headings that are used."""

    def __init__(self, counter: TokenCounter, places: Iterable[Place]) -> None:
        self._places = {place[1]: place for place in places}
        tail = counter.count(_TAIL)
        self._first = {heading: counter.count(f"{heading}\n") for heading in self._places}
        self._later = {heading: counter.count(f"{_TAIL}\n{heading}\n") - tail for heading in self._places}
        self._fence = counter.count(f"{OPENING}\n") + counter.count(CLOSING)

    def __call__(self, headings: AbstractSet[str]) -> int:
        """Tokens with these headings; an empty line stands above every one but the first."""
        first, *later = sorted(headings, key=self._places.__getitem__) or [""]
        return self._fence + self._first.get(first, 0) + sum(self._later[heading] for heading in later)


def _layout(chosen: Sequence[tuple[Memory, str]], places: Mapping[str, Place]) -> str:
    lines: list[str] = []
    above = ""
    for memory, line in sorted(chosen, key=lambda pair: (places[pair[0].id], *_order(pair[0]))):
        heading = places[memory.id][1]
        if heading != above:
            lines += ["", heading] if above else [heading]
            above = heading
        lines.append(line)
    return "\n".join((OPENING, *lines, CLOSING))


def _order(memory: Memory) -> tuple[datetime, int, str]:
    return memory.created_at, memory.seq or 0, memory.id


def _place(memory: Memory, earlier: bool) -> Place:
    if memory.scope is Scope.USER:
        return 0, "User Context:"
    if memory.scope is Scope.AGENT:
        return 1, f"Agent Context (for {inert(memory.agent_id or '')}):"
    return (2, "Earlier Conversations:") if earlier else (3, "Session Context:")
