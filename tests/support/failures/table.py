"""The failures that extraction survives: each a test that injects it, and a line of the table in the operations guide.

``python -m tests.support.failures.table`` writes the table into ``docs/operations.md``; a test compares.
"""

import importlib
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import tests.failures

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "operations.md"
START, END = "<!-- failures: generated from tests/failures -->", "<!-- failures: end -->"
PARTS = ("Model", "Embedder", "Qdrant", "Supabase", "DynamoDB", "Events queue", "Lambda", "Queue")


@dataclass(frozen=True, slots=True)
class Failure:
    """A line of the table. ``then``: what happens to the run; ``reason``: as the job's record and letters say it."""

    part: str
    what: str
    then: str
    reason: str


F = TypeVar("F", bound=Callable[..., Any])


def injects(part: str, what: str, *, then: str, reason: str = "") -> Callable[[F], F]:
    """Mark a test that injects a failure."""
    if part not in PARTS:
        raise ValueError(part)

    def mark(test: F) -> F:
        vars(test)["injected"] = Failure(part, what, then, reason)
        return test

    return mark


def failures() -> list[Failure]:
    """Those of all test modules, by part, else as written: read off the modules, so whatever was imported before."""
    names = sorted(module.name for module in pkgutil.iter_modules(tests.failures.__path__))
    modules = [importlib.import_module(f"tests.failures.{name}") for name in names if name.startswith("test_")]
    marked = [getattr(test, "injected", None) for module in modules for test in vars(module).values()]
    return sorted((failure for failure in marked if failure), key=lambda f: PARTS.index(f.part))


def table() -> str:
    """The table, Markdown."""
    lines = ["| part | what happens to it | what becomes of the run | `error` in the job |", "|---|---|---|---|"]
    for failure in failures():
        reason = f"`{failure.reason}`" if failure.reason else ""
        lines.append(f"| {failure.part} | {failure.what} | {failure.then} | {reason} |")
    return "\n".join(lines)


def with_table(guide: str) -> str:
    """``guide`` with the table as it is now."""
    replaced, found = re.subn(
        f"{re.escape(START)}.*?{re.escape(END)}", lambda _: f"{START}\n{table()}\n{END}", guide, flags=re.DOTALL
    )
    if found != 1:
        raise ValueError(f"{START} must stand once in {GUIDE.name}")
    return replaced


def main() -> None:
    """Write the table into the guide."""
    GUIDE.write_text(with_table(GUIDE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
