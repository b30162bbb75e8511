"""What a collection is: the creation body kept as given, its defaults, and the engine's form of it."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import qdrant_edge as edge

from devstack.qdrant.aliases import Json, JsonObject
from devstack.qdrant.engine.config import (
    HNSW_DEFAULTS,
    OPTIMIZER_DEFAULTS,
    STRICT_MODE_KEYS,
    VECTOR_KEYS,
    WAL_DEFAULTS,
    dense_params,
    engine_config,
    sparse_params,
)
from devstack.qdrant.engine.schema import FieldSchema
from devstack.qdrant.errors import unsupported, wrong_input
from devstack.qdrant.jsonio import as_object, known_keys

_PARAMS_DEFAULTS: JsonObject = {
    "shard_number": 1,
    "replication_factor": 1,
    "write_consistency_factor": 1,
    "on_disk_payload": True,
}
_SECTIONS: dict[str, tuple[str, ...]] = {
    "hnsw_config": (*HNSW_DEFAULTS, "memory", "payload_m", "inline_storage"),
    "optimizers_config": tuple(OPTIMIZER_DEFAULTS),
    "wal_config": tuple(WAL_DEFAULTS),
    "strict_mode_config": STRICT_MODE_KEYS,
}
_CREATE_KEYS = (*_SECTIONS, *_PARAMS_DEFAULTS, "vectors", "sparse_vectors", "metadata", "sharding_method")
_PATCH_KEYS = (*_SECTIONS, "vectors", "sparse_vectors", "metadata", "params")


def _sections(body: JsonObject) -> JsonObject:
    return {name: known_keys(body[name], allowed, name) for name, allowed in _SECTIONS.items() if name in body}


def _vectors(value: Json) -> JsonObject:
    """Dense vectors by name, each checked; the unnamed one under ``""``."""
    vectors = as_object(value, "vectors")
    named = {"": vectors} if "size" in vectors else vectors
    return {name: known_keys(params, VECTOR_KEYS, f"vectors.{name}") for name, params in named.items()}


@dataclass(slots=True)
class Definition:
    """A collection's definition. ``given`` holds the sections as they were given, nulls dropped; ``shard`` names
    the folder that the engine's files are in."""

    name: str
    vectors: JsonObject
    sparse_vectors: JsonObject
    given: JsonObject
    payload_schema: dict[str, FieldSchema] = field(default_factory=dict)
    shard: str = "shard"

    @classmethod
    def create(cls, name: str, body: JsonObject) -> Self:
        """From the body of ``PUT /collections/{name}``.

        Raises:
            QdrantError: 400 for anything unknown, or without vectors of any kind.
        """
        known = known_keys(body, _CREATE_KEYS, "")
        if known.pop("sharding_method", "auto") != "auto":
            raise unsupported("sharding_method other than auto")
        vectors = _vectors(known.pop("vectors", {}))
        sparse = as_object(known.pop("sparse_vectors", {}), "sparse_vectors")
        if not vectors and not sparse:
            raise wrong_input("a collection without vectors is not supported by this front")
        definition = cls(name, vectors, {key: value or {} for key, value in sparse.items()}, known | _sections(known))
        definition.engine_config()
        return definition

    @classmethod
    def load(cls, path: Path) -> Self:
        """From the file ``save`` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def save(self, path: Path) -> None:
        """Write to ``path`` atomically and durably."""
        content = {name: getattr(self, name) for name in self.__slots__}
        temporary = path.with_suffix(".tmp")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)

    def patched(self, body: JsonObject) -> "Definition":
        """The definition after ``PATCH /collections/{name}``: given sections are merged key by key.

        Raises:
            QdrantError: 400 for anything unknown, or a vector that does not exist.
        """
        known = known_keys(body, _PATCH_KEYS, "")
        given = dict(self.given)
        for name, section in _sections(known).items():
            given[name] = given.get(name, {}) | section
        if "metadata" in known:
            merged = given.get("metadata", {}) | as_object(body["metadata"], "metadata")
            given["metadata"] = {key: value for key, value in merged.items() if value is not None}
        given |= known_keys(known.get("params", {}), _PARAMS_DEFAULTS, "params")
        vectors = _merged(self.vectors, known.get("vectors", {}), "vectors")
        sparse = _merged(self.sparse_vectors, known.get("sparse_vectors", {}), "sparse_vectors")
        definition = Definition(self.name, vectors, sparse, given, dict(self.payload_schema))
        definition.engine_config()
        return definition

    @property
    def strict_mode(self) -> JsonObject:
        """The strict mode configuration as given; empty without one."""
        config: JsonObject = self.given.get("strict_mode_config", {})
        return config

    @property
    def hnsw(self) -> JsonObject:
        """The HNSW configuration over the server's defaults."""
        given: JsonObject = self.given.get("hnsw_config", {})
        return HNSW_DEFAULTS | given

    def engine_config(self) -> edge.EdgeConfig:
        """The engine's configuration.

        Raises:
            QdrantError: 400 for a value that is unknown.
        """
        return engine_config(
            {name: dense_params(name, params, self.hnsw) for name, params in self.vectors.items()},
            {name: sparse_params(name, params) for name, params in self.sparse_vectors.items()},
            self.hnsw,
            self.given.get("optimizers_config", {}),
            on_disk_payload=self.given.get("on_disk_payload", True),
        )

    def describe(self) -> JsonObject:
        """The ``config`` part of the collection's info."""
        vectors = self.vectors[""] if set(self.vectors) == {""} else self.vectors
        params: JsonObject = {"vectors": vectors}
        params |= {key: self.given.get(key, default) for key, default in _PARAMS_DEFAULTS.items()}
        if self.sparse_vectors:
            params["sparse_vectors"] = self.sparse_vectors
        config: JsonObject = {
            "params": params,
            "hnsw_config": self.hnsw,
            "optimizer_config": OPTIMIZER_DEFAULTS | self.given.get("optimizers_config", {}),
            "wal_config": WAL_DEFAULTS | self.given.get("wal_config", {}),
            "quantization_config": None,
            "strict_mode_config": {"enabled": False} | self.strict_mode,
        }
        if "metadata" in self.given:
            config["metadata"] = self.given["metadata"]
        return config


def _merged(current: JsonObject, changes: Json, where: str) -> JsonObject:
    changed = dict(current)
    for name, diff in as_object(changes, where).items():
        if name not in current:
            raise wrong_input(f"Not existing vector name error: {name}")
        allowed = ("hnsw_config", "on_disk", "memory") if where == "vectors" else ("index", "modifier")
        changed[name] = current[name] | known_keys(diff, allowed, f"{where}.{name}")
    return changed
