"""The days that a question asks about: "yesterday", "on 12 November", "two weeks ago". Pure functions.

English, German, French, Spanish, Portuguese and Chinese, and dates in digits. What cannot be read as a time changes
nothing. Where people disagree which day is meant ("last Wednesday"), both are, the likelier one more.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.recall.dates.rules import OF_A_DATE, RULES, WEEKDAY, AskedTime, Rule, in_digits
from operator_memory.domain.recall.dates.words import CHINESE, LANGUAGES, CalendarWords
from operator_memory.domain.shared.periods import Period, period_of
from operator_memory.domain.shared.search_plan import Span
from operator_memory.domain.text import folded, words

MOST_CHARACTERS = 400
"""Of a longer text the times are those of a story, not of a question."""
_MOST_TIMES = 6
_NEXT_TO = 6
"""Most characters between a weekday and its date: "Sunday, the 15th"."""
_FIRST, _LAST = date(1900, 1, 1), date(2200, 1, 1)
_WEIGHTS = ((1, 1.0), (7, 0.9), (31, 0.4))
_OF_LONGER = 0.3
_HAN = re.compile("[\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class AskedTimes:
    """All the times of a question, none or several, on the calendar of who asks."""

    times: tuple[AskedTime, ...]
    today: date
    zone: tzinfo

    def nearness(self, memory: Memory) -> float:
        """How surely ``memory`` was said at one of the times, or speaks of one, 0..1."""
        if not self.times:
            return 0.0
        said, spoken = memory.created_at.astimezone(self.zone).date(), period_of(memory.when)
        return max(
            asked.weight * max(float(asked.period.first <= said <= asked.period.last), _within(spoken, asked.period))
            for asked in self.times
        )

    @property
    def spans(self) -> tuple[Span, ...]:
        """The times as a store can look for them."""
        return tuple(
            Span(self._midnight(p.first), self._midnight(p.last + timedelta(days=1)), p.first, p.last)
            for p in (asked.period for asked in self.times)
        )

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time.min, self.zone).astimezone(UTC)

    @property
    def of_other_days(self) -> bool:
        """Whether another day than today is meant: "today" stands in many a question that asks for no memory."""
        return any(asked.period != Period.of_days(self.today) for asked in self.times)


def _within(spoken: Period | None, asked: Period) -> float:
    return 0.0 if spoken is None else asked.share_of(spoken)


def asked_times(query: str | None, now: datetime) -> AskedTimes:
    """The times that ``query`` names, seen from the day of ``now`` in its time zone."""
    zone = now.tzinfo
    if zone is None:
        raise ValueError("a time without a zone has no day")
    today = now.date()
    text = folded(query) if query and len(query) <= MOST_CHARACTERS else ""
    found = [*in_digits(text, today)]
    for place in _languages(text):
        if times := _read(text, _compiled(place), today):
            found += times
            break
    if _HAN.search(text):
        found += _read(text, _chinese(), today)
    sized = [replace(asked, weight=asked.weight * _exactness(asked.period)) for asked in found]
    within = [asked for asked in sized if asked.period.first >= _FIRST and asked.period.last < _LAST]
    return AskedTimes(tuple(within[:_MOST_TIMES]), today, zone)


def _exactness(period: Period) -> float:
    return next((weight for days, weight in _WEIGHTS if period.days <= days), _OF_LONGER)


def _languages(text: str) -> Sequence[int]:
    """The places of the languages that ``text`` may be in, the likeliest first; one of whose words none occurs only if
    that holds for all."""
    said = set(words(text))
    if not said:
        return ()
    marks = [(-len(said & language.marks), place) for place, language in enumerate(LANGUAGES)]
    likely = [pair for pair in marks if pair[0] < 0]
    return [place for _, place in sorted(likely or marks)]


_EVERY = (
    "every",
    "each",
    "jeden",
    "jede",
    "jedes",
    "chaque",
    "tous les",
    "cada",
    "todos los",
    "todo",
    "toda",
    "todos os",
)
_NOT_EVERY = "".join(f"(?<!\\b{word} )" for word in _EVERY)
"""What is done every Sunday has no day."""

_Patterns = list[tuple[re.Pattern[str], Rule, CalendarWords | None]]


def _read(text: str, patterns: _Patterns, today: date) -> list[AskedTime]:
    """What the expressions in ``text`` mean, none inside another. A date that the calendar lacks is none."""
    found = [(match, rule, language) for pattern, rule, language in patterns for match in pattern.finditer(text)]
    found.sort(key=lambda one: (one[0].start(), -one[0].end()))
    dates = [match.start() for match, rule, _ in found if rule in OF_A_DATE]
    times: list[AskedTime] = []
    end = 0
    for match, rule, language in found:
        named = rule is WEEKDAY and any(match.end() <= start <= match.end() + _NEXT_TO for start in dates)
        if match.start() < end or named:
            continue
        try:
            times += rule(match, language, today)
        except (ValueError, OverflowError):
            continue
        end = match.end()
    return times


@lru_cache(maxsize=1)
def _chinese() -> _Patterns:
    return [(re.compile(f"(?<!每){pattern}"), RULES[rule], None) for rule, pattern in CHINESE]


@lru_cache(maxsize=len(LANGUAGES))
def _compiled(place: int) -> _Patterns:
    """The patterns of the language at ``place``; built when a question first needs them."""
    language = LANGUAGES[place]
    units = "|".join(f"(?P<unit{n}>{unit})" for n, unit in enumerate(language.units))
    parts = {
        "days": f"(?P<days>{'|'.join(sorted(language.days, key=len, reverse=True))})",
        "count": rf"(?P<count>\d{{1,3}}|{'|'.join(language.numbers)})",
        "unit": f"(?:{units})",
        "weekend": f"(?P<weekend>{language.weekend})",
        "which": f"(?:(?P<last>{language.last})|(?P<this>{language.this})|(?P<next>{language.next}))",
        "weekday": f"(?:{'|'.join(f'(?P<weekday{n}>{name})' for n, name in enumerate(language.weekdays))})",
        "month": f"(?:{'|'.join(f'(?P<month{n}>{name})' for n, name in enumerate(language.months, start=1))})",
        "day": r"(?P<day>\d{1,2})",
        "year": r"(?P<year>(?:19|20)\d\d)",
    }
    return [
        (re.compile(rf"{_NOT_EVERY}(?<![\w-]){pattern.format(**parts)}(?![\w-])"), RULES[rule], language)
        for rule, pattern in language.patterns
    ]
