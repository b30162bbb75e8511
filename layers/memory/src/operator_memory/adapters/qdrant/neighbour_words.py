"""Keeps the words of one memory in the index of another: a turn is found by what was said just before it, too.

They are taken out before the memory that says them is deleted, or comes to say something else: then whoever is
interrupted in between can do it all again. The dense vector holds a turn's own words only.
"""

from collections.abc import Sequence

from operator_memory.adapters.net.http import checked
from operator_memory.adapters.qdrant import requests
from operator_memory.adapters.qdrant.collection import QdrantCollection
from operator_memory.adapters.qdrant.index_fields import keyword
from operator_memory.adapters.qdrant.requests import Json
from operator_memory.domain.errors import ConflictError
from operator_memory.domain.memory.keyword_text import keyword_text
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId

PAGE = 1000
"""Ids that are asked about at once, and the turns that follow them."""
_CHANGED_AT_ONCE = 100
_ROUNDS = 10


def take_words_back(
    collection: QdrantCollection, account_id: AccountId, ids: Sequence[str], *, leaving: Sequence[Json] = ()
) -> None:
    """Take the words of ``ids`` out of the index of what follows them.

    ``leaving``: conditions for what is about to be deleted as well, which is left as it is.

    Raises:
        ConflictError: others have changed the turns that follow again and again meanwhile.
    """
    for start in range(0, len(ids), PAGE):
        wanted = following_turns(account_id, ids[start : start + PAGE], leaving=leaving)
        for _ in range(_ROUNDS):
            found = collection.memories(account_id, wanted)
            if not found:
                break
            _index_own_words(collection, found)
        else:
            raise ConflictError("what was said next is being changed at this moment: try again")


def _index_own_words(collection: QdrantCollection, found: Sequence[Memory]) -> None:
    for start in range(0, len(found), _CHANGED_AT_ONCE):
        body = own_words(found[start : start + _CHANGED_AT_ONCE])
        answer = collection.send("POST", "/points/batch?wait=true&ordering=strong", body)
        if answer.status == 404:  # one of them is gone: the others are read again
            return
        checked(requests.SYSTEM, answer)


def following_turns(account_id: AccountId, ids: Sequence[str], *, leaving: Sequence[Json] = ()) -> Json:
    """Body of ``points/scroll``: what is found by the words of one of ``ids``, except what is ``leaving``."""
    named = {"key": requests.FOLLOWS, "match": {"any": list(ids)}}
    condition = requests.tenant_filter(account_id, named, must_not=leaving)
    return {"filter": condition, "limit": PAGE, "with_payload": True, "with_vector": False}


def own_words(memories: Sequence[Memory]) -> Json:
    """Body of ``points/batch``: each of ``memories`` is found by its own words only.

    Nothing happens to one that is another version by now: it may say something else, and is to be read again.
    """
    return {"operations": [operation for memory in memories for operation in _own_words(memory)]}


def _own_words(memory: Memory) -> list[Json]:
    condition = requests.unchanged(memory, memory.version)
    vector = {requests.KEYWORD_VECTOR: keyword(keyword_text(memory))}
    return [
        {"update_vectors": {"points": [{"id": memory.id, "vector": vector}], "update_filter": condition}},
        {"delete_payload": {"keys": [requests.FOLLOWS], "filter": condition}},
    ]
