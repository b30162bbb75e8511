"""The OpenAPI document of the whole HTTP API, made from the routes themselves."""

import json
from typing import Any, cast

from operator_memory.entrypoints.api.problems import PROBLEM_SCHEMA, PROBLEMS, TITLES
from operator_memory.entrypoints.api.resolver import make_api
from operator_memory.entrypoints.api.services import Services
from operator_memory.entrypoints.contracts.context import REQUEST_SCHEMA

VERSION = "1.0.0"
DESCRIPTION = """What an agent remembers: retrieved before a run, extracted after it, and people's own to see, \
correct, export and erase.

Send `Authorization: Bearer <token>`: a person's Supabase access token, or a service token of the agent runtime with \
the scope that the route needs. `account_id` says whose memory; left out, it is the caller's own. What is not yours \
answers 404 for a single memory and 403 for a scope. Errors are problem+json (RFC 9457)."""


_REFUSED_BY_GATEWAY: dict[str, Any] = {
    "description": "The gateway in front cannot read the path",
    "content": {
        "application/json": {"schema": {"type": "object", "properties": {"message": {"type": "string"}}}},
    },
}


def document() -> dict[str, Any]:
    """OpenAPI 3.1, as a JSON object."""
    api = make_api(cast(Services, None))  # the routes are described, not called
    text = api.get_openapi_json_schema(
        title="Operator Memory", version=VERSION, description=DESCRIPTION, openapi_version="3.1.0"
    )
    made: dict[str, Any] = json.loads(text)
    made.pop("servers", None)
    made["components"].setdefault("securitySchemes", {})["bearer"] = {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
    }
    made["components"].setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
    made["security"] = [{"bearer": []}]
    _correct_successes(made["paths"])
    for name, path in made["paths"].items():
        for operation in path.values():
            operation["responses"].update(_problems(operation.pop(PROBLEMS)))
            if "{" in name:
                operation["responses"]["400"] = _REFUSED_BY_GATEWAY
    made["paths"]["/v1/context"] = {"post": _context()}
    for unused in ("HTTPValidationError", "ValidationError", "ResponseValidationError"):
        made["components"]["schemas"].pop(unused, None)
    return made


def _correct_successes(paths: dict[str, Any]) -> None:
    """What the routes' types do not say."""
    exported = paths["/v1/export"]["get"]["responses"]["200"]
    exported["content"] = {"application/x-ndjson": {"schema": {"type": "string"}}}
    exported["headers"] = {
        "x-next-cursor": {"schema": {"type": "string"}, "description": "Where the next part begins; absent at the end."}
    }
    paths["/v1/import"]["post"]["requestBody"] = {
        "required": True,
        "description": "JSON Lines, as `/v1/export` gives them.",
        "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
    }
    added = paths["/v1/memories"]["post"]["responses"]
    added["200"] = {**added["201"], "description": "The same words are remembered already"}
    for path in paths.values():
        for operation in path.values():
            if "204" in operation["responses"]:
                operation["responses"]["204"] = {"description": "Done"}


def _problems(statuses: list[int]) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {str(status): {"description": TITLES[status], "content": content} for status in statuses}


def _context() -> dict[str, Any]:
    """The retrieval route: another function, without Powertools (ADR 1), described by its own contract."""
    schema = {key: value for key, value in REQUEST_SCHEMA.items() if key != "$schema"}
    answer = {
        "type": "object",
        "required": ["context", "memories", "token_count", "tokenizer", "degraded", "timing_ms"],
        "properties": {
            "context": {"type": "string", "description": "The text to inject; empty if there is nothing."},
            "memories": {"type": "array", "items": {"type": "object"}, "description": "What is in it, best first."},
            "token_count": {"type": "integer", "description": "Tokens of `context`."},
            "tokenizer": {"enum": ["o200k_base", "cl100k_base", "estimate"], "description": "What counted them."},
            "degraded": {"type": "array", "items": {"type": "string"}, "description": "What did not work."},
            "timing_ms": {"type": "object", "additionalProperties": {"type": "number"}},
        },
    }
    return {
        "tags": ["context"],
        "summary": "The memories worth injecting into a run",
        "operationId": "post_context",
        "description": "For services, with the scope `context:read`. Answers within a second, whatever fails.",
        "parameters": [
            {
                "name": "explain",
                "in": "query",
                "schema": {"type": "string", "enum": ["true", "false"], "default": "false"},
                "description": "`true`: with each memory, where it comes from and every part of its score.",
            }
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {
            "200": {"description": "The context", "content": {"application/json": {"schema": answer}}},
            **_problems([401, 403, 422, 429, 503]),
        },
    }
