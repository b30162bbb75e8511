"""The dates that words mean, seen from the day on which they are said. English, and ISO dates.

A date is never more exact than the words: "last week" is seven days, "in May" a month.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from enum import Enum

from operator_memory.domain.rules.vocabulary import WEEKDAYS
from operator_memory.domain.shared.periods import Period, months_from, week_of, weekday_after, weekday_before
from operator_memory.domain.text import MONTHS

_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip
_MONTHS, _WEEKDAYS = MONTHS.lower().split("|"), WEEKDAYS.split("|")
_DAYS = {
    "day before yesterday": -2, "yesterday": -1, "last night": -1, "today": 0, "tonight": 0, "this morning": 0,
    "this afternoon": 0, "this evening": 0, "tomorrow": 1, "day after tomorrow": 2,
}  # fmt: skip

_NAMED_DAYS = "|".join(sorted(_DAYS, key=len, reverse=True))
_MONTH = rf"(?P<month>{MONTHS}|(?:jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b\.?)"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_COUNT = rf"(?P<count>\d{{1,3}}|{'|'.join(_NUMBERS)})"


class Tense(Enum):
    """What a statement speaks of; decides which May "in May" is."""

    PAST = -1
    PRESENT = 0
    FUTURE = 1


def dated(text: str, day: date | None, tense: Tense = Tense.PRESENT) -> tuple[str, str | None]:
    """``text`` with the date written behind words like "yesterday", and the time it speaks of, if it names just one.

    ``day``: when it was said; ``None`` if unknown, then only full dates are understood.
    """
    pieces, when, at = [], [], 0
    for match, rule in _expressions(text):
        meant = rule(match, day, tense) if day is not None or rule in _ABSOLUTE else None
        if meant is None:
            continue
        when.append(meant)
        if rule not in _ABSOLUTE:
            pieces += [text[at : match.end()], f" ({meant.replace('/', ' to ')})"]
            at = match.end()
    return "".join((*pieces, text[at:])), when[0] if len(when) == 1 else None


def names_a_time(text: str) -> bool:
    """Whether ``text`` says when."""
    return any(_expressions(text))


_OFTEN = re.compile(
    r"\b(?:every|each) (?:other )?(?:single )?(?:\w+day|day|week|weekend|month|year|morning|evening|night|summer|winter)\b"
    r"|\b(?:once|twice|\w+ times|(?:a )?few times) (?:a|per|every) \w+|\bon (?:\w+days|weekends)\b|\ball the time\b",
    re.IGNORECASE,
)


def without_times(text: str) -> str:
    """``text`` without what says when or how often."""
    text = _OFTEN.sub("", text)
    for match, _ in reversed(list(_expressions(text))):
        text = f"{text[: match.start()]}{text[match.end() :]}"
    return text


def _expressions(text: str) -> Iterator[tuple[re.Match[str], "_Rule"]]:
    """The expressions of time in ``text``, none inside another, in order."""
    found = [(match, rule) for pattern, rule in _PATTERNS for match in pattern.finditer(text)]
    end = 0
    for match, rule in sorted(found, key=lambda pair: (pair[0].start(), -pair[0].end())):
        if match.start() >= end:
            yield match, rule
            end = match.end()


def _day(match: re.Match[str], day: date, _: Tense) -> str:
    return (day + timedelta(days=_DAYS[match["days"].lower()])).isoformat()


def _span(match: re.Match[str], day: date, tense: Tense) -> str | None:
    """Last, this or next week, weekend, month or year."""
    step = {"last": -1, "this": 0, "next": 1}[match["which"].lower()]
    unit = match["unit"].lower()
    if unit == "year":
        return str(day.year + step)
    if unit == "month":
        return _month_from(day, step)
    week = week_of(day + timedelta(weeks=step))
    monday = week.first
    if unit == "week":
        return _interval(week)
    if step == 0 and tense is Tense.PAST and day.weekday() < 5:
        monday -= timedelta(weeks=1)
    return None if step > 0 else _interval(Period.of_days(monday + timedelta(days=5), 2))


def _distance(match: re.Match[str], day: date, _: Tense) -> str | None:
    """ "Three weeks ago" or "in three weeks", as exactly as the unit is."""
    count = _number(match["count"]) * (-1 if match["ago"] else 1)
    unit = match["unit"].lower()
    if unit == "year":
        return str(day.year + count)
    if unit == "month":
        return _month_from(day, count)
    if unit == "week":
        return _interval(week_of(day + timedelta(weeks=count)))
    return (day + timedelta(days=count)).isoformat()


def _weekday(match: re.Match[str], day: date, tense: Tense) -> str | None:
    """ "Last Friday" and "on Friday"; which one "next Friday" is, people do not agree on."""
    which = match["which"].lower()
    last = which == "last" or (which != "next" and tense is Tense.PAST)
    weekday = _WEEKDAYS.index(match["weekday"].lower())
    if which == "next" or (not last and tense is not Tense.FUTURE):
        return None
    return (weekday_before(day, weekday) if last else weekday_after(day, weekday)).isoformat()


def _calendar(match: re.Match[str], day: date | None, tense: Tense) -> str | None:
    """A day or month by its name; without a year it is the nearest in the direction of the tense."""
    fields = match.groupdict()
    month = next(n for n, name in enumerate(_MONTHS, start=1) if name.startswith(fields["month"].lower()[:3]))
    of_month = int(fields["day"]) if fields.get("day") else None
    if fields["year"]:
        return _checked(int(fields["year"]), month, of_month)
    if day is None or tense is Tense.PRESENT:
        return None
    here = (day.month, day.day if of_month else 0)
    there = (month, of_month or 0)
    year = day.year - (there > here) if tense is Tense.PAST else day.year + (there < here)
    return _checked(year, month, of_month)


def _unclear(*_: object) -> None:
    """A time, but which?"""


def _years(match: re.Match[str], *_: object) -> str:
    return f"{match['year']}/{match['until']}" if match["until"] else match["year"]


def _iso(match: re.Match[str], *_: object) -> str | None:
    return _checked(int(match["year"]), int(match["month"]), int(match["day"]))


def _checked(year: int, month: int, of_month: int | None) -> str | None:
    try:
        moment = date(year, month, of_month or 1)
    except ValueError:
        return None
    return moment.isoformat() if of_month else moment.isoformat()[:7]


def _number(word: str) -> int:
    return int(word) if word.isdecimal() else _NUMBERS[word.lower()]


def _month_from(day: date, months: int) -> str:
    year, month = months_from(day, months)
    return f"{year}-{month:02}"


def _interval(period: Period) -> str:
    return f"{period.first.isoformat()}/{period.last.isoformat()}"


_Rule = Callable[..., str | None]
_ABSOLUTE: tuple[_Rule, ...] = (_calendar, _years, _iso)
_WEEKDAY = rf"(?P<which>last|next|this|on|coming) (?P<weekday>{WEEKDAYS})"
_UNCLEAR = (
    r"(?:a few|a couple(?: of)?|several|some|many) (?:days|weeks|months|years) ago|the other day"
    r"|(?:last|this past) (?:spring|summer|autumn|fall|winter)"
)
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_PATTERNS: tuple[tuple[re.Pattern[str], _Rule], ...] = tuple(
    (re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE), rule)
    for pattern, rule in (
        (rf"(?:the )?(?P<days>{_NAMED_DAYS})(?: (?:morning|afternoon|evening|night))?", _day),
        (r"(?P<which>last|this|next) (?P<unit>week|weekend|month|year)", _span),
        (rf"{_COUNT} (?P<unit>day|week|month|year)s? (?P<ago>ago)", _distance),
        (rf"in (?P<ago>){_COUNT} (?P<unit>day|week|month|year)s?(?=\s*(?:$|[.,!]))", _distance),
        (_UNCLEAR, _unclear),
        (_WEEKDAY, _weekday),
        (rf"{_DAY} (?:of )?{_MONTH}(?:,? {_YEAR})?", _calendar),
        (rf"{_MONTH} {_DAY}\b(?:,? {_YEAR})?", _calendar),
        (rf"(?:in|last|next|this) {_MONTH}\b(?:,? {_YEAR})?", _calendar),
        (rf"{_MONTH} {_YEAR}", _calendar),
        (rf"(?:in|from) {_YEAR}(?: (?:to|until|till) (?P<until>(?:19|20)\d\d))?", _years),
        (r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)", _iso),
    )
)
