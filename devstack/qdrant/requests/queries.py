"""The API's query JSON into the engine's query requests."""

from collections.abc import Callable

import qdrant_edge as edge

from devstack.qdrant.aliases import EngineObject, Json, JsonObject
from devstack.qdrant.engine.collection import Collection
from devstack.qdrant.engine.text_options import enum_member
from devstack.qdrant.engine.vectors import parse_vector
from devstack.qdrant.errors import format_error, not_found, unsupported, validation_error
from devstack.qdrant.jsonio import as_list, as_object, known_keys, required
from devstack.qdrant.requests.filters import optional_filter, parse_filter
from devstack.qdrant.requests.formula import parse_expression
from devstack.qdrant.requests.inference import is_inference

DEFAULT_LIMIT = 10
_DEFAULT_RRF_K = 2
_STAGE_KEYS = ("prefetch", "query", "using", "filter", "params", "score_threshold", "limit")
_QUERY_KEYS = frozenset((*_STAGE_KEYS, "offset", "with_vector", "with_payload"))
_PREFETCH_KEYS = frozenset(_STAGE_KEYS)
_PARAMS_KEYS = ("hnsw_ef", "exact", "quantization", "indexed_only", "acorn", "idf")


def with_payload(value: Json, default: bool) -> EngineObject:
    """``with_payload`` of a request: a boolean, a list of keys, or an include/exclude selector."""
    if value is None:
        return default
    if isinstance(value, bool | list):
        return value
    selector = known_keys(value, ("include", "exclude"), "with_payload")
    if len(selector) != 1:
        raise format_error("with_payload: expected either include or exclude")
    if "include" in selector:
        return edge.PayloadSelector.Include(as_list(selector["include"], "with_payload.include"))
    return edge.PayloadSelector.Exclude(as_list(selector["exclude"], "with_payload.exclude"))


def with_vector(value: Json, default: bool = False) -> EngineObject:
    """``with_vector`` of a request: a boolean or a list of names."""
    if value is None:
        return default
    if isinstance(value, bool | list):
        return value
    raise format_error("with_vector: expected a boolean or a list of names")


def whole_number(body: JsonObject, key: str, default: int, minimum: int) -> int:
    """A count in a request body.

    Raises:
        QdrantError: 400 if it is not an integer, 422 if it is below ``minimum``.
    """
    value = body.get(key)
    if value is None:
        return default
    if type(value) is not int:
        raise format_error(f"{key}: expected an unsigned integer, got {value}")
    if value < minimum:
        raise validation_error(f"{key}: value {value} invalid, must be {minimum} or larger")
    return value


def search_params(value: Json) -> edge.SearchParams | None:
    """``params`` of a search."""
    if value is None:
        return None
    params = known_keys(value, _PARAMS_KEYS, "params")
    if "quantization" in params:
        quantization = known_keys(params["quantization"], ("ignore", "rescore", "oversampling"), "params.quantization")
        params["quantization"] = edge.QuantizationSearchParams(**quantization)
    if "acorn" in params:
        acorn = known_keys(params["acorn"], ("enable", "max_selectivity"), "params.acorn")
        params["acorn"] = edge.AcornSearchParams(**acorn)
    if "idf" in params:
        params["idf"] = _idf(params["idf"])
    return edge.SearchParams(**params)


def _idf(value: Json) -> edge.IdfParams:
    if value == "global":
        return edge.IdfParams()
    corpus = required(known_keys(value, ("corpus",), "params.idf"), "corpus", "params.idf")
    return edge.IdfParams(parse_filter(corpus))


def order_by(value: Json) -> edge.OrderBy:
    """``order_by``: a payload key, or key, direction and where to start."""
    if isinstance(value, str):
        return edge.OrderBy(value)
    order = known_keys(value, ("key", "direction", "start_from"), "order_by")
    direction = enum_member(edge.Direction, order["direction"], "order_by.direction") if "direction" in order else None
    return edge.OrderBy(required(order, "key", "order_by"), direction, order.get("start_from"))


