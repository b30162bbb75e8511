"""Writes the generated documents: ``python -m operator_memory.entrypoints.contracts.generate [--check] [ROOT]``.

With ``--check`` nothing is written, and the exit code is 1 if a document is missing or stale.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from operator_memory.entrypoints.api.openapi import document
from operator_memory.entrypoints.contracts.context import REQUEST_SCHEMA
from operator_memory.entrypoints.contracts.job import JobBody
from operator_memory.entrypoints.settings_table import settings_page


def documents() -> dict[str, str]:
    """Every generated document: its path below the project's root, and its text."""
    job_schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **JobBody.model_json_schema()}
    return {
        "docs/settings.md": settings_page(),
        "docs/openapi.json": _json(document()),
        "docs/schemas/run-job.schema.json": _json(job_schema),
        "docs/schemas/context-request.schema.json": _json(REQUEST_SCHEMA),
    }


def _json(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def stale(root: Path) -> list[str]:
    """The paths of documents below ``root`` that are missing or differ from what would be written."""
    return [
        name
        for name, text in documents().items()
        if not (root / name).is_file() or (root / name).read_text(encoding="utf-8") != text
    ]


def main(arguments: list[str]) -> int:
    """Write or check; returns the exit code."""
    paths = [argument for argument in arguments if not argument.startswith("--")]
    root = Path(paths[0]) if paths else Path.cwd()
    if "--check" in arguments:
        names = stale(root)
        for name in names:
            sys.stderr.write(f"{name} is stale: run make docs\n")
        return 1 if names else 0
    for name, text in documents().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"wrote {name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
