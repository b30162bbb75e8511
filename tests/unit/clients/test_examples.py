"""The examples are short, and the documents lead to them."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = sorted((ROOT / "clients" / "python" / "examples").glob("*.py"))
MOST_LINES = 59


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_read_in_a_minute(example: Path) -> None:
    assert len(example.read_text("utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("example", [path for path in EXAMPLES if not path.name.startswith("stand_in")], ids=str)
def test_the_guide_walks_through_it(example: Path) -> None:
    assert f"examples/{example.name}" in (ROOT / "docs" / "integrate.md").read_text("utf-8")
