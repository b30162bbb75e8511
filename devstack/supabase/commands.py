"""The statements behind each kind of request: read, insert, update, delete, call."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import sql

from devstack.supabase.catalog import Catalog, Function, Table
from devstack.supabase.clauses import QueryString
from devstack.supabase.errors import ApiError, unsupported
from devstack.supabase.statements import Binder, Selection, Statement, catalog_text, ident

_NO_ROWS_WANTED = sql.SQL("SELECT ''::text, count(*), NULL::bigint FROM changed")


@dataclass(frozen=True, slots=True)
class Body:
    """A JSON request body: its text, and the same decoded."""

    text: str
    value: Any


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """What ``Prefer`` asks of a write."""

    representation: bool
    resolution: Literal["merge", "ignore"] | None = None
    missing_default: bool = False


def parse_body(raw: bytes) -> Body:
    """Decode a JSON body.

    Raises:
        ApiError: PGRST102 if it is not JSON.
    """
    try:
        text = raw.decode()
        return Body(text, json.loads(text))
    except (ValueError, RecursionError):
        raise ApiError(400, "PGRST102", "Empty or invalid json") from None


def read(catalog: Catalog, table: Table, query: QueryString, *, count: bool) -> Statement:
    """A page of a table's rows; with ``count`` also how many there are in all."""
    binder = Binder()
    selection = Selection(catalog, binder)
    source = ident(table.schema, table.name)
    rows = sql.SQL("SELECT {} FROM {} WHERE {}{}").format(
        selection.columns(query.items, table, table.name, query.clauses),
        source,
        selection.where(query.items, table, table.name, query.clauses),
        selection.page(query.clauses, table.name),
    )
    total: sql.Composable = sql.SQL("NULL::bigint")
    if count:
        matching = selection.where(query.items, table, table.name, query.clauses)
        total = sql.SQL("(SELECT count(*) FROM {} WHERE {})").format(source, matching)
    return Statement(_aggregated(rows, total), binder.values)


def _aggregated(rows: sql.Composable, total: sql.Composable) -> sql.Composable:
    return sql.SQL("WITH page AS ({}) SELECT coalesce(json_agg(page), '[]')::text, count(*), {} FROM page").format(
        rows, total
    )


def insert(catalog: Catalog, table: Table, query: QueryString, body: Body, options: WriteOptions) -> Statement:
    """Insert one object or a list of objects; on a conflict as ``options.resolution`` says."""
    _forbid_paging(query, "POST")
    binder = Binder()
    elements = body.value if isinstance(body.value, list) else [body.value]
    columns = _insert_columns(table, query, elements)
    text = body.text if isinstance(body.value, list) else f"[{body.text}]"
    if not elements:
        rows: sql.Composable = sql.SQL("SELECT WHERE FALSE")
    elif columns:
        rows = _rows_of_json(table, columns, text, binder, defaults=options.missing_default)
    else:
        rows = sql.SQL("DEFAULT VALUES")
    command = sql.SQL("INSERT INTO {}{} {}{}").format(
        ident(table.schema, table.name),
        sql.SQL(" ({})").format(_names(columns)) if columns else sql.SQL(""),
        rows,
        _on_conflict(table, query, columns, options),
    )
    return _changed(catalog, table, query, command, binder, options.representation)


def _insert_columns(table: Table, query: QueryString, elements: list[Any]) -> tuple[str, ...]:
    if not all(isinstance(element, dict) for element in elements):
        raise ApiError(400, "PGRST102", "Empty or invalid json")
    if query.columns is not None:
        columns = query.columns
    else:
        columns = tuple(elements[0]) if elements else ()
        if any(element.keys() != elements[0].keys() for element in elements):
            raise ApiError(400, "PGRST102", "All object keys must match")
    _require_columns(table, columns)
    return tuple(dict.fromkeys(columns))


def _require_columns(table: Table, columns: tuple[str, ...]) -> None:
    for column in columns:
        if column not in table.columns:
            raise ApiError(
                400,
                "PGRST204",
                f"Could not find the '{column}' column of '{table.name}' in the schema cache",
            )


def _rows_of_json(
    table: Table, columns: tuple[str, ...], text: str, binder: Binder, *, defaults: bool
) -> sql.Composable:
    """Rows from a JSON array. With ``defaults`` a missing key gives the column's default, else null."""
    body = binder.bind(text)
    typed = sql.SQL(", ").join(
        sql.SQL("{} {}").format(ident(column), catalog_text(table.columns[column].type)) for column in columns
    )
    if not defaults:
        return sql.SQL("SELECT {} FROM json_to_recordset({}::json) AS body ({})").format(
            _names(columns, "body"), body, typed
        )
    values = sql.SQL(", ").join(
        sql.SQL("CASE WHEN jsonb_exists(element, {}) THEN {} ELSE {} END").format(
            binder.bind(column), ident("body", column), catalog_text(table.columns[column].default or "NULL")
        )
        for column in columns
    )
    return sql.SQL(
        "SELECT {} FROM jsonb_array_elements({}::jsonb) AS element, LATERAL jsonb_to_record(element) AS body ({})"
    ).format(values, body, typed)


def _on_conflict(table: Table, query: QueryString, columns: tuple[str, ...], options: WriteOptions) -> sql.Composable:
    target = query.on_conflict or table.primary_key
    if options.resolution is None or not target:
        return sql.SQL("")
    if options.resolution == "ignore" or not columns:
        return sql.SQL(" ON CONFLICT ({}) DO NOTHING").format(_names(target))
    updates = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(ident(column), ident("excluded", column)) for column in columns
    )
    return sql.SQL(" ON CONFLICT ({}) DO UPDATE SET {}").format(_names(target), updates)


