"""What has to be done so that a collection is as ``collection.json`` says. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

Json = Mapping[str, Any]
DEFINITION = Path(__file__).with_name("collection.json")

_INDEX_OPTIONS = {
    "is_tenant": (False, "tenant"),
    "ascii_folding": (False, "accents folded"),
    "enable_hnsw": (True, "no graphs"),
    "phrase_matching": (False, "phrases"),
}
"""The index options that matter here: Qdrant's default, and what a person calls the other value."""


class Action(StrEnum):
    """A request to Qdrant, or a drift that no request can mend."""

    CREATE = "create"
    UPDATE = "update"
    INDEX = "index"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. ``sentence`` tells a person; ``body`` is sent."""

    action: Action
    sentence: str
    body: Json | None = None


def desired_collection(dimensions: int) -> dict[str, Any]:
    """The definition for vectors of ``dimensions`` numbers."""
    definition: dict[str, Any] = json.loads(DEFINITION.read_text(encoding="utf-8"))
    definition["vectors"] = {"size": dimensions, **definition["vectors"]}
    return definition


def plan(desired: Json, actual: Json | None) -> list[Step]:
    """Steps from ``actual`` (Qdrant's description of the collection, ``None`` if it has none) to ``desired``.

    A collection is never dropped: what only a new one could change is reported.
    """
    if actual is None:
        body = {name: value for name, value in desired.items() if name != "payload_indexes"}
        return [Step(Action.CREATE, "The collection does not exist.", body=body), *_index_steps(desired, {})]
    config: Json = actual.get("config", {})
    params: Json = config.get("params", {})
    return [
        *_vector_drift(desired, params),
        *_update_steps(desired, config),
        *_index_steps(desired, actual.get("payload_schema", {})),
    ]


def _vector_drift(desired: Json, params: Json) -> list[Step]:
    wanted, found = desired["vectors"], params.get("vectors") or {}
    drift = [
        Step(
            Action.REPORT,
            f"Vector {name} is {found.get(name)}, not {wanted[name]}: this needs a new collection "
            "(set QDRANT_COLLECTION to another name).",
        )
        for name in ("size", "distance")
        if found.get(name) != wanted[name]
    ]
    for name, vector in desired["sparse_vectors"].items():
        sparse = (params.get("sparse_vectors") or {}).get(name)
        if sparse is None:
            drift.append(Step(Action.REPORT, f"Sparse vector {name} is missing: this needs a new collection."))
        elif sparse.get("modifier") != vector["modifier"]:
            body = {"sparse_vectors": {name: vector}}
            sentence = f"Sparse vector {name} has modifier {sparse.get('modifier')}, not {vector['modifier']}."
            drift.append(Step(Action.UPDATE, sentence, body=body))
    return drift


def _update_steps(desired: Json, config: Json) -> list[Step]:
    steps = []
    for section in ("hnsw_config", "strict_mode_config"):
        found = config.get(section) or {}
        different = {name: value for name, value in desired[section].items() if found.get(name) != value}
        if different:
            named = ", ".join(f"{name} is {found.get(name)}, not {value}" for name, value in different.items())
            steps.append(Step(Action.UPDATE, f"In {section} {named}.", body={section: desired[section]}))
    return steps


def _index_steps(desired: Json, schema: Json) -> list[Step]:
    steps = []
    for field, wanted in desired["payload_indexes"].items():
        found = schema.get(field)
        body = {"field_name": field, "field_schema": dict(wanted)}
        if found is None:
            steps.append(Step(Action.INDEX, f"Payload index {field} is missing.", body))
        elif _differs(wanted, found):
            is_now = _described(found.get("data_type"), found.get("params") or {})
            sentence = f"Payload index {field} is {is_now}, not {_described(wanted['type'], wanted)}."
            steps.append(Step(Action.INDEX, sentence, body))
    return steps


def _differs(wanted: Json, found: Json) -> bool:
    return found.get("data_type") != wanted["type"] or _options(wanted) != _options(found.get("params") or {})


def _options(given: Json) -> dict[str, Any]:
    """The options with Qdrant's defaults for those that are absent or null."""
    return {name: default if given.get(name) is None else given[name] for name, (default, _) in _INDEX_OPTIONS.items()}


def _described(kind: object, given: Json) -> str:
    options = _options(given)
    named = [word for name, (default, word) in _INDEX_OPTIONS.items() if options[name] is not default]
    return f"{kind} ({', '.join(named)})" if named else str(kind)
