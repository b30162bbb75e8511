"""What a person is told while a command runs."""

import io
from functools import partial

from infra.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_it_tells_rate_and_time_left() -> None:
    now = [0.0]
    progress = Progress("copied", 5000, stream=io.StringIO(), clock=lambda: now[0])
    now[0] = 3.0
    progress.add(1200)
    assert progress.line() == "copied 1200 of 5000, 400 a second, 10 s left"
    now[0] = 300.0
    assert progress.line() == "copied 1200 of 5000, 4 a second, 16 min left"
    progress.add(3800)
    assert progress.line() == "copied 5000 of 5000, 17 a second"


def test_without_a_total_it_counts() -> None:
    progress = Progress("written", stream=io.StringIO(), clock=lambda: 0.0)
    assert progress.line() == "written 0, 0 a second"


def test_a_file_gets_a_line_now_and_then_and_a_terminal_one_line() -> None:
    for stream, expected in ((io.StringIO(), 2), (Terminal(), 0)):
        now = [0.0]
        progress = Progress("copied", 100, stream=stream, clock=partial(now.__getitem__, 0))
        for _ in range(100):
            now[0] += 0.4
            progress.add(1)
        assert stream.getvalue().count("\n") == expected
        progress.end()
    assert stream.getvalue().endswith("copied 100 of 100, 3 a second\x1b[K\n")


def test_hours_are_hours() -> None:
    now = [0.0]
    progress = Progress("copied", 100_000, stream=io.StringIO(), clock=lambda: now[0])
    now[0] = 100.0
    progress.add(100)
    assert progress.line().endswith("27.8 h left")
