"""The operations guide's table of failures is what the tests inject."""

from tests.support.failures.table import GUIDE, with_table


def test_the_table_of_failures_is_that_of_the_tests() -> None:
    guide = GUIDE.read_text("utf-8")
    assert guide == with_table(guide), "run: make docs"
