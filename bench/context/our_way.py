"""Our way in the benchmark: the context function's handler, called with a true API Gateway event.

As a program (``python -m bench.context.our_way ACCOUNT``): the first answer of a fresh process.
"""

import importlib
import io
import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from operator_memory.adapters.net.service_tokens import mint

AGENT, SESSION = "agent-1", "session-1"


class Answer(NamedTuple):
    """One answer: its seconds in all, of these in embedding calls, and what came."""

    total: float
    embedding: float
    memories: int
    outcome: str = "ok"
    """``ok``; what was degraded; or the error."""


class OurWay:
    """Loads the function with ``environment`` (the function reads it when it is imported) and calls it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        os.environ.update(environment)
        sys.modules.pop("functions.context.app", None)  # of another size, with other addresses
        self.module: Any = importlib.import_module("functions.context.app")
        key_id, key = next(iter(json.loads(os.environ["SERVICE_TOKEN_KEYS"]).items()))
        self._token = mint(
            key_id,
            key.encode(),
            permissions=["context:read"],
            now=datetime.now(UTC),
            lifetime=timedelta(hours=12),
        )

    def ask(self, account: str, question: str) -> Answer:
        """One call of the handler, whatever comes of it."""
        event = self._event(account, question)
        started = time.perf_counter()
        with redirect_stdout(io.StringIO()):  # the metrics line
            response = self.module.handler(event, None)
        total = time.perf_counter() - started
        body = json.loads(response["body"])
        if response["statusCode"] != 200:
            return Answer(total, 0.0, 0, f"HTTP {response['statusCode']}")
        outcome = ", ".join(body["degraded"]) or "ok"
        return Answer(total, body["timing_ms"]["embedding"] / 1000, len(body["memories"]), outcome)

    def _event(self, account: str, question: str) -> dict[str, Any]:
        body = {
            "account_id": account,
            "agent_id": AGENT,
            "session_id": SESSION,
            "query": question,
            "limit": 10,
            "past_sessions": True,
        }
        return {
            "version": "2.0",
            "routeKey": "POST /v1/context",
            "headers": {"authorization": f"Bearer {self._token}", "content-type": "application/json"},
            "body": json.dumps(body),
            "isBase64Encoded": False,
        }


if __name__ == "__main__":
    first = OurWay({}).ask(sys.argv[1], sys.argv[2])
    if first.outcome != "ok":
        raise SystemExit(first.outcome)
