"""Style, types and the directions of imports, as `make lint` checks them: here they run beside the other tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
CHECKS = {
    "style": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
    "imports": ["lint-imports"],
}


@pytest.mark.parametrize("check", CHECKS)
def test_static_check(check: str) -> None:
    program, *arguments = CHECKS[check]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "layers/memory/src")}
    done = subprocess.run(
        [BIN / program, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_make_lint_checks_the_same() -> None:
    recipes = (ROOT / "Makefile").read_text("utf-8").splitlines()
    linted = [line.rpartition("$(BIN)/")[2] for line in recipes if line.startswith("\t")]
    assert [command for command in CHECKS.values() if " ".join(command) not in linted] == []
