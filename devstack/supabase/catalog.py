"""The schema cache: tables, keys and functions of the exposed schemas, read from Postgres's own catalog."""

from dataclasses import dataclass
from difflib import get_close_matches

import psycopg
from psycopg.rows import TupleRow

EXPOSED_SCHEMAS = ("public", "basejump")


@dataclass(frozen=True, slots=True)
class TableColumn:
    """``type`` and ``default`` are SQL text from the catalog."""

    type: str
    default: str | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view."""

    schema: str
    name: str
    columns: dict[str, TableColumn]
    primary_key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """``source`` (schema, table) refers to ``target``, column by column."""

    name: str
    source: tuple[str, str]
    source_columns: tuple[str, ...]
    target: tuple[str, str]
    target_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a function; ``type`` is SQL text from the catalog."""

    name: str
    type: str
    optional: bool


@dataclass(frozen=True, slots=True)
class Function:
    """A callable function. ``rows``: its result has columns; ``is_set``: it may return many."""

    schema: str
    name: str
    arguments: tuple[Argument, ...]
    is_set: bool
    rows: bool
    void: bool

    def accepts(self, names: frozenset[str]) -> bool:
        """Whether it can be called with exactly these arguments by name."""
        required = {argument.name for argument in self.arguments if not argument.optional}
        return required <= names <= {argument.name for argument in self.arguments}


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything, as of one moment."""

    tables: dict[tuple[str, str], Table]
    foreign_keys: tuple[ForeignKey, ...]
    functions: dict[tuple[str, str], tuple[Function, ...]]

    def similar_table(self, schema: str, name: str) -> str | None:
        """The name of an existing table that ``name`` may be a misspelling of."""
        near = get_close_matches(name, [table for owner, table in self.tables if owner == schema], n=1)
        return near[0] if near else None


_TABLES = """
select n.nspname, c.relname,
    array_agg(a.attname::text order by a.attnum),
    array_agg(format_type(a.atttypid, a.atttypmod) order by a.attnum),
    array_agg(pg_get_expr(d.adbin, d.adrelid) order by a.attnum),
    coalesce((
        select array_agg(k.attname::text order by array_position(i.indkey::int2[], k.attnum))
        from pg_index i join pg_attribute k on k.attrelid = i.indrelid and k.attnum = any (i.indkey)
        where i.indrelid = c.oid and i.indisprimary
    ), '{}')
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum and a.attgenerated = ''
where n.nspname = any (%s) and c.relkind in ('r', 'p', 'v', 'm', 'f')
group by n.nspname, c.relname, c.oid
"""

_FOREIGN_KEYS = """
select k.conname, sn.nspname, s.relname, tn.nspname, t.relname,
    (select array_agg(a.attname::text order by u.i) from unnest(k.conkey) with ordinality u (attnum, i)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum),
    (select array_agg(a.attname::text order by u.i) from unnest(k.confkey) with ordinality u (attnum, i)
        join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.attnum)
from pg_constraint k
join pg_class s on s.oid = k.conrelid join pg_namespace sn on sn.oid = s.relnamespace
join pg_class t on t.oid = k.confrelid join pg_namespace tn on tn.oid = t.relnamespace
where k.contype = 'f' and k.conparentid = 0 and sn.nspname = any (%s)
order by k.conname
"""

# Only functions that can be called by name: all arguments named, none variadic.
_FUNCTIONS = """
select n.nspname, p.proname, coalesce(p.proargnames[1:p.pronargs], '{}'),
    array(select format_type(t, null) from unnest(p.proargtypes) with ordinality u (t, i) order by i),
    p.pronargdefaults, p.proretset, p.prorettype = 'void'::regtype,
    r.typtype = 'c' or coalesce('t' = any (p.proargmodes) or 'o' = any (p.proargmodes), false)
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_type r on r.oid = p.prorettype
where n.nspname = any (%s) and p.prokind = 'f' and p.provariadic = 0 and p.prorettype <> 'trigger'::regtype
    and (p.pronargs = 0 or array_length(array_remove(p.proargnames[1:p.pronargs], ''), 1) = p.pronargs)
    and (p.prorettype <> 'record'::regtype or p.proargmodes is not null)
    and not coalesce('o' = any (p.proargmodes[1:p.pronargs]), false)
"""


async def load_catalog(connection: psycopg.AsyncConnection[TupleRow]) -> Catalog:
    """Read the catalog. The connection's role needs no rights on the tables."""
    exposed = [list(EXPOSED_SCHEMAS)]
    tables: dict[tuple[str, str], Table] = {}
    async for row in await connection.execute(_TABLES, exposed):
        schema, name, columns, types, defaults, key = row
        described = {c: TableColumn(t, d) for c, t, d in zip(columns, types, defaults, strict=True)}
        tables[schema, name] = Table(schema, name, described, tuple(key))
    keys: list[ForeignKey] = []
    async for row in await connection.execute(_FOREIGN_KEYS, exposed):
        name, source_schema, source, target_schema, target, columns, targets = row
        keys.append(ForeignKey(name, (source_schema, source), tuple(columns), (target_schema, target), tuple(targets)))
    functions: dict[tuple[str, str], tuple[Function, ...]] = {}
    async for row in await connection.execute(_FUNCTIONS, exposed):
        schema, name, names, types, defaults, is_set, void, rows = row
        first_optional = len(names) - defaults
        arguments = tuple(
            Argument(n, t, i >= first_optional) for i, (n, t) in enumerate(zip(names, types, strict=True))
        )
        function = Function(schema, name, arguments, is_set, rows, void)
        functions[schema, name] = (*functions.get((schema, name), ()), function)
    return Catalog(tables, tuple(keys), functions)
