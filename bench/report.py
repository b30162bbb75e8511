"""What every benchmark prints: the state of the machine, and a table of medians, 95th percentiles and ratios."""

import os
import platform
import statistics
from collections.abc import Sequence
from importlib.metadata import version


def machine_state() -> str:
    """One line: Python, processors, load. Numbers of two runs compare only in the same state."""
    load = ", ".join(f"{x:.2f}" for x in os.getloadavg())
    return f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores, load average {load}"


def versions(*names: str) -> str:
    """Installed versions, e.g. ``mem0ai 2.2.1, qdrant-edge-py 0.9.0``."""
    return ", ".join(f"{name} {version(name)}" for name in names)


def percentile(values: Sequence[float], percent: int) -> float:
    """The ``percent``-th percentile (1..99) of at least two values, interpolated."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A text table: first column left, the others right aligned."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]

    def line(row: Sequence[str]) -> str:
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
        ]
        return "  ".join(cells).rstrip()

    return "\n".join([line(header), "  ".join("-" * width for width in widths), *map(line, rows)])


def milliseconds(seconds: float) -> str:
    """``12.3`` for 0.0123 seconds."""
    return f"{seconds * 1000:.1f}"
