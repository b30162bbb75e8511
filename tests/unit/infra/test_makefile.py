"""What make says to a newcomer whose Python does not fit, in a folder whose path has spaces."""

import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")

NEEDED = "Operator Memory needs Python 3.11, 3.12 or 3.13"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A fresh clone, as far as ``make setup`` reads it."""
    clone = tmp_path / "a path with spaces"
    (clone / "requirements").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", clone)
    for name in ("dev.lock", "models.lock", "sam.lock", "examples.lock"):
        (clone / "requirements" / name).touch()
    return clone


def _make(folder: Path, target: str, version: str | None) -> "subprocess.CompletedProcess[str]":
    """``make target`` with a ``python3`` that says it is ``version`` and can do nothing else (``None``: with none)."""
    programs = folder / "programs"
    programs.mkdir()
    for name in ("make", "sh", "echo", "touch"):
        (programs / name).symlink_to(str(shutil.which(name)))
    if version is not None:
        pretend = f"import sys; sys.version_info = ({version.replace('.', ', ')}); exec(sys.argv[1])"
        python = programs / "python3"
        python.write_text(
            "#!/bin/sh\n"
            'case "$1" in\n'
            f'  -c) exec {shlex.quote(sys.executable)} -c {shlex.quote(pretend)} "$2" ;;\n'
            '  *) echo "python3 $*"; exit 9 ;;\n'
            "esac\n"
        )
        python.chmod(0o755)
    environment = {"PATH": str(programs), "LC_ALL": "C"} | {k: v for k, v in os.environ.items() if k == "TMPDIR"}
    return subprocess.run(
        ["make", target], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("target", ["setup", "test", "check", "examples", ".venv-sam/bin/sam"])
@pytest.mark.parametrize("version", ["2.7.18", "3.6.9", "3.10.14", "3.14.0", "4.0.0"])
def test_a_python_that_does_not_fit_is_one_sentence(folder: Path, version: str, target: str) -> None:
    done = _make(folder, target, version)
    told, *_, ended = done.stderr.splitlines()
    short = version.rpartition(".")[0]
    assert told == f"{NEEDED}, but python3 is {short}. Name another one: make PYTHON=python3.12 ..."
    assert ended.startswith("make")
    assert done.returncode != 0
    assert done.stdout == "", "nothing is begun"


def test_no_python_is_one_sentence(folder: Path) -> None:
    done = _make(folder, "setup", None)
    assert done.stderr.splitlines()[0] == f"{NEEDED}, but there is no python3."
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("version", ["3.11.0", "3.12.7", "3.13.1"])
def test_one_that_fits_makes_the_environment(folder: Path, version: str) -> None:
    done = _make(folder, "setup", version)
    assert NEEDED not in done.stderr
    assert done.stdout.splitlines()[-1] == "python3 -m venv .venv"


def test_the_sentence_names_the_versions_that_the_project_is_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["requires-python"] == ">=3.11,<3.14"
