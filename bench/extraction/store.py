"""Reads what a way has stored, as it is stored."""

import json
from typing import Any

from operator_memory.adapters.net.http import HttpClient, json_object

_TIMEOUT = 30.0
_MOST = 1_000


def payloads(qdrant: HttpClient, collection: str, owner: str, value: str) -> list[dict[str, Any]]:
    """The payloads of all points whose field ``owner`` is ``value``, in a fixed order."""
    body = {
        "filter": {"must": [{"key": owner, "match": {"value": value}}]},
        "limit": _MOST,
        "with_payload": True,
        "with_vector": False,
    }
    path = f"/collections/{collection}/points/scroll"
    response = qdrant.request("POST", path, json.dumps(body).encode(), timeout=_TIMEOUT)
    found = [point["payload"] for point in json_object("qdrant", response)["result"]["points"]]
    return sorted(found, key=lambda payload: (str(payload.get("created_at")), str(payload["data"])))
