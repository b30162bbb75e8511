"""From a parsed request to one SQL statement. Names become quoted identifiers, values become parameters.

Every statement returns one row ``(body text, rows bigint, total bigint or null)``: Postgres itself makes the
JSON, as under PostgREST, so that every type looks the same.
"""

from dataclasses import dataclass, field
from typing import LiteralString

from psycopg import sql

from devstack.supabase.catalog import Catalog, ForeignKey, Table
from devstack.supabase.errors import ApiError, unsupported
from devstack.supabase.syntax import Clauses, Column, Condition, Embed, Field, Item, Order, Star, Term

_OPERATORS: dict[str, LiteralString] = {
    "eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=",
    "like": "LIKE", "ilike": "ILIKE", "cs": "@>", "cd": "<@", "ov": "&&",
}  # fmt: skip
_IS: dict[str, LiteralString] = {
    "null": "IS NULL",
    "not_null": "IS NOT NULL",
    "true": "IS TRUE",
    "false": "IS FALSE",
    "unknown": "IS UNKNOWN",
}
_CASTS: dict[str, LiteralString] = {
    name: name
    for name in (
        "text", "varchar", "integer", "int", "int2", "int4", "int8", "bigint", "smallint", "numeric", "real",
        "float4", "float8", "boolean", "bool", "uuid", "date", "time", "timestamp", "timestamptz", "interval",
        "json", "jsonb",
    )
}  # fmt: skip


@dataclass(slots=True)
class Statement:
    """SQL text with named placeholders, and their values."""

    sql: sql.Composable
    values: dict[str, object]


@dataclass(slots=True)
class Binder:
    """Collects values; each becomes a named placeholder."""

    values: dict[str, object] = field(default_factory=dict)

    def bind(self, value: object) -> sql.Placeholder:
        name = f"p{len(self.values)}"
        self.values[name] = value
        return sql.Placeholder(name)


def ident(*names: str) -> sql.Identifier:
    """A quoted identifier. ``%`` is doubled because the statement always goes through placeholders."""
    return sql.Identifier(*(name.replace("%", "%%") for name in names))


def catalog_text(text: str) -> sql.SQL:
    """SQL text that Postgres's own catalog gave us (a type, a default): the only text taken as it is."""
    return sql.SQL(text.replace("%", "%%"))


