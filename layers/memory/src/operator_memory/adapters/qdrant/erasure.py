"""Erasure in Qdrant: what a person wants forgotten is deleted by filter, and counted, in every collection."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from operator_memory.adapters.net.http import HttpClient, Response
from operator_memory.adapters.qdrant import requests
from operator_memory.adapters.qdrant.collection import QdrantCollection, count_of, result_of
from operator_memory.adapters.qdrant.requests import Json
from operator_memory.domain.lifecycle.migration import OtherCollection
from operator_memory.domain.memory.memory import CLEARED
from operator_memory.domain.memory.scopes import AccountId, Scope
from operator_memory.domain.shared.tombstones import Target, TargetKind

ENTITIES = "entities"
"""The name of a collection that Mem0 keeps of its own. It has Mem0's fields alone, and may not exist."""

COPIES = "copies"
"""The name of the other collection, while memories are moved from one to another. It may not exist yet, or any more."""


class QdrantErasure:
    """Port ``ErasableMemories`` on the collections of one server."""

    def __init__(
        self,
        client: HttpClient,
        *,
        collections: Sequence[tuple[str, str]],
        write_timeout: float,
        other: Callable[[], OtherCollection | None] = lambda: None,
    ) -> None:
        """``collections``: pairs of the name in the counts and the collection's. ``other`` names the collection that
        is filled from them, or was, while memories are moved; it is asked each time.

        What is named ``entities`` is Mem0's (``<collection>_entities``); all others hold memories, and must exist.
        ``write_timeout``: seconds for one request. A deletion that takes longer goes on in the server: it ends in
        ``UpstreamTimeoutError``, and can be repeated.
        """
        self._client = client
        self._timeout = write_timeout
        self._names = list(collections)
        self._other = other

    def _collections(self) -> Iterator[tuple[str, QdrantCollection]]:
        """Those of the other one before or after ours, as `OtherCollection` says."""
        other = self._other()
        beside = [] if other is None else [(COPIES, other.name), (ENTITIES, f"{other.name}_entities")]
        names = [*beside, *self._names] if other is not None and other.first else [*self._names, *beside]
        for kind, name in names:
            yield kind, QdrantCollection(self._client, name, timeout=self._timeout)

    def count_erasable(self, account_id: AccountId, target: Target, *, until: datetime) -> dict[str, int]:
        """How many points there are, by the collections' names, said at or before ``until``."""
        counts: Counter[str] = Counter()
        for kind, collection in self._collections():
            condition = erasable(kind, account_id, target, until=until)
            counts[kind] += 0 if condition is None else self._count(kind, collection, condition)
        return dict(counts)

    def _count(self, kind: str, collection: QdrantCollection, condition: Json) -> int:
        answer = _answer(kind, collection, "/points/count", {"filter": condition, "exact": True})
        return 0 if answer is None else count_of(result_of(answer))

    def erase(self, account_id: AccountId, target: Target, *, until: datetime) -> None:
        """Delete them, durably. Doing so again changes nothing."""
        for kind, collection in self._collections():
            condition = erasable(kind, account_id, target, until=until)
            if kind != ENTITIES and target.kind is TargetKind.USER:
                answer = _answer(kind, collection, "/points/payload?wait=true", silenced(account_id, until=until))
                if answer is not None:
                    result_of(answer)
            if condition is not None:
                answer = _answer(kind, collection, "/points/delete?wait=true", {"filter": condition})
                if answer is not None:
                    result_of(answer)


def _answer(kind: str, collection: QdrantCollection, path: str, body: Json) -> Response | None:
    """The answer; ``None`` if there is no such collection, and need not be."""
    answer = collection.send("POST", path, body)
    return None if answer.status == 404 and kind in (ENTITIES, COPIES) else answer


def erasable(kind: str, account_id: AccountId, target: Target, *, until: datetime) -> Json | None:
    """The filter for what is to be erased in a collection of this kind; ``None``: it holds nothing of the target."""
    if kind == ENTITIES:
        conditions = _of_entities(target)
        return None if conditions is None else requests.tenant_filter(account_id, *conditions)
    return requests.tenant_filter(account_id, *_of_memories(target), must_not=_said_later(until))


def silenced(account_id: AccountId, *, until: datetime) -> Json:
    """Body of ``points/payload`` for what `Tombstone.silences`: no other session recalls it."""
    of_session = requests.equals("scope", Scope.SESSION.value)
    condition = requests.tenant_filter(account_id, of_session, must_not=_said_later(until))
    return {"payload": {requests.WITHHELD: [CLEARED]}, "filter": condition}


def _of_memories(target: Target) -> list[Json]:
    """The conditions that ``Target.holds`` stands for."""
    match target.kind:
        case TargetKind.ACCOUNT:
            return []
        case TargetKind.USER:
            return [requests.equals("scope", Scope.USER.value)]
        case TargetKind.AGENT:
            return [requests.equals("scope", Scope.AGENT.value), requests.equals("agent_id", target.id)]
        case TargetKind.SESSION:
            return [{"should": [requests.equals(key, target.id) for key in (requests.SESSION, "thread_id")]}]
        case TargetKind.AUTHOR:
            return [requests.equals("author_id", target.id)]


def _said_later(until: datetime) -> list[Json]:
    """What ``Tombstone.covers`` leaves alone. Said in the negative, so that what has no date is erased too."""
    not_imported = {"is_empty": {"key": "imported_at"}}
    return [
        requests.in_range("imported_at", gt=until),
        {"must": [requests.in_range("created_at", gt=until), not_imported]},
    ]


def _of_entities(target: Target) -> list[Json] | None:
    """Mem0's entities have no scope and no date. They serve its own ranking only: too many is better than too few."""
    match target.kind:
        case TargetKind.ACCOUNT | TargetKind.USER:
            return []
        case TargetKind.AGENT:
            return [requests.equals("agent_id", target.id)]
        case TargetKind.SESSION:
            return [requests.equals(requests.SESSION, target.id)]
        case TargetKind.AUTHOR:
            return None  # they do not say who spoke
