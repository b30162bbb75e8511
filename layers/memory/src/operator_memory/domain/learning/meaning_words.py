"""Text work of comparing memories: spelling, wording and grammar that carry no meaning are folded away.

Case, accents, punctuation and number words are folded in every language; synonyms, stems and fillers are English.
Pure, linear in the text's length, and total: any string can be folded.
"""

import re
import unicodedata

MAX_COMPARED = 2_000
"""Characters of a memory that are read; a fact is at most half as long. Longer texts are not compared by meaning."""

_DIACRITICS = re.compile("[\u0300-\u036f]")  # not every combining mark: Hindi and Thai spell vowels with them
_QUOTES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "`": "'", "\u2013": "-", "\u2014": "-"})
_ODD_MARKS = re.compile(r"[^\w\s'@.,;:/\-#&+]")
_APOSTROPHES = (
    (re.compile(r"\bcan(?:'t|not)\b"), "can not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"\b(they|we|you)'re\b"), r"\1 are"),
    (re.compile(r"\b(they|we|you|i)'ve\b"), r"\1 have"),
    (re.compile(r"\b(it|he|she|that)'s\b"), r"\1 is"),
    (re.compile(r"(\w)'s\b"), r"\1 's"),
)
_NUMBERS = (
    (re.compile(r"(?<=\d),(?=\d{3}(?!\d))"), ""),
    (re.compile(r"\b(\d{1,4})(?:st|nd|rd|th)\b"), r"\1"),
    (re.compile(r"[€]"), " eur "),
    (re.compile(r"[$]"), " usd "),
    (re.compile(r"%"), " percent "),
    (re.compile(r"\b(\d+)(km|kg|cm|mm|eur|usd|gb|tb|h|min)\b"), r"\1 \2"),
)
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_MONTH_FIRST = re.compile(rf"\b({_MONTHS}) (\d{{1,2}})(?![\w:])")
_CLOCK = re.compile(r"\b(1[0-2]|0?[1-9])(?::([0-5]\d))? ?([ap])\.?m\b\.?")
_SMALL_WORDS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen"""
_TEN_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = _SMALL_WORDS.split()
_TENS = {word: 20 + 10 * i for i, word in enumerate(_TEN_WORDS.split())}
_UNITS = {word: i for i, word in enumerate(_SMALL)}
_NUMBER_WORD = re.compile(
    rf"\b(?:({'|'.join(_TENS)})(?:[ -]({'|'.join(_SMALL[1:10])}))?|({'|'.join(_SMALL)})(?! of\b| another\b))\b"
)
_EDGES = re.compile(r"(?<!\S)[-'.,:/&_]+(?=\S)|(?<=\S)['/&_:-]+(?!\S)")
_STOPS = re.compile(r"([.,;])(?!\S)")
_HYPHEN = re.compile(r"(?<=[^\W\d])-(?=[^\W\d])")


def _unmarked(match: re.Match[str]) -> str:
    """Punctuation becomes a space; symbols (an emoji is a word) and the marks of other scripts stay."""
    mark = match[0]
    category = unicodedata.category(mark)
    if mark in "!?\u3002\uff01\uff1f":
        return " . "
    if category[0] in "PCZ":
        return " "
    return mark if category[0] == "M" else f" {mark} "


def plain(text: str) -> str:
    """``text`` in lower case, without accents, with digits for number words; ``,``, ``;`` and ``.`` stand alone."""
    folded = unicodedata.normalize("NFKD", text[:MAX_COMPARED]).casefold()
    folded = _DIACRITICS.sub("", unicodedata.normalize("NFKD", folded)).translate(_QUOTES)
    for pattern, replacement in (*_APOSTROPHES, *_NUMBERS):
        folded = pattern.sub(replacement, folded)
    folded = _NUMBER_WORD.sub(_digits, _CLOCK.sub(_time, _ODD_MARKS.sub(_unmarked, folded)))
    folded = _HYPHEN.sub(" ", _STOPS.sub(r" \1", folded))
    folded = _MONTH_FIRST.sub(r"\2 \1", folded)
    return " ".join(_EDGES.sub(" ", folded.replace(" 's", " \x00s")).replace("\x00", "'").split())


def _digits(match: re.Match[str]) -> str:
    tens, unit, small = match.groups()
    return str(_TENS[tens] + _UNITS.get(unit, 0) if tens else _UNITS[small])


def _time(match: re.Match[str]) -> str:
    hour = int(match[1]) % 12 + (12 if match[3] == "p" else 0)
    return f"{hour}:{match[2] or '00'}"


# ---- English: one wording for many ------------------------------------------------------------------------------

_SAID = r"(?:mentioned|said|says|stated|shared|noted|explained|reported|revealed|indicated|confirmed|told the assistant|told me|expressed|added|clarified|announced)"  # noqa: E501
_WORDINGS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\b(?:the|this|our) user\b", "user"),
        (rf"^(?:user (?:has )?|(?:according to|as per) user ,? ?){_SAID}?(?: to the assistant)?(?: that)? (?:they|he|she|user)(?= (?!'s)) ", "user "),  # noqa: E501
        (rf"^user (?:has )?{_SAID}(?: to the assistant)?(?: that)? (?:their|his|her|user 's) ", "user 's "),
        (rf"^user (?:has )?{_SAID}(?: to the assistant)?(?: that)? ", ""),
        (r"\b(?:user|they) (?:are|were)\b(?<!were)", "user is"),
        (r"\b(?:user|they) have\b", "user has"),
        (r"\bha(?:s|ve) been\b", "is"),
        (r"\bhas (liv|us)ed\b(?=.{1,80} (?:since|for)\b)", r"\1es"),
        (r"\bhas worked\b(?=.{1,80} (?:since|for \d)\b)", "works"),
        (r"\b(?:(?:has|have|had) )?used to\b(?! \w+ing\b)", "formerly"),
        (r"\bno longer\b", "not"),
        (r"\b(?:any ?more|any longer)\b", ""),
        (r"\bdo(?:es)? not\b", "not"),
        (r"\bnever\b", "not"),
        (r"\b(?:can not (?:stand|bear|tolerate)|dislik(?:es?|ing)|hat(?:es?|ing)|detests?|loathes?)\b", "not like"),
        (r"\bis (not )?(?:fond of|an? (?:big |huge |great )?fan of|into)\b", r"\1like"),
        (r"\b(?:loves?|enjoys?|likes?|adores?|liking|enjoying)(?: to)?\b(?! be called)", "like"),
        (r"\b(?:has )?(?:stopped|quit|quits|gave up(?: on)?|given up(?: on)?|ceased) (?=\w+ing\b)", "not "),
        (r"\b(?:has )?(?:sold|gave away|given away|got rid of)\b", "not has"),
        (r"\buser (?:has )?(?:changed|updated) (?:their|his|her) (?!name\b)(.{2,40}?) (?:from .{1,40}? )?to\b", r"user 's \1 changed to"),  # noqa: E501
        (r"\b(?:at the moment|at present|these days|as of now|right now)\b", "now"),
        (r"\bstop (?=\w+ing\b)", "not "),
        (r"\b(?:has )?(?:quit|gave up|given up) (?!(?:their |his |her |the )?job\b)(?!work\b)", "not * "),
        (r"\bfor no\b", "not *"),
        (r"\bnot to\b", "to not"),
        (r"\b(?:has )?(?:started|began|took up|taken up|resumed) (?=\w+ing\b)", ""),
        (r"\b(?:is|are) ((?:not |currently |now |also |still |just )*)(?=\w{2,}ing\b)", r"\1"),
        (r"\blike ([^,]{1,40}?) , (?:but |and )?not ([^,.]{1,40}?)(?= ?\.?$)", r"like \1 and not like \2"),
        (r"\bhas an? (\w+) (?:allergy|intolerance)\b", r"is allergic to \1"),
        (r"\b(?:from now on|a lot|very much|of their own)\b", ""),
    )
)  # fmt: skip


def reworded(text: str) -> str:
    """Plain English ``text`` with set phrases in one wording: "no longer" is "not", "used to" is "formerly"."""
    for pattern, replacement in _WORDINGS:
        text = pattern.sub(replacement, text)
    return " ".join(text.split())


_FILLER_WORDS = """a an the really very truly actually currently presently now recently just already also too still
again always usually generally normally typically mostly finally please own does do that which so quite simply"""
FILLERS = frozenset(_FILLER_WORDS.split())
_SYNONYM_GROUPS = """live lives resides reside residing living dwells
work works employed working
child kid kids children
favourite favorite favourites favorites
named called titled
reply answer respond replies answers responds response responses respond replying answering responding
be is are am being
have has having owns own
begin begins start starts starting beginning
eur euro euros
usd dollar dollars
colour color colours colors
big large huge
phone mobile cellphone smartphone
job occupation profession
boss manager supervisor
partner spouse
flat apartment
car automobile
email mail e-mail
timezone tz
to towards
not no without
vacation holiday holidays vacations
film movie films movies
grey gray
centre center
mum mom mother
dad father
trip journey
bike bicycle
every each
use uses using
go goes going"""
_SYNONYMS = {word: group.split()[0] for group in _SYNONYM_GROUPS.splitlines() for word in group.split()}


def stem(word: str) -> str:
    """``word`` without English endings of number and of the present tense; the past keeps its own form."""
    if len(word) < 4 or not (word.isascii() and word.isalpha()):
        return word
    if word.endswith("ies") and len(word) > 4:
        word = f"{word[:-3]}y"
    elif word.endswith(("sses", "shes", "ches", "xes", "zes")):
        word = word[:-2]
    elif word[-1] == "s" and word[-2] not in "sui":
        word = word[:-1]
    if word.endswith("ing") and len(word) > 5:
        word = word[:-3]
        if len(word) > 2 and word[-1] == word[-2] and word[-1] not in "lsz":
            word = word[:-1]
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def words(text: str) -> list[str]:
    """The words of a plain or reworded text, one of each group of synonyms, without marks."""
    return [_SYNONYMS.get(word, word) for word in text.split() if word not in {",", ";", "."}]


def content(text: str) -> tuple[str, ...]:
    """What a reworded text says: its words without fillers, stemmed, lists in one order."""
    found = [word for word in words(text) if word not in FILLERS]
    stems = [word if word in {"live", "have"} else stem(word) for word in found]
    for i in range(1, len(stems) - 1):
        if stems[i] == "and" and stems[i + 1] < stems[i - 1]:
            stems[i - 1], stems[i + 1] = stems[i + 1], stems[i - 1]
    return tuple(stems)


_RAW_WORD = re.compile(r"[^\s.,;:!?()\"]+")


def names(text: str) -> frozenset[str]:
    """Folded words that ``text`` writes with a capital, not counting sentence starts.

    None if all of it is in capitals.
    """
    text = text[:MAX_COMPARED]
    if text.isupper():
        return frozenset()
    found: list[str] = []
    for match in _RAW_WORD.finditer(text):
        before = text[: match.start()].rstrip()[-1:] if match.start() < 3 else text[match.start() - 2]
        if any(map(str.isupper, match[0])) and before and before not in ".!?":
            found.append(match[0])
    return frozenset(word for raw in found for word in words(plain(raw)) if word not in {"user", "'s", "i"})


_NUMBER = re.compile(r"\+?\d[\w.:/+-]*")


def numbers(text: str) -> tuple[str, ...]:
    """The numbers, times and dates of a plain text, in order."""
    return tuple(_NUMBER.findall(text))


_NEGATING_WORDS = """not no never without nor none nothing neither hardly rarely seldom unable refuses
nicht kein keine keinen keinem keiner keines nie niemals ohne nein nichts
nunca jamas sin ninguno ninguna nada tampoco ne pas jamais aucun aucune sans rien non n
nao sem nenhum nenhuma mai senza niet geen nooit zonder"""
NEGATIONS = frozenset(_NEGATING_WORDS.split())


def negations(text: str) -> int:
    """How many negating words a plain text holds, in six languages."""
    return sum(word in NEGATIONS for word in re.split(r"[\s']+", text))
