"""Which collection of the local Qdrant the memories are in, whatever embedding model is used now.

Each embedding model has a collection of its own name. Who starts with another model must not find everything empty:
the memories that are there are used on, found by words, until QDRANT_COLLECTION names another collection.
"""

from operator_memory.adapters.net.http import HttpClient, json_object

_PREFIX, _NOT_MEMORIES = "memories_", ("_entities", "__scratch")
_SECONDS = 30


def collection_in_use(qdrant_url: str, api_key: str, own: str) -> str:
    """``own``, unless it is not there and another one of ours is: then the one that holds most."""
    client = HttpClient(qdrant_url, system="qdrant", auth=lambda: {"api-key": api_key})
    try:
        listed = json_object("qdrant", client.request("GET", "/collections", timeout=_SECONDS))
        names = [str(one["name"]) for one in listed["result"]["collections"]]
        ours = [name for name in names if name.startswith(_PREFIX) and not name.endswith(_NOT_MEMORIES)]
        return own if own in ours or not ours else max(ours, key=lambda name: (_points(client, name), name))
    finally:
        client.close()


def _points(client: HttpClient, name: str) -> int:
    answer = client.request("GET", f"/collections/{name}", timeout=_SECONDS)
    return int(json_object("qdrant", answer)["result"].get("points_count") or 0)
