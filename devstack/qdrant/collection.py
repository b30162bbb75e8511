"""One collection: an engine shard, its definition, and the folder that holds both."""

import shutil
import threading
import time
from pathlib import Path
from typing import Self

import qdrant_edge as edge

from devstack.qdrant.aliases import EngineObject, JsonObject
from devstack.qdrant.definition import Definition
from devstack.qdrant.schema import FieldSchema, describe, parse_schema, schema_type
from devstack.qdrant.strict import StrictMode

_DEFINITION_FILE = "collection.json"
_SHARD_FOLDER = "shard"
_OPTIMIZE_AFTER = 5000
_IDLE_SECONDS = 1.0


class Collection:
    """A collection that is open.

    Three threads meet here, and the engine lets them run side by side: one that reads, one that writes
    (and changes the definition), one that optimises. Only a reload or a close excludes the others: readers
    hold ``in_use`` around each use of ``shard``, optimising holds ``_maintenance``.
    """

    def __init__(self, folder: Path, definition: Definition, shard: edge.EdgeShard) -> None:
        self.folder = folder
        self.shard = shard
        self.in_use = threading.Lock()
        self._maintenance = threading.Lock()
        self._changed = 0
        self._last_change = 0.0
        self._operation = 0
        self._closed = False
        self._define(definition)

    @classmethod
    def create(cls, folder: Path, definition: Definition) -> Self:
        """Make the collection in ``folder``, which must not exist. Its definition is written last: a folder
        without one is a creation that did not finish."""
        path = folder / _SHARD_FOLDER
        path.mkdir(parents=True)
        shard = edge.EdgeShard.create(str(path), definition.engine_config())
        definition.save(folder / _DEFINITION_FILE)
        return cls(folder, definition, shard)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open what ``create`` made; the engine replays its write-ahead log, and gets the payload indexes of
        the definition should it lack any."""
        definition = Definition.load(folder / _DEFINITION_FILE)
        shard = edge.EdgeShard.load(str(folder / _SHARD_FOLDER), definition.engine_config())
        collection = cls(folder, definition, shard)
        collection._restore_indexes()
        return collection

    @staticmethod
    def is_complete(folder: Path) -> bool:
        """Whether ``folder`` holds a collection whose creation finished."""
        return (folder / _DEFINITION_FILE).exists()

    def _define(self, definition: Definition) -> None:
        self.definition = definition
        self.strict = StrictMode(definition)

    def _restore_indexes(self) -> None:
        present = self.shard.info().payload_schema
        for key in present.keys() - self.definition.payload_schema.keys():
            self.shard.update(edge.UpdateOperation.delete_field_index(key))
        for key, schema in self.definition.payload_schema.items():
            if key not in present or str(present[key].data_type).rpartition(".")[2].lower() != schema_type(schema):
                self.shard.update(edge.UpdateOperation.create_field_index(key, parse_schema(schema)[1]))

    def update(self, operation: edge.UpdateOperation, size: int = 1) -> int:
        """Apply ``operation``, which touches about ``size`` points; its number. Durable on return."""
        self.shard.update(operation)
        self._changed += size
        self._last_change = time.monotonic()
        self._operation += 1
        return self._operation

    def create_index(self, key: str, schema: FieldSchema, engine_schema: EngineObject) -> int:
        """Index the payload field ``key``; an index of another schema is replaced."""
        if key not in self.definition.payload_schema:
            self.strict.new_index(len(self.definition.payload_schema))
        operation = self.update(edge.UpdateOperation.create_field_index(key, engine_schema))
        self._save_schema(self.definition.payload_schema | {key: schema})
        return operation

    def delete_index(self, key: str) -> int:
        """Drop the index of ``key``, if there is one."""
        operation = self.update(edge.UpdateOperation.delete_field_index(key))
        remaining = {name: schema for name, schema in self.definition.payload_schema.items() if name != key}
        self._save_schema(remaining)
        return operation

    def _save_schema(self, payload_schema: dict[str, FieldSchema]) -> None:
        self.definition.payload_schema = payload_schema
        self.definition.save(self.folder / _DEFINITION_FILE)

    def reconfigure(self, definition: Definition) -> None:
        """Take another definition of the same vectors: the engine reloads the shard with it. If it cannot,
        the old definition stays and the engine's error is raised."""
        with self._maintenance, self.in_use:
            self.shard.close()
            try:
                self.shard = self._load(definition)
            except Exception:
                self.shard = self._load(self.definition)
                raise
            definition.save(self.folder / _DEFINITION_FILE)
            self._define(definition)
            self._changed = max(self._changed, 1)

    def _load(self, definition: Definition) -> edge.EdgeShard:
        return edge.EdgeShard.load(str(self.folder / _SHARD_FOLDER), definition.engine_config())

    def optimize(self) -> bool:
        """Merge segments and build HNSW graphs until nothing is left to do; whether anything was.

        Blocks the caller (seconds at 100k points), not the collection's other users.
        """
        with self._maintenance:
            if self._closed:
                return False
            self._changed = 0
            done = self.shard.optimize()
            self.shard.flush()
            return done

    def maintain(self) -> None:
        """Optimise after many changes, or after a few once writing pauses."""
        quiet = time.monotonic() - self._last_change >= _IDLE_SECONDS
        if self._changed >= _OPTIMIZE_AFTER or (self._changed and quiet):
            self.optimize()

    def info(self) -> JsonObject:
        """The ``result`` of ``GET /collections/{name}``."""
        info = self.shard.info()
        indexed = info.payload_schema
        return {
            "status": "green",
            "optimizer_status": "ok",
            "indexed_vectors_count": info.indexed_vectors_count,
            "points_count": info.points_count,
            "segments_count": info.segments_count,
            "config": self.definition.describe(),
            "payload_schema": {
                key: describe(schema, indexed[key].points if key in indexed else 0)
                for key, schema in self.definition.payload_schema.items()
            },
        }

    def close(self) -> None:
        """Flush and release the shard."""
        with self._maintenance, self.in_use:
            self._closed = True
            self.shard.close()

    def remove(self) -> None:
        """Close and delete. The definition goes first, so that a crash leaves nothing half there."""
        self.close()
        (self.folder / _DEFINITION_FILE).unlink()
        shutil.rmtree(self.folder)
