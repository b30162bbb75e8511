"""What a function has been put together from: every value in it, by the part that holds it.

`values` walks what a ``build_*`` of the wiring returns: the fields of our parts, containers, and what functions have
closed over. So a test can say where a setting has arrived without knowing the way that it went.
"""

import functools
import types
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from openai import OpenAI
from operator_memory.adapters.net.http import HttpClient
from operator_memory.entrypoints.adapters_in_use import AdaptersInUse
from operator_memory.entrypoints.settings import Settings

Values = dict[str, set[str]]
"""``Part.field``: what is in it, as text; of a part of ours its class."""

MOST_KEYS = 20
"""Of a mapping whose keys are a part of the names; one with more is a table of something."""

_LEAVES = (str, int, float, bool, bytes, timedelta, type(None))
_SOURCES = (AdaptersInUse, Settings)
"""Where settings come from, which some part may still hold on to."""


def values(root: object) -> Values:
    """Every value in ``root``, by the nearest part of ours around it."""
    found: Values = {}
    for name, value in _walk(root, "", {}):
        found.setdefault(name, set()).add(repr(value))
    return found


def difference(one: Values, other: Values) -> set[str]:
    """The names whose values are not the same in both."""
    return {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}


def _walk(thing: object, name: str, seen: dict[int, object]) -> Iterator[tuple[str, object]]:
    if isinstance(thing, _LEAVES):
        yield name, thing
        return
    if _is_ours(thing):
        yield name, type(thing).__name__
    if id(thing) in seen or isinstance(thing, _SOURCES):
        return
    seen[id(thing)] = thing
    for child_name, child in _children(thing, name):
        yield from _walk(child, child_name, seen)


def _is_ours(thing: object) -> bool:
    return type(thing).__module__.partition(".")[0] in ("operator_memory", "tests")


def _children(thing: Any, name: str) -> Iterator[tuple[str, object]]:
    """What ``thing`` holds, each with the name that it has there."""
    if _is_ours(thing):
        part = name if name.endswith("]") else _part(thing)
        yield from ((f"{part}.{field}", child) for field, child in _fields(thing))
    elif isinstance(thing, OpenAI):
        yield f"{name}.base_url", str(thing.base_url)
        yield from ((f"{name}.{field}", getattr(thing, field)) for field in ("api_key", "timeout"))
    elif isinstance(thing, Mapping):
        named = len(thing) <= MOST_KEYS and all(isinstance(key, str) for key in thing)
        yield from ((f"{name}[{key}]" if named else name, child) for key, child in thing.items())
    else:
        yield from ((name, child) for child in _inside(thing))


def _inside(thing: Any) -> Iterator[object]:
    if isinstance(thing, (list, tuple, set, frozenset)):
        yield from thing
    elif isinstance(thing, types.MethodType):
        yield thing.__self__
    elif isinstance(thing, types.FunctionType):
        yield from (cell.cell_contents for cell in thing.__closure__ or ())
    elif isinstance(thing, functools.partial):
        yield from (thing.func, *thing.args, *thing.keywords.values())
    elif isinstance(thing, APIGatewayHttpResolver):
        yield from (route.func for route in thing._static_routes + thing._dynamic_routes)


def _part(thing: Any) -> str:
    """The class of a part; of a client also whose, by one name for clients of every kind."""
    system = getattr(thing, "_system", None)
    name = "HttpClient" if isinstance(thing, HttpClient) else type(thing).__name__
    return f"{name}({system})" if isinstance(system, str) else name


def _fields(thing: object) -> Iterator[tuple[str, object]]:
    slots = [base.__dict__.get("__slots__", ()) for base in type(thing).__mro__]
    names = [*getattr(thing, "__dict__", ()), *(name for names in slots for name in names)]
    for name in dict.fromkeys(names):
        if hasattr(thing, name):
            yield name, getattr(thing, name)
