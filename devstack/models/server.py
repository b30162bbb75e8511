"""The OpenAI wire format in front of the bundled embeddings and the rule extractor.

``POST /v1/embeddings``, ``POST /v1/chat/completions``, ``GET /v1/models``. What it cannot do it refuses by name.
"""

import asyncio
import base64
import json
import struct
import time
import uuid
from collections.abc import Sequence
from typing import Any, Protocol, Self

from operator_memory.adapters.models.local_embeddings import DIMENSIONS
from operator_memory.adapters.models.rules_llm import answer_extraction_prompt
from operator_memory.domain.errors import MemoryServiceError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from devstack.models.minilm import MiniLM, give_back_freed_memory
from devstack.serving import ServerThread

EMBEDDING_MODEL = MiniLM.name
CHAT_MODEL = "bundled-rules"
_MAX_INPUTS = 2048
_MOST_BODY_BYTES = 8 * 1024 * 1024
_QUIET_SECONDS = 2.0


class RefusedError(Exception):
    """A request that cannot be served; becomes a 400 in OpenAI's shape."""

    def __init__(self, message: str, parameter: str | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter


class EmbeddingModel(Protocol):
    """What makes the vectors, of `DIMENSIONS` numbers each."""

    name: str

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One unit vector a text."""
        ...

    def count_tokens(self, text: str) -> int:
        """How many tokens a text has."""
        ...


class _Tidy:
    """Gives memory back a moment after the last request: it takes up to 0.2 s, for which none should wait."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None

    def later(self) -> None:
        """A request has been answered."""
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_QUIET_SECONDS, loop.run_in_executor, None, give_back_freed_memory)


def application(model: EmbeddingModel) -> Starlette:
    """The server as an ASGI application."""
    tidy = _Tidy()

    async def embeddings(request: Request) -> JSONResponse:
        body = await _body(request)
        texts = _texts(body)
        encode = _encoder(body.get("encoding_format", "float"))
        vectors, tokens = await run_in_threadpool(lambda: (model.embed(texts), sum(map(model.count_tokens, texts))))
        tidy.later()
        data = [{"object": "embedding", "index": i, "embedding": encode(v)} for i, v in enumerate(vectors)]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return JSONResponse({"object": "list", "data": data, "model": model.name, "usage": usage})

    async def chat(request: Request) -> JSONResponse:
        body = await _body(request)
        messages = _messages(body)
        try:
            answer = await run_in_threadpool(answer_extraction_prompt, messages)
        except MemoryServiceError as error:
            raise RefusedError(f"this bundled model only extracts memories ({error})", "messages") from error
        prompt = sum(model.count_tokens(message["content"]) for message in messages)
        tidy.later()
        return JSONResponse(_completion(answer, prompt, model.count_tokens(answer)))

    async def models(_: Request) -> JSONResponse:
        entries = [{"id": name, "object": "model", "owned_by": "devstack"} for name in (model.name, CHAT_MODEL)]
        return JSONResponse({"object": "list", "data": entries})

    routes = [
        Route("/v1/embeddings", embeddings, methods=["POST"]),
        Route("/v1/chat/completions", chat, methods=["POST"]),
        Route("/v1/models", models),
    ]
    return Starlette(routes=routes, exception_handlers={RefusedError: _refused, HTTPException: _refused})


async def _refused(_: Request, error: Exception) -> JSONResponse:
    status, message = (error.status_code, error.detail) if isinstance(error, HTTPException) else (400, str(error))
    detail = {"message": message, "type": "invalid_request_error", "code": None}
    return JSONResponse({"error": {**detail, "param": getattr(error, "parameter", None)}}, status)


async def _body(request: Request) -> dict[str, Any]:
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > _MOST_BODY_BYTES:
            raise RefusedError(f"the body may have at most {_MOST_BODY_BYTES} bytes")
    try:
        body = json.loads(raw)
        json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair is valid JSON, and no text
    except (ValueError, RecursionError) as error:
        raise RefusedError("the body is not JSON of plain text") from error
    if not isinstance(body, dict):
        raise RefusedError("the body is not a JSON object")
    return body


def _texts(body: dict[str, Any]) -> list[str]:
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise RefusedError("input must be a text or a non-empty list of texts", "input")
    if len(texts) > _MAX_INPUTS:
        raise RefusedError(f"input may hold at most {_MAX_INPUTS} texts", "input")
    if not all(texts):
        raise RefusedError("input may not be empty", "input")
    if body.get("dimensions") not in (None, DIMENSIONS):
        raise RefusedError(f"this model's vectors have {DIMENSIONS} dimensions", "dimensions")
    return texts


def _encoder(encoding: object) -> Any:  # noqa: ANN401  (a function of a vector)
    if encoding == "float":
        return list
    if encoding == "base64":
        return lambda vector: base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    raise RefusedError("encoding_format must be float or base64", "encoding_format")


def _messages(body: dict[str, Any]) -> list[dict[str, str]]:
    messages = body.get("messages")
    if body.get("stream"):
        raise RefusedError("this model does not stream", "stream")
    if not isinstance(messages, list) or not all(
        isinstance(m, dict) and isinstance(m.get("role"), str) and isinstance(m.get("content"), str) for m in messages
    ):
        raise RefusedError("messages must be a list of objects with role and content as texts", "messages")
    return messages


def _completion(answer: str, prompt_tokens: int, answer_tokens: int) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": CHAT_MODEL,
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": answer, "refusal": None}}
        ],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": answer_tokens,
            "total_tokens": prompt_tokens + answer_tokens,
        },
    }


class ModelServer:
    """The server in a thread of this process; a context manager."""

    def __init__(self, *, port: int = 0, model: EmbeddingModel | None = None) -> None:
        """``port`` 0 is a free one; ``model`` is MiniLM unless given."""
        self._thread = ServerThread(application(model or MiniLM()), port=port)
        self.url = f"{self._thread.url}/v1"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving."""
        self._thread.close()
