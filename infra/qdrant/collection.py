"""The collection on the server, reached with ``qdrant-client``."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from httpx import TimeoutException
from operator_memory.adapters.qdrant import requests
from operator_memory.adapters.qdrant.index_fields import EMBEDDED_BY, FORM, INDEXED_AS
from operator_memory.domain.errors import (
    MalformedResponseError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from operator_memory.domain.memory.scopes import AccountId
from pydantic import ValidationError
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from infra.qdrant.plan import Action, Step

_TIMEOUT = 300
"""Seconds. A step waits until it is carried out, and of a large collection an index takes minutes."""

_AT_ONCE = 500
_PAGE = 100
_INDEXED = requests.equals(INDEXED_AS, FORM)
_UNNUMBERED = models.IsEmptyCondition(is_empty=models.PayloadField(key=requests.TENANT))


@contextmanager
def collection_at(url: str, name: str, *, api_key: str = "") -> Iterator["Collection"]:
    """The collection ``name`` of the Qdrant at ``url``; it need not exist."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Api key is used with an insecure connection")  # to this machine
        client = QdrantClient(
            url, port=None, api_key=api_key or None, timeout=_TIMEOUT, check_compatibility=False, trust_env=False
        )
    try:
        yield Collection(client, name)
    finally:
        client.close()


class Collection:
    """What a deploy asks and changes. Every method raises an ``UpstreamError`` where Qdrant fails or refuses."""

    def __init__(self, client: QdrantClient, name: str) -> None:
        self._client = client
        self._name = name

    def describe(self) -> dict[str, Any] | None:
        """Qdrant's description, or ``None`` if the collection does not exist."""
        try:
            with _failures():
                found = self._client.http.collections_api.get_collection(self._name).result
        except _MissingError:
            return None
        if found is None:
            raise MalformedResponseError(requests.SYSTEM, "the answer does not describe a collection")
        return found.model_dump(mode="json", exclude_none=True)

    def run(self, step: Step) -> None:
        """Carry out a step; its sentence is told with a refusal."""
        name, api, body = self._name, self._client.http, dict(step.body or {})
        with _failures(f"{step.sentence} But it refused: "):
            if step.action is Action.CREATE:
                api.collections_api.create_collection(name, create_collection=models.CreateCollection(**body))
            elif step.action is Action.UPDATE:
                api.collections_api.update_collection(name, update_collection=models.UpdateCollection(**body))
            elif step.action is Action.INDEX:
                index = models.CreateFieldIndex(**body)
                api.indexes_api.create_field_index(name, wait=True, create_field_index=index)

    def unnumbered(self) -> list[AccountId]:
        """Accounts that have memories without their account's number, the first hundreds."""
        return [AccountId(account) for account in self._counts(requests.ACCOUNT, {"must": [_UNNUMBERED]})]

    def unindexed(self) -> list[AccountId]:
        """Accounts that have memories which are indexed in an earlier form, the first hundreds."""
        return [AccountId(account) for account in self._counts(requests.ACCOUNT, {"must_not": [_INDEXED]})]

    def embedders(self) -> dict[str, int]:
        """How many vectors each embedding model has made."""
        return self._counts(EMBEDDED_BY, {})

    def _counts(self, key: str, condition: dict[str, Any]) -> dict[str, int]:
        with _failures():
            answer = self._client.facet(
                self._name,
                key=key,
                facet_filter=models.Filter(**condition),
                limit=_AT_ONCE,
                exact=True,
            )
        return {str(hit.value): hit.count for hit in answer.hits}

    def page_to_index(self, account: AccountId) -> list[dict[str, Any]]:
        """Some of the account's points that are indexed in an earlier form."""
        return self._points(requests.tenant_filter(account, must_not=[_INDEXED]))

    def points(self, account: AccountId, ids: Sequence[str]) -> list[dict[str, Any]]:
        """The account's points of these ids."""
        return self._points(requests.tenant_filter(account, {"has_id": list(ids)})) if ids else []

    def _points(self, condition: requests.Json) -> list[dict[str, Any]]:
        with _failures():
            found, _ = self._client.scroll(self._name, scroll_filter=models.Filter(**condition), limit=_PAGE)
        return [{"id": point.id, "payload": point.payload or {}} for point in found]

    def change(self, operations: Sequence[requests.Json]) -> None:
        """Carry out operations on points, in order."""
        with _failures():
            self._client.http.points_api.batch_update(
                self._name,
                wait=True,
                update_operations=models.UpdateOperations.model_validate({"operations": operations}),
            )

    def number(self, account: AccountId) -> None:
        """Give the account's memories its number where they lack it."""
        with _failures():
            self._client.set_payload(
                self._name,
                payload={requests.TENANT: requests.tenant_number(account)},
                points=models.Filter(**requests.tenant_filter(account, _UNNUMBERED.model_dump())),
                wait=True,
            )


class _MissingError(UpstreamRejectedError):
    """There is no such collection."""


@contextmanager
def _failures(refused: str = "it refused: ") -> Iterator[None]:
    """Raise the client's exceptions as ours; ``refused`` stands before what the server says."""
    try:
        yield
    except UnexpectedResponse as error:
        status, said = error.status_code or 0, error.content.decode("utf-8", "replace")[:300]
        if status == 404:
            raise _MissingError(requests.SYSTEM, f"{refused}{said}") from None
        if 400 <= status < 500:
            raise UpstreamRejectedError(requests.SYSTEM, f"{refused}{said}") from None
        raise UpstreamUnavailableError(requests.SYSTEM, f"answered {status}") from None
    except ResourceExhaustedResponse:
        raise UpstreamUnavailableError(requests.SYSTEM, "answered 429") from None
    except ResponseHandlingException as error:
        cause = error.source
        if isinstance(cause, ValidationError):
            raise MalformedResponseError(requests.SYSTEM, "the answer is not one of Qdrant's") from None
        if isinstance(cause, TimeoutException):
            raise UpstreamTimeoutError(requests.SYSTEM, f"no answer within {_TIMEOUT} s") from None
        raise UpstreamUnavailableError(requests.SYSTEM, f"connection failed ({type(cause).__name__})") from None
