"""PostgREST's query languages (select, filters, logic, order) parsed into plain values.

Nothing here touches SQL: names and values stay data until `statements` binds them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from devstack.supabase.errors import ApiError, unparsable, unsupported

OPERATORS = ("eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "is", "in", "cs", "cd", "ov")
_KNOWN_BUT_LEFT_OUT = (
    "fts", "plfts", "phfts", "wfts", "match", "imatch", "isdistinct", "sl", "sr", "nxr", "nxl", "adj", "all", "any",
)  # fmt: skip
IS_VALUES = ("null", "not_null", "true", "false", "unknown")
MAX_NESTING = 20


@dataclass(frozen=True, slots=True)
class Field:
    """A column, and optionally a path into its JSON: ``(("->", "a"), ("->>", 0))``."""

    column: str
    path: tuple[tuple[Literal["->", "->>"], str | int], ...] = ()

    @property
    def output_name(self) -> str:
        """The name PostgREST gives the value: the last key of the path, else the column's."""
        keys = [key for _, key in self.path if isinstance(key, str)]
        return keys[-1] if keys else self.column


@dataclass(frozen=True, slots=True)
class Star:
    """All columns."""


@dataclass(frozen=True, slots=True)
class Column:
    """One selected value."""

    field: Field
    alias: str | None = None
    cast: str | None = None


@dataclass(frozen=True, slots=True)
class Embed:
    """Rows of a related table: ``alias:target!hint!inner(items)``."""

    target: str
    items: tuple["Item", ...]
    alias: str | None = None
    hint: str | None = None
    inner: bool = False

    @property
    def name(self) -> str:
        """The key in the result, and what filters on it are addressed to."""
        return self.alias or self.target


Item = Star | Column | Embed


@dataclass(frozen=True, slots=True)
class Condition:
    """``field operator value``; for ``in`` the value is a tuple."""

    field: Field
    operator: str
    value: str | tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Logic:
    """``and`` or ``or`` of terms."""

    operator: Literal["and", "or"]
    terms: tuple["Term", ...]
    negated: bool = False


Term = Condition | Logic


@dataclass(frozen=True, slots=True)
class Order:
    """One sort key. ``nulls_first`` ``None`` leaves it to Postgres (last when ascending)."""

    field: Field
    descending: bool = False
    nulls_first: bool | None = None


@dataclass(slots=True)
class Clauses:
    """What narrows and sorts one table's rows; ``embedded`` holds the same for embeds, by name."""

    where: list[Term] = field(default_factory=list)
    order: list[Order] = field(default_factory=list)
    limit: int | None = None
    offset: int = 0
    embedded: dict[str, "Clauses"] = field(default_factory=dict)


class _Reader:
    """A cursor over one parameter's text."""

    def __init__(self, what: str, text: str) -> None:
        self.what, self.text, self.at = what, text, 0

    def error(self, expected: str) -> ApiError:
        return unparsable(self.what, self.text, expected)

    def ahead(self, token: str) -> bool:
        return self.text.startswith(token, self.at)

    def accept(self, token: str) -> bool:
        if found := self.ahead(token):
            self.at += len(token)
        return found

    def expect(self, token: str) -> None:
        if not self.accept(token):
            raise self.error(f'"{token}" at position {self.at}')

    @property
    def done(self) -> bool:
        return self.at >= len(self.text)

    def until(self, *stops: str) -> str:
        start = self.at
        while not self.done and not any(self.ahead(stop) for stop in stops):
            self.at += 1
        return self.text[start : self.at]

    def quoted(self) -> str:
        self.expect('"')
        characters: list[str] = []
        while not self.accept('"'):
            self.accept("\\")
            if self.done:
                raise self.error("a closing quote")
            characters.append(self.text[self.at])
            self.at += 1
        return "".join(characters)

    def name(self, *stops: str) -> str:
        found = self.quoted() if self.ahead('"') else self.until(*stops).strip()
        if not found:
            raise self.error(f"a name at position {self.at}")
        return found

    def field(self, *stops: str) -> Field:
        column = self.name("->", *stops)
        path: list[tuple[Literal["->", "->>"], str | int]] = []
        while self.ahead("->"):
            arrow: Literal["->", "->>"] = "->>" if self.accept("->>") else "->"
            if arrow == "->":
                self.expect("->")
            quoted = self.ahead('"')
            key = self.name("->", *stops)
            is_index = not quoted and key.lstrip("-").isascii() and key.lstrip("-").isdigit()
            path.append((arrow, int(key) if is_index and len(key) < 10 else key))
        return Field(column, tuple(path))


def parse_select(text: str) -> tuple[Item, ...]:
    """``select=``: columns with renames, casts and JSON paths, and embedded tables."""
    reader = _Reader("select parameter", text)
    items = () if not text else _items(reader, 0)
    if not reader.done:
        raise reader.error("the end of the list")
    return items or (Star(),)


def _items(reader: _Reader, depth: int) -> tuple[Item, ...]:
    if depth > MAX_NESTING:
        raise reader.error(f"at most {MAX_NESTING} levels of embedding")
    items = [_item(reader, depth)]
    while reader.accept(","):
        items.append(_item(reader, depth))
    return tuple(items)


def _item(reader: _Reader, depth: int) -> Item:
    if reader.accept("*"):
        return Star()
    if reader.ahead("..."):
        raise unsupported("spread embeds (...table)")
    stops = (":", "(", ")", ",", "!")
    alias: str | None = None
    value = reader.field(*stops)
    if not reader.ahead("::") and reader.accept(":"):
        alias, value = value.column, reader.field(*stops)
    if reader.ahead("!") or reader.ahead("("):
        return _embed(reader, value, alias, depth)
    cast = reader.until(",", ")", "(") if reader.accept("::") else None
    return Column(value, alias, cast)


