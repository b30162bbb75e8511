"""Each function hands every setting on to the part that it is for: the real builders, and a table of all settings."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields
from typing import Any

import pytest
from operator_memory.adapters.net.http import HttpClient
from operator_memory.entrypoints.settings import Settings
from operator_memory.entrypoints.wiring import audit, context, extraction, lifecycle, management

from tests.support.composition import Values, difference, values
from tests.support.loopback import HttpServer, Request, reply, unused_port

NOBODY = f"http://127.0.0.1:{unused_port()}"
KEYS, OTHER_KEYS = (json.dumps({name: f"{name}: a key of at least 32 characters"}) for name in ("k1", "k2"))
MINIMAL = {
    "QDRANT_URL": NOBODY,
    "SUPABASE_URL": NOBODY,
    "SUPABASE_SERVICE_KEY": "service-key",
    "SERVICE_TOKEN_KEYS": KEYS,
    "OPENAI_API_KEY": "key",
    "MEMORY_TABLE": "memory",
    "JOBS_QUEUE_URL": f"{NOBODY}/1/jobs.fifo",
    "JOBS_DEAD_LETTER_QUEUE_URL": f"{NOBODY}/1/dead.fifo",
    "LIFECYCLE_QUEUE_URL": f"{NOBODY}/1/accounts",
    "LIFECYCLE_DEAD_LETTER_QUEUE_URL": f"{NOBODY}/1/dead-accounts",
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIA",
    "AWS_SECRET_ACCESS_KEY": "s",
}
BUILDERS: dict[str, Callable[[Mapping[str, str]], object]] = {
    "context": context.build_context,
    "extraction": extraction.build_extraction,
    "memories": management.build_memories,
    "audit": audit.build_audit,
    "archive": lifecycle.build_archive,
}
ALL, API, EMBEDDING = "context extraction memories audit archive", "context memories", "context extraction memories"
SSM = "SsmSecrets._names"

REACHES: dict[str, tuple[str, dict[str, str]]] = {
    "MEM0_ENABLED": ("false", {"context": "RetrievalPolicy.enabled", "extraction": "ExtractionPolicy.enabled"}),
    "QDRANT_URL": ("http://q:2", {ALL: "HttpClient(qdrant)._host HttpClient(qdrant)._port"}),
    "QDRANT_HOST": ("q", {ALL: "HttpClient(qdrant)._host HttpClient(qdrant)._secure"}),
    "QDRANT_PORT": ("2", {ALL: "HttpClient(qdrant)._port"}),
    "QDRANT_API_KEY": ("other", {ALL: "HttpClient(qdrant)._auth"}),
    "QDRANT_API_KEY_PARAMETER": ("/p", {ALL: f"HttpClient(qdrant)._auth {SSM}"}),
    "QDRANT_COLLECTION": ("other", {ALL: "QdrantCollection._path"}),
    "QDRANT_TIMEOUT_MS": ("300", {"context": "Deadlines.search"}),
    "QDRANT_WRITE_TIMEOUT_MS": ("7777", {ALL: "QdrantCollection._timeout"}),
    "CONTEXT_TIMEOUT_MS": ("950", {"context": "Deadlines.total"}),
    "SWITCHES_TIMEOUT_MS": ("222", {"context": "Deadlines.switches"}),
    "OPENAI_BASE_URL": (
        "http://models/v9",
        {"extraction": "HttpClient(embeddings)._host OpenAIChat._client.base_url", API: "HttpClient(embeddings)._host"},
    ),
    "OPENAI_API_KEY": (
        "other",
        {"extraction": "HttpClient(embeddings)._auth", API: "HttpClient(embeddings)._auth"},
    ),
    "OPENAI_API_KEY_PARAMETER": (
        "/p",
        {
            "extraction": f"HttpClient(embeddings)._auth {SSM}",
            API: "HttpClient(embeddings)._auth",
        },
    ),
    "RERANKER_BASE_URL": (
        "http://reranker:2/v1",
        {"context": "HttpClient(reranker)._host RetrieveContext._rerank RankingParameters.candidates"},
    ),
    "RERANKER_MODEL": ("other", {"context": "RerankerApi._named[model]"}),
    "RERANKER_FORMAT": ("texts", {"context": "RerankerApi._texts_as"}),
    "RERANKER_API_KEY": ("other", {"context": "HttpClient(reranker)._auth"}),
    "RERANKER_API_KEY_PARAMETER": ("/p", {"context": f"HttpClient(reranker)._auth {SSM}"}),
    "RERANKER_TIMEOUT_MS": ("222", {"context": "RerankMemories._timeout"}),
    "EMBEDDER": (
        "server",
        {
            "context": "RetrieveContext._embedder Deadlines.search",
            "extraction": "Mem0Extractor._embedder StoreTurns._embedder",
            "memories": "ManageMemories._embedder ImportMemories._embedder",
        },
    ),
    "EMBEDDING_MODEL": (
        "all-minilm-l6-v2-int8",
        {
            "context": "OpenAIEmbeddings._model RelevanceGate.each QdrantMemories._embedder",
            "extraction memories": "OpenAIEmbeddings._model QdrantMemories._embedder",
            "archive": "QdrantMemories._embedder",
            "audit": "QdrantLibrary._embedder",
        },
    ),
    "EMBEDDING_DIMENSIONS": ("77", {EMBEDDING: "OpenAIEmbeddings._dimensions"}),
    "EMBEDDING_SEND_DIMENSIONS": ("true", {EMBEDDING: "Parameters(embeddings)._parameters[dimensions]"}),
    "EMBEDDING_TIMEOUT_MS": ("333", {"context": "Deadlines.embedding"}),
    "EXTRACTION": ("rules", {"extraction": "AccountLimits.without_model"}),
    "EXTRACTION_MODEL": ("other", {"extraction": "OpenAIChat._model"}),
    "EXTRACTION_TIMEOUT_SECONDS": ("77", {"extraction": "OpenAIChat._client.timeout OpenAIChat._timeout"}),
    "EXTRACTION_MAX_TOKENS": ("777", {"extraction": "OpenAIChat._max_tokens"}),
    "EXTRACTION_CHUNK_CHARACTERS": ("7777", {"extraction": "LearnFacts._chunk_characters"}),
    "EXTRACTION_PRICE_PROMPT": ("7", {"extraction memories": "Prices.prompt"}),
    "EXTRACTION_PRICE_COMPLETION": ("7", {"extraction memories": "Prices.completion"}),
    "MONTHLY_BUDGET_CENTS": ("77", {"extraction memories": "Limit.cents"}),
    "MONTHLY_BUDGET_TOKENS": ("777", {"extraction memories": "Limit.tokens"}),
    "MEMORY_QUOTA": ("777", {"extraction memories": "PolicyQuota._most"}),
    "SESSION_MEMORY_DAYS": ("77", {"extraction": "StoreTurns._lifetime"}),
    "BACKUP_DAYS": ("77", {"memories": "Services.backup_days"}),
    "JOB_RECORD_DAYS": ("77", {"extraction memories": "DynamoDBJobs._lifetime"}),
    "MEMORY_TABLE": (
        "other",
        {
            "context": "DynamoDBTokenBuckets._table",
            "memories": "DynamoDBTokenBuckets._table Table.name",
            "extraction audit archive": "Table.name",
        },
    ),
    "EVENTS_QUEUE_URL": (f"{NOBODY}/1/events", {f"{EMBEDDING} archive": "AuditTrail.sink SqsEvents._queue_url"}),
    "EVENTS_WAIT_MS": ("77", {"context": "SqsEvents._wait"}),
    "ARCHIVE_BUCKET": (
        "bucket",
        {
            "memories": (
                "ErasurePorts.archive ExportSources.archive ManageMemories._archived RemoveMemories._archived"
                " Services.archive Services.restoring ArchiveObjects._bucket"
            ),
            "archive": "ErasurePorts.archive ArchiveObjects._bucket",
            "extraction": "ArchiveObjects._bucket",
        },
    ),
    "RATE_LIMIT_READS": ("7", {API: "LimitRate._limits[reads].per_minute"}),
    "RATE_LIMIT_WRITES": ("7", {API: "LimitRate._limits[writes].per_minute"}),
    "RATE_LIMIT_EXPENSIVE": ("7", {API: "LimitRate._limits[expensive].per_minute"}),
    "RATE_LIMIT_SERVICE_FACTOR": ("7", {API: "LimitRate._service_factor"}),
    "JOBS_QUEUE_URL": (
        f"{NOBODY}/1/other.fifo",
        {"extraction": "SqsJobQueue._queue_url", "memories": "SqsJobSender._queue_url"},
    ),
    "JOBS_DEAD_LETTER_QUEUE_URL": (f"{NOBODY}/1/other.fifo", {"extraction": "SqsJobQueue._dead_letter_queue_url"}),
    "LIFECYCLE_QUEUE_URL": (f"{NOBODY}/1/other", {"archive": "SqsTaskQueue._queue_url"}),
    "LIFECYCLE_DEAD_LETTER_QUEUE_URL": (f"{NOBODY}/1/other", {"archive": "SqsTaskQueue._dead_letter_queue_url"}),
    "SUPABASE_URL": (
        "http://s:2",
        {
            "context audit archive": "HttpClient(supabase)._host",
            "extraction": "HttpClient(supabase)._host SupabaseThreadMessages._url",
            "memories": "HttpClient(supabase)._host HttpClient(supabase_auth)._host UserTokens._issuer",
        },
    ),
    "SUPABASE_SERVICE_KEY": (
        "other",
        {
            "context memories audit archive": "HttpClient(supabase)._auth",
            "extraction": "HttpClient(supabase)._auth SupabaseThreadMessages._service_key",
        },
    ),
    "SUPABASE_SERVICE_KEY_PARAMETER": (
        "/p",
        {
            "context memories audit archive": f"HttpClient(supabase)._auth {SSM}",
            "extraction": f"HttpClient(supabase)._auth SupabaseThreadMessages._service_key {SSM}",
        },
    ),
    "SUPABASE_JWT_SECRET": ("a-secret-of-at-least-thirty-two-characters", {"memories": "UserTokens._secret"}),
    "SUPABASE_JWT_SECRET_PARAMETER": ("/p", {"memories": f"UserTokens._secret {SSM}"}),
    "SUPABASE_JWKS_URL": ("http://keys:2/jwks", {"memories": "HttpClient(supabase_auth)._host"}),
    "SERVICE_TOKEN_KEYS": (OTHER_KEYS, {API: "ServiceTokens._keys"}),
    "SERVICE_TOKEN_KEYS_PARAMETER": ("/p", {API: f"ServiceTokens._keys {SSM}"}),
    "LOG_LEVEL": ("ERROR", {}),
}
"""Of every setting another value, and what is then otherwise: by the functions, the fields of the parts in them."""

INSTEAD = {
    "QDRANT_HOST": {"QDRANT_URL": ""},
    "QDRANT_PORT": {"QDRANT_URL": "", "QDRANT_HOST": "127.0.0.1"},
    "QDRANT_API_KEY_PARAMETER": {"QDRANT_API_KEY": ""},
    "OPENAI_API_KEY_PARAMETER": {"OPENAI_API_KEY": ""},
    "RERANKER_API_KEY_PARAMETER": {"RERANKER_API_KEY": ""},
    "SUPABASE_SERVICE_KEY_PARAMETER": {"SUPABASE_SERVICE_KEY": ""},
    "SERVICE_TOKEN_KEYS_PARAMETER": {"SERVICE_TOKEN_KEYS": ""},
}
"""What is left out where the setting takes its place."""

RERANKER = {"RERANKER_BASE_URL": NOBODY}
BESIDES = {
    "EVENTS_WAIT_MS": {"EVENTS_QUEUE_URL": f"{NOBODY}/1/events"},
    "RERANKER_MODEL": RERANKER,
    "RERANKER_FORMAT": RERANKER,
    "RERANKER_API_KEY": {**RERANKER, "RERANKER_API_KEY": "key"},
    "RERANKER_API_KEY_PARAMETER": {**RERANKER, "RERANKER_API_KEY": "key"},
    "RERANKER_TIMEOUT_MS": RERANKER,
    "MONTHLY_BUDGET_CENTS": {"EXTRACTION_PRICE_PROMPT": "1"},
}
"""What must be set for the setting to mean anything."""

OPTIONAL = {
    "context": {"LimitRate._buckets"},
    "extraction": {"ExtractionPorts.thread_messages"},
    "memories": {
        *("ErasurePorts.archive", "ErasurePorts.events", "ExportSources.archive", "LimitRate._buckets"),
        "PlanPolicies._agents",
        *("ManageMemories._archived", "RemoveMemories._archived", "Services.archive", "Services.restoring"),
    },
    "archive": {"ErasurePorts.archive", "ErasurePorts.events", "PlanPolicies._agents"},
}
"""Parts that may be left out, and must not be where there is what they need."""


@dataclass(frozen=True)
class FakeAws:
    """In place of boto3's clients, each of which takes a tenth of a second to make."""

    service: str
    region: str


