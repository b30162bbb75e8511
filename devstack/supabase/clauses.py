"""From a request's query string to one `Request`: what to select, narrow, sort and page."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from devstack.supabase.errors import ApiError
from devstack.supabase.syntax import (
    Clauses,
    Item,
    Star,
    parse_condition,
    parse_count,
    parse_logic,
    parse_names,
    parse_order,
    parse_select,
)

_TREES: dict[str, tuple[Literal["and", "or"], bool]] = {
    "and": ("and", False),
    "or": ("or", False),
    "not.and": ("and", True),
    "not.or": ("or", True),
}
_COUNT = {"limit": parse_count("limit"), "offset": parse_count("offset")}


@dataclass(slots=True)
class QueryString:
    """A parsed query string. ``columns`` and ``on_conflict`` matter to writes only."""

    items: tuple[Item, ...] = (Star(),)
    clauses: Clauses = field(default_factory=Clauses)
    columns: tuple[str, ...] | None = None
    on_conflict: tuple[str, ...] = ()


def parse_query_string(pairs: Iterable[tuple[str, str]]) -> QueryString:
    """Parse all parameters; whatever is no keyword is a filter on a column.

    Raises:
        ApiError: 400, naming what cannot be parsed or is not supported.
    """
    query = QueryString()
    for name, text in pairs:
        if "\0" in name or "\0" in text:
            raise ApiError(400, "22021", 'invalid byte sequence for encoding "UTF8": 0x00')
        if name == "select":
            query.items = parse_select(text)
        elif name == "columns":
            query.columns = parse_names("columns parameter", text)
        elif name == "on_conflict":
            query.on_conflict = parse_names("on_conflict parameter", text)
        else:
            _add_clause(query.clauses, name, text)
    return query


def _add_clause(clauses: Clauses, name: str, text: str) -> None:
    path, keyword = _addressed(name)
    if keyword in _TREES:
        operator, negated = _TREES[keyword]
        _at(clauses, path).where.append(parse_logic(operator, text, negated=negated))
    elif keyword == "order":
        _at(clauses, path).order.extend(parse_order(text))
    elif keyword == "limit":
        _at(clauses, path).limit = _COUNT[keyword](text)
    elif keyword == "offset":
        _at(clauses, path).offset = _COUNT[keyword](text)
    else:
        path, condition = parse_condition(name, text)
        _at(clauses, path).where.append(condition)


def _addressed(name: str) -> tuple[list[str], str]:
    """Split ``embed.order`` into the embed's path and the keyword (``not.or`` is one keyword)."""
    for keyword in ("not.and", "not.or", "and", "or", "order", "limit", "offset"):
        if name == keyword:
            return [], keyword
        if name.endswith(f".{keyword}") and '"' not in name:
            return name.removesuffix(f".{keyword}").split("."), keyword
    return [], ""


def _at(clauses: Clauses, path: list[str]) -> Clauses:
    for name in path:
        clauses = clauses.embedded.setdefault(name, Clauses())
    return clauses
