"""The ``Prefer`` and ``Accept`` headers."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from devstack.supabase.errors import ApiError, unsupported


@dataclass(slots=True)
class Preferences:
    """What the caller prefers; ``applied`` lists what is honoured, for ``Preference-Applied``."""

    representation: bool = False
    count: bool = False
    resolution: Literal["merge", "ignore"] | None = None
    missing_default: bool = False
    max_affected: int | None = None
    applied: list[str] = field(default_factory=list)


def parse_preferences(headers: Iterable[str]) -> Preferences:
    """Read all ``Prefer`` headers. A preference that this front leaves out is an error, not a surprise.

    Raises:
        ApiError: 400, naming the preference.
    """
    preferences, strict, limit = Preferences(), False, None
    for text in (part.strip() for header in headers for part in header.split(",")):
        name, _, value = text.partition("=")
        if name == "max-affected" and value.isascii() and value.isdigit():
            limit = int(value)
        elif name == "handling" and value in ("strict", "lenient"):
            strict = value == "strict"
        elif text and not _apply(preferences, name, value):
            raise unsupported(f"Prefer: {text[:80]}")
    preferences.max_affected = limit if strict else None
    return preferences


def _apply(preferences: Preferences, name: str, value: str) -> bool:
    if name == "return" and value in ("representation", "minimal"):
        preferences.representation = value == "representation"
    elif (name, value) == ("count", "exact"):
        preferences.count = True
    elif (name, value) == ("resolution", "merge-duplicates"):
        preferences.resolution = "merge"
    elif (name, value) == ("resolution", "ignore-duplicates"):
        preferences.resolution = "ignore"
    elif name == "missing" and value in ("default", "null"):
        preferences.missing_default = value == "default"
    else:
        return False
    preferences.applied.append(f"{name}={value}")
    return True


def wants_object(accept: str) -> bool:
    """Whether one object is asked for instead of an array.

    Raises:
        ApiError: 406 for a media type that this front does not produce.
    """
    for text in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in text.split(";"))
        if "nulls=stripped" in parameters:
            raise unsupported("nulls=stripped")
        if kind == "application/vnd.pgrst.object+json":
            return True
        if kind in ("", "*/*", "application/*", "application/json", "application/vnd.pgrst.array+json"):
            return False
    raise ApiError(406, "PGRST107", f"None of these media types are available: {accept[:200]}")