def update(catalog: Catalog, table: Table, query: QueryString, body: Body, options: WriteOptions) -> Statement:
    """Set the keys of one object on all rows that the filters (at least one) match."""
    _forbid_paging(query, "PATCH")
    if not isinstance(body.value, dict):
        raise ApiError(400, "PGRST102", "Empty or invalid json")
    _require_filter(query, "UPDATE")
    columns = tuple(dict.fromkeys(body.value if query.columns is None else query.columns))
    _require_columns(table, columns)
    binder = Binder()
    matching = Selection(catalog, binder).where((), table, table.name, query.clauses)
    if columns:
        rows = _rows_of_json(table, columns, f"[{body.text}]", binder, defaults=options.missing_default)
        assignments = sql.SQL(", ").join(
            sql.SQL("{} = {}").format(ident(column), ident("new_values", column)) for column in columns
        )
        command = sql.SQL("UPDATE {} SET {} FROM ({}) AS new_values ({}) WHERE {}").format(
            ident(table.schema, table.name), assignments, rows, _names(columns), matching
        )
        return _changed(catalog, table, query, command, binder, options.representation)
    return Statement(sql.SQL("SELECT '[]'::text, 0::bigint, NULL::bigint"), {})


def delete(catalog: Catalog, table: Table, query: QueryString, options: WriteOptions) -> Statement:
    """Delete all rows that the filters (at least one) match."""
    _forbid_paging(query, "DELETE")
    _require_filter(query, "DELETE")
    binder = Binder()
    command = sql.SQL("DELETE FROM {} WHERE {}").format(
        ident(table.schema, table.name),
        Selection(catalog, binder).where((), table, table.name, query.clauses),
    )
    return _changed(catalog, table, query, command, binder, options.representation)


def _require_filter(query: QueryString, command: str) -> None:
    # The platform loads the safeupdate extension for its API: never a whole table by accident.
    if not query.clauses.where:
        raise ApiError(400, "21000", f"{command} requires a WHERE clause")


def _forbid_paging(query: QueryString, method: str) -> None:
    if query.clauses.order or query.clauses.limit is not None or query.clauses.offset:
        raise unsupported(f"order, limit and offset with {method}")


def _changed(
    catalog: Catalog,
    table: Table,
    query: QueryString,
    command: sql.Composable,
    binder: Binder,
    representation: bool,
) -> Statement:
    """Run ``command`` and return the changed rows, or only their number.

    Without a representation nothing is read back, so a role that may write but not read succeeds.
    """
    if not representation:
        return Statement(sql.SQL("WITH changed AS ({} RETURNING 1) {}").format(command, _NO_ROWS_WANTED), binder.values)
    rows = sql.SQL("SELECT {} FROM changed AS {}").format(
        Selection(catalog, binder).columns(query.items, table, table.name, query.clauses), ident(table.name)
    )
    return Statement(
        sql.SQL(
            "WITH changed AS ({} RETURNING {}.*), page AS ({}) "
            "SELECT coalesce(json_agg(page), '[]')::text, count(*), NULL::bigint FROM page"
        ).format(command, ident(table.name), rows),
        binder.values,
    )


def call(catalog: Catalog, function: Function, query: QueryString, arguments: Body) -> Statement:
    """Call a function with named arguments; rows are narrowed, sorted and paged like a table's."""
    binder = Binder()
    selection = Selection(catalog, binder)
    given = [argument for argument in function.arguments if argument.name in arguments.value]
    passed = sql.SQL(", ").join(
        sql.SQL("{} => {}").format(ident(argument.name), ident("arguments", argument.name)) for argument in given
    )
    call_ = sql.SQL("{}({})").format(ident(function.schema, function.name), passed)
    source: sql.Composable = sql.SQL("(VALUES (1)) AS arguments")
    if given:
        typed = sql.SQL(", ").join(
            sql.SQL("{} {}").format(ident(argument.name), catalog_text(argument.type)) for argument in given
        )
        source = sql.SQL("json_to_record({}::json) AS arguments ({})").format(binder.bind(arguments.text), typed)
    if not function.rows:
        return Statement(_scalar(function, call_, source), binder.values)
    rows = sql.SQL("SELECT {} FROM {}, LATERAL {} AS {} WHERE {}").format(
        selection.columns(query.items, None, function.name, query.clauses),
        source,
        call_,
        ident(function.name),
        selection.where((), None, function.name, query.clauses),
    )
    paged = sql.SQL("{}{}").format(rows, selection.page(query.clauses, function.name))
    return Statement(_aggregated(paged, sql.SQL("NULL::bigint")), binder.values)


def _scalar(function: Function, call_: sql.Composable, source: sql.Composable) -> sql.Composable:
    if function.void:
        return sql.SQL("SELECT ''::text, 0::bigint, NULL::bigint FROM (SELECT {} FROM {}) AS done").format(
            call_, source
        )
    if function.is_set:
        return sql.SQL(
            "SELECT coalesce(json_agg(value), '[]')::text, count(*), NULL::bigint "
            "FROM (SELECT {} AS value FROM {}) AS page"
        ).format(call_, source)
    return sql.SQL("SELECT coalesce(to_json({}), 'null')::text, 1::bigint, NULL::bigint FROM {}").format(call_, source)


def _names(columns: tuple[str, ...], qualifier: str | None = None) -> sql.Composable:
    return sql.SQL(", ").join(ident(qualifier, column) if qualifier else ident(column) for column in columns)
