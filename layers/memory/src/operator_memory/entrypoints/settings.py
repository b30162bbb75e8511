"""Settings: every environment variable, typed, checked at start-up, documented in one table.

The dataclass below is the only list. ``docs/settings.md`` is generated from it, and a value that is missing
or contradicts another stops start-up with a sentence that says what to set. Secrets never stand in the
environment in production: ``NAME_PARAMETER`` names an SSM SecureString instead. Standard library only, since
the context function reads this on every cold start.
"""

import re
from dataclasses import dataclass, field
from typing import Any

_HOST_FORM = (
    r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*",
    "must be a host name or an IP address, without scheme, port and path",
)
LOCAL_MODEL, LOCAL_DIMENSIONS = "all-minilm-l6-v2-int8", 384
_NAME_FORM = (r"[A-Za-z0-9._-]{1,255}", "must hold only letters, digits and . _ -")


def _var(
    env: str,
    default: object,
    description: str,
    *,
    within: tuple[int, int] | None = None,
    choices: tuple[str, ...] = (),
    form: tuple[str, str] = ("", ""),
    secret: bool = False,
) -> Any:  # noqa: ANN401  (a dataclass field's default has the field's own type)
    """A variable. A number lies ``within`` two bounds, both allowed; a text is one of ``choices``, or has the ``form``
    of a pattern, whose sentence says what it must be."""
    meta = {
        "env": env,
        "description": description,
        "within": within,
        "choices": choices,
        "form": form,
        "secret": secret,
    }
    return field(default=default, metadata=meta, repr=not secret)