class QueryParser:
    """Turns request bodies for one collection into engine requests.

    A point's id used as a query is looked up in the collection, and the point itself left out of the answer.
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._excluded: list[Json] = []
        self._kinds: dict[str, Callable[[JsonObject, str, int], EngineObject]] = {
            "nearest": self._nearest,
            "order_by": lambda query, _using, _limit: order_by(query["order_by"]),
            "fusion": lambda query, _using, _limit: _fusion(query["fusion"]),
            "rrf": lambda query, _using, _limit: _rrf(query["rrf"]),
            "formula": lambda query, _using, _limit: _formula(query),
            "sample": lambda query, _using, _limit: _sample(query["sample"]),
            "text": lambda query, using, _limit: _text(query["text"], using),
        }

    def request(self, body: JsonObject) -> edge.QueryRequest:
        """A whole query request.

        Raises:
            QdrantError: 400 or 422 for what is malformed or unknown, 404 for a query by an unknown point id.
        """
        known = known_keys(body, _QUERY_KEYS, "query")
        limit, query, prefetches, condition = self._stage(known)
        return edge.QueryRequest(
            limit,
            offset=whole_number(known, "offset", 0, 0),
            query=query,
            prefetches=prefetches,
            with_vector=with_vector(known.get("with_vector")),
            with_payload=with_payload(known.get("with_payload"), default=False),
            filter=condition,
            score_threshold=known.get("score_threshold"),
            params=search_params(known.get("params")),
        )

    def _prefetch(self, body: Json) -> edge.Prefetch:
        known = known_keys(body, _PREFETCH_KEYS, "prefetch")
        limit, query, prefetches, condition = self._stage(known)
        return edge.Prefetch(
            limit,
            query=query,
            prefetches=prefetches,
            params=search_params(known.get("params")),
            filter=condition,
            score_threshold=known.get("score_threshold"),
        )

    def _stage(self, known: JsonObject) -> tuple[int, EngineObject, list[edge.Prefetch], edge.Filter | None]:
        nested = known.get("prefetch", [])
        prefetches = [self._prefetch(item) for item in (nested if isinstance(nested, list) else [nested])]
        limit = whole_number(known, "limit", DEFAULT_LIMIT, 1)
        self._excluded = []
        query = self._query(known["query"], known.get("using", ""), limit) if "query" in known else None
        condition = optional_filter(known.get("filter"))
        if self._excluded:
            own = edge.Filter(must_not=[edge.HasIdCondition(set(self._excluded))])
            condition = own if condition is None else edge.Filter(must=[condition, own])
        return limit, query, prefetches, condition

    def _query(self, value: Json, using: str, limit: int) -> EngineObject:
        if not isinstance(value, dict) or is_inference(value) or "indices" in value:
            return edge.Query.Nearest(self._vector(value, using), using)
        kinds = [kind for kind in self._kinds if kind in value]
        if len(kinds) != 1:
            raise unsupported(f"query of {', '.join(value) or 'no kind'}")
        return self._kinds[kinds[0]](value, using, limit)

    def _vector(self, value: Json, using: str) -> EngineObject:
        if not isinstance(value, int | str):
            return parse_vector(value, using, self._collection.definition, query=True)
        records = self._collection.shard.retrieve([value], False, [using])
        if not records:
            raise not_found(f"No point with id {value} found")
        found = records[0].vector
        vector = found.get(using) if isinstance(found, dict) else found
        if vector is None:
            raise not_found(f"No vector with name {using} in point {value}")
        self._excluded.append(value)
        return vector

    def _nearest(self, query: JsonObject, using: str, limit: int) -> EngineObject:
        known = known_keys(query, ("nearest", "mmr"), "query")
        vector = self._vector(required(known, "nearest", "query"), using)
        if "mmr" not in known:
            return edge.Query.Nearest(vector, using)
        mmr = known_keys(known["mmr"], ("diversity", "candidates_limit"), "query.mmr")
        candidates = whole_number(mmr, "candidates_limit", limit, 1)
        return edge.Mmr(vector, 1.0 - mmr.get("diversity", 0.5), candidates, using)


def _fusion(name: Json) -> EngineObject:
    if name == "rrf":
        return edge.Fusion.Rrf(_DEFAULT_RRF_K)
    if name == "dbsf":
        return edge.Fusion.Dbsf()
    raise unsupported(f"fusion {name}")


def _rrf(value: Json) -> EngineObject:
    rrf = known_keys(value, ("k", "weights"), "query.rrf")
    return edge.Fusion.Rrf(whole_number(rrf, "k", _DEFAULT_RRF_K, 1), rrf.get("weights"))


def _formula(query: JsonObject) -> edge.Formula:
    known = known_keys(query, ("formula", "defaults"), "query")
    defaults = as_object(known.get("defaults", {}), "query.defaults")
    return edge.Formula(parse_expression(required(known, "formula", "query")), defaults)


def _sample(value: Json) -> EngineObject:
    if value != "random":
        raise unsupported(f"sample {value}")
    return edge.Sample.Random


def _text(value: Json, field: str) -> edge.TextQuery:
    if isinstance(value, str):
        return edge.TextQuery(field, value)
    known = known_keys(value, ("query", "scoring"), "query.text")
    if "scoring" not in known:
        return edge.TextQuery(field, required(known, "query", "query.text"))
    scoring = known_keys(known["scoring"], ("bm25",), "query.text.scoring")
    params = known_keys(scoring.get("bm25", {}), ("k", "b"), "query.text.scoring.bm25")
    return edge.TextQuery(field, required(known, "query", "query.text"), edge.Bm25Params(**params))
