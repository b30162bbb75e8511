"""Time zones by their name, on systems with and without a table of them."""

import zoneinfo
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from operator_memory.entrypoints.time_zones import zone_of


@pytest.fixture
def no_table(tmp_path: Path) -> Iterator[None]:
    """A system without time zones."""
    usual = zoneinfo.TZPATH
    zoneinfo.reset_tzpath([tmp_path / "nothing"])
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath(usual)
    zoneinfo.ZoneInfo.clear_cache()


def in_berlin() -> timedelta | None:
    zone = zone_of("Europe/Berlin")
    return datetime(2026, 7, 1, tzinfo=zone).utcoffset() if zone else None


def test_a_zone_is_found_by_its_name() -> None:
    assert in_berlin() == timedelta(hours=2)


@pytest.mark.usefixtures("no_table")
def test_where_the_system_has_none_the_layers_are_used() -> None:
    assert in_berlin() == timedelta(hours=2)


@pytest.mark.parametrize("name", ["", "Europe", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "a\x00b", "\ud800"])
def test_any_other_name_is_none(name: str) -> None:
    assert zone_of(name) is None
