"""Writes the generated files of the client, or with ``--check`` says which are stale."""

import json
import subprocess
import sys
from pathlib import Path

from clients.generate.copies import shared_modules
from clients.generate.document import operations
from clients.generate.methods import methods_module, routes_module
from clients.generate.models import models_module, types_module

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path("clients/python/operator_memory_client")


def files(root: Path = ROOT) -> dict[str, str]:
    """Every generated file: its path below the project's root, and its text."""
    document = json.loads((root / "docs" / "openapi.json").read_text("utf-8"))
    routes = operations(document)
    texts = {
        "models.py": models_module(document, routes),
        "api/types.py": types_module(document, routes),
        "api/routes.py": routes_module(routes),
        "api/methods.py": methods_module(document, routes, blocking=True),
        "api/async_methods.py": methods_module(document, routes, blocking=False),
    }
    texts = {name: _formatted(name, text) for name, text in texts.items()}
    texts |= {f"shared/{name}": text for name, text in shared_modules(root).items()}
    return {str(PACKAGE / name): text for name, text in texts.items()}


def _formatted(name: str, text: str) -> str:
    """As the project's formatter lays it out; without it nothing is written."""
    for command in (["check", "--fix-only", "--quiet"], ["format", "--quiet"]):
        ruff = [str(Path(sys.executable).parent / "ruff"), *command, "--stdin-filename", str(ROOT / PACKAGE / name)]
        text = subprocess.run([*ruff, "-"], input=text, capture_output=True, text=True, check=True, timeout=60).stdout  # noqa: S603
    return text


def stale(root: Path = ROOT) -> list[str]:
    """The paths of files that are missing or differ from what would be written."""
    return [
        name
        for name, text in files(root).items()
        if not (root / name).is_file() or (root / name).read_text("utf-8") != text
    ]


def main(arguments: list[str]) -> int:
    """Write or check; returns the exit code."""
    if "--check" in arguments:
        names = stale()
        for name in names:
            sys.stderr.write(f"{name} is stale: run make docs\n")
        return 1 if names else 0
    for name, text in files().items():
        (ROOT / name).write_text(text, "utf-8")
        sys.stdout.write(f"wrote {name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
