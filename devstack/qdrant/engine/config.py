"""Collection parameters in the API's form into the engine's."""

import qdrant_edge as edge

from devstack.qdrant.aliases import EngineObject, JsonObject
from devstack.qdrant.engine.text_options import enum_member
from devstack.qdrant.errors import validation_error
from devstack.qdrant.jsonio import known_keys, required

# The server's defaults, reported for what a collection's definition leaves open.
HNSW_DEFAULTS: JsonObject = {
    "m": 16,
    "ef_construct": 100,
    "full_scan_threshold": 10000,
    "max_indexing_threads": 0,
    "on_disk": False,
}
# memmap_threshold, flush_interval_sec and max_optimization_threads are reported and have no effect: they
# steer the server's own scheduling and change no answer.
OPTIMIZER_DEFAULTS: JsonObject = {
    "deleted_threshold": 0.2,
    "vacuum_min_vector_number": 1000,
    "default_segment_number": 0,
    "max_segment_size": None,
    "memmap_threshold": None,
    "indexing_threshold": 10000,
    "flush_interval_sec": 5,
    "max_optimization_threads": None,
}
_ENGINE_OPTIMIZER_KEYS = (
    "deleted_threshold",
    "vacuum_min_vector_number",
    "default_segment_number",
    "max_segment_size",
    "indexing_threshold",
)
WAL_DEFAULTS: JsonObject = {"wal_capacity_mb": 32, "wal_segments_ahead": 0, "wal_retain_closed": 1}
VECTOR_KEYS = ("size", "distance", "hnsw_config", "on_disk", "memory", "datatype", "multivector_config")
STRICT_MODE_KEYS = (
    "enabled",
    "max_query_limit",
    "max_timeout",
    "unindexed_filtering_retrieve",
    "unindexed_filtering_update",
    "search_max_hnsw_ef",
    "search_allow_exact",
    "search_max_batchsize",
    "upsert_max_batchsize",
    "max_points_count",
    "filter_max_conditions",
    "condition_max_size",
    "max_payload_index_count",
)
_HNSW_KEYS = (*HNSW_DEFAULTS, "memory", "payload_m", "inline_storage")
_SPARSE_INDEX_KEYS = ("full_scan_threshold", "on_disk", "memory", "datatype")
MAX_DIMENSIONS = 65536


def _memory(params: JsonObject, where: str) -> JsonObject:
    """``params`` with ``memory`` as the engine's enum."""
    if "memory" not in params:
        return params
    return params | {"memory": enum_member(edge.Memory, params["memory"], f"{where}.memory")}


def _hnsw(params: JsonObject) -> edge.HnswIndexConfig:
    return edge.HnswIndexConfig(**_memory(params, "hnsw_config"))


def dense_params(name: str, params: JsonObject, hnsw: JsonObject) -> edge.EdgeVectorParams:
    """A dense vector's parameters; its own ``hnsw_config`` is a change over the collection's ``hnsw``.

    Raises:
        QdrantError: 400 for an unknown value, 422 for an impossible size.
    """
    where = f"vectors.{name}"
    size = required(params, "size", where)
    if not isinstance(size, int) or not 1 <= size <= MAX_DIMENSIONS:
        raise validation_error(f"{where}.size: value {size} invalid, must be from 1 to {MAX_DIMENSIONS}")
    arguments: dict[str, EngineObject] = _memory(dict(params), where)
    arguments["distance"] = enum_member(edge.Distance, required(params, "distance", where), f"{where}.distance")
    if "datatype" in params:
        arguments["datatype"] = enum_member(edge.VectorStorageDatatype, params["datatype"], f"{where}.datatype")
    if "hnsw_config" in params:
        own = known_keys(params["hnsw_config"], _HNSW_KEYS, f"{where}.hnsw_config")
        arguments["hnsw_config"] = _hnsw(hnsw | own)
    if "multivector_config" in params:
        config = known_keys(params["multivector_config"], ("comparator",), f"{where}.multivector_config")
        if config.get("comparator") != "max_sim":
            raise validation_error(f"{where}.multivector_config.comparator: must be max_sim")
        arguments["multivector_config"] = edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim)
    return edge.EdgeVectorParams(**arguments)


def sparse_params(name: str, params: JsonObject) -> edge.EdgeSparseVectorParams:
    """A sparse vector's parameters.

    Raises:
        QdrantError: 400 for an unknown key or value.
    """
    where = f"sparse_vectors.{name}"
    known = known_keys(params, ("index", "modifier"), where)
    arguments = _memory(known_keys(known.get("index", {}), _SPARSE_INDEX_KEYS, f"{where}.index"), where)
    if "datatype" in arguments:
        arguments = arguments | {
            "datatype": enum_member(edge.VectorStorageDatatype, arguments["datatype"], f"{where}.index.datatype")
        }
    if known.get("modifier", "none") != "none":
        arguments = arguments | {"modifier": enum_member(edge.Modifier, known["modifier"], f"{where}.modifier")}
    return edge.EdgeSparseVectorParams(**arguments)


def engine_config(
    vectors: dict[str, edge.EdgeVectorParams],
    sparse_vectors: dict[str, edge.EdgeSparseVectorParams],
    hnsw: JsonObject,
    optimizers: JsonObject,
    *,
    on_disk_payload: bool,
) -> edge.EdgeConfig:
    """The whole collection's configuration for the engine."""
    chosen = {key: optimizers[key] for key in _ENGINE_OPTIMIZER_KEYS if key in optimizers}
    return edge.EdgeConfig(
        vectors=vectors,
        sparse_vectors=sparse_vectors,
        on_disk_payload=on_disk_payload,
        hnsw_config=_hnsw(hnsw),
        optimizers=edge.EdgeOptimizersConfig(**chosen),
    )
