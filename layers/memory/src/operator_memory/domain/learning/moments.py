"""What time a fact speaks of: the date that the model gives, as far as the quoted words can mean it. Pure."""

import re
from datetime import date, timedelta

from operator_memory.domain.memory.provenance import WHEN
from operator_memory.domain.memory.quantities import numbers_of

FAR = timedelta(days=400)
"""How far from the day of speaking a date may lie that was said without digits: "next year" is about the farthest."""


def spoken_of(when: str | None, quotes: tuple[str, ...], day: date) -> str | None:
    """``when``, if it is a date, month, year or interval of these that ``quotes``, said on ``day``, can mean.

    What was said in digits must agree with it; what was said in words must not be far away.
    """
    match = WHEN.match(when.strip()) if when else None
    if match is None:
        return None
    parts = [part for part in (match.groups()[:3], match.groups()[3:]) if part[0]]
    spoken = {int(group) for quote in quotes for number in numbers_of(quote) for group in re.findall(r"\d+", number)}
    return match[0] if all(_can_be_meant(part, spoken, day) for part in parts) else None


def _can_be_meant(part: tuple[str | None, ...], spoken: set[int], day: date) -> bool:
    year, month, of_month = (int(text) if text else None for text in part)
    if year is None:
        return False
    try:
        first = date(year, month or 1, of_month or 1)
    except ValueError:
        return False
    if year in spoken or (of_month is not None and of_month in spoken):
        return True
    last = first + timedelta(days=364 if month is None else 27 if of_month is None else 0)
    return first - FAR <= day <= last + FAR or abs(year - day.year) in spoken