def _embed(reader: _Reader, value: Field, alias: str | None, depth: int) -> Embed:
    if value.path or "." in value.column or value.column == "count":
        raise unsupported("aggregate functions")
    hint, inner = None, False
    while reader.accept("!"):
        modifier = reader.name("!", "(", ",", ")")
        if modifier == "inner":
            inner = True
        elif modifier != "left":
            hint = modifier
    reader.expect("(")
    items: tuple[Item, ...] = () if reader.ahead(")") else _items(reader, depth + 1)
    reader.expect(")")
    return Embed(value.column, items, alias, hint, inner)


def parse_condition(name: str, text: str) -> tuple[list[str], Condition]:
    """``embed.column->>key=op.value``: the path of embeds it is addressed to, and the condition."""
    reader = _Reader("filter", name)
    *path, column = _dotted(reader)
    reader = _Reader("filter", text)
    negated, operator = _operator(reader)
    if operator == "in":
        value: str | tuple[str, ...] = _list(reader)
        if not reader.done:
            raise reader.error("the end of the list")
    else:
        value = text[reader.at :]
    return [part.column for part in path], _checked(Condition(column, operator, value, negated), reader)


def _dotted(reader: _Reader) -> list[Field]:
    parts = [reader.field(".")]
    while reader.accept("."):
        parts.append(reader.field("."))
    if not reader.done:
        raise reader.error("a column")
    return parts


def _operator(reader: _Reader) -> tuple[bool, str]:
    negated = reader.accept("not.")
    operator = reader.until(".")
    bare = operator.partition("(")[0]
    if bare in _KNOWN_BUT_LEFT_OUT or (bare in OPERATORS and "(" in operator):
        raise unsupported(f"the filter operator {operator}")
    if operator not in OPERATORS or reader.done:
        raise reader.error("operator (eq, gt, ...) and a value")
    reader.expect(".")
    return negated, operator


def _checked(condition: Condition, reader: _Reader) -> Condition:
    if condition.operator == "is" and str(condition.value).lower() not in IS_VALUES:
        raise reader.error("null, not_null, true, false or unknown")
    return condition


def _list(reader: _Reader) -> tuple[str, ...]:
    reader.expect("(")
    if reader.accept(")"):
        return ()
    values: list[str] = []
    while True:
        values.append(reader.quoted() if reader.ahead('"') else reader.until(",", ")"))
        if reader.accept(")"):
            return tuple(values)
        reader.expect(",")


def parse_logic(operator: Literal["and", "or"], text: str, *, negated: bool) -> Logic:
    """``or=(a.eq.1,and(b.gt.2,c.is.null))``."""
    reader = _Reader("logic tree", text)
    logic = _logic(reader, operator, negated, 0)
    if not reader.done:
        raise reader.error("the end of the tree")
    return logic


def _logic(reader: _Reader, operator: Literal["and", "or"], negated: bool, depth: int) -> Logic:
    if depth > MAX_NESTING:
        raise reader.error(f"at most {MAX_NESTING} levels")
    reader.expect("(")
    terms = [_term(reader, depth)]
    while reader.accept(","):
        terms.append(_term(reader, depth))
    reader.expect(")")
    return Logic(operator, tuple(terms), negated)


def _term(reader: _Reader, depth: int) -> Term:
    for prefix, operator, negated in _TREES:
        if reader.ahead(prefix + "("):
            reader.expect(prefix)
            return _logic(reader, operator, negated, depth + 1)
    field_ = reader.field(".", ",", "(", ")")
    reader.expect(".")
    negated, name = _operator(reader)
    value = _list(reader) if name == "in" else _tree_value(reader)
    return _checked(Condition(field_, name, value, negated), reader)


_TREES: tuple[tuple[str, Literal["and", "or"], bool], ...] = (
    ("and", "and", False),
    ("or", "or", False),
    ("not.and", "and", True),
    ("not.or", "or", True),
)


def _tree_value(reader: _Reader) -> str:
    if reader.ahead('"'):
        return reader.quoted()
    if reader.ahead("{"):
        value = reader.until("}")
        reader.expect("}")
        return value + "}"
    return reader.until(",", ")")


def parse_order(text: str) -> list[Order]:
    """``order=a.desc.nullslast,b->>c``."""
    reader = _Reader("order", text)
    orders = [_order(reader)]
    while reader.accept(","):
        orders.append(_order(reader))
    if not reader.done:
        raise reader.error("a comma")
    return orders


def _order(reader: _Reader) -> Order:
    column = reader.field(".", ",", "(")
    if reader.ahead("("):
        raise unsupported("order by a column of an embedded table")
    descending, nulls_first = False, None
    if reader.accept(".desc"):
        descending = True
    else:
        reader.accept(".asc")
    if reader.accept(".nullsfirst"):
        nulls_first = True
    elif reader.accept(".nullslast"):
        nulls_first = False
    return Order(column, descending, nulls_first)


def parse_count(name: str) -> Callable[[str], int]:
    """A parser of ``limit`` or ``offset``: a whole number, 0 or more, that fits into 64 bits."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or len(text) > 18:
            raise unparsable(f"{name} parameter", text[:40], "a whole number")
        return int(text)

    return parse


def parse_names(what: str, text: str) -> tuple[str, ...]:
    """A comma-separated list of column names (``columns``, ``on_conflict``)."""
    reader = _Reader(what, text)
    names = [reader.name(",")]
    while reader.accept(","):
        names.append(reader.name(","))
    if not reader.done:
        raise reader.error("a comma")
    return tuple(names)
