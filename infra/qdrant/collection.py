"""The collection on the server, reached with ``qdrant-client``."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from httpx import TimeoutException
from operator_memory.adapters.qdrant import requests
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

_ACCOUNTS_AT_ONCE = 500
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
        with _failures():
            answer = self._client.facet(
                self._name,
                key=requests.ACCOUNT,
                facet_filter=models.Filter.model_validate({"must": [_UNNUMBERED]}),
                limit=_ACCOUNTS_AT_ONCE,
                exact=True,
            )
        return [AccountId(str(hit.value)) for hit in answer.hits]

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