class Selection:
    """Builds the parts of a SELECT over one table and its embeds. ``qualifier`` names the table's rows."""

    def __init__(self, catalog: Catalog, binder: Binder) -> None:
        self._catalog = catalog
        self._binder = binder

    def columns(
        self, items: tuple[Item, ...], table: Table | None, qualifier: str, clauses: Clauses, depth: int = 0
    ) -> sql.Composable:
        """The select list. ``table`` is ``None`` for a function's result, which has no relations."""
        names = {item.name for item in items if isinstance(item, Embed)}
        for name in clauses.embedded.keys() - names:
            raise ApiError(
                400,
                "PGRST108",
                f"'{name}' is not an embedded resource in this request",
                hint=f"Verify that '{name}' is included in the 'select' query parameter.",
            )
        return sql.SQL(", ").join(self._column(item, table, qualifier, clauses, depth) for item in items)

    def _column(self, item: Item, table: Table | None, qualifier: str, clauses: Clauses, depth: int) -> sql.Composable:
        if isinstance(item, Star):
            return sql.SQL("{}.*").format(ident(qualifier))
        if isinstance(item, Embed):
            value = self._embedded(item, table, qualifier, clauses, depth)
            return sql.SQL("{} AS {}").format(value, ident(item.name))
        return self._plain(item, qualifier)

    def _plain(self, item: Column, qualifier: str) -> sql.Composable:
        value = self.field(item.field, qualifier)
        if item.cast is not None:
            if item.cast not in _CASTS:
                raise unsupported(f"a cast to {item.cast!r}")
            value = sql.SQL("CAST({} AS {})").format(value, sql.SQL(_CASTS[item.cast]))
        return sql.SQL("{} AS {}").format(value, ident(item.alias or item.field.output_name))

    def _embedded(
        self, embed: Embed, table: Table | None, qualifier: str, clauses: Clauses, depth: int
    ) -> sql.Composable:
        related, one, join, alias = self._relation(embed, table, qualifier, depth)
        inner = clauses.embedded.get(embed.name, Clauses())
        rows = sql.SQL("SELECT {} FROM {} AS {} WHERE {}{}").format(
            self.columns(embed.items, related, alias, inner, depth + 1),
            ident(related.schema, related.name),
            ident(alias),
            sql.SQL(" AND ").join([join, self.where(embed.items, related, alias, inner, depth + 1)]),
            self.page(inner, alias),
        )
        aggregate = sql.SQL("row_to_json(e)" if one else "coalesce(json_agg(e), '[]')")
        return sql.SQL("(SELECT {} FROM ({}) AS e)").format(aggregate, rows)

    def _relation(
        self, embed: Embed, table: Table | None, qualifier: str, depth: int
    ) -> tuple[Table, bool, sql.Composable, str]:
        """The related table, whether it has one row at most, how it joins, and its alias."""
        if table is None:
            raise unsupported("embedding in the result of a function")
        key, forward = _foreign_key(self._catalog, table, embed)
        related = self._catalog.tables[table.schema, embed.target]
        alias = f"{related.name[:50]}_{depth + 1}"
        mine, theirs = (key.source_columns, key.target_columns) if forward else (key.target_columns, key.source_columns)
        join = sql.SQL(" AND ").join(
            sql.SQL("{} = {}").format(ident(alias, there), ident(qualifier, here))
            for here, there in zip(mine, theirs, strict=True)
        )
        return related, forward or set(theirs) == set(related.primary_key), join, alias

    def where(
        self, items: tuple[Item, ...], table: Table | None, qualifier: str, clauses: Clauses, depth: int = 0
    ) -> sql.Composable:
        """The condition: the filters, and for ``!inner`` embeds that a related row exists."""
        terms = [self._term(term, qualifier) for term in clauses.where]
        for embed in items:
            if isinstance(embed, Embed) and embed.inner:
                related, _, join, alias = self._relation(embed, table, qualifier, depth)
                inner = clauses.embedded.get(embed.name, Clauses())
                terms.append(
                    sql.SQL("EXISTS (SELECT FROM {} AS {} WHERE {} AND {})").format(
                        ident(related.schema, related.name),
                        ident(alias),
                        join,
                        self.where(embed.items, related, alias, inner, depth + 1),
                    )
                )
        return sql.SQL(" AND ").join(terms) if terms else sql.SQL("TRUE")

    def _term(self, term: Term, qualifier: str) -> sql.Composable:
        if isinstance(term, Condition):
            text = self._condition(term, qualifier)
        else:
            joined = sql.SQL(" AND " if term.operator == "and" else " OR ")
            text = sql.SQL("({})").format(joined.join(self._term(part, qualifier) for part in term.terms))
        return sql.SQL("NOT ({})").format(text) if term.negated else text

    def _condition(self, condition: Condition, qualifier: str) -> sql.Composable:
        left, operator, value = self.field(condition.field, qualifier), condition.operator, condition.value
        if isinstance(value, tuple):
            if not value:
                return sql.SQL("FALSE")
            values = sql.SQL(", ").join(self._binder.bind(one) for one in value)
            return sql.SQL("{} IN ({})").format(left, values)
        if operator == "is":
            return sql.SQL("{} {}").format(left, sql.SQL(_IS[value.lower()]))
        if operator in ("like", "ilike"):
            value = value.replace("*", "%")
        return sql.SQL("{} {} {}").format(left, sql.SQL(_OPERATORS[operator]), self._binder.bind(value))

    def field(self, value: Field, qualifier: str) -> sql.Composable:
        """A column, or what a JSON path finds in it."""
        column: sql.Composable = ident(qualifier, value.column)
        if not value.path:
            return column
        steps: list[sql.Composable] = [sql.SQL("to_jsonb({})").format(column)]
        for arrow, key in value.path:
            kind = sql.SQL("::int" if isinstance(key, int) else "::text")
            steps.append(sql.SQL("{} {}{}").format(sql.SQL(arrow), self._binder.bind(key), kind))
        return sql.SQL("({})").format(sql.SQL(" ").join(steps))

    def page(self, clauses: Clauses, qualifier: str) -> sql.Composable:
        """ORDER BY, LIMIT and OFFSET, as far as asked for."""
        parts: list[sql.Composable] = []
        if clauses.order:
            keys = sql.SQL(", ").join(self._order(order, qualifier) for order in clauses.order)
            parts.append(sql.SQL(" ORDER BY {}").format(keys))
        if clauses.limit is not None:
            parts.append(sql.SQL(" LIMIT {}").format(self._binder.bind(clauses.limit)))
        if clauses.offset:
            parts.append(sql.SQL(" OFFSET {}").format(self._binder.bind(clauses.offset)))
        return sql.Composed(parts)

    def _order(self, order: Order, qualifier: str) -> sql.Composable:
        nulls: LiteralString = ""
        if order.nulls_first is not None:
            nulls = " NULLS FIRST" if order.nulls_first else " NULLS LAST"
        direction: LiteralString = " DESC" if order.descending else " ASC"
        return sql.SQL("{}{}{}").format(self.field(order.field, qualifier), sql.SQL(direction), sql.SQL(nulls))


def _foreign_key(catalog: Catalog, table: Table, embed: Embed) -> tuple[ForeignKey, bool]:
    """The key that joins the two tables, and whether ``table`` is the side that holds it."""
    here, there = (table.schema, table.name), (table.schema, embed.target)
    ends = ((key, True) for key in catalog.foreign_keys if (key.source, key.target) == (here, there))
    backs = ((key, False) for key in catalog.foreign_keys if (key.target, key.source) == (here, there))
    found = [
        (key, forward)
        for key, forward in (*ends, *backs)
        if embed.hint is None or embed.hint == key.name or (embed.hint,) == key.source_columns
    ]
    pair = f"'{table.name}' and '{embed.target}'"
    if not found:
        raise ApiError(
            400,
            "PGRST200",
            f"Could not find a relationship between {pair} in the schema cache",
            details=f"Searched for a foreign key relationship between {pair} in the schema "
            f"'{table.schema}', but no matches were found.",
        )
    if len(found) > 1:
        raise ApiError(
            300,
            "PGRST201",
            f"Could not embed because more than one relationship was found for {pair}",
            hint=f"Try adding one of these after the name: {', '.join('!' + key.name for key, _ in found)}",
        )
    return found[0]
