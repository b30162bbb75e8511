"""Reads the settings, and says what is missing or contradicts another. Standard library only, as ``settings``."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from operator_memory.domain.errors import ConfigurationError
from operator_memory.entrypoints.settings import LOCAL_DIMENSIONS, LOCAL_MODEL, Settings
from operator_memory.entrypoints.settings_values import parsed


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read and check the settings.

    Raises:
        ConfigurationError: with a sentence for everything that is wrong, naming the variables.
    """
    problems: list[str] = []
    values: dict[str, Any] = {}
    for spec in fields(Settings):
        raw = environ.get(spec.metadata["env"], "").strip()
        if raw:
            try:
                values[spec.name] = parsed(raw, spec.type, spec.metadata)
            except ValueError as error:
                problems.append(f"{spec.metadata['env']} {error}.")
    if values.get("embedder") == "local":
        values = {"embedding_model": LOCAL_MODEL, "embedding_dimensions": LOCAL_DIMENSIONS, **values}
    settings = Settings(**values)
    problems += _contradictions(settings)
    if settings.qdrant_url and "qdrant_port" in values:
        problems.append("QDRANT_URL and QDRANT_PORT are both set: put the port into the URL.")
    if problems:
        raise ConfigurationError(" ".join(problems))
    return settings


def _contradictions(settings: Settings) -> list[str]:
    problems = _embedder_problems(settings)
    if settings.qdrant_url and settings.qdrant_host:
        problems.append("QDRANT_URL and QDRANT_HOST are both set: keep one of them.")
    if not settings.qdrant_url and not settings.qdrant_host:
        problems.append("Qdrant's address is missing: set QDRANT_URL, or QDRANT_HOST and QDRANT_PORT.")
    for spec in fields(Settings):
        if spec.metadata["secret"] and getattr(settings, spec.name) and getattr(settings, f"{spec.name}_parameter"):
            env = spec.metadata["env"]
            problems.append(f"{env} and {env}_PARAMETER are both set: keep one of them.")
    if settings.extraction == "llm" and not (settings.openai_api_key or settings.openai_api_key_parameter):
        problems.append(
            "EXTRACTION is llm but no key is set: "
            "set OPENAI_API_KEY_PARAMETER (or OPENAI_API_KEY), or EXTRACTION=rules."
        )
    if settings.monthly_budget_cents and not (settings.extraction_price_prompt or settings.extraction_price_completion):
        problems.append(
            "MONTHLY_BUDGET_CENTS is set, but no price is: "
            "set EXTRACTION_PRICE_PROMPT and EXTRACTION_PRICE_COMPLETION, or MONTHLY_BUDGET_TOKENS instead."
        )
    if settings.embedding_timeout_ms + settings.qdrant_timeout_ms > settings.context_timeout_ms:
        problems.append(
            "EMBEDDING_TIMEOUT_MS and QDRANT_TIMEOUT_MS together exceed CONTEXT_TIMEOUT_MS: lower them, or raise it."
        )
    return problems


def _embedder_problems(settings: Settings) -> list[str]:
    problems = []
    if settings.embedder == "local" and settings.embedding_model != LOCAL_MODEL:
        problems.append(f"EMBEDDER is local, whose model is {LOCAL_MODEL}: set EMBEDDING_MODEL so, or not at all.")
    if settings.embedder == "local" and settings.embedding_dimensions != LOCAL_DIMENSIONS:
        numbers = f"EMBEDDER is local, whose vectors have {LOCAL_DIMENSIONS} numbers"
        problems.append(f"{numbers}: set EMBEDDING_DIMENSIONS so, or not at all.")
    if settings.embedder == "server" and settings.embedding_send_dimensions:
        problems.append(
            "EMBEDDER is server, which is not asked to shorten vectors: set EMBEDDING_SEND_DIMENSIONS=false."
        )
    return problems
