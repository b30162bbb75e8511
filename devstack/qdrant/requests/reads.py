"""What reads points: one function per endpoint, from its JSON body to the JSON of ``result``."""

import qdrant_edge as edge

from devstack.qdrant import render
from devstack.qdrant.aliases import EngineObject, Json, JsonObject
from devstack.qdrant.engine.collection import Collection
from devstack.qdrant.errors import bad_request, not_found
from devstack.qdrant.jsonio import as_list, known_keys, required
from devstack.qdrant.requests.filters import optional_filter, point_ids
from devstack.qdrant.requests.queries import (
    DEFAULT_LIMIT,
    QueryParser,
    order_by,
    whole_number,
    with_payload,
    with_vector,
)

_SEARCH_KEYS = frozenset(
    {"vector", "filter", "params", "limit", "offset", "with_payload", "with_vector", "score_threshold"}
)


def _run(collection: Collection, searches: list[JsonObject]) -> list[list[JsonObject]]:
    """The rendered points of each search, all planned by the engine as one batch."""
    with collection.in_use:
        parser = QueryParser(collection)
        requests = [parser.request(search) for search in searches]
        for search in searches:
            collection.strict.query(search)
        answers = collection.shard.query_batch(edge.QueryBatchRequest(requests))
    return [render.scored_points(points) for points in answers]


def query(collection: Collection, body: JsonObject) -> JsonObject:
    """``POST points/query``. All reads raise ``QdrantError`` for what is malformed, unknown or refused."""
    return {"points": _run(collection, [body])[0]}


def _batch(collection: Collection, body: JsonObject) -> list[Json]:
    known = known_keys(body, ("searches",), "batch")
    searches = as_list(required(known, "searches", "batch"), "searches")
    collection.strict.batch_size(len(searches))
    return searches


def query_batch(collection: Collection, body: JsonObject) -> list[JsonObject]:
    """``POST points/query/batch``: one ``{"points": [...]}`` a search, in order."""
    return [{"points": points} for points in _run(collection, _batch(collection, body))]


def _as_query(body: JsonObject) -> JsonObject:
    """A request of the older search API as a query."""
    search = known_keys(body, _SEARCH_KEYS, "search")
    vector = required(search, "vector", "search")
    del search["vector"]
    if isinstance(vector, dict):
        named = known_keys(vector, ("name", "vector"), "search.vector")
        search["using"] = required(named, "name", "search.vector")
        vector = required(named, "vector", "search.vector")
    return search | {"query": vector}


def search(collection: Collection, body: JsonObject) -> list[JsonObject]:
    """``POST points/search``."""
    return _run(collection, [_as_query(body)])[0]


def search_batch(collection: Collection, body: JsonObject) -> list[list[JsonObject]]:
    """``POST points/search/batch``."""
    return _run(collection, [_as_query(item) for item in _batch(collection, body)])


def retrieve(collection: Collection, body: JsonObject) -> list[JsonObject]:
    """``POST points``: the points of ``ids`` that exist."""
    known = known_keys(body, ("ids", "with_payload", "with_vector"), "retrieve")
    ids = point_ids(required(known, "ids", "retrieve"), "ids")
    payload, vector = with_payload(known.get("with_payload"), default=True), with_vector(known.get("with_vector"))
    with collection.in_use:
        return render.records(collection.shard.retrieve(ids, payload, vector))


def retrieve_one(collection: Collection, text: str) -> JsonObject:
    """``GET points/{id}``: the point with payload and vectors; 404 if there is none."""
    point_id = int(text) if text.isdecimal() else text
    with collection.in_use:
        found = collection.shard.retrieve([point_id], True, True)
    if not found:
        raise not_found(f"Point with id {text} does not exists!")
    return render.records(found)[0]


def scroll(collection: Collection, body: JsonObject) -> JsonObject:
    """``POST points/scroll``: a page by id, or by a payload field."""
    keys = ("offset", "limit", "filter", "with_payload", "with_vector", "order_by")
    known = known_keys(body, keys, "scroll")
    limit = whole_number(known, "limit", DEFAULT_LIMIT, 1)
    if "order_by" in known and "offset" in known:
        raise bad_request(
            "Cannot use an `offset` when using `order_by`. The alternative for paging is to use "
            "`order_by.start_from` and a filter to exclude the IDs that you've already seen for the "
            "`order_by.start_from` value"
        )
    request = edge.ScrollRequest(
        offset=known.get("offset"),
        limit=limit,
        filter=optional_filter(known.get("filter")),
        with_payload=with_payload(known.get("with_payload"), default=True),
        with_vector=with_vector(known.get("with_vector")),
        order_by=order_by(known["order_by"]) if "order_by" in known else None,
    )
    collection.strict.read(known, limit)
    with collection.in_use:
        points, next_offset = collection.shard.scroll(request)
    page_offset = None if next_offset is None else render.point_id(next_offset)
    return {"points": render.records(points), "next_page_offset": page_offset}


def count(collection: Collection, body: JsonObject) -> JsonObject:
    """``POST points/count``; exact unless told otherwise."""
    known = known_keys(body, ("filter", "exact"), "count")
    exact = known.get("exact", True)
    request = edge.CountRequest(exact, optional_filter(known.get("filter")))
    collection.strict.read(known, exact=exact)
    with collection.in_use:
        return {"count": collection.shard.count(request)}


def facet(collection: Collection, body: JsonObject) -> JsonObject:
    """``POST facet``: the values of an indexed payload field and how many points have each."""
    known = known_keys(body, ("key", "limit", "filter", "exact"), "facet")
    limit = whole_number(known, "limit", DEFAULT_LIMIT, 1)
    exact = known.get("exact", False)
    key = required(known, "key", "facet")
    request = edge.FacetRequest(key, limit, exact, optional_filter(known.get("filter")))
    if key not in collection.definition.payload_schema:
        raise bad_request(
            f"No appropriate index for faceting: `{key}`. Please create one to facet on this field. Check "
            "https://qdrant.tech/documentation/concepts/indexing/#payload-index to see which payload schemas "
            "support Match conditions"
        )
    collection.strict.read(known, limit, exact=exact)
    with collection.in_use:
        hits = collection.shard.facet(request).hits
    return {"hits": [{"value": _facet_value(hit.value), "count": hit.count} for hit in hits]}


def _facet_value(value: EngineObject) -> Json:
    return value if isinstance(value, str | int | bool) else str(value)
