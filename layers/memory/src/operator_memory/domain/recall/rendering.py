"""The text that is injected into a run: headings, one line a memory, fenced as data, within a budget.

Memory text was written by users and models. Inside the fence it can neither close the fence, nor start a
line or heading of its own, nor be taken for a citation or for a template placeholder by the prompt it is put into,
nor show an image or make a link in what a model repeats of it.

A line: ``- Ana: How do I deploy? [m123]``, under the day on which it was said. The day (7 tokens for all its lines)
answers "when" and says which of two memories is the newer one. Turns always stand under it; facts too, unless their own
text names a year, as those that tell of an event do. The citation (4 tokens with the line's end) is made of the id.

Order: user, agent, earlier conversations, session; within each by day, time and id, whatever the scores. So the text is
the same byte for byte while the same memories are found, though their scores move, and a provider's prompt cache still
knows it.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from operator_memory.domain.characters import without_hidden
from operator_memory.domain.fence import CITATION_DIGITS, CLOSING, OPENING, citation, defanged, display_name, uncited
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import Kind, Scope
from operator_memory.domain.recall.budget import Line, fitting_lines
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
Heading = tuple[int, str, str]
"""What a line stands under: the number of a part of the context, that part's own heading, and the day or ""."""

_TRIES = 20
"""How often other digits are tried before longer ones are: a few hundred memories have short citations."""

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
    speaker = f"{name}: " if memory.kind is Kind.TURN and (name := _speaker(memory)) else ""
    return f"- {speaker}{shortened(inert(memory.text[:_MOST_READ]), MAX_LINE_CHARACTERS)} [{citation}]"


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
    token_budget: int | None = None,
    counter: TokenCounter | None = None,
    earlier: Collection[str] = (),
) -> ContextText:
    """Render ``memories`` under their headings; of too many the first that fit. See `fitting_lines`.

    Args:
        memories: best first. The text depends on which are chosen, not on their order.
        token_budget: upper bound of the whole text's tokens, headings and fence included.
        counter: counts the tokens; `Estimate` without one.
        earlier: ids of the turns that were said in other sessions.
    """
    counter = counter or Estimate()
    headings = {memory.id: _heading(memory, memory.id in earlier) for memory in memories}
    citations = cite(memory.id for memory in memories)
    entries = [(memory, memory_line(memory, citations[memory.id])) for memory in memories]
    around = _Around(counter, headings.values())
    lines = [Line(counter.count(f"{line}\n"), frozenset({headings[memory.id]})) for memory, line in entries]
    taken = range(len(lines)) if token_budget is None else fitting_lines(lines, token_budget, around)
    if not taken:
        return ContextText("", (), 0, counter.name)
    chosen = [entries[i] for i in taken]
    return ContextText(
        text=_layout(chosen, headings),
        memories=tuple(memory for memory, _ in chosen),
        token_count=around({headings[memory.id] for memory, _ in chosen}) + sum(lines[i].tokens for i in taken),
        tokenizer=counter.name,
        citations={memory.id: citations[memory.id] for memory, _ in chosen},
    )


def cite(ids: Iterable[str]) -> dict[str, str]:
    """The citation of each id: ``m`` and digits that are made of it, others where two ids would share them.

    Two contexts of the same memories have the same ones; in other company a memory may have another one.
    """
    free: dict[str, str] = {}
    for one in sorted(set(ids)):
        shown = next(digits for digits in _digits(one) if digits not in free)
        free[shown] = one
    return {one: citation(shown) for shown, one in free.items()}


def _digits(memory_id: str) -> Iterator[str]:
    """Ever new digits that stand for an id; they grow longer where many are taken."""
    for attempt in count():
        length = CITATION_DIGITS * (1 + attempt // _TRIES)
        digest = hashlib.sha256(f"{memory_id}#{attempt}".encode("utf-8", "replace")).digest()
        yield str(int.from_bytes(digest[:16])).zfill(length)[-length:]


class _Around:
    """The tokens of what stands around the lines: the fence, and the headings that are used."""

    def __init__(self, counter: TokenCounter, headings: Iterable[Heading]) -> None:
        tail = counter.count(_TAIL)
        parts = {heading[:2] for heading in headings}
        self._first = {part: counter.count(f"{part[1]}\n") for part in parts}
        self._later = {part: counter.count(f"{_TAIL}\n{part[1]}\n") - tail for part in parts}
        self._days = {day: counter.count(f"{day}\n") for _, _, day in headings if day}
        self._fence = counter.count(f"{OPENING}\n") + counter.count(CLOSING)

    def __call__(self, headings: AbstractSet[Heading]) -> int:
        """Tokens with these headings; an empty line stands above every part but the first."""
        parts = sorted({heading[:2] for heading in headings})
        days = sum(self._days[day] for _, _, day in headings if day)
        first = self._first[parts[0]] if parts else 0
        return self._fence + first + sum(self._later[part] for part in parts[1:]) + days


def _layout(chosen: Sequence[tuple[Memory, str]], headings: Mapping[str, Heading]) -> str:
    lines: list[str] = []
    part, day = "", ""
    for memory, line in sorted(chosen, key=lambda pair: (headings[pair[0].id], *_order(pair[0]))):
        _, its_part, its_day = headings[memory.id]
        if its_part != part:
            lines += ["", its_part] if part else [its_part]
            part, day = its_part, ""
        if its_day != day:
            lines.append(its_day)
            day = its_day
        lines.append(line)
    return "\n".join((OPENING, *lines, CLOSING))


def _order(memory: Memory) -> tuple[datetime, int, str]:
    return memory.created_at, memory.seq or 0, memory.id


def _heading(memory: Memory, earlier: bool) -> Heading:
    dated = memory.kind is Kind.TURN or not _YEAR.search(memory.text)
    day = str(memory.created_at.date()) if dated else ""
    if memory.scope is Scope.USER:
        return 0, "User Context:", day
    if memory.scope is Scope.AGENT:
        return 1, f"Agent Context (for {inert(memory.agent_id or '')}):", day
    return (2, "Earlier Conversations:", day) if earlier else (3, "Session Context:", day)
