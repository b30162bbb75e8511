"""Copies the modules that client and service share: pure ones, whose only imports are each other.

The client is shipped alone, so it cannot import them from the service. They are written once, in the service.
"""

from pathlib import Path

MODULES = ("characters", "text", "fence", "message_content")
SOURCE = "operator_memory.domain"
TARGET = "operator_memory_client.shared"


def shared_modules(root: Path) -> dict[str, str]:
    """The text of each copy by its file's name: the original, with the imports of the client."""
    folder = root / "layers" / "memory" / "src" / SOURCE.replace(".", "/")
    return {f"{name}.py": _copy((folder / f"{name}.py").read_text("utf-8")) for name in MODULES}


def _copy(text: str) -> str:
    return "# A copy: see clients/generate/copies.py.\n" + text.replace(f"from {SOURCE}.", f"from {TARGET}.")
