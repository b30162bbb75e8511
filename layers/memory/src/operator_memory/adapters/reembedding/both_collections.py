"""Deletions that reach both collections while memories are moved from one to the other.

All deletions of every adapter pass here, so none can forget the other collection. Writes do not: the copier catches up
with them.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from operator_memory.adapters.net.http import HttpClient, Response
from operator_memory.domain.lifecycle.migration import OtherCollection

_DELETE, _BATCH = "/points/delete", "/points/batch"
_DELETIONS = frozenset({"delete", "delete_points"})
"""Names of an operation of a batch that deletes points."""

_DONE, _NO_COLLECTION = 200, 404
"""The other one is not made yet, or is gone already."""


class BothCollectionsClient(HttpClient):
    """A client of the store whose deletions are made in the other collection as well."""

    def __init__(
        self,
        base_url: str,
        *,
        system: str,
        auth: Callable[[], Mapping[str, str]] | None = None,
        collection: str,
        other: Callable[[], OtherCollection | None],
    ) -> None:
        """``other`` names the other collection, or ``None`` while no memories are moved; it is asked for each
        deletion."""
        super().__init__(base_url, system=system, auth=auth)
        self._below = f"/collections/{collection}"
        self._other = other

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        timeout: float,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = True,
    ) -> Response:
        """Send it, and if it deletes, to both collections, in their order. A failure of either counts."""

        def send(to: str, content: bytes | None) -> Response:
            return super(BothCollectionsClient, self).request(
                method, to, content, timeout=timeout, headers=headers, idempotent=idempotent
            )

        rest = path.removeprefix(self._below)
        deletions = _deletions(rest, body) if method == "POST" and rest != path else None
        other = self._other() if deletions is not None else None
        if other is None:
            return send(path, body)
        steps = [(path, body), (f"/collections/{other.name}{rest}", deletions)]
        answers = []
        for to, content in reversed(steps) if other.first else steps:
            answer = send(to, content)
            if answer.status != _DONE and not (to != path and answer.status == _NO_COLLECTION):
                return answer
            answers.append((to, answer))
        return dict(answers)[path]


def _deletions(rest: str, body: bytes | None) -> bytes | None:
    """What of a request below a collection deletes points; ``None``: nothing."""
    if rest.startswith(_DELETE):
        return body
    if not rest.startswith(_BATCH) or body is None or b'"delete' not in body:
        return None
    operations: list[dict[str, Any]] = json.loads(body)["operations"]
    found = [operation for operation in operations if _DELETIONS & operation.keys()]
    return json.dumps({"operations": found}).encode() if found else None
