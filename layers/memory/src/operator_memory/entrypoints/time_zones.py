"""Time zones by their name, also where the system has none: then those of pytz, which Mem0 brings along.

Loaded when a request first names a zone: it takes three milliseconds.
"""

import zoneinfo
from importlib.util import find_spec
from pathlib import Path


def zone_of(name: str) -> zoneinfo.ZoneInfo | None:
    """The zone of this name, or ``None`` if there is none."""
    _have_zones()
    try:
        return zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; no name at all; a folder of names
        return None


def _have_zones() -> None:
    if any(Path(folder).is_dir() for folder in zoneinfo.TZPATH):
        return
    pytz = find_spec("pytz")
    if pytz is not None and pytz.origin is not None:
        zoneinfo.reset_tzpath([Path(pytz.origin).parent / "zoneinfo"])