class FakeSession:
    region_name = None

    def client(self, service: str, *, region_name: str, config: object) -> FakeAws:
        return FakeAws(service, region_name)


def closed_at_the_end(cleanup: ExitStack) -> Callable[..., None]:
    """A constructor of clients that ``cleanup`` closes."""
    construct = HttpClient.__init__

    def constructed(client: HttpClient, *args: Any, **options: Any) -> None:
        construct(client, *args, **options)
        cleanup.callback(client.close)

    return constructed


@pytest.fixture(scope="module")
def composed() -> Iterator[Callable[[dict[str, str]], dict[str, Values]]]:
    """What each function is made of in an environment. Parameter Store gives out `OTHER_KEYS`, asked for anything."""

    def parameters(request: Request) -> bytes:
        return reply({"Parameters": [{"Name": name, "Value": OTHER_KEYS} for name in request.json()["Names"]]})

    product = logging.getLogger("operator_memory")
    level = product.level
    with HttpServer(parameters) as ssm, pytest.MonkeyPatch.context() as patch, ExitStack() as cleanup:
        patch.setattr("boto3.session.Session", FakeSession)
        patch.setattr(HttpClient, "__init__", closed_at_the_end(cleanup))

        def compose(environ: dict[str, str]) -> dict[str, Values]:
            whole = {**MINIMAL, "AWS_ENDPOINT_URL_SSM": ssm.url, "AWS_ENDPOINT_URL": NOBODY, **environ}
            return {name: values(build(whole)) for name, build in BUILDERS.items()}

        yield compose
    product.setLevel(level)


