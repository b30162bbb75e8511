"""Times as the platform's database writes them."""

from datetime import UTC, datetime

import pytest
from operator_memory_client.operator.times import _six_digits, moment_of


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-12-01T12:00:00.5+00:00", datetime(2026, 12, 1, 12, 0, 0, 500000, UTC)),
        ("2026-12-01T12:00:00.123456789Z", datetime(2026, 12, 1, 12, 0, 0, 123456, UTC)),
        ("2026-12-01 13:00:00+01:00", datetime(2026, 12, 1, 12, tzinfo=UTC)),
        ("2026-12-01T12:00:00", datetime(2026, 12, 1, 12, tzinfo=UTC)),
        (datetime(2026, 12, 1, 12), datetime(2026, 12, 1, 12, tzinfo=UTC)),  # noqa: DTZ001
    ],
)
def test_a_time_is_read(written: object, moment: datetime) -> None:
    assert moment_of(written) == moment


def test_fractions_are_made_readable_for_python_3_10() -> None:
    assert _six_digits("2026-12-01T12:00:00.5Z") == "2026-12-01T12:00:00.500000+00:00"


@pytest.mark.parametrize("written", ["", "yesterday", None])
def test_what_is_no_time_is_said(written: object) -> None:
    with pytest.raises(ValueError, match="Invalid isoformat"):
        moment_of(written)
