"""From what stands in an environment variable to a setting's value. Standard library only, as ``settings``."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit


def parsed(raw: str, kind: object, meta: Mapping[str, Any]) -> bool | int | str:
    """The value of a variable of type ``kind`` (a type or its name) that is set to ``raw``.

    ``meta`` is that of its field in ``Settings``.

    Raises:
        ValueError: saying what the value must be.
    """
    if kind in (bool, "bool"):
        lowered = raw.lower()
        if lowered not in ("true", "false", "1", "0"):
            raise ValueError("must be true or false")
        return lowered in ("true", "1")
    if kind in (int, "int"):
        return _parsed_int(raw, meta)
    if meta["choices"] and raw not in meta["choices"]:
        raise ValueError(f"must be one of {', '.join(filter(None, meta['choices']))}")
    form, sentence = meta["form"]
    if form and not re.fullmatch(form, raw):
        raise ValueError(sentence)
    return _checked_url(raw) if meta["env"].endswith("_URL") else raw


def _checked_url(raw: str) -> str:
    """``raw``, if a client can use it. The value is not echoed: it may hold a password."""
    try:
        parts = urlsplit(raw)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        usable = usable and not re.search(r"\s", raw)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be an address that starts with http:// or https://")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must not hold a user name, a query or a fragment")
    return raw


def _parsed_int(raw: str, meta: Mapping[str, Any]) -> int:
    low, high = meta["within"]
    if not re.fullmatch(r"-?[0-9]{1,9}", raw) or not low <= int(raw) <= high:
        raise ValueError(f"must be a whole number from {low} to {high}")
    return int(raw)
