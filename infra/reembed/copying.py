"""Copies points from one collection to the other, page by page, and finds what has changed since.

A pass compares all points, and makes a vector only where there is none for the text. So the first pass copies, later
ones catch up. Doing any of it again changes nothing, so a pass may be killed anywhere.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from operator_memory.adapters.qdrant import requests
from operator_memory.adapters.qdrant.index_fields import EMBEDDED_BY
from operator_memory.application.ports.core import Embedder
from operator_memory.domain.errors import UpstreamError
from operator_memory.domain.memory.embedding_text import beginning

from infra.backup.gate import Gate
from infra.progress import Progress
from infra.qdrant.points import Id, Points
from infra.reembed.prints import (
    COPIED_AS,
    keyword_vector,
    later,
    own_payload,
    prints_of,
    says_what_was_copied,
    was_copied_as,
)

Json = dict[str, Any]

_EMBED_SECONDS = 60.0
_ATTEMPTS = 10
_LONGEST_WAIT = 60.0
_KEYWORDS = [requests.KEYWORD_VECTOR]


@dataclass(slots=True)
class Changes:
    """What a pass has done."""

    embedded: int = 0
    """Points that got a new vector."""
    updated: int = 0
    """Points whose text was the same, and the rest not."""
    removed: int = 0
    """Copies of what is not there any more."""
    left_out: int = 0
    """Points of the old collection that were erased, deleted or archived since."""

    @property
    def found(self) -> int:
        """How much there was to do."""
        return self.to_write + self.removed

    @property
    def to_write(self) -> int:
        """How many points the new collection lacked, or had in an older state."""
        return self.embedded + self.updated


@dataclass(slots=True)
class Patience:
    """How fast the embedder is asked, and how long one that fails is waited for."""

    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    a_second: float = 0.0
    """Most texts in a second; 0: no limit."""
    told: Callable[[str], None] = lambda _: None


@dataclass(slots=True)
class Copier:
    """Both collections, and what makes vectors for the new one."""

    source: Points
    target: Points
    embedder: Embedder
    model: str
    patience: Patience = field(default_factory=Patience)
    gate: Gate | None = None
    """Set once the functions use the new collection: says what the old one has and the new must not get. Until then the
    old one alone counts."""
    write: bool = True
    """``False``: only count."""

    def run(self, place: str | None, keep_place: Callable[[str, int], None], progress: Progress) -> Changes:
        """One pass, from ``place`` on. ``keep_place`` is told after each page where to go on, and of its vectors."""
        changes = Changes()
        after: Id | None = None if place is None else json.loads(place)
        while True:
            page, after = self.source.page(after, vectors=_KEYWORDS)
            embedded = self._page(page, changes)
            progress.add(len(page))
            if after is None:
                break
            keep_place(json.dumps(after), embedded)
        self._remove_what_is_gone(changes)
        return changes

    def _page(self, page: Sequence[Json], changes: Changes) -> int:
        copies = self._copies([point["id"] for point in page])
        wanted = [point for point in page if self._wants(point, copies.get(point["id"]))]
        if self.gate is not None:
            missing = [point for point in wanted if point["id"] not in copies]
            allowed = {point["id"]: point for point in self.gate.judge(missing).kept}
            changes.left_out += len(missing) - len(allowed)
            wanted = [allowed.get(p["id"], p) for p in wanted if p["id"] in copies or p["id"] in allowed]
        same_text = [point for point in wanted if self._same_text(point, copies.get(point["id"]))]
        known = {point["id"] for point in same_text}
        new = [point for point in wanted if point["id"] not in known]
        if self.write and wanted:
            self._embed(new)
            self._update(same_text)
            self._look_again([point["id"] for point in wanted])
        changes.embedded += len(new)
        changes.updated += len(same_text)
        return len(new)

    def _copies(self, ids: Sequence[Id]) -> dict[Id, Json]:
        """The copies of these points: what is needed to tell whether they are up to date."""
        if self.gate is None:
            return self.target.of_ids(ids, payload=["data", COPIED_AS, EMBEDDED_BY], vectors=False)
        return self.target.of_ids(ids, vectors=_KEYWORDS)

    def _wants(self, point: Json, copy: Json | None) -> bool:
        """Whether ``point`` is to be written over its copy."""
        if copy is None:
            return True
        made_of = copy["payload"].get(COPIED_AS)
        if was_copied_as(point, made_of) and (self.gate or copy["payload"].get(EMBEDDED_BY) == self.model):
            return False
        if self.gate is None or says_what_was_copied(copy):
            return True
        return later(point, copy)

    def _same_text(self, point: Json, copy: Json | None) -> bool:
        if copy is None or copy["payload"].get(EMBEDDED_BY) != self.model:
            return False
        return bool(copy["payload"].get("data") == point["payload"].get("data"))

    def _embed(self, points: Sequence[Json]) -> None:
        if not points:
            return
        texts = [beginning(str((point.get("payload") or {}).get("data") or "")) for point in points]
        began = self.patience.clock()
        vectors = self.vectors(texts)
        self.target.put(
            [
                {
                    "id": point["id"],
                    "payload": self._payload(point),
                    "vector": {"": requests.dense(vector), **self._keywords(point)},
                }
                for point, vector in zip(points, vectors, strict=True)
            ]
        )
        if self.patience.a_second:
            spent = self.patience.clock() - began
            self.patience.sleep(max(0.0, len(texts) / self.patience.a_second - spent))

    def vectors(self, texts: Sequence[str]) -> Sequence[Any]:
        """What stands for the dense vectors of ``texts``, for a point and for a search; an embedder that fails is
        waited for.

        Raises:
            UpstreamError: it goes on failing, or refuses.
        """
        for attempt in range(_ATTEMPTS):
            try:
                return self.embedder.embed(texts, timeout=_EMBED_SECONDS)
            except UpstreamError as error:
                if not error.retryable or attempt == _ATTEMPTS - 1:
                    raise
                wait = error.retry_after or min(_LONGEST_WAIT, 2.0**attempt)
                self.patience.told(f"The embedder fails ({error.reason}); trying again in {wait:.0f} s.")
                self.patience.sleep(wait)
        raise AssertionError

    def _update(self, points: Sequence[Json]) -> None:
        self.target.set_payload({point["id"]: self._payload(point) for point in points})
        self.target.set_vectors({point["id"]: vector for point in points if (vector := self._keywords(point))})

    def _payload(self, point: Json) -> Json:
        return {**own_payload(point), EMBEDDED_BY: self.model, COPIED_AS: prints_of(point)}

    def _keywords(self, point: Json) -> Json:
        vector = keyword_vector(point)
        return {} if vector is None else {requests.KEYWORD_VECTOR: vector}

    def _look_again(self, ids: Sequence[Id]) -> None:
        """Take back copies of what was deleted while they were made. What is deleted later is so in both."""
        left = self.source.of_ids(ids, payload=False, vectors=False)
        self.target.delete([identity for identity in ids if identity not in left])

    def _remove_what_is_gone(self, changes: Changes) -> None:
        """Of the copies those whose point is gone: what a pass that was killed has left. Once the functions use the
        new collection, only what the gate keeps out: the rest was written there."""
        for page in self.target.pages(payload=self.gate is not None, vectors=False):
            ids = [point["id"] for point in page]
            left = self.source.of_ids(ids, payload=False, vectors=False)
            gone = [point for point in page if point["id"] not in left]
            if self.gate is not None:
                kept = {point["id"] for point in self.gate.judge(gone).kept} if gone else set()
                gone = [point for point in gone if point["id"] not in kept]
            if self.write:
                self.target.delete([point["id"] for point in gone])
            changes.removed += len(gone)
