"""Marks of turns in Qdrant: why other sessions do not recall them."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant import requests
from operator_memory.adapters.qdrant.collection import BATCH, QdrantCollection
from operator_memory.adapters.qdrant.requests import Json
from operator_memory.domain.memory.memory import MOST_REASONS, Memory
from operator_memory.domain.memory.scopes import AccountId, Kind

_PAGE = 1000
_MOST_PAGES = 20


class QdrantTurnMarks:
    """Port ``TurnMarks`` on one collection.

    A turn's reasons are read and written in two requests. Of two who mark the same turn at the same moment one may
    lose a reason; the turn is withheld all the same. So it is if it is marked while its last reason is taken off.
    """

    def __init__(self, client: HttpClient, *, collection: str, write_timeout: float) -> None:
        """``write_timeout``: seconds for one request."""
        self._collection = QdrantCollection(client, collection, timeout=write_timeout)

    def withhold(self, account_id: AccountId, reasons: Mapping[str, Collection[str]]) -> None:
        """Add the ``reasons`` to each turn that the account has."""
        ids = list(reasons)
        for start in range(0, len(ids), BATCH):
            turns = self._read(account_id, these(account_id, ids[start : start + BATCH]))
            wanted = {t.id: tuple(dict.fromkeys((*t.withheld_by, *sorted(reasons[t.id])))) for t in turns}
            self._write(account_id, {t.id: wanted[t.id] for t in turns if wanted[t.id] != t.withheld_by})

    def release(self, account_id: AccountId, reason: str) -> None:
        """Take ``reason`` off every turn."""
        for _ in range(_MOST_PAGES):
            turns = self._read(account_id, withheld(account_id, reason))
            if not turns:
                return
            left = {t.id: tuple(r for r in t.withheld_by if r != reason) for t in turns}
            self._write(account_id, left, taken=reason)

    def _read(self, account_id: AccountId, body: Json) -> list[Memory]:
        return self._collection.memories(account_id, body)

    def _write(self, account_id: AccountId, reasons: Mapping[str, tuple[str, ...]], *, taken: str = "") -> None:
        if reasons:
            self._collection.call("POST", "/points/batch?wait=true", marks(account_id, reasons, taken=taken))


def these(account_id: AccountId, ids: Sequence[str]) -> Json:
    """Body of ``points/scroll``: those of ``ids`` that are turns of the account."""
    return _turns(account_id, {"has_id": list(ids)}, limit=max(1, len(ids)))


def withheld(account_id: AccountId, reason: str) -> Json:
    """Body of ``points/scroll``: turns that are withheld for ``reason``, the first thousand."""
    return _turns(account_id, requests.equals(requests.WITHHELD, reason), limit=_PAGE)


def _turns(account_id: AccountId, condition: Json, *, limit: int) -> Json:
    of_account = requests.tenant_filter(account_id, requests.equals("kind", Kind.TURN.value), condition)
    return {"filter": of_account, "limit": limit, "with_payload": True, "with_vector": False}


def marks(account_id: AccountId, reasons: Mapping[str, tuple[str, ...]], *, taken: str = "") -> Json:
    """Body of ``points/batch``: each turn, by its id, is withheld for these reasons; for none: not at all, unless it is
    withheld for another than ``taken`` by now."""
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for identity, why in reasons.items():
        alike[why[-MOST_REASONS:]].append(identity)
    return {"operations": [_mark(account_id, ids, why, taken) for why, ids in alike.items()]}


def _mark(account_id: AccountId, ids: Sequence[str], why: tuple[str, ...], taken: str) -> Json:
    if why:
        condition = requests.tenant_filter(account_id, {"has_id": list(ids)})
        return {"set_payload": {"payload": {requests.WITHHELD: list(why)}, "filter": condition}}
    others = requests.withheld_otherwise([taken])
    condition = requests.tenant_filter(account_id, {"has_id": list(ids)}, must_not=[others])
    return {"delete_payload": {"keys": [requests.WITHHELD], "filter": condition}}
