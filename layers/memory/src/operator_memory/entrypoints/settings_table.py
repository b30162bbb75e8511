"""The settings as a Markdown page, from the dataclass that defines them."""

from dataclasses import Field, fields
from typing import Any

from operator_memory.entrypoints.settings import Settings

_INTRODUCTION = """# Settings

All settings are environment variables, read and checked when a function starts. A value that is missing or
contradicts another stops the start with a sentence that says what to set. This page is generated from
`entrypoints/settings.py` (`make docs`).

A secret can be given directly only on one machine. In AWS, set the variable that ends in `_PARAMETER` to the name
of an SSM SecureString; the function reads it with its own role and reads it again every five minutes.

| Variable | Type | Default | Meaning |
|---|---|---|---|
"""


def settings_page() -> str:
    """``docs/settings.md``: one row a variable."""
    return _INTRODUCTION + "".join(map(_row, fields(Settings)))


def _row(spec: Field[Any]) -> str:
    meta, default = spec.metadata, spec.default
    kind = {bool: "true/false", int: "whole number"}.get(type(default), "text")
    if meta["within"] is not None:
        kind += ", {} to {}".format(*meta["within"])
    if meta["choices"]:
        kind = " or ".join(f"`{choice}`" for choice in meta["choices"] if choice)
    if meta["secret"]:
        kind += ", secret"
    shown = f"`{str(default).lower() if isinstance(default, bool) else default}`" if default != "" else ""
    return f"| `{meta['env']}` | {kind} | {shown} | {meta['description']} |\n"
