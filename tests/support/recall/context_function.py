"""The context function between a scripted Qdrant and embedder, and the events that API Gateway sends it."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

from operator_memory.adapters.net.service_tokens import mint
from operator_memory.adapters.qdrant.index_fields import agent_number, pinned_number
from operator_memory.adapters.qdrant.requests import tenant_number
from operator_memory.domain.management.identity import READ_CONTEXT
from operator_memory.domain.memory.scopes import AccountId

from tests.support.loopback import HttpServer, Request, reply
from tests.support.time_outs import TIMES_OUT

KEY = "a-key-of-at-least-thirty-two-characters"


def point(text: str, score: float, **payload: object) -> dict[str, Any]:
    """A stored memory as Qdrant returns it."""
    account = AccountId(str(payload.get("user_id", "acct-1")))
    stored: dict[str, Any] = {
        "data": text,
        "user_id": account,
        "tenant": tenant_number(account),
        "scope": "user",
        "kind": "fact",
        "created_at": "2026-11-01T09:00:00.000000Z",
        "importance": 0.5,
        **payload,
    }
    agent = str(payload.get("agent_id", ""))
    stored["standing"] = [pinned_number(account)] * bool(payload.get("pinned"))
    stored["standing"] += [agent_number(account, agent)] * (stored["scope"] == "agent")
    return {"id": str(uuid.uuid5(uuid.NAMESPACE_OID, text)), "score": score, "payload": stored}


TEA = point("Drinks green tea.", 0.8)
AGENT_FACT = point("Answers briefly.", 0.7, scope="agent", agent_id="agent-1")


@dataclass
class Qdrant:
    """Answers a batch of searches, each by the account and the scopes that its filter asks for."""

    points: list[dict[str, Any]] = field(default_factory=lambda: [TEA, AGENT_FACT])
    hangs: bool = False

    def __call__(self, request: Request) -> bytes:
        if self.hangs:
            return TIMES_OUT
        return reply({"result": [{"points": self._found(search)} for search in request.json()["searches"]]})

    def _found(self, search: dict[str, Any]) -> list[dict[str, Any]]:
        found = [point for point in self.points if _matches(point["payload"], search["filter"]["must"])]
        return found if search["with_payload"] else [{"id": p["id"], "score": p["score"]} for p in found]


def _matches(payload: dict[str, Any], must: list[dict[str, Any]]) -> bool:
    return all(_fulfils(payload, condition) for condition in must)


def _fulfils(payload: dict[str, Any], condition: dict[str, Any]) -> bool:
    if "must" in condition:
        return _matches(payload, condition["must"])
    if "should" in condition:
        return any(_matches(payload, either["must"]) for either in condition["should"])
    if "is_empty" in condition:
        return not payload.get(condition["is_empty"]["key"])
    held, value = payload.get(condition["key"]), condition["match"]["value"]
    return bool(value in held if isinstance(held, list) else held == value)


@dataclass
class Embedder:
    """Answers with a vector of two numbers for each text."""

    hangs: bool = False

    def __call__(self, request: Request) -> bytes:
        if self.hangs:
            return TIMES_OUT
        texts = request.json()["input"]
        return reply({"data": [{"index": n, "embedding": [0.6, 0.8]} for n, _ in enumerate(texts)]})


class World:
    """The function, started with its environment, between the two servers. A server that hangs is a time-out."""

    def __init__(
        self,
        start: Callable[..., ModuleType],
        qdrant: HttpServer,
        embeddings: HttpServer,
        waits: list[float],
        **environ: str,
    ) -> None:
        """``waits``: the seconds of each time-out so far."""
        self.waits = waits
        self.qdrant, self.embeddings = qdrant, embeddings
        self.store, self.embedder = Qdrant(), Embedder()
        qdrant.answer, embeddings.answer = self.store, self.embedder
        self.app = start(QDRANT_URL=qdrant.url, OPENAI_BASE_URL=f"{embeddings.url}/v1", **environ)

    def __call__(self, body: object = None, **event: Any) -> tuple[int, dict[str, Any]]:
        """Status and decoded body of the answer to ``body`` (by default a good request)."""
        request = {"account_id": "acct-1", "agent_id": "agent-1", "query": "What do I drink?"}
        response = self.app.handler(api_event(request if body is None else body, **event), None)
        assert set(response) == {"statusCode", "headers", "body", "isBase64Encoded"}
        return response["statusCode"], json.loads(response["body"])


def token(
    permissions: tuple[str, ...] = (READ_CONTEXT,), *, age: timedelta = timedelta(), account: str | None = None
) -> str:
    return mint("k1", KEY.encode(), permissions=permissions, now=datetime.now(UTC) - age, account=account)


def api_event(body: object, *, authorization: str | None = "", **changes: object) -> dict[str, Any]:
    """An event of an HTTP API with payload format 2.0, as API Gateway sends it (header names in lower case)."""
    headers = {
        "accept": "application/json",
        "content-type": "application/json",
        "host": "abc123.execute-api.eu-west-1.amazonaws.com",
        "x-amzn-trace-id": "Root=1-65f0-1",
        "x-forwarded-for": "198.51.100.7",
    }
    if authorization is not None:
        headers["authorization"] = authorization or f"Bearer {token()}"
    return {
        "version": "2.0",
        "routeKey": "POST /v1/context",
        "rawPath": "/v1/context",
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": "abc123.execute-api.eu-west-1.amazonaws.com",
            "http": {
                "method": "POST",
                "path": "/v1/context",
                "protocol": "HTTP/1.1",
                "sourceIp": "198.51.100.7",
                "userAgent": "operator-runtime/1.0",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "POST /v1/context",
            "stage": "$default",
            "time": "24/Nov/2026:09:00:00 +0000",
            "timeEpoch": 1795510800000,
        },
        "body": body if isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
        **changes,
    }
