"""Strict mode: what a collection refuses, checked on the request's JSON as the server checks it."""

from collections.abc import Iterable, Iterator
from uuid import UUID

from devstack.qdrant.aliases import Json, JsonObject
from devstack.qdrant.engine.definition import Definition
from devstack.qdrant.engine.schema import capabilities, is_tenant
from devstack.qdrant.errors import bad_request, strict_mode
from devstack.qdrant.requests.filters import conditions_of

_ANY_INDEX = ("bool", "datetime", "float", "geo", "integer_match", "keyword", "text", "uuid")
_CLAUSES = ("must", "must_not", "should")
_WITHOUT_KEY = ("has_id", "has_vector")
_SHORTEST_UUID = 32


def _is_uuid(value: Json) -> bool:
    if isinstance(value, str) and len(value) < _SHORTEST_UUID:
        return False
    try:
        UUID(value)
    except (ValueError, AttributeError, TypeError):
        return False
    return True


def _of_values(values: list[Json]) -> tuple[str, ...]:
    if all(isinstance(value, bool) for value in values) and values:
        return ("bool",)
    if all(isinstance(value, int) for value in values) and values:
        return ("integer_match",)
    return ("keyword", "uuid") if values and all(map(_is_uuid, values)) else ("keyword",)


def _of_match(match: JsonObject) -> tuple[str, ...]:
    ((kind, operand),) = match.items()
    if kind == "value":
        return _of_values([operand])
    if kind in ("any", "except"):
        return _of_values(operand)
    return ("keyword",) if kind in ("prefix", "substring") else ("text",)


def _of_field(field: JsonObject) -> tuple[str, ...]:
    needed: tuple[str, ...] = ()
    if field.get("match") is not None:
        needed += _of_match(field["match"])
    if field.get("range") is not None:
        dates = any(isinstance(bound, str) for bound in field["range"].values())
        needed += ("datetime",) if dates else ("float", "integer_range")
    if any(field.get(key) is not None for key in ("geo_bounding_box", "geo_radius")):
        needed += ("geo",)
    if any(field.get(key) is not None for key in ("values_count", "is_empty", "is_null")):
        needed += _ANY_INDEX
    return needed


