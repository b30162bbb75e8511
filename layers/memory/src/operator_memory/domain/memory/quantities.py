"""Numbers: a fact may not add any to what was said. Pure.

A number that was spelled out cannot be compared, so it counts as said where nothing was said in digits.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date

_NUMBER = re.compile(r"\d+(?:[.,:/'\u2019\u00a0\u202f-]\d+)*")
_GROUP = re.compile(r"\d+")
_IBAN = re.compile(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_SPELLED_UP_TO = 12


def has_account_number(text: str) -> bool:
    """Whether ``text`` holds the number of a bank account (an IBAN, by its check digits)."""
    return any(_is_iban("".join(match[0].split())) for match in _IBAN.finditer(text))


def _is_iban(number: str) -> bool:
    turned = number[4:] + number[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1


def numbers_of(text: str) -> list[str]:
    """The numbers in ``text``, as written, in ASCII digits."""
    plain = "".join(str(unicodedata.digit(c)) if c.isdigit() and unicodedata.digit(c, -1) >= 0 else c for c in text)
    return _NUMBER.findall(unicodedata.normalize("NFKC", plain))


def unsaid_numbers(fact: str, said: Sequence[str], *, day: date | None) -> list[str]:
    """The numbers of ``fact`` that stand in none of ``said``, and do not follow from ``day``, when it was said."""
    spoken = [number for text in said for number in numbers_of(text)]
    if not spoken:
        return []
    known = _Numbers(spoken, day)
    return [number for number in numbers_of(fact) if not known.hold(number)]


class _Numbers:
    def __init__(self, spoken: Iterable[str], day: date | None) -> None:
        self._written = {number: _digits(number) for number in spoken}
        self._groups = {str(int(group)) for number in self._written for group in _GROUP.findall(number)}
        self._day = day

    def hold(self, number: str) -> bool:
        digits = _digits(number)
        if digits in self._written.values() or str(int(digits)) in self._groups:
            return True
        groups = [int(group) for group in _GROUP.findall(number)]
        if len(groups) > 1 and all(self._part(group) for group in groups):
            return True
        return self._part(int(digits)) or any(_scaled(digits, number) for number in self._written)

    def _part(self, value: int) -> bool:
        """A number of its own, or part of a date or time of day."""
        if value <= _SPELLED_UP_TO or str(value) in self._groups:
            return True
        if value <= 24 and str(value - 12) in self._groups:  # 3 pm is 15:00
            return True
        if self._day is None or not 1900 <= value <= 2200:
            return self._day is not None and value <= 31
        return abs(value - self._day.year) <= 1 or str(abs(value - self._day.year)) in self._groups


def _digits(number: str) -> str:
    return "".join(_GROUP.findall(number)).lstrip("0") or "0"


def _scaled(digits: str, spoken: str) -> bool:
    """Whether ``digits`` is ``spoken`` written out: 400k, 1.2 million, 6 wan."""
    base = _digits(spoken)
    if not digits.startswith(base) or digits[len(base) :].strip("0"):
        return False
    decimals = len(_GROUP.findall(spoken)[-1]) if re.search(r"[.,]\d{1,2}\Z", spoken) else 0
    return (len(digits) - len(base) + decimals) in (3, 4, 6, 8, 9)