@pytest.fixture(scope="module")
def minimal(composed: Callable[[dict[str, str]], dict[str, Values]]) -> dict[str, Values]:
    return composed({})


def test_every_setting_stands_in_the_table() -> None:
    assert set(REACHES) == {spec.metadata["env"] for spec in fields(Settings)}


@pytest.mark.parametrize("setting", REACHES)
def test_a_setting_reaches_what_it_is_for_in_every_function_that_uses_it(
    setting: str, composed: Callable[[dict[str, str]], dict[str, Values]], minimal: dict[str, Values]
) -> None:
    value, reaches = REACHES[setting]
    usual = composed(BESIDES[setting]) if setting in BESIDES else minimal
    changed = composed({**BESIDES.get(setting, {}), **INSTEAD.get(setting, {}), setting: value})
    expected = {function: set(parts.split()) for functions, parts in reaches.items() for function in functions.split()}
    found = {function: difference(usual[function], changed[function]) for function in BUILDERS}
    assert {function for function, parts in found.items() if parts} == set(expected)
    for function, parts in expected.items():
        assert parts <= found[function], f"{function}: {sorted(found[function])}"
        kept = {part for part in parts if usual[function].get(part, set()) & changed[function].get(part, set())}
        assert not kept, f"{function}: a part still has what was set before"


@pytest.mark.parametrize("function", OPTIONAL)
def test_no_part_is_left_out_that_could_be_there(
    function: str, composed: Callable[[dict[str, str]], dict[str, Values]]
) -> None:
    made = composed({"ARCHIVE_BUCKET": "bucket"})[function]
    assert {name: made.get(name) for name in OPTIONAL[function] if "None" in made.get(name, {"None"})} == {}


@pytest.mark.usefixtures("composed")
@pytest.mark.parametrize("function", BUILDERS)
def test_every_function_logs_from_the_level_on_that_is_set(function: str) -> None:
    BUILDERS[function]({**MINIMAL, "LOG_LEVEL": "ERROR"})
    assert logging.getLogger("operator_memory").level == logging.ERROR


def test_deletions_reach_both_collections_in_every_function_that_deletes(minimal: dict[str, Values]) -> None:
    """While memories are moved. The context function does not even ask, nor does what only counts accesses."""
    kinds = {function: {kind for found in parts.values() for kind in found} for function, parts in minimal.items()}
    both = {function for function, found in kinds.items() if "'BothCollectionsClient'" in found}
    assert both == {"memories", "extraction", "archive"}
