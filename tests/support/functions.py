"""Functions as Lambda loads them, with something else in the place of what they would build."""

import importlib
import sys
from types import ModuleType

import pytest


def function(name: str, builder: str, part: object, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The function's module, freshly imported, with ``part`` in place of what it would build."""
    monkeypatch.setattr(f"operator_memory.entrypoints.wiring.{builder}", lambda: part)
    monkeypatch.delitem(sys.modules, f"functions.{name}.app", raising=False)
    return importlib.import_module(f"functions.{name}.app")
