"""One collection: an engine shard, its definition, and the folder that holds both."""

import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Self

import qdrant_edge as edge

from devstack.qdrant.aliases import EngineObject, JsonObject
from devstack.qdrant.engine import optimizer
from devstack.qdrant.engine.definition import Definition
from devstack.qdrant.engine.schema import FieldSchema, describe, parse_schema, schema_type
from devstack.qdrant.requests.strict import StrictMode

_DEFINITION_FILE = "collection.json"
_OPTIMIZE_AFTER = 5000
_QUIET_SECONDS = 1.0


class Collection:
    """A collection that is open.

    Three threads meet here: one reads, one writes (and changes the definition), one maintains. The engine lets
    the first two run side by side. Readers hold ``in_use`` around each use of ``shard``, so that it can be
    replaced; writers hold ``_writing``, so that what they write reaches the replacement too.
    """

    def __init__(self, folder: Path, definition: Definition, shard: edge.EdgeShard) -> None:
        self.folder = folder
        self.shard = shard
        self.in_use = threading.Lock()
        self._writing = threading.RLock()
        self._maintenance = threading.Lock()
        self._journal: list[edge.UpdateOperation] | None = None
        self._optimizer: subprocess.Popen[str] | None = None
        self._unflushed = False
        self._changed = 0
        self._last_change = 0.0
        self._operation = 0
        self._closed = False
        self._define(definition)

    @classmethod
    def create(cls, folder: Path, definition: Definition) -> Self:
        """Make the collection in ``folder``, which must not exist. Its definition is written last: a folder
        without one is a creation that did not finish."""
        path = folder / definition.shard
        path.mkdir(parents=True)
        shard = edge.EdgeShard.create(str(path), definition.engine_config())
        definition.save(folder / _DEFINITION_FILE)
        return cls(folder, definition, shard)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open what ``create`` made; the engine replays its write-ahead log, and gets the payload indexes of
        the definition should it lack any."""
        definition = Definition.load(folder / _DEFINITION_FILE)
        for path in folder.iterdir():
            if path.is_dir() and path.name != definition.shard:
                # The copy, or the original, of an optimisation cut short, whose process may still be ending.
                shutil.rmtree(path, ignore_errors=True)
        shard = edge.EdgeShard.load(str(folder / definition.shard), definition.engine_config())
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
            self.update(edge.UpdateOperation.delete_field_index(key))
        for key, schema in self.definition.payload_schema.items():
            if key not in present or str(present[key].data_type).rpartition(".")[2].lower() != schema_type(schema):
                self.update(edge.UpdateOperation.create_field_index(key, parse_schema(schema)[1]))

    def update(self, operation: edge.UpdateOperation, size: int = 1) -> int:
        """Apply ``operation``, which touches about ``size`` points; its number. Durable on return."""
        with self._writing:
            self.shard.update(operation)
            if self._journal is not None:
                self._journal.append(operation)
            self._unflushed = True
            self._changed += size
            self._last_change = time.monotonic()
            self._operation += 1
            return self._operation

    def create_index(self, key: str, schema: FieldSchema, engine_schema: EngineObject) -> int:
        """Index the payload field ``key``; an index of another schema is replaced."""
        if key not in self.definition.payload_schema:
            self.strict.new_index(len(self.definition.payload_schema))
        with self._writing:
            operation = self.update(edge.UpdateOperation.create_field_index(key, engine_schema))
            self._save_schema(self.definition.payload_schema | {key: schema})
        return operation

    def delete_index(self, key: str) -> int:
        """Drop the index of ``key``, if there is one."""
        with self._writing:
            operation = self.update(edge.UpdateOperation.delete_field_index(key))
            self._save_schema({name: item for name, item in self.definition.payload_schema.items() if name != key})
        return operation

    def _save_schema(self, payload_schema: dict[str, FieldSchema]) -> None:
        self.definition.payload_schema = payload_schema
        self.definition.save(self.folder / _DEFINITION_FILE)

    def reconfigure(self, definition: Definition) -> None:
        """Take another definition of the same vectors: the engine reloads the shard with it. If it cannot,
        the old definition stays and the engine's error is raised."""
        with self._maintenance, self._writing, self.in_use:
            definition.shard = self.definition.shard
            self.shard.close()
            try:
                self.shard = self._load(definition)
            except Exception:
                self.shard = self._load(self.definition)
                raise
            definition.save(self.folder / _DEFINITION_FILE)
            self._define(definition)

    def _load(self, definition: Definition) -> edge.EdgeShard:
        return edge.EdgeShard.load(str(self.folder / definition.shard), definition.engine_config())

    def optimize(self) -> None:
        """Merge segments and build HNSW graphs until nothing is left to do.

        Works on a copy in another process and takes that copy's place for the shard: the caller waits (seconds
        at 100k points), searches and updates do not.

        Given up when the collection is closed meanwhile.

        Raises:
            RuntimeError: if the engine failed; the collection stays as it was.
        """
        with self._maintenance:
            if self._closed:
                return
            name = f"shard-{time.time_ns()}"
            try:
                with self._writing:
                    self._copy_shard(name)
                self._optimizer = optimizer.start(self.folder / name, self.folder / _DEFINITION_FILE)
                optimizer.finish(self._optimizer)
                with self._writing:
                    self._replace_shard(name)
            except RuntimeError:
                if not self._closed:
                    raise
            finally:
                self._optimizer = None
                self._journal = None
                if self.definition.shard != name:
                    shutil.rmtree(self.folder / name, ignore_errors=True)

    def _copy_shard(self, name: str) -> None:
        self._changed = 0
        self.shard.flush()
        shutil.copytree(self.folder / self.definition.shard, self.folder / name)
        self._journal = []

    def _replace_shard(self, name: str) -> None:
        fresh = edge.EdgeShard.load(str(self.folder / name), self.definition.engine_config())
        for operation in self._journal or []:
            fresh.update(operation)
        old_shard, old_name = self.shard, self.definition.shard
        self.definition.shard = name
        self.definition.save(self.folder / _DEFINITION_FILE)
        with self.in_use:
            self.shard = fresh
        old_shard.close()
        shutil.rmtree(self.folder / old_name)

    def maintain(self) -> None:
        """When writing pauses: let the write-ahead log go, and optimise after many changes."""
        if time.monotonic() - self._last_change < _QUIET_SECONDS:
            return
        if self._changed >= _OPTIMIZE_AFTER:
            self.optimize()
        elif self._unflushed:
            with self._maintenance:
                self._unflushed = False
                if not self._closed:
                    self.shard.flush()

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
        """Flush and release the shard; an optimisation under way is given up."""
        self._closed = True
        running = self._optimizer
        if running is not None:
            running.kill()
        with self._maintenance, self._writing, self.in_use:
            self.shard.close()

    def remove(self) -> None:
        """Close and delete. The definition goes first, so that a crash leaves nothing half there."""
        self.close()
        (self.folder / _DEFINITION_FILE).unlink()
        shutil.rmtree(self.folder)
