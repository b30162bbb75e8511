"""What was said, folded so that quotes can be found in it, and which of it is somebody else's words. Pure; no language.

Unicode form, case, white space, dashes and quotation marks do not count when a quote is looked for. Everything else
does: a quote is found or it is not.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cached_property

from operator_memory.domain.conversation import Turn
from operator_memory.domain.memory.provenance import SourceClass

MIN_QUOTED_CHARACTERS = 12
"""Between quotation marks. What is shorter is a title or a word that is spoken about."""

_MARKS = (
    "\"'`*_\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2039\u203a\u00ab\u00bb\u300c\u300d\u300e\u300f"
    "\u02bc\u00b4\uff02\uff07"
)
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_FOLDED = str.maketrans({**dict.fromkeys(_MARKS), **dict.fromkeys(_DASHES, " "), "\u2026": "..."})
_OMISSION = re.compile(r"\s*(?:\[\s*\.{2,}\s*\]|\(\s*\.{3,}\s*\)|\.{3,})\s*")
_EDGE = " \t\n.,;:!?-()[]\u3001\u3002\uff0c\uff01\uff1f\uff1b\uff1a\u060c\u061b\u061f\u0964"
_WIDE = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_BORDERED = re.compile(r"[0-9a-z\u00df-\u024f\u0370-\u03ff\u0400-\u052f\u1e00-\u1fff]")
_LETTER = re.compile(r"[^\W_]")

_HEADER = r"[^\n:]{1,20}:[ \t]"
_PASTED = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        (r"(?:```|~~~).*?(?:```|~~~|\Z)", re.DOTALL),
        (r"<!--.*?(?:-->|\Z)", re.DOTALL),
        (r"^[ \t]*>.*$", re.MULTILINE),
        # A mail's head: lines of "Name: value", one of them with an address. What follows is the mail.
        (rf"(?:^{_HEADER}[^\n]*\n){{0,6}}^{_HEADER}[^\n]*\S@\S[^\n]*\n(?:^{_HEADER}[^\n]*\n)+.*\Z",
         re.MULTILINE | re.DOTALL),
        (r"^[ \t]*[-_=]{4,}[^\n]{2,60}[-_=]{4,}[ \t]*\n.*\Z", re.MULTILINE | re.DOTALL),
    )
)  # fmt: skip
_QUOTED = re.compile(
    r"\u201c[^\u201c\u201d]*\u201d|\u201e[^\u201c\u201d\u201e]*[\u201c\u201d]|\u00ab[^\u00ab\u00bb]*\u00bb"
    r"|\u00bb[^\u00ab\u00bb]*\u00ab|\u300c[^\u300c\u300d]*\u300d|\u300e[^\u300e\u300f]*\u300f"
    r"|(?<!\w)\u2018[^\u2018\n]*?\u2019(?!\w)|(?<!\w)\"[^\"\n]*\"(?!\w)|(?<!\w)'(?=\S)[^\n]*?(?<=\S)'(?!\w)"
)


class FoldedTurn:
    """A turn, folded when it is first looked into."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn

    def find(self, folded_quote: str) -> tuple[int, int] | None:
        """Where the parts of a folded quote stand, one after the other, or ``None``. Parts are split at "..."."""
        parts = [part for raw in _OMISSION.split(folded_quote) if (part := raw.strip(_EDGE))]
        if not parts or not _long_enough(parts, self.text):
            return None
        start, end = -1, 0
        for part in parts:
            found = self._whole_words(part, end)
            if found < 0:
                return None
            start = found if start < 0 else start
            end = found + len(part)
        return start, end

    def _whole_words(self, part: str, after: int) -> int:
        """The first place of ``part`` that does not begin or end inside a word."""
        found = self.text.find(part, after)
        while found >= 0:
            before, behind = self.text[found - 1 : found], self.text[found + len(part) : found + len(part) + 1]
            if not (_joined(before, part[0]) or _joined(part[-1], behind)):
                return found
            found = self.text.find(part, found + 1)
        return -1

    def is_others(self, start: int, end: int) -> bool:
        """Whether that part of the folded text is wholly pasted, fenced or quoted."""
        return any(left <= start and end <= right for left, right in self._others)

    @property
    def holds_others(self) -> bool:
        """Whether some of it is somebody else's words."""
        return bool(self._others)

    @property
    def text(self) -> str:
        """The folded text."""
        return self._folding[0]

    @cached_property
    def _folding(self) -> tuple[str, list[int]]:
        """The folded text, and for each of its characters the index of the character that it was made of."""
        characters: list[str] = []
        origins: list[int] = []
        raw = unicodedata.normalize("NFC", self.turn.text)
        for index, character in enumerate(raw):
            for folded in " " if character.isspace() else fold(character):
                if folded != " " or (characters and characters[-1] != " "):
                    characters.append(folded)
                    origins.append(index)
        return "".join(characters), origins

    @cached_property
    def _others(self) -> list[tuple[int, int]]:
        raw = unicodedata.normalize("NFC", self.turn.text)
        spans = [match.span() for pattern in _PASTED for match in pattern.finditer(raw)]
        spans += [m.span() for m in _QUOTED.finditer(raw) if m.end() - m.start() > MIN_QUOTED_CHARACTERS]
        return [self._folded_span(span) for span in _merged(spans)]

    def _folded_span(self, span: tuple[int, int]) -> tuple[int, int]:
        inside = [i for i, origin in enumerate(self._folding[1]) if span[0] <= origin < span[1]]
        return (inside[0], inside[-1] + 1) if inside else (0, 0)


def source_of(turn: Turn) -> SourceClass:
    """Whose words a turn is. Of several the least trusted: with a pasted mail in it, all of it counts as pasted."""
    if FoldedTurn(turn).holds_others:
        return SourceClass.PASTED
    return SourceClass.PERSON if turn.role == "user" else SourceClass.ASSISTANT


def fold(text: str) -> str:
    """``text`` without what does not count: see the module."""
    return unicodedata.normalize("NFKC", text.translate(_FOLDED)).casefold()


def folded_quote(text: str) -> str:
    """A quote, folded in the same way as what it is looked for in."""
    return " ".join(fold(unicodedata.normalize("NFC", text)).split())


def _joined(left: str, right: str) -> bool:
    """Whether two neighbouring characters are of one word, in scripts whose words have such a border.

    In others a quote may begin inside a word: Arabic writes "and" with the next word, Chinese has no spaces.
    """
    return bool(_BORDERED.fullmatch(left) and _BORDERED.fullmatch(right))


def _long_enough(parts: Sequence[str], whole: str) -> bool:
    """Whether a quote says something: "I" alone stands in every conversation. A whole turn may be as short as "no"."""
    weight = sum(2 if _WIDE.match(letter) else 1 for part in parts for letter in _LETTER.findall(part))
    return weight >= 4 or parts[0] == whole.strip(_EDGE)


def _merged(spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    current: tuple[int, int] | None = None
    for span in sorted(spans):
        if current is not None and span[0] <= current[1]:
            current = current[0], max(current[1], span[1])
            continue
        if current is not None:
            yield current
        current = span
    if current is not None:
        yield current
