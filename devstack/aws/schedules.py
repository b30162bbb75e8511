"""When schedules are due: EventBridge's ``rate(...)`` and ``cron(...)``."""

import calendar
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from devstack.aws.intrinsics import TemplateError

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\(([^)]*)\)")
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: number for number, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], 1)}
_LONGEST_SEARCH = timedelta(days=5 * 366)

Next = Callable[[datetime], datetime]


def parse_schedule(expression: str) -> Next:
    """A function that gives the first moment after another at which the schedule is due (UTC).

    Raises:
        TemplateError: not a schedule, or one with parts that are not known here (``L``, ``W``, ``#``).
    """
    if rate := _RATE.fullmatch(expression):
        step = timedelta(**{f"{rate.group(2)}s": int(rate.group(1))})
        if not step:
            raise TemplateError(f"{expression}: never due")
        return lambda after: after + step
    cron = _CRON.fullmatch(expression)
    fields = cron.group(1).split() if cron else []
    if len(fields) != 6:
        raise TemplateError(f"{expression} is not a schedule")
    minutes = _values(fields[0], 0, 59)
    hours = _values(fields[1], 0, 23)
    days = _values(fields[2], 1, 31)
    months = _values(fields[3], 1, 12, _MONTHS)
    weekdays = _values(fields[4], 1, 7, _DAYS)
    years = _values(fields[5], 1970, 2199)

    def fits_day(at: datetime) -> bool:
        weekday = at.isoweekday() % 7 + 1
        return at.year in years and at.month in months and at.day in days and weekday in weekdays

    def following(after: datetime) -> datetime:
        at = after.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        while at - after < _LONGEST_SEARCH:
            if not fits_day(at):
                at = at.replace(hour=0, minute=0) + timedelta(days=1)
            elif at.hour in hours and at.minute in minutes:
                return at
            else:
                at += timedelta(minutes=1)
        raise TemplateError(f"{expression}: not due within five years")

    return following


def _values(field: str, low: int, high: int, names: dict[str, int] | None = None) -> set[int]:
    """The values of a field: ``*``, ``?``, ``5``, ``1-5``, ``*/15``, ``MON-FRI``, and lists of them."""
    chosen: set[int] = set()
    for part in field.split(","):
        body, _, step = part.partition("/")
        first, _, last = body.partition("-")
        try:
            if body in ("*", "?"):
                start, end = low, high
            else:
                start = _number(first, names)
                end = _number(last, names) if last else (high if step else start)
            chosen |= set(range(start, end + 1, int(step or 1)))
        except ValueError as error:
            raise TemplateError(f"{field!r} is not known here in a cron expression") from error
    if not chosen or min(chosen) < low or max(chosen) > high:
        raise TemplateError(f"{field!r} is out of range in a cron expression ({low} to {high})")
    return chosen


def _number(text: str, names: dict[str, int] | None) -> int:
    return (names or {}).get(text.upper()) or int(text)
