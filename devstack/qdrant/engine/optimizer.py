"""Optimises a copy of a shard in a process of its own: the engine's ``optimize`` holds Python's lock, for
seconds at 30,000 points, and nothing else in its process runs meanwhile.

``python -m devstack.qdrant.engine.optimizer SHARD DEFINITION_FILE`` is that process.
"""

import os
import subprocess
import sys
from pathlib import Path

import qdrant_edge as edge

from devstack.qdrant.engine.definition import Definition

_NICENESS = 10
_ROOT = Path(__file__).resolve().parents[3]


def start(shard: Path, definition: Path) -> subprocess.Popen[str]:
    """Start optimising the shard in ``shard``, which nobody has open, by its collection's definition file."""
    command = [sys.executable, "-m", "devstack.qdrant.engine.optimizer", str(shard), str(definition)]
    return subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> None:
    """Wait for it.

    Raises:
        RuntimeError: with what it said, if it failed or was stopped.
    """
    _, said = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"optimising ended with {process.returncode}: {said.strip()}")


def _main() -> None:
    os.nice(_NICENESS)  # it may take every core there is, but only while nobody else wants one
    shard_folder, definition_file = sys.argv[1:]
    shard = edge.EdgeShard.load(shard_folder, Definition.load(Path(definition_file)).engine_config())
    shard.optimize()
    shard.flush()
    shard.close()


if __name__ == "__main__":
    _main()
