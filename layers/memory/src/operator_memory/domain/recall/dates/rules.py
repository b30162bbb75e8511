"""Which days an expression of time means, by the rule that its pattern names. Pure functions.

Where people disagree which day is meant ("last Wednesday"), both are, the likelier one more. What the calendar lacks
raises a ValueError.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from operator_memory.domain.recall.dates.words import CHINESE_DAYS, CHINESE_DIGITS, CHINESE_UNITS, CalendarWords
from operator_memory.domain.shared.periods import Period, months_from, week_of, weekday_after, weekday_before

_OTHER_READING = 0.85


@dataclass(frozen=True, slots=True)
class AskedTime:
    """Days that a question may mean. ``weight``, 0..1: how surely and how exactly they are meant."""

    period: Period
    weight: float = 1.0


Rule = Callable[[re.Match[str], CalendarWords | None, date], list[AskedTime]]


def _given(match: re.Match[str], name: str) -> str | None:
    return match.groupdict().get(name)


def _numbered(match: re.Match[str], name: str) -> int | None:
    """Which of the groups ``name0``, ``name1`` ... has matched."""
    given = match.groupdict()
    return next((number for number in range(13) if given.get(f"{name}{number}")), None)


_STEPS = (("before_last", -2), ("last", -1), ("this", 0), ("next", 1))


def _step(match: re.Match[str]) -> int | None:
    return next((step for name, step in _STEPS if _given(match, name)), None)


def _one_day(day: date, weight: float = 1.0) -> AskedTime:
    return AskedTime(Period.of_days(day), weight)


def _day(match: re.Match[str], language: CalendarWords | None, today: date) -> list[AskedTime]:
    days = language.days if language else {}
    offset = next(offset for word, offset in days.items() if re.fullmatch(word.rpartition(")")[2], match["days"]))
    return [_one_day(today + timedelta(days=offset))]


def _count(match: re.Match[str], language: CalendarWords | None) -> int:
    return int(match["count"]) if match["count"].isdecimal() else (language.numbers if language else {})[match["count"]]


def _ago(match: re.Match[str], language: CalendarWords | None, today: date) -> list[AskedTime]:
    return _before(_count(match, language), _numbered(match, "unit"), today)


def _before(count: int, unit: int | None, today: date) -> list[AskedTime]:
    """So many days, weeks, months or years ago: the very day, and with a longer unit the whole of it as well."""
    if unit == 0:
        return [_one_day(today - timedelta(days=count))]
    if unit == 1:
        day = today - timedelta(weeks=count)
        return [_one_day(day), AskedTime(week_of(day))]
    if unit == 2:
        return [AskedTime(Period.of_month(*months_from(today, -count)))]
    return [AskedTime(Period.of_year(today.year - count))]


def _last_units(match: re.Match[str], language: CalendarWords | None, today: date) -> list[AskedTime]:
    """ "In the last three days": up to today."""
    days = _count(match, language) * (1, 7, 30, 365)[_numbered(match, "unit") or 0]
    return [AskedTime(Period(today - timedelta(days=days), today))]


def _span(match: re.Match[str], _: CalendarWords | None, today: date) -> list[AskedTime]:
    step = _step(match)
    if not _given(match, "weekend"):
        return _unit(_numbered(match, "unit") or 0, step or 0, today)
    if step:
        return _unit("weekend", step, today)
    [this], [last] = _unit("weekend", 0, today), _unit("weekend", -1, today)
    return [this] if today.weekday() >= 5 else [last, replace(this, weight=_OTHER_READING)]


def _unit(unit: int | str, step: int, today: date) -> list[AskedTime]:
    """Last, this or next week, month, year or weekend."""
    if unit == 3:
        return [AskedTime(Period.of_year(today.year + step))]
    if unit == 2:
        return [AskedTime(Period.of_month(*months_from(today, step)))]
    if unit == 0:
        return []
    week = week_of(today + timedelta(weeks=step))
    return [AskedTime(week if unit == 1 else Period.of_days(week.first + timedelta(days=5), 2))]


def _weekday(match: re.Match[str], _: CalendarWords | None, today: date) -> list[AskedTime]:
    weekday, step = _numbered(match, "weekday") or 0, _step(match)
    before, after = weekday_before(today, weekday), weekday_after(today, weekday)
    if step is None:
        return [_one_day(before), _one_day(after, _OTHER_READING)]
    if step == 0:
        return [_one_day(week_of(today).first + timedelta(days=weekday))]
    meant, other = (before, before - timedelta(weeks=1)) if step < 0 else (after, after + timedelta(weeks=1))
    in_this_week = week_of(meant) == week_of(today)
    return [_one_day(meant), _one_day(other, _OTHER_READING)] if in_this_week else [_one_day(meant)]


def _date(match: re.Match[str], _: CalendarWords | None, today: date) -> list[AskedTime]:
    return _calendar(_given(match, "year"), _numbered(match, "month") or 0, int(match["day"]), today)


def _calendar(year: str | None, month: int, day: int, today: date) -> list[AskedTime]:
    """That day; without a year the last one, and the next one, of which one may have spoken."""
    if year:
        return [_one_day(date(int(year), month, day))]
    found = [found for step in (-4, -3, -2, -1, 0, 1, 2, 3, 4) if (found := _checked(today.year + step, month, day))]
    if not found:
        raise ValueError
    past, coming = max((d for d in found if d <= today), default=None), min(d for d in found if d > today)
    return [*([_one_day(past)] if past else []), _one_day(coming, _OTHER_READING)]


def _checked(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _month(match: re.Match[str], _: CalendarWords | None, today: date) -> list[AskedTime]:
    return _named_month(_given(match, "year"), _numbered(match, "month") or 0, today, step=_step(match))


def _named_month(year: str | None, month: int, today: date, *, step: int | None = None) -> list[AskedTime]:
    if year:
        return [AskedTime(Period.of_month(int(year), month))]
    past = Period.of_month(today.year - (month > today.month or (step == -1 and month == today.month)), month)
    coming = Period.of_month(today.year + (month <= today.month), month)
    return (
        [AskedTime(past), AskedTime(coming, _OTHER_READING)] if step is None else [AskedTime((past, coming)[step > 0])]
    )


def _of_month(match: re.Match[str], _: CalendarWords | None, today: date) -> list[AskedTime]:
    return _nth(int(match["day"]), today)


def _nth(day: int, today: date) -> list[AskedTime]:
    """The last such day of a month, and the next one."""
    if not 1 <= day <= 31:
        raise ValueError
    around = [_checked(*months_from(today, step), day) for step in (-2, -1, 0, 1, 2)]
    past = max(found for found in around if found and found <= today)
    coming = min(found for found in around if found and found > today)
    return [_one_day(past), _one_day(coming, _OTHER_READING)]


def _year(match: re.Match[str], *_: object) -> list[AskedTime]:
    return [AskedTime(Period.of_year(int(match["year"])))]


# ---- dates in digits --------------------------------------------------------------------------------------------

_ISO = re.compile(r"(?<!\d)(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})(?!\d)")
_DAY_FIRST = re.compile(r"(?<![\d.])(?P<day>\d{1,2})(?P<mark>[./-])(?P<month>\d{1,2})(?P=mark)(?P<year>\d{4})?(?!\d)")


def in_digits(text: str, today: date) -> Iterator[AskedTime]:
    """2026-11-20 and 20.11.2026. With slashes some put the month first: a day above twelve tells, else neither is
    read."""
    for match in _ISO.finditer(text):
        if found := _checked(int(match["year"]), int(match["month"]), int(match["day"])):
            yield _one_day(found)
    for match in _DAY_FIRST.finditer(text):
        day, month = int(match["day"]), int(match["month"])
        if match["mark"] != ".":
            if match["year"] is None or (day <= 12 and month <= 12 and day != month):
                continue
            day, month = (month, day) if month > 12 else (day, month)
        try:
            yield from _calendar(match["year"], month, day, today)
        except ValueError:
            continue


# ---- Chinese ----------------------------------------------------------------------------------------------------

_CHINESE_STEPS = {"上上": -2, "上": -1, "下": 1}


def _chinese_number(text: str) -> int:
    if text.isdecimal():
        return int(text)
    tens, ten, ones = text.rpartition("十")
    return (CHINESE_DIGITS.get(tens, 1) * 10 if ten else 0) + (CHINESE_DIGITS[ones] if ones else 0)


def _chinese_day(match: re.Match[str], _: CalendarWords | None, today: date) -> list[AskedTime]:
    return [_one_day(today + timedelta(days=CHINESE_DAYS[match["days"]]))]


def _chinese_ago(match: re.Match[str], _: CalendarWords | None, today: date) -> list[AskedTime]:
    unit = _numbered(match, "unit")
    if match["count"] == "半":
        return [AskedTime(Period.of_month(*months_from(today, -6)))] if unit == len(CHINESE_UNITS) - 1 else []
    return _before(_chinese_number(match["count"]), unit, today)


def _chinese_weekday(match: re.Match[str], _: CalendarWords | None, today: date) -> list[AskedTime]:
    step = None if match["which"] is None else _CHINESE_STEPS.get(match["which"], 0)
    if match["weekday"] == "末":
        return _unit("weekend", -1 if step is None and today.weekday() < 5 else step or 0, today)
    weekday = "一二三四五六日".find(match["weekday"].replace("天", "日"))
    if step is None:
        return [_one_day(weekday_before(today, weekday)), _one_day(weekday_after(today, weekday), _OTHER_READING)]
    return [_one_day(week_of(today + timedelta(weeks=step)).first + timedelta(days=weekday))]


def _chinese_span(match: re.Match[str], _: CalendarWords | None, today: date) -> list[AskedTime]:
    return _unit(2 if match["month"] else 1, _CHINESE_STEPS.get(match["which"], 0), today)


def _chinese_year(match: re.Match[str], _: CalendarWords | None, today: date) -> list[AskedTime]:
    return [AskedTime(Period.of_year(today.year + {"前": -2, "去": -1, "今": 0, "明": 1}[match["named"]]))]


def _chinese_date(match: re.Match[str], _: CalendarWords | None, today: date) -> list[AskedTime]:
    month = _chinese_number(match["month"])
    if match["day"]:
        return _calendar(match["year"], month, _chinese_number(match["day"]), today)
    return _named_month(match["year"], month, today)


def _chinese_of_month(match: re.Match[str], _: CalendarWords | None, today: date) -> list[AskedTime]:
    return _nth(_chinese_number(match["day"]), today)


RULES: dict[str, Rule] = {
    "day": _day,
    "ago": _ago,
    "within": _last_units,
    "span": _span,
    "weekday": _weekday,
    "date": _date,
    "month": _month,
    "of_month": _of_month,
    "year": _year,
    "chinese_day": _chinese_day,
    "chinese_ago": _chinese_ago,
    "chinese_weekday": _chinese_weekday,
    "chinese_span": _chinese_span,
    "chinese_year": _chinese_year,
    "chinese_date": _chinese_date,
    "chinese_of_month": _chinese_of_month,
}

OF_A_DATE = (_date, _of_month)
"""Rules of a day of the calendar: "Sunday the 15th" is that day, whichever Sunday came last."""
WEEKDAY: Rule = _weekday
