"""Secrets that can be told by their form alone: private keys, card numbers, credentials in addresses and headers.

Also the few vendor formats that the scanner of ``secret_redaction`` recognises only in source code. Each finder
looks at the text once, in linear time, and gives the places of the secrets alone, not of the words around them.
"""

import base64
import binascii
import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from operator_memory.domain.text import word_set


class Found(NamedTuple):
    """A secret's place in a text: ``text[start:end]``."""

    start: int
    end: int
    kind: str


# --- private keys ---
_KEY_NAME = r"(?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?"
_BEGIN = re.compile(rf"-----BEGIN {_KEY_NAME}-----")
_END = re.compile(rf"-----END {_KEY_NAME}-----(?:\\r|\\n)*")
_BREAK = r"(?:\\r|\\n|\s|> )"  # a line break, also as JSON writes it, and a quoting mark
_MAX_KEY = 20_000  # characters; the longest RSA keys in use take about 13,000
# What is left of a key that was cut off: header lines, then lines of base64.
_CUT_AFTER = re.compile(rf"(?:{_BREAK}{{0,8}}(?:[A-Z][A-Za-z-]{{2,20}}: [^\n\\]{{0,80}}|[A-Za-z0-9+/=]{{16,80}}))*")
_CUT_BEFORE = re.compile(r"[A-Za-z0-9+/=]{1,80}")
_BREAKS = re.compile(rf"{_BREAK}*")


def private_keys(text: str) -> Iterator[Found]:
    """PEM and PGP blocks, also without their beginning or end."""
    ends: set[int] = set()
    for begin in _BEGIN.finditer(text):
        limit = begin.end() + _MAX_KEY
        following = _BEGIN.search(text, begin.end(), limit)
        closed = _END.search(text, begin.end(), following.start() if following else limit)
        end = closed.end() if closed else _end_of_cut_key(text, begin.end())
        ends.add(end)
        yield Found(begin.start(), end, "private_key")
    previous = 0
    for match in _END.finditer(text):
        if match.end() not in ends:
            yield Found(_start_of_cut_key(text, previous, match.start()), match.end(), "private_key")
        previous = match.end()


def _end_of_cut_key(text: str, start: int) -> int:
    match = _CUT_AFTER.match(text, start, start + _MAX_KEY)
    return match.end() if match else start


def _start_of_cut_key(text: str, floor: int, end: int) -> int:
    """Where the base64 lines that end at ``end`` begin, not before ``floor``."""
    lines = re.split(r"(\r?\n|\\n)", text[max(floor, end - _MAX_KEY) : end])
    start = end
    for line in reversed(lines):
        if line.strip() and line != "\\n" and not _CUT_BEFORE.fullmatch(line.strip(" \t>")):
            break
        start -= len(line)
    return start + _length(_BREAKS.match(text, start, end))


def _length(match: re.Match[str] | None) -> int:
    return len(match[0]) if match else 0


