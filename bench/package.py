"""How much of Lambda's 250 MB the layer takes: the unzipped size of what ``make build`` (sam build) made.

Run: ``python -m bench.package``. Lambda counts the function and its layers together.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bench.report import table

LIMIT_BYTES = 250 * 1024 * 1024
BUILD = Path(__file__).resolve().parent.parent / ".aws-sam" / "build"
LAYER, MODEL_LAYER = "MemoryLayer", "EmbeddingModelLayer"
"""The layer of all functions, and the one that those that embed have with ``EMBEDDER=local``."""


def files(folder: Path) -> Iterator[tuple[Path, int]]:
    """Every file below ``folder``, relative to it, with its size in bytes."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(folder), path.stat().st_size


def main() -> int:
    """Print the layer's size by package, and layer plus each function against the limit."""
    layer = BUILD / LAYER
    if not layer.is_dir():
        print(f"There is no built layer in {BUILD}: run `make build` first.", file=sys.stderr)
        return 1
    by_package: Counter[str] = Counter()
    for path, size in files(layer):
        by_package[_package(path)] += size
    total = sum(by_package.values())
    rows = [[name, _megabytes(size)] for name, size in by_package.most_common(12)]
    rest = total - sum(size for _, size in by_package.most_common(12))
    rows.append([f"{max(0, len(by_package) - 12)} smaller ones", _megabytes(rest)])
    print(table(["package", "MB"], rows))
    print(f"\nlayer unzipped: {_megabytes(total)} MB of {_megabytes(LIMIT_BYTES)} MB ({total / LIMIT_BYTES:.0%})")
    model = sum(size for _, size in files(BUILD / MODEL_LAYER))
    if model:
        print(f"and that of EMBEDDER=local: {_megabytes(total + model)} MB")
    for function in sorted(p for p in BUILD.iterdir() if p.is_dir() and p.name not in (LAYER, MODEL_LAYER)):
        size = sum(size for _, size in files(function))
        print(f"  with {function.name}: {_megabytes(total + model + size)} MB")
    return 0 if total + model < LIMIT_BYTES else 1


def _package(path: Path) -> str:
    parts = path.parts[1:] if path.parts[0] == "python" else path.parts
    return parts[0].partition("-")[0].removesuffix(".py").removesuffix(".libs")


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:.1f}"


if __name__ == "__main__":
    sys.exit(main())
