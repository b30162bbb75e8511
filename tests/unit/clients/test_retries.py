"""When a call is made again, and what ``Retry-After`` means."""

from datetime import UTC, datetime

import pytest
from operator_memory_client.transport.retries import FIRST_PAUSE, MOST_RETRIES, http_date, pause_before, retry_after

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


def test_pauses_double_and_chance_shortens_them_by_half_at_most() -> None:
    pauses = [pause_before(n, left=10, retry_after=None, chance=0) for n in range(1, MOST_RETRIES + 1)]
    assert pauses == [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4]
    assert pause_before(1, left=10, retry_after=None, chance=1) == FIRST_PAUSE / 2


def test_there_is_an_end() -> None:
    assert pause_before(MOST_RETRIES + 1, left=10, retry_after=None, chance=0) is None


def test_nobody_waits_beyond_the_deadline() -> None:
    assert pause_before(1, left=FIRST_PAUSE, retry_after=None, chance=0) is None
    assert pause_before(1, left=0.5, retry_after=1, chance=0) is None
    assert pause_before(1, left=5, retry_after=1, chance=0) == 1 + FIRST_PAUSE


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("Tue, 01 Dec 2026 12:00:30 GMT", 30.0),
        ("Tue, 01 Dec 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("", None),
        ("9" * 400, 999_999_999.0),
    ],
)
def test_what_the_service_asks_for(header: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": header}, NOW) == seconds
    assert retry_after({}, NOW) is None


@pytest.mark.parametrize("text", ["", "Tue", "99 99 99", "Tue, 99 Dec 2026 12:00:30 GMT", "\u0660"])
def test_a_date_that_is_none(text: str) -> None:
    assert http_date(text) is None
