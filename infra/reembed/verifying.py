"""Compares both collections before the functions are told of the new one. Says nothing of what memories say."""

from collections.abc import Callable, Mapping
from typing import Any

from operator_memory.adapters.qdrant import requests
from operator_memory.adapters.qdrant.index_fields import EMBEDDED_BY
from operator_memory.domain.memory.embedding_text import beginning

from infra.backup.drill import Sample
from infra.qdrant.points import Points
from infra.reembed.copying import Copier
from infra.reembed.prints import COPIED_AS, prints_of

Json = dict[str, Any]

_SEARCHES = 5


def compare(copier: Copier, dimensions: int, embedders: Callable[[], Mapping[str, int]]) -> list[str]:
    """A sentence for each difference; none where the new collection can take the old one's place."""
    source, target = copier.source, copier.target
    faults = _counts(source, target)
    made_by = {model: count for model, count in embedders().items() if model != copier.model}
    faults += [f"{count} vectors are from the model {model}." for model, count in made_by.items()]
    sample = _sample(source)
    copies = target.of_ids([point["id"] for point in sample])
    faults += [fault for point in sample for fault in _point(point, copies.get(point["id"]), dimensions, copier.model)]
    faults += _searches(sample[:_SEARCHES], copier)
    return faults


def _counts(source: Points, target: Points) -> list[str]:
    ours, theirs = source.counts(), target.counts()
    return [
        f"{theirs[name]} points of {name} in the new collection, {count} in the old one."
        for name, count in ours.items()
        if theirs[name] != count
    ]


def _sample(source: Points) -> list[Json]:
    """Some points of as many accounts as there are, whole."""
    sample = Sample()
    for page in source.pages(payload=False, vectors=False):
        sample.add(page)
    found = source.of_ids([point["id"] for point in sample.points])
    return list(found.values())


def _point(point: Json, copy: Json | None, dimensions: int, model: str) -> list[str]:
    if copy is None:
        return [f"point {point['id']} is missing."]
    faults, payload = [], copy["payload"]
    if prints_of(copy) != prints_of(point) or payload.get(COPIED_AS) != prints_of(point):
        faults.append(f"point {point['id']} says something else in the new collection.")
    vectors = copy.get("vector")
    dense = vectors.get("") if isinstance(vectors, dict) else vectors
    if not isinstance(dense, list) or len(dense) != dimensions or payload.get(EMBEDDED_BY) != model:
        faults.append(f"point {point['id']} has no vector of {model} in the new collection.")
    return faults


def _searches(sample: list[Json], copier: Copier) -> list[str]:
    """Search for some of them by their own text: each is found, or what says the same."""
    faults = []
    for point in sample:
        text, account = point["payload"].get("data"), point["payload"].get("user_id")
        if not isinstance(text, str) or not isinstance(account, str):
            continue
        (vector,) = copier.vectors([beginning(text)])
        found = copier.target.of_ids(copier.target.nearest(requests.dense(vector), account, limit=10), vectors=False)
        if point["id"] not in found and text not in [other["payload"].get("data") for other in found.values()]:
            faults.append(f"a search of the new collection does not find point {point['id']}.")
    return faults