@dataclass(frozen=True, slots=True)
class Settings:
    """One attribute a variable. Build it with `load_settings`, which checks the values together."""

    memory_enabled: bool = _var(
        "MEM0_ENABLED",
        True,
        "`false` switches memory off: context answers empty, jobs are acknowledged and recorded as skipped.",
    )
    qdrant_url: str = _var(
        "QDRANT_URL",
        "",
        "Base URL of Qdrant, e.g. `https://xyz.cloud.qdrant.io:6333`. Instead of `QDRANT_HOST` and `QDRANT_PORT`.",
    )
    qdrant_host: str = _var(
        "QDRANT_HOST",
        "",
        "Host name of Qdrant, when `QDRANT_URL` is not set. `localhost` and loopback addresses are reached by http, others by https.",
        form=_HOST_FORM,
    )
    qdrant_port: int = _var("QDRANT_PORT", 6333, "REST port of Qdrant, used with `QDRANT_HOST`.", within=(1, 65535))
    qdrant_api_key: str = _var(
        "QDRANT_API_KEY",
        "",
        "API key of Qdrant. For one machine only; in AWS use `QDRANT_API_KEY_PARAMETER`.",
        secret=True,
    )
    qdrant_api_key_parameter: str = _var(
        "QDRANT_API_KEY_PARAMETER", "", "Name of the SSM SecureString that holds the Qdrant API key."
    )
    qdrant_collection: str = _var(
        "QDRANT_COLLECTION",
        "operator_memories",
        "Collection of the memories. Where it holds another model's vectors, answers say `embedding_model_changed` and go by words.",
        form=_NAME_FORM,
    )
    qdrant_timeout_ms: int = _var(
        "QDRANT_TIMEOUT_MS",
        400,
        "Deadline of the context function's Qdrant request, in milliseconds.",
        within=(10, 5000),
    )
    qdrant_write_timeout_ms: int = _var(
        "QDRANT_WRITE_TIMEOUT_MS",
        10_000,
        "Deadline of one write to Qdrant, in milliseconds.",
        within=(100, 60_000),
    )
    context_timeout_ms: int = _var(
        "CONTEXT_TIMEOUT_MS",
        900,
        "Deadline of all that the context function asks of others for one answer, in milliseconds.",
        within=(20, 10_000),
    )
    switches_timeout_ms: int = _var(
        "SWITCHES_TIMEOUT_MS",
        250,
        "Deadline of reading a run's switches from Supabase (context function), in milliseconds. They are kept for 30 s.",
        within=(10, 5000),
    )
    openai_base_url: str = _var(
        "OPENAI_BASE_URL",
        "https://api.openai.com/v1",
        "Base URL of the OpenAI-compatible API (OpenAI, vLLM, Ollama ...) for embeddings and extraction.",
    )
    openai_api_key: str = _var(
        "OPENAI_API_KEY",
        "",
        "API key of that API. For one machine only; in AWS use `OPENAI_API_KEY_PARAMETER`.",
        secret=True,
    )
    openai_api_key_parameter: str = _var(
        "OPENAI_API_KEY_PARAMETER", "", "Name of the SSM SecureString that holds the API key."
    )
    embedder: str = _var(
        "EMBEDDER",
        "openai",
        "Where vectors are made. `openai`: by the API of `OPENAI_BASE_URL`. `local`: in the function, by all-MiniLM-L6-v2 (384 dimensions). `server`: by Qdrant, which is sent the texts with `EMBEDDING_MODEL`.",
        choices=("openai", "local", "server"),
    )
    embedding_model: str = _var(
        "EMBEDDING_MODEL",
        "text-embedding-3-small",
        "Embedding model; with `EMBEDDER=server` as Qdrant calls it, with `local` it need not be set. Changing it needs a new collection (`make reembed`), or memories are found by words alone.",
    )
    embedding_dimensions: int = _var(
        "EMBEDDING_DIMENSIONS",
        1536,
        "Length of its vectors; must equal the collection's. With `EMBEDDER=local` it is 384, and need not be set.",
        within=(1, 65_536),
    )
    embedding_send_dimensions: bool = _var(
        "EMBEDDING_SEND_DIMENSIONS",
        False,
        "Send `dimensions` with each embedding request. Needed to shorten text-embedding-3 vectors; other servers may refuse it.",
    )
    embedding_timeout_ms: int = _var(
        "EMBEDDING_TIMEOUT_MS",
        450,
        "Deadline of the context function's embedding call, in milliseconds. With `EMBEDDER=server` it is added to `QDRANT_TIMEOUT_MS`.",
        within=(10, 5000),
    )
    reranker_base_url: str = _var(
        "RERANKER_BASE_URL",
        "",
        "Base URL of a reranker. Its `/rerank` is sent each query with the memories found for it. Default: no reranker.",
    )
    reranker_model: str = _var("RERANKER_MODEL", "", "Model of the reranker, where its server has several.")
    reranker_format: str = _var(
        "RERANKER_FORMAT",
        "documents",
        "What the reranker calls the texts: `documents` (Cohere, Jina, Voyage, vLLM), `texts` (Text Embeddings Inference).",
        choices=("documents", "texts"),
    )
    reranker_api_key: str = _var(
        "RERANKER_API_KEY",
        "",
        "API key of the reranker. For one machine only; in AWS use `RERANKER_API_KEY_PARAMETER`.",
        secret=True,
    )
    reranker_api_key_parameter: str = _var(
        "RERANKER_API_KEY_PARAMETER", "", "Name of the SSM SecureString that holds the reranker's API key."
    )
    reranker_timeout_ms: int = _var(
        "RERANKER_TIMEOUT_MS",
        300,
        "Deadline of the context function's call of the reranker, in milliseconds; less if `CONTEXT_TIMEOUT_MS` is nearer.",
        within=(10, 5000),
    )
    extraction: str = _var(
        "EXTRACTION",
        "",
        "`llm` extracts facts with the model, `rules` with the built-in rules (no LLM, no cost). Default: `llm` when an API key is set, else `rules`.",
        choices=("", "llm", "rules"),
    )
    extraction_model: str = _var(
        "EXTRACTION_MODEL", "gpt-4o-mini", "Chat model that extracts facts when `EXTRACTION` is `llm`."
    )
    extraction_timeout_seconds: int = _var(
        "EXTRACTION_TIMEOUT_SECONDS",
        60,
        "Deadline of one extraction call to the model, in seconds.",
        within=(1, 600),
    )
    extraction_max_tokens: int = _var(
        "EXTRACTION_MAX_TOKENS",
        4096,
        "Most tokens the model may answer with. A cut-off answer is an error and is retried.",
        within=(256, 32_768),
    )
    extraction_chunk_characters: int = _var(
        "EXTRACTION_CHUNK_CHARACTERS",
        48_000,
        "A longer run is split at message borders into chunks of this many characters, one LLM call each.",
        within=(1000, 400_000),
    )
    extraction_price_prompt: int = _var(
        "EXTRACTION_PRICE_PROMPT",
        0,
        "Price of a million prompt tokens of that model in US cents, for the estimate in a job's record. `0`: not known.",
        within=(0, 1_000_000),
    )
    extraction_price_completion: int = _var(
        "EXTRACTION_PRICE_COMPLETION", 0, "The same of a million tokens that it answers.", within=(0, 1_000_000)
    )
    memory_quota: int = _var(
        "MEMORY_QUOTA",
        20_000,
        "Facts that an account may have; what is learnt beyond that is rejected (`over_quota`).",
        within=(1, 100_000_000),
    )
    session_memory_days: int = _var(
        "SESSION_MEMORY_DAYS", 730, "Days until a session's verbatim turns expire.", within=(1, 3650)
    )
    job_record_days: int = _var("JOB_RECORD_DAYS", 30, "Days that a finished job's record is kept.", within=(1, 3650))
    backup_days: int = _var(
        "BACKUP_DAYS", 35, "Days that backups of the stores are kept; receipts say so. 0, none.", within=(0, 3650)
    )
    memory_table: str = _var(
        "MEMORY_TABLE",
        "",
        "DynamoDB table of job records, watermarks, the expiry index, tombstones, receipts and rate limits.",
    )
    events_queue_url: str = _var(
        "EVENTS_QUEUE_URL",
        "",
        "URL of the events queue, from which the trail is written. Without it events are logged.",
    )
    events_wait_ms: int = _var(
        "EVENTS_WAIT_MS",
        4,
        "How long the context function waits for an event to be in the queue, in milliseconds; a slower one is sent later.",
        within=(0, 1000),
    )
    archive_bucket: str = _var("ARCHIVE_BUCKET", "", "S3 bucket of archived memories. Without it there is no archive.")
    rate_limit_reads: int = _var(
        "RATE_LIMIT_READS",
        600,
        "Reads (context, lists, searches) a minute for an account, and for a caller. `0`: no limit.",
        within=(0, 1_000_000),
    )
    rate_limit_writes: int = _var(
        "RATE_LIMIT_WRITES",
        120,
        "Writes a minute for an account, and for a caller. `0`: no limit.",
        within=(0, 1_000_000),
    )
    rate_limit_expensive: int = _var(
        "RATE_LIMIT_EXPENSIVE",
        10,
        "Exports, imports, clears, erasures and deletions by filter a minute. `0`: no limit.",
        within=(0, 1_000_000),
    )
    rate_limit_service_factor: int = _var(
        "RATE_LIMIT_SERVICE_FACTOR",
        100,
        "A service (the agent runtime) may call this many times as often as a person.",
        within=(1, 100_000),
    )
    jobs_queue_url: str = _var(
        "JOBS_QUEUE_URL", "", "URL of the jobs queue (extraction function: to schedule a retry)."
    )
    jobs_dead_letter_queue_url: str = _var(
        "JOBS_DEAD_LETTER_QUEUE_URL", "", "URL of the dead-letter queue for jobs that can never succeed."
    )
    supabase_url: str = _var(
        "SUPABASE_URL",
        "",
        "Base URL of the platform's Supabase project: switches, members, the trail, and messages that a job does not carry.",
    )
    supabase_service_key: str = _var(
        "SUPABASE_SERVICE_KEY",
        "",
        "Service-role key of that project. For one machine only; in AWS use `SUPABASE_SERVICE_KEY_PARAMETER`.",
        secret=True,
    )
    supabase_service_key_parameter: str = _var(
        "SUPABASE_SERVICE_KEY_PARAMETER", "", "Name of the SSM SecureString that holds the service-role key."
    )
    supabase_jwt_secret: str = _var(
        "SUPABASE_JWT_SECRET",
        "",
        "That project's JWT secret, for projects that sign users' tokens with HS256. For one machine only.",
        secret=True,
    )
    supabase_jwt_secret_parameter: str = _var(
        "SUPABASE_JWT_SECRET_PARAMETER",
        "",
        "Name of the SSM SecureString that holds the JWT secret. Without it only tokens signed with a published key count.",
    )
    supabase_jwks_url: str = _var(
        "SUPABASE_JWKS_URL",
        "",
        "Where the project's public keys are, for ES256 and RS256. Default: `SUPABASE_URL` + `/auth/v1/.well-known/jwks.json`.",
    )
    service_token_keys: str = _var(
        "SERVICE_TOKEN_KEYS",
        "",
        'Signing keys of the agent runtime\'s tokens: a JSON object of key id to secret (at least 32 characters), e.g. `{"2026-11": "..."}`. Two keys make a rotation. For one machine only.',
        secret=True,
    )
    service_token_keys_parameter: str = _var(
        "SERVICE_TOKEN_KEYS_PARAMETER", "", "Name of the SSM SecureString that holds that JSON object."
    )
    log_level: str = _var(
        "LOG_LEVEL",
        "INFO",
        "Least severe level that is logged.",
        choices=("DEBUG", "INFO", "WARNING", "ERROR"),
    )

    @property
    def qdrant_base_url(self) -> str:
        """Where Qdrant is: `QDRANT_URL`, or made of host and port."""
        if self.qdrant_url:
            return self.qdrant_url.rstrip("/")
        scheme = "http" if re.fullmatch(r"localhost|::1|127(\.[0-9]+){3}", self.qdrant_host) else "https"
        host = f"[{self.qdrant_host}]" if ":" in self.qdrant_host else self.qdrant_host
        return f"{scheme}://{host}:{self.qdrant_port}"

    @property
    def search_timeout_seconds(self) -> float:
        """Deadline of the context function's search. Where Qdrant makes the vectors, the time for that is added."""
        embedding = self.embedding_timeout_ms if self.embedder == "server" else 0
        return (self.qdrant_timeout_ms + embedding) / 1000

    @property
    def extraction_mode(self) -> str:
        """``llm`` or ``rules``."""
        return self.extraction or ("llm" if self.openai_api_key or self.openai_api_key_parameter else "rules")
