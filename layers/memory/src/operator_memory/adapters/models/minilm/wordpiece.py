"""BERT's WordPiece tokenizer (uncased), as the ``tokenizers`` library does it, on the standard library alone.

A text is cleaned of control characters, put into lower case without accents, cut into words at white space,
punctuation and Chinese characters, and each word into the longest pieces that the vocabulary has.
"""

import json
import re
import string
import unicodedata
from collections.abc import Callable, Iterator, Mapping

_LONGEST_WORD = 100
"""Characters; a longer word counts as unknown."""
_REMEMBERED = 20_000
"""Characters whose treatment is kept, so that a text of all of them does not fill the memory."""

_CHINESE = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)
"""Each character a word of its own. (Of the last extension the library takes a part, as its authors wrote it.)"""

_LETTERS = """
5c8-5c9 61d 7fd 890-891 897-89f 8ca-8e2 9fd-9fe a76 afa-aff b53-b55 c04 c3c c77 c84 d00 d3b-d3c d81 eba ece 180f
1885-1886 1abf-1af0 1b4e-1b4f 1b7d-1b7f 1df6-1dfb 2e43-2e4f 2e52-2e5d 2e60-2e63 a82c a8c5 a8ff a9bd 10d24-10d27
10d69-10d6e 10eab-10ead 10ecb-10ed0 10ef0-10eff 10f46-10f50 10f55-10f59 10f82-10f89 11070 11073-11074 110c2 110cd
111cf 1123e 11241 1133b 113bb-113c0 113ce 113d0 113d2 113d4-113d5 113d7-113d8 113e1-113e2 11438-1143f
11442-11444 11446 1144b-1144f 1145a-1145b 1145d-1145e 11660-1166c 116b9 1182f-11837 11839-1183b 1193b-1193c 1193e
11943-11946 119d4-119d7 119da-119db 119e0 119e2 11a01-11a0a 11a33-11a38 11a3b-11a47 11a51-11a56 11a59-11a5b
11a8a-11a96 11a98-11a9c 11a9e-11aa2 11b00-11b09 11b60 11b62-11b64 11b66 11be1 11c30-11c36 11c38-11c3d 11c3f
11c41-11c45 11c70-11c71 11c92-11ca7 11caa-11cb0 11cb2-11cb3 11cb5-11cb6 11d31-11d36 11d3a 11d3c-11d3d 11d3f-11d45
11d47 11d90-11d91 11d95 11d97 11df0 11ef3-11ef4 11ef7-11ef8 11f00-11f01 11f36-11f3a 11f40 11f42-11f4f 11f5a 11fff
12ff1-12ff2 13430-13440 13447-13455 1611e-16129 1612d-1612f 16d6d-16d6f 16e97-16e9a 16f4f 16fe2 16fe4 1cf00-1cf2d
1cf30-1cf46 1d127-1d128 1d25b-1d25c 1e000-1e006 1e008-1e018 1e01b-1e021 1e023-1e024 1e026-1e02a 1e08f 1e130-1e136
1e2ae 1e2ec-1e2ef 1e4ec-1e4ef 1e5ee-1e5ef 1e5ff 1e6e3 1e6e6 1e6ee-1e6ef 1e6f5 1e944-1e94a 1e95e-1e95f
"""
"""Marks, signs and punctuation that Unicode has got since version 8, whose tables the library uses: letters to it."""
_MARKS = {0x1734, 0x1171E}
_PUNCTUATION = {*map(ord, string.punctuation), 0x166D, 0x111C9}
"""And what Unicode has put into another class since then."""


