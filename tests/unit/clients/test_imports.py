"""The client is shipped alone, runs on Python 3.10 and costs little to import."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROJECT = ROOT / "clients" / "python"
PACKAGE = PROJECT / "operator_memory_client"
FILES = sorted(PACKAGE.rglob("*.py"))

BARE = 130
"""Modules that importing the package may load beside those of a bare interpreter."""
WITH_CLIENT = 560
"""Modules with a client that has made a call: httpx and what it imports, and nothing of AWS or of models."""
HEAVY = {"boto3", "botocore", "pydantic", "openai", "jwt", "requests", "supabase", "operator_memory"}
ALLOWED = {"httpx", "httpcore", "anyio", "pydantic", "boto3", "botocore", "typing_extensions"}

LOADED = "import json, sys; before = set(sys.modules); {code}; print(json.dumps(sorted(set(sys.modules) - before)))"
CALL = """from operator_memory_client import AsyncMemoryClient, ClientSettings, MemoryClient
from operator_memory_client import messages, placement
settings = ClientSettings(url="http://127.0.0.1:9", token="t")
AsyncMemoryClient(settings); MemoryClient(settings).context("a")"""


def loaded_by(code: str) -> list[str]:
    """The modules that a fresh interpreter loads for ``code``."""
    command = [sys.executable, "-c", LOADED.format(code=code.replace("\n", "; "))]
    environment = {"PYTHONPATH": str(PROJECT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment)
    modules: list[str] = json.loads(done.stdout)
    return modules


def test_importing_the_package_loads_next_to_nothing() -> None:
    modules = loaded_by("import operator_memory_client")
    assert len(modules) <= BARE, f"{len(modules)} modules"
    assert {module.partition(".")[0] for module in modules} & (HEAVY | {"httpx", "asyncio"}) == set()


def test_a_context_needs_no_models_and_nothing_of_aws() -> None:
    modules = loaded_by(CALL)
    assert len(modules) <= WITH_CLIENT, f"{len(modules)} modules"
    assert {module.partition(".")[0] for module in modules} & HEAVY == set()


def test_models_are_not_built_before_they_are_used() -> None:
    code = "from operator_memory_client import models; assert not models.MemoryView.__pydantic_complete__"
    loaded_by(code)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_file_is_python_3_10_and_imports_what_the_package_declares(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"), feature_version=(3, 10))
    named = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    named += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    foreign = {name.partition(".")[0] for name in named} - set(sys.stdlib_module_names) - {"operator_memory_client"}
    assert foreign <= ALLOWED
    newer = {"datetime.UTC", "typing.Self", "enum.StrEnum", "typing.Unpack", "typing.assert_never"}
    imported = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported & newer == set()


def test_the_service_does_not_know_its_client() -> None:
    named = [path for path in (ROOT / "layers").rglob("*.py") if "operator_memory_client" in path.read_text("utf-8")]
    assert named == []


def test_no_pattern_needs_a_newer_python() -> None:
    """Possessive quantifiers and atomic groups came with 3.11."""
    newer = re.compile(r"[*+?}]\+[^\w\s\"'=,)]|\(\?>")
    patterns = [
        (path.name, node.value)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\\" in node.value
    ]
    assert patterns
    assert [found for found in patterns if newer.search(found[1])] == []
