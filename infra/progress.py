"""Tells a person how far a command is: on a terminal in one line, else in a line now and then."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

_EVERY_ON_A_TERMINAL, _EVERY = 0.5, 15.0
_HOUR, _MINUTE = 3600, 60


class Progress:
    """Counts what is done of ``total``, with the rate and the time left. Holds no text of memories."""

    def __init__(
        self,
        doing: str,
        total: int | None = None,
        *,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``doing``: what is done, such as ``copied``. ``total``: how many there are about; ``None``: not known."""
        self._doing = doing
        self._total = total
        self._stream = stream or sys.stderr
        self._clock = clock
        self._began = self._told = clock()
        self._open = False
        self.done = 0

    def add(self, count: int) -> None:
        """``count`` more are done."""
        self.done += count
        terminal, now = self._stream.isatty(), self._clock()
        if now - self._told < (_EVERY_ON_A_TERMINAL if terminal else _EVERY):
            return
        self._told = now
        line = self.line()
        self._stream.write(f"\r{line}\x1b[K" if terminal else f"{line}\n")
        self._stream.flush()
        self._open = terminal

    def line(self) -> str:
        """As it stands now, such as ``copied 1200 of 5000, 400 a second, 10 s left``."""
        seconds = self._clock() - self._began
        rate = self.done / seconds if seconds > 0 else 0.0
        of_all = "" if self._total is None else f" of {self._total}"
        told = f"{self._doing} {self.done}{of_all}, {rate:.0f} a second"
        if self._total is None or rate <= 0 or self._total <= self.done:
            return told
        return f"{told}, {_spoken((self._total - self.done) / rate)} left"

    def end(self) -> None:
        """Leave the line as it stands last."""
        if self._open:
            self._stream.write(f"\r{self.line()}\x1b[K\n")
            self._stream.flush()
            self._open = False


def _spoken(seconds: float) -> str:
    if seconds >= _HOUR:
        return f"{seconds / _HOUR:.1f} h"
    return f"{seconds / _MINUTE:.0f} min" if seconds >= 2 * _MINUTE else f"{seconds:.0f} s"