def filter_keys(value: JsonObject, prefix: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every payload key a well-formed filter uses, with the index capabilities of which one must be there."""
    conditions = [item for clause in _CLAUSES for item in conditions_of(value.get(clause))]
    for condition in conditions + (value.get("min_should") or {}).get("conditions", []):
        if "key" in condition:
            yield prefix + condition["key"], _of_field(condition)
        elif "nested" in condition:
            nested = condition["nested"]
            yield from filter_keys(nested["filter"], f"{prefix}{nested['key'].removesuffix('[]')}[].")
        elif "is_empty" in condition or "is_null" in condition:
            yield prefix + next(iter(condition.values()))["key"], _ANY_INDEX
        elif not any(kind in condition for kind in _WITHOUT_KEY):
            yield from filter_keys(condition, prefix)


def formula_keys(value: Json) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every payload key a well-formed formula reads, with the index capabilities of which one must be there."""
    if isinstance(value, str) and not value.startswith("$score"):
        yield value, ("integer_match", "integer_range", "float")
    elif isinstance(value, list):
        for item in value:
            yield from formula_keys(item)
    elif isinstance(value, dict):
        yield from _operation_keys(value)


def _operation_keys(value: JsonObject) -> Iterator[tuple[str, tuple[str, ...]]]:
    if "datetime_key" in value:
        yield value["datetime_key"], ("datetime",)
    elif "geo_distance" in value:
        yield value["geo_distance"]["to"], ("geo",)
    elif "key" in value or any(clause in value for clause in (*_CLAUSES, "min_should")):
        yield from filter_keys({"must": value})
    elif "datetime" not in value:
        for item in value.values():
            yield from formula_keys(item)


class StrictMode:
    """The checks of one collection. Without ``enabled`` in its strict mode every check passes.

    All methods raise ``QdrantError`` 400 worded as the server's. They expect requests that parsed.
    """

    def __init__(self, definition: Definition) -> None:
        config = definition.strict_mode
        self._config: JsonObject = config if config.get("enabled") is True else {}
        self._definition = definition

    def query(self, body: JsonObject) -> None:
        """A query request with its prefetches."""
        if not self._config:
            return
        self._stage(body, has_prefetch=bool(body.get("prefetch")))

    def batch_size(self, count: int) -> None:
        """The number of queries in a batch."""
        self._limit("search_max_batchsize", count, "search batch size")

    def timeout(self, seconds: int) -> None:
        """The ``timeout`` parameter of a request, in seconds."""
        self._limit("max_timeout", seconds, "timeout")

    def read(self, body: JsonObject, limit: int | None = None, *, exact: bool = False) -> None:
        """A scroll, count or facet."""
        if not self._config:
            return
        self._limit("max_query_limit", limit, "limit")
        self._filter(body.get("filter"), "unindexed_filtering_retrieve")
        self._exact(exact)

    def filtered_update(self, condition: JsonObject | None) -> None:
        """An update or deletion of the points that match ``condition``."""
        if self._config:
            self._filter(condition, "unindexed_filtering_update")

    def upsert(self, count: int, points_count: int) -> None:
        """An upsert of ``count`` points into ``points_count``."""
        self._limit("upsert_max_batchsize", count, "upsert limit")
        limit = self._config.get("max_points_count")
        if limit is not None and points_count + count > limit:
            raise bad_request(f"Max points count limit of {limit} reached!")

    def vectors_update(self, count: int) -> None:
        """An update of the vectors of ``count`` points."""
        self._limit("upsert_max_batchsize", count, "update limit")

    def new_index(self, count: int) -> None:
        """A payload index beside ``count`` others."""
        limit = self._config.get("max_payload_index_count")
        if limit is not None and count + 1 > limit:
            raise strict_mode(
                f"Collection already has the maximum number of payload indices ({limit})",
                "Please delete an existing index before creating a new one.",
            )

    def _stage(self, body: JsonObject, *, has_prefetch: bool) -> None:
        nested = body.get("prefetch") or []
        for prefetch in nested if isinstance(nested, list) else [nested]:
            # The server checks every prefetch for a full scan, the outer query only when it searches itself.
            self._stage(prefetch, has_prefetch=False)
        query = body.get("query")
        if query is not None and not has_prefetch:
            self._full_scan(query, body.get("using") or "", body.get("filter"))
        if isinstance(query, dict) and "formula" in query:
            self._indexed(
                formula_keys(query["formula"]),
                "unindexed_filtering_retrieve",
                "Create an index for this key or use a different formula expression.",
            )
        self._limit("max_query_limit", body.get("limit"), "limit")
        self._filter(body.get("filter"), "unindexed_filtering_retrieve")
        params = body.get("params") or {}
        self._limit("search_max_hnsw_ef", params.get("hnsw_ef"), "hnsw_ef")
        self._exact(params.get("exact") is True)

    def _limit(self, option: str, value: int | None, name: str) -> None:
        limit = self._config.get(option)
        if limit is not None and value is not None and value > limit:
            raise strict_mode(
                f'Limit exceeded {value} > {limit} for "{name}"',
                f'Reduce the "{name}" parameter to or below {limit}.',
            )

    def _exact(self, exact: bool) -> None:
        if exact and self._config.get("search_allow_exact") is False:
            raise strict_mode("Exact search disabled!", "Set exact=false.")

    def _filter(self, condition: JsonObject | None, option: str) -> None:
        if condition is None:
            return
        keys = list(filter_keys(condition))
        self._indexed(keys, option, "Create an index for this key or use a different filter.")
        most = self._config.get("filter_max_conditions")
        if most is not None and len(keys) > most:
            raise strict_mode(
                f"Filter condition limit reached ({len(keys)} > {most})",
                "Reduce the amount of conditions of your filter.",
            )
        largest = self._config.get("condition_max_size")
        if largest is not None and (size := max(_condition_sizes(condition), default=0)) > largest:
            raise strict_mode(
                f"Condition size limit reached ({size} > {largest})", "Reduce the size of your condition."
            )

    def _indexed(self, keys: Iterable[tuple[str, tuple[str, ...]]], option: str, solution: str) -> None:
        if self._config.get(option) is not False:
            return
        schemas = self._definition.payload_schema
        for key, needed in keys:
            schema = schemas.get(key)
            if schema is None or capabilities(schema).isdisjoint(needed):
                types = ", ".join(sorted({need.partition("_")[0] for need in needed}))
                raise strict_mode(
                    f'Index required but not found for "{key}" of one of the following types: [{types}]', solution
                )

    def _full_scan(self, query: Json, using: str, condition: JsonObject | None) -> None:
        if self._config.get("search_allow_exact") is not False or using in self._definition.sparse_vectors:
            return
        if isinstance(query, dict) and "nearest" not in query:
            return
        hnsw = self._definition.hnsw | (self._definition.vectors.get(using, {}).get("hnsw_config") or {})
        if hnsw["m"] > 0:
            return
        label = f" on '{using}'" if using else ""
        schemas = self._definition.payload_schema
        keys = [key for key, _ in filter_keys(condition or {})]
        if not any(key in schemas and is_tenant(schemas[key]) for key in keys):
            raise strict_mode(
                f"Request is forbidden{label} because global vector indexing is disabled (hnsw_config.m = 0)",
                "Use tenant-specific filter, enable global vector indexing or enable strict mode "
                "`search_allow_exact` option",
            )
        if not hnsw.get("payload_m"):
            raise strict_mode(
                f"Request is forbidden{label} because vector indexing is disabled "
                "(hnsw_config.m = 0 and hnsw_config.payload_m = 0)",
                "Enable vector indexing, use a prefetch query with indexed vectors or enable strict mode "
                "`search_allow_exact` option",
            )


def _condition_sizes(value: Json) -> Iterator[int]:
    """Lengths of the lists a filter matches against."""
    if isinstance(value, list):
        for item in value:
            yield from _condition_sizes(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in ("any", "except", "has_id") and isinstance(item, list):
                yield len(item)
            else:
                yield from _condition_sizes(item)
