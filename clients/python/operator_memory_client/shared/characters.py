# A copy: see clients/generate/copies.py.
"""The characters of a text as a person sees them: composed, and without those that nobody sees.

Unicode has characters that are not shown (its property Default_Ignorable_Code_Point). A model reads them all the same,
so that commands can be hidden in a harmless sentence. They are taken out wherever text enters, but for those that the
spelling of a word or the form of an emoji depends on. Pure, linear in length.
"""

import re
import unicodedata

# The property's code points, and U+FFF9 to U+FFFB, which mark annotations and are not shown either.
_IGNORED = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# Blocks of scripts in which letters join, and a joiner or non-joiner changes how a word is written: Arabic, Syriac,
# N'Ko and their like; the scripts of South and South East Asia; Mongolian; Adlam.
_JOINING = (
    r"\u0600-\u0dff\u0e80-\u0fff\u1000-\u109f\u1700-\u18af\u1900-\u1cff\ua800-\ua8ff\ua930-\ua9df\uaa00-\uaadf"
    r"\uabc0-\uabff\ufb50-\ufdff\ufe70-\ufefc\U00010a00-\U00010fff\U00011000-\U00011fff\U0001e900-\U0001e95f"
)
# What an emoji can begin with, the marks of skin among them; digits are no emoji without a keycap.
_EMOJI = (
    r"\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2934\u2935\u2b00-\u2bff"
    r"\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
# A black flag and tags that spell England, Scotland or Wales: the only flags that Unicode's own list spells so.
_TAGGED_FLAG = (
    "\U0001f3f4\U000e0067\U000e0062"
    "(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074|\U000e0077\U000e006c\U000e0073)\U000e007f"
)
_MEANT = "|".join(
    (
        _TAGGED_FLAG,
        rf"(?<=[{_EMOJI}])[\ufe0e\ufe0f]",
        r"(?<=[0-9#*])\ufe0f(?=\u20e3)",
        rf"(?<=[{_EMOJI}\ufe0f\U000e007f])\u200d(?=[{_EMOJI}])",
        rf"(?<=[{_JOINING}])[\u200c\u200d]",
        r"(?<=[\u1820-\u18af])[\u180b-\u180f]",
    )
)
_HIDDEN = re.compile(rf"(?P<meant>{_MEANT})|[{_IGNORED}]+")
_SEEN_BY_NOBODY = re.compile(f"[{_IGNORED}]")

_MOST_IN_A_ROW = 3
"""So many can stand together by accident, where text was copied from a page. More spell something."""
_SPELLS = re.compile(
    r"[\U000e0000-\U000e007f]|(?<![\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])[\U000e0100-\U000e01ef]"
)
_LONG_RUN = re.compile(r"[^\w\s]{65,}")
_MOST_MARKS = 64


def as_seen(text: str) -> str:
    """``text`` in Unicode's composed form, without characters that nobody sees."""
    return composed(without_hidden(text))


def composed(text: str) -> str:
    """``text`` in Unicode's composed form (NFC), in which a letter and its accent are one character."""
    return text if text.isascii() else unicodedata.normalize("NFC", with_few_marks(text))


def without_hidden(text: str) -> str:
    """``text`` without characters that nobody sees, but for those that a word or an emoji needs, once each."""
    return text if text.isascii() else _HIDDEN.sub(lambda found: found[0] if found["meant"] else "", text)


def without_ignored(text: str) -> tuple[str, list[int] | None]:
    """``text`` without any such character, needed or not, and the place in ``text`` of each that is left; no places
    where nothing was taken out."""
    if text.isascii() or not _SEEN_BY_NOBODY.search(text):
        return text, None
    places = [place for place, character in enumerate(text) if not _SEEN_BY_NOBODY.match(character)]
    return "".join(text[place] for place in places), places


def hides_something(text: str) -> bool:
    """Whether characters that nobody sees spell something: tags, selectors without a character to select for, or many
    in a row."""
    if text.isascii():
        return False
    hidden = (found for found in _HIDDEN.finditer(text) if not found["meant"])
    return any(
        found.end() - found.start() > _MOST_IN_A_ROW or _SPELLS.search(text, found.start(), found.end())
        for found in hidden
    )


def with_few_marks(text: str) -> str:
    """``text``, with at most 64 combining marks in a row.

    No language has so many, and putting them into order takes quadratic time: a fifth of a second for a long turn of
    nothing else.
    """
    return _LONG_RUN.sub(_first_marks, text)


def _first_marks(run: re.Match[str]) -> str:
    first, rest = run[0][:_MOST_MARKS], run[0][_MOST_MARKS:]
    return first + "".join(character for character in rest if not unicodedata.combining(character))
