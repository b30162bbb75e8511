"""Counts what a way asks of its models, on the wire: calls, tokens, and what the prompts said.

A small proxy in front of an OpenAI-compatible API. Counted there, a client's silent retries are calls too, and both
ways are counted alike.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Self

import httpx
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from devstack.serving import ServerThread

CHARACTERS_A_TOKEN = 4
"""For servers that do not say what a prompt cost."""

_TIMEOUT = 300.0
_NOT_PASSED_ON = {"host", "content-length", "accept-encoding", "connection"}


@dataclass(slots=True)
class Usage:
    """What has been asked so far. ``prompts`` are the extraction prompts since they were last taken."""

    llm_calls: int = 0
    prompt_tokens: int = 0
    estimated: int = 0
    """Calls whose tokens are an estimate."""
    embedding_calls: int = 0
    prompts: list[str] = field(default_factory=list)

    def take_prompts(self) -> list[str]:
        """The prompts, which are then forgotten."""
        taken, self.prompts = self.prompts, []
        return taken

    def note(self, path: str, asked: bytes, answered: bytes) -> None:
        """Count one call."""
        if path.endswith("embeddings"):
            self.embedding_calls += 1
        if not path.endswith("chat/completions"):
            return
        prompt = "\n".join(str(message.get("content")) for message in _json(asked).get("messages", ()))
        tokens = (_json(answered).get("usage") or {}).get("prompt_tokens")
        self.llm_calls += 1
        self.estimated += not tokens
        self.prompt_tokens += tokens or len(prompt) // CHARACTERS_A_TOKEN
        self.prompts.append(prompt)


class Meter:
    """The proxy of one way; a context manager. ``url`` stands for ``upstream``, the API's base URL."""

    def __init__(self, upstream: str) -> None:
        self.usage = Usage()
        self._client = httpx.Client(timeout=_TIMEOUT)

        async def forward(request: Request) -> Response:
            asked = await request.body()
            headers = {name: value for name, value in request.headers.items() if name not in _NOT_PASSED_ON}
            path = request.path_params["path"]
            url = f"{upstream.rstrip('/')}/{path}"
            answer = await run_in_threadpool(self._client.request, request.method, url, content=asked, headers=headers)
            self.usage.note(path, asked, answer.content)
            kept = {name: answer.headers[name] for name in ("content-type", "retry-after") if name in answer.headers}
            return Response(answer.content, answer.status_code, kept)

        application = Starlette(routes=[Route("/v1/{path:path}", forward, methods=["GET", "POST"])])
        self._server = ServerThread(application)
        self.url = f"{self._server.url}/v1"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self._client.close()


def _json(content: bytes) -> dict[str, Any]:
    try:
        decoded = json.loads(content)
    except ValueError:
        return {}
    return decoded if isinstance(decoded, dict) else {}
