"""Contract of ``POST /v1/context``. Standard library only: pydantic would add 130 ms to every cold start.

``REQUEST_SCHEMA`` is the same contract as JSON Schema; a property test holds the two together.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, tzinfo
from typing import Any

from operator_memory.application.recall.retrieve_context import ContextRequest, ContextResult
from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import ID_PATTERN, Scope, account_id, checked_id
from operator_memory.domain.recall.ranked_memory import RankedMemory
from operator_memory.domain.recall.rendering import shortened
from operator_memory.domain.recall.selection import Breadth

MAX_QUERY = 100_000
MAX_LIMIT = 50
DEFAULT_LIMIT = 10
MAX_TOKEN_BUDGET = 1_000_000
MAX_MODEL = 200
MAX_NOW, MAX_TIME_ZONE = 40, 64
MAX_MEMORY_CHARACTERS = 8_000
"""Of a memory in an answer: fifty long turns, escaped, would exceed what a function may return (6 MB)."""

_FIRST_YEAR, _LAST_YEAR = 1970, 2199

_ID: dict[str, Any] = {"type": "string", "pattern": ID_PATTERN}
REQUEST_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "ContextRequest",
    "description": "Body of POST /v1/context.",
    "type": "object",
    "additionalProperties": False,
    "required": ["account_id"],
    "properties": {
        "account_id": {**_ID, "description": "The account whose memory is read."},
        "agent_id": {**_ID, "type": ["string", "null"], "description": "Adds the memory of this agent."},
        "session_id": {**_ID, "type": ["string", "null"], "description": "Adds the memory of this session."},
        "thread_id": {
            **_ID,
            "type": ["string", "null"],
            "description": "The thread of the run: its own switch is obeyed.",
        },
        "memory_enabled": {
            "type": "boolean",
            "default": True,
            "description": "`false`: this one run goes without memory; the answer is empty.",
        },
        "query": {
            "type": ["string", "null"],
            "maxLength": MAX_QUERY,
            "description": "What the run is about, usually the user's last message. Without it: the profile.",
        },
        "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        "recall": {
            "enum": [breadth.value for breadth in Breadth],
            "default": Breadth.BALANCED.value,
            "description": "`precise`: few memories, all close to the best one. `broad`: all that have to do with the "
            "query, up to `limit`.",
        },
        "token_budget": {
            "type": ["integer", "null"],
            "minimum": 1,
            "maximum": MAX_TOKEN_BUDGET,
            "description": "Most tokens that `context` may take.",
        },
        "model": {
            "type": ["string", "null"],
            "maxLength": MAX_MODEL,
            "description": "The model that will read `context`, e.g. `gpt-4o`: its tokens are counted exactly if it "
            "is OpenAI's, else estimated on the high side.",
        },
        "scopes": {
            "type": ["array", "null"],
            "minItems": 1,
            "uniqueItems": True,
            "items": {"enum": [scope.value for scope in Scope]},
            "description": "Only these scopes. `agent` needs agent_id, `session` needs session_id.",
        },
        "past_sessions": {
            "type": "boolean",
            "default": True,
            "description": "`false`: what was said in the account's other sessions, verbatim, is not looked in. It is "
            "part of the scope `user`; what says something that was replaced, corrected or deleted since is left out.",
        },
        "now": {
            "type": ["string", "null"],
            "format": "date-time",
            "maxLength": MAX_NOW,
            "description": "The asker's date and time, ISO 8601 with an offset: it decides which day yesterday is. "
            "Left out: the server's.",
        },
        "time_zone": {
            "type": ["string", "null"],
            "maxLength": MAX_TIME_ZONE,
            "description": "The asker's time zone, e.g. `Europe/Berlin`: where their days begin. Left out: that of "
            "`now`, else UTC.",
        },
    },
    "allOf": [
        {
            "if": {
                "required": ["scopes"],
                "properties": {"scopes": {"type": "array", "contains": {"const": s}}},
            },
            "then": {"required": [field], "properties": {field: {"type": "string"}}},
        }
        for s, field in (("agent", "agent_id"), ("session", "session_id"))
    ],
}


def parse_context_request(body: Mapping[str, Any]) -> ContextRequest:
    """Check ``body`` and turn it into a request.

    Raises:
        InvalidInputError: naming the first field that breaks the contract.
    """
    unknown = sorted(set(body) - set(REQUEST_SCHEMA["properties"]))
    if unknown:
        raise InvalidInputError(unknown[0][:100], "is not a field of this request")
    if "account_id" not in body:
        raise InvalidInputError("account_id", "is required")
    request = ContextRequest(
        account_id=account_id(body["account_id"]),
        agent_id=_optional_id(body, "agent_id"),
        session_id=_optional_id(body, "session_id"),
        query=_text(body, "query", MAX_QUERY),
        limit=_whole_number("limit", body.get("limit", DEFAULT_LIMIT), MAX_LIMIT),
        token_budget=_token_budget(body.get("token_budget")),
        model=_text(body, "model", MAX_MODEL),
        scopes=_scopes(body.get("scopes")),
        thread_id=_optional_id(body, "thread_id"),
        memory_enabled=_flag(body, "memory_enabled", default=True),
        past_sessions=_flag(body, "past_sessions", default=True),
        recall=_recall(body.get("recall", Breadth.BALANCED.value)),
        now=_now(body),
        zone=_time_zone(body),
    )
    for scope, owner in ((Scope.AGENT, "agent_id"), (Scope.SESSION, "session_id")):
        if scope in (request.scopes or ()) and getattr(request, owner) is None:
            raise InvalidInputError(owner, f"is required when scopes contains {scope}")
    return request


def _optional_id(body: Mapping[str, Any], field: str) -> str | None:
    value = body.get(field)
    return None if value is None else checked_id(field, value)


def _flag(body: Mapping[str, Any], field: str, *, default: bool) -> bool:
    value = body.get(field, default)
    if not isinstance(value, bool):
        raise InvalidInputError(field, "must be true or false")
    return value


def _text(body: Mapping[str, Any], field: str, most: int) -> str | None:
    value = body.get(field)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidInputError(field, "must be a string")
    if len(value) > most:
        raise InvalidInputError(field, f"must be at most {most} characters, not {len(value)}")
    return value


def _now(body: Mapping[str, Any]) -> datetime | None:
    text = _text(body, "now", MAX_NOW)
    if text is None:
        return None
    try:
        now = datetime.fromisoformat(text)
    except ValueError:
        now = None
    if now is None or now.tzinfo is None or not _FIRST_YEAR <= now.year <= _LAST_YEAR:
        raise InvalidInputError("now", "must be a date and time in ISO 8601 with an offset")
    return now


def _time_zone(body: Mapping[str, Any]) -> tzinfo | None:
    name = _text(body, "time_zone", MAX_TIME_ZONE)
    if name is None:
        return None
    from operator_memory.entrypoints.time_zones import zone_of  # three milliseconds, for those who name a zone

    zone = zone_of(name)
    if zone is None:
        raise InvalidInputError("time_zone", "must be the name of a time zone, such as Europe/Berlin")
    return zone


def _whole_number(field: str, value: object, most: int) -> int:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if not whole or isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= most:
        raise InvalidInputError(field, f"must be a whole number from 1 to {most}")
    return int(value)


def _recall(value: object) -> Breadth:
    if not isinstance(value, str) or value not in set(Breadth):
        raise InvalidInputError("recall", f"must be one of {', '.join(Breadth)}")
    return Breadth(value)


def _token_budget(value: object) -> int | None:
    return None if value is None else _whole_number("token_budget", value, MAX_TOKEN_BUDGET)


def _scopes(value: object) -> tuple[Scope, ...] | None:
    if value is None:
        return None
    allowed = {scope.value for scope in Scope}
    if not isinstance(value, list) or not value or not all(isinstance(v, str) and v in allowed for v in value):
        raise InvalidInputError("scopes", f"must be a non-empty list of {', '.join(sorted(allowed))}")
    if len(set(value)) != len(value):
        raise InvalidInputError("scopes", "must not name a scope twice")
    return tuple(scope for scope in Scope if scope.value in value)


def wants_explanation(parameters: Mapping[str, Any] | None) -> bool:
    """Whether the query string asks for ``explain=true``.

    Raises:
        InvalidInputError: another parameter, or another value than true and false.
    """
    given = dict(parameters or {})
    value = given.pop("explain", "false")
    if given:
        raise InvalidInputError(min(given)[:100], "is not a parameter of this request")
    if value not in ("true", "false"):
        raise InvalidInputError("explain", "must be true or false")
    return bool(value == "true")


def context_view(result: ContextResult, *, explain: bool = False) -> dict[str, Any]:
    """The response body. ``explain``: with what each memory's score is made of."""
    timing = result.timing
    memories = [_memory_view(ranked, result.citations.get(ranked.memory.id)) for ranked in result.memories]
    if explain:
        for view, ranked in zip(memories, result.memories, strict=True):
            view["explain"] = _explanation(ranked)
    return {
        "context": result.text,
        "memories": memories,
        "token_count": result.token_count,
        "tokenizer": result.tokenizer,
        "degraded": list(result.degraded),
        "timing_ms": {"total": timing.total, "embedding": timing.embedding, "search": timing.search},
    }


def _explanation(ranked: RankedMemory) -> dict[str, Any]:
    """Every part of the score; they sum up to it. ``relevance`` is what the gate looks at."""
    parts = {name: round(value, 4) for name, value in asdict(ranked.parts).items()}
    return {"source": ranked.source.value, "relevance": round(ranked.parts.relevance, 4), "parts": parts}


def _memory_view(ranked: RankedMemory, citation: str | None) -> dict[str, Any]:
    memory: Memory = ranked.memory
    view = {
        "id": memory.id,
        "citation": citation,
        "memory": shortened(memory.text, MAX_MEMORY_CHARACTERS),
        "scope": memory.scope.value,
        "kind": memory.kind.value,
        "score": round(ranked.score, 4),
        "created_at": memory.created_at.isoformat(),
        "updated_at": memory.updated_at.isoformat(),
        "agent_id": memory.agent_id,
        "session_id": memory.session_id,
        "thread_id": memory.thread_id,
        "author_id": memory.author_id,
        "role": memory.role,
        "speaker": memory.speaker,
        "importance": memory.importance,
        "pinned": memory.pinned,
    }
    return {name: value for name, value in view.items() if value is not None}