# --- payment cards ---
_SEPARATOR = r"[ \t\u00a0\u202f.\-\u2010-\u2013_/]|\r?\n"
_CARD = re.compile(
    rf"(?<![A-Za-z0-9_.])(?<![0-9]-)(?:[0-9]{{4}}(?:{_SEPARATOR})?[0-9]{{6}}(?:{_SEPARATOR})?[0-9]{{4,5}}"
    rf"|[0-9]{{4}}(?:(?:{_SEPARATOR})?[0-9]{{4}}){{3}}(?:(?:{_SEPARATOR})?[0-9]{{1,3}})?)(?![A-Za-z0-9_]|[.-][0-9])"
)
# (first and last prefix, lengths), as the card networks publish them
_NETWORKS = (
    ("4", "4", (16, 19)),  # Visa
    ("51", "55", (16,)),  # Mastercard
    ("2221", "2720", (16,)),
    ("34", "34", (15,)),  # American Express
    ("37", "37", (15,)),
    ("6011", "6011", (16, 19)),  # Discover
    ("644", "659", (16, 19)),
    ("300", "305", (14,)),  # Diners
    ("36", "36", (14,)),
    ("38", "39", (14,)),
    ("3528", "3589", (16,)),  # JCB
    ("62", "62", (16, 17, 18, 19)),  # UnionPay
    ("5018", "5018", (16,)),  # Maestro
    ("5020", "5020", (16,)),
    ("5038", "5038", (16,)),
    ("6759", "6763", (16,)),
)
_BARE_LENGTHS = (15, 16)  # other lengths without separators are the ids and times of other systems far more often
_IBAN = re.compile(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")


def card_numbers(text: str) -> Iterator[Found]:
    """Numbers of a known network's prefix and length whose last digit is right (Luhn). An IBAN's digits are none."""
    ibans = [match.span() for match in _IBAN.finditer(text)]
    starts = [start for start, _ in ibans]
    for match in _CARD.finditer(text):
        before = bisect_right(starts, match.start())  # they do not overlap: only the last that begins before counts
        iban_end = ibans[before - 1][1] if before else 0
        for end in _ends(match):
            digits = re.sub(r"[^0-9]", "", text[match.start() : end])
            bare = len(digits) == end - match.start()
            if bare and len(digits) not in _BARE_LENGTHS:
                continue
            if end > iban_end and _is_card(digits):
                yield Found(match.start(), end, "card_number")
                break


def _ends(match: re.Match[str]) -> Iterator[int]:
    """The whole number, and the number without what may be an expiry date or a security code behind it."""
    yield match.end()
    shorter = re.match(r"(?:[0-9]{4}[^0-9]{0,2}){3}[0-9]{4}(?=[^0-9])", match[0])
    if shorter:
        yield match.start() + shorter.end()


def _is_card(digits: str) -> bool:
    known = any(first <= digits[: len(first)] <= last and len(digits) in lengths for first, last, lengths in _NETWORKS)
    return known and _luhn(digits)


def _luhn(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


# --- addresses, headers, vendors ---
# The secret is the pattern's only group; a text without the plain words before it is not searched at all.
_FORMS = tuple(
    (hint, kind, re.compile(pattern))
    for hint, kind, pattern in (
        ("://", "password", r"\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s/:@?#\"'<>]{0,100}:([^\s/\"'<>]{1,200})@"),
        ("curl", "password", r"\bcurl\b[^\n]{0,300}?\s(?:-u|--user)[ =]?[\"']?[^\s:\"']{1,64}:([^\s\"']{3,128})"),
        ("sshpass", "password", r"\bsshpass\s{1,3}-p\s?[\"']?([^\s\"']{1,128})"),
        ("sk-", "api_key", r"\b(sk-(?:proj|svcacct|admin|ant|or|lf)-(?=[\w-]{0,40}[0-9])[\w-]{20,250})"),
        ("AKIA", "api_key", r"\b(AKIA[A-Z2-7]{16})\b"),
        ("ASIA", "api_key", r"\b(ASIA[A-Z2-7]{16})\b"),
        ("Amz-Signature=", "token", r"X-Amz-Signature=([0-9a-f]{64})"),
        ("Key=", "api_key", r"\b(?:AccountKey|SharedAccessKey)=([A-Za-z0-9+/]{40,90}={0,2})"),
        ("sig=", "token", r"[?&]sig=([A-Za-z0-9%+/]{40,100})"),
        ("Q~", "api_key", r"(?<![\w~.-])([A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34})"),
        ("GOCSPX-", "api_key", r"\b(GOCSPX-[\w-]{28})"),
        ("ya29.", "token", r"\b(ya29\.[\w-]{20,2000})"),
        ("-us", "api_key", r"\b([0-9a-f]{32}-us[0-9]{1,2})\b"),
        (":AA", "token", r"(?<![\w:])([0-9]{8,10}:AA[\w-]{33})(?![\w-])"),
        ("whsec_", "api_key", r"\b(whsec_[A-Za-z0-9+/=]{24,80})"),
        ("eyJ", "token", r"(?<![\w-])(eyJ[\w-]{10,20000}+\.eyJ[\w-]{4,20000}(?:\.[\w-]*)?)"),
        ("xprv", "private_key", r"\b(xprv[1-9A-HJ-NP-Za-km-z]{100,112})"),
        ("AGE-SECRET", "private_key", r"\b(AGE-SECRET-KEY-1[A-Z0-9]{58})"),
        ("earer ", "token", r"\b[Bb]earer {1,3}([\w.~+/=-]{16,4000})"),
        ("asic ", "password", r"\b[Bb]asic {1,3}([A-Za-z0-9+/]{8,400}={0,2})"),
    )
)
_PLACEHOLDER = re.compile(r"[$<{%*\[]")


def known_forms(text: str) -> Iterator[Found]:
    """Credentials in addresses and headers, and the vendors' own formats."""
    for hint, kind, pattern in _FORMS:
        if hint not in text:
            continue
        for match in pattern.finditer(text):
            secret = match[1]
            if _PLACEHOLDER.match(secret) or (hint == "earer " and not re.search("[0-9]", secret)):
                continue
            if hint == "asic " and not _is_name_and_password(secret):
                continue
            yield Found(*match.span(1), kind)


def _is_name_and_password(encoded: str) -> bool:
    try:
        decoded = base64.b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False
    return ":" in decoded and decoded.isprintable()


# --- wallets ---
_SEED_LABEL = re.compile(
    r"(?:seed|recovery|mnemonic|backup|wallet|wiederherstellungs|récupération|recuperación)[ -]?"
    r"(?:phrase|words?|mnemonic|wörter|satz|phrase secrète)|frase (?:semilla|de recuperación)|phrase de récupération",
    re.IGNORECASE,
)
_SEED_WORDS = re.compile(
    r"[^\S\n]{0,3}(?:is|are|was|ist|lautet|es|est)?[\s:=-]{1,5}[\"'“]?"
    r"((?:(?:[0-9]{1,2}[.)]?[ \t]{0,3})?[a-z]{3,8}(?:[\s,]{1,4}|\b)){12,26})"
)
_NOT_SEED_WORDS = word_set("the and not for are was were but with from has our your its him")
_SEED_LENGTHS = (24, 21, 18, 15, 12)
_HEX_LABEL = re.compile(r"(?:private|secret|wallet)[ _-]?key|privkey|privater schlüssel", re.IGNORECASE)
_HEX_KEY = re.compile(
    r"[\"']?(?:\s{1,3}(?:is|was|ist|es|est))?[\s:=]{1,4}[\"']?((?:0x)?[0-9a-fA-F]{64})(?![0-9a-fA-F])"
)


def wallet_secrets(text: str) -> Iterator[Found]:
    """Recovery phrases (12 to 24 words) and keys in hexadecimal, where the text says that it is one."""
    for label in _SEED_LABEL.finditer(text):
        phrase = _SEED_WORDS.match(text, label.end())
        words = list(re.finditer(r"[a-z]{3,8}", phrase[1])) if phrase else []
        length = next((n for n in _SEED_LENGTHS if n <= len(words)), 0)
        if phrase and length and not _NOT_SEED_WORDS & {word[0] for word in words[:length]}:
            yield Found(phrase.start(1), phrase.start(1) + words[length - 1].end(), "private_key")
    for label in _HEX_LABEL.finditer(text):
        if key := _HEX_KEY.match(text, label.end()):
            yield Found(*key.span(1), "private_key")


def secrets_by_form(text: str) -> Iterator[Found]:
    """All of the above."""
    return chain(private_keys(text), card_numbers(text), known_forms(text), wallet_secrets(text))