def _ranges(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split():
        first, _, last = part.partition("-")
        found.update(range(int(first, 16), int(last or first, 16) + 1))
    return frozenset(found)


class _Treatment(dict[int, str]):
    """What becomes of each character (by code point), worked out when it is first met; for ``str.translate``."""

    def __init__(self, treat: Callable[[int], str]) -> None:
        super().__init__()
        self._treat = treat

    def __missing__(self, code: int) -> str:
        treated = self._treat(code)
        if len(self) < _REMEMBERED:
            self[code] = treated
        return treated


class WordPiece:
    """The tokenizer of one vocabulary. Safe to use from several threads."""

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        """``vocabulary``: the id of each piece; one inside a word begins with ``##``.

        Raises:
            ValueError: if a piece is missing that every such vocabulary has.
        """
        special = {name: vocabulary.get(f"[{name}]") for name in ("PAD", "UNK", "CLS", "SEP", "MASK")}
        self._special = {f"[{name}]": number for name, number in special.items() if number is not None}
        if len(self._special) != len(special):
            raise ValueError("the vocabulary has no [PAD], [UNK], [CLS], [SEP] or [MASK]")
        self._unknown, self._first, self._last = (self._special[name] for name in ("[UNK]", "[CLS]", "[SEP]"))
        self._split_special = re.compile("(" + "|".join(map(re.escape, self._special)) + ")").split
        self._starts = {piece: number for piece, number in vocabulary.items() if not piece.startswith("##")}
        self._insides = {piece[2:]: number for piece, number in vocabulary.items() if piece.startswith("##")}
        self._longest = max(map(len, vocabulary))
        self._cleaned, self._folded = _Treatment(_clean), _Treatment(_fold)

    @classmethod
    def from_json(cls, tokenizer: bytes) -> "WordPiece":
        """The tokenizer of a ``tokenizer.json``.

        Raises:
            ValueError: if it has no vocabulary.
        """
        try:
            vocabulary = json.loads(tokenizer)["model"]["vocab"]
            return cls(vocabulary)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("tokenizer.json holds no vocabulary") from error

    def encode(self, text: str, *, limit: int) -> list[int]:
        """Ids of the pieces of ``text`` between those of ``[CLS]`` and ``[SEP]``, at most ``limit`` in all."""
        ids = [self._first]
        for piece in self._pieces(text):
            if len(ids) >= limit - 1:
                break
            ids.append(piece)
        ids.append(self._last)
        return ids

    def _pieces(self, text: str) -> Iterator[int]:
        for part in self._split_special(text):
            if part in self._special:
                yield self._special[part]
            else:
                for word in self._words(part):
                    yield from self._pieces_of(word)

    def _words(self, text: str) -> list[str]:
        cleaned = text.translate(self._cleaned)
        return unicodedata.normalize("NFD", cleaned).translate(self._folded).split()

    def _pieces_of(self, word: str) -> list[int]:
        whole = self._starts.get(word)
        if whole is not None:
            return [whole]
        if len(word) > _LONGEST_WORD:
            return [self._unknown]
        pieces: list[int] = []
        start, known = 0, self._starts
        while start < len(word):
            for end in range(min(len(word), start + self._longest), start, -1):
                piece = known.get(word[start:end])
                if piece is not None:
                    break
            else:
                return [self._unknown]
            pieces.append(piece)
            start, known = end, self._insides
        return pieces


_LETTERS_TO_THE_LIBRARY = _ranges(_LETTERS)


def _clean(code: int) -> str:
    """Nothing for a control character, a space for any white space, a word of its own for a Chinese character."""
    character = chr(code)
    if character in "\t\n\r":
        return " "
    if any(first <= code <= last for first, last in _CHINESE):
        return f" {character} "
    if code in _LETTERS_TO_THE_LIBRARY:
        return character
    if code == 0xFFFD or unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs"):
        return ""
    return " " if character.isspace() else character


def _fold(code: int) -> str:
    """The character in lower case; nothing for an accent, a word of its own for punctuation."""
    character = chr(code)
    if code in _LETTERS_TO_THE_LIBRARY:
        return character
    category = unicodedata.category(character)
    if category.startswith("P") or code in _PUNCTUATION:
        return f" {character} "
    if category == "Mn" or code in _MARKS:
        return ""
    return character.lower()
