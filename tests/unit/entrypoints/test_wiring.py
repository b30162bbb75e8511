"""A function that lacks a setting does not start, and says what to set."""

import json
from typing import Any

import pytest
from operator_memory.application.recall.retrieve_context import Deadlines, RetrieveContext
from operator_memory.domain.errors import ConfigurationError, RefusedKeyError
from operator_memory.entrypoints.adapters_in_use import AdaptersInUse
from operator_memory.entrypoints.api.resolver import MemoriesApi
from operator_memory.entrypoints.wiring.audit import build_audit
from operator_memory.entrypoints.wiring.context import build_context
from operator_memory.entrypoints.wiring.extraction import build_extraction
from operator_memory.entrypoints.wiring.lifecycle import build_archive
from operator_memory.entrypoints.wiring.management import build_memories

from tests.support.learning.extractor import completion
from tests.support.loopback import HttpServer, Request, reply

QDRANT = {"QDRANT_URL": "http://127.0.0.1:1"}
KEYS = {"SERVICE_TOKEN_KEYS": json.dumps({"k": "s" * 40})}
AWS = {
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "a",
    "AWS_SECRET_ACCESS_KEY": "b",
    "AWS_DEFAULT_REGION": "us-east-1",
}
CONTEXT = {**QDRANT, **KEYS, **AWS, "MEMORY_TABLE": "t"}
PLATFORM = {"SUPABASE_URL": "http://127.0.0.1:1", "SUPABASE_SERVICE_KEY": "s"}
MEMORIES = {**CONTEXT, **PLATFORM, "JOBS_QUEUE_URL": "http://127.0.0.1:1/1/jobs.fifo"}
EXTRACTION = {
    "MEMORY_TABLE": "t",
    "JOBS_QUEUE_URL": "http://127.0.0.1:1/1/jobs.fifo",
    "JOBS_DEAD_LETTER_QUEUE_URL": "http://127.0.0.1:1/1/dead.fifo",
}

LIFECYCLE = {
    "LIFECYCLE_QUEUE_URL": "http://127.0.0.1:1/1/accounts",
    "LIFECYCLE_DEAD_LETTER_QUEUE_URL": "http://127.0.0.1:1/1/dead",
}


def complaint(build: object, environ: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as stopped:
        build(environ)  # type: ignore[operator]
    return str(stopped.value)


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("build", [build_context, build_extraction, build_archive, build_memories, build_audit])
def test_every_function_needs_qdrant(build: object) -> None:
    assert "set QDRANT_URL, or QDRANT_HOST and QDRANT_PORT" in complaint(build, {})


def test_the_context_function_needs_the_runtimes_keys() -> None:
    assert complaint(build_context, QDRANT) == (
        "SERVICE_TOKEN_KEYS is missing: set SERVICE_TOKEN_KEYS_PARAMETER (in AWS) or SERVICE_TOKEN_KEYS."
    )
    assert isinstance(build_context(CONTEXT).context, RetrieveContext)


def test_the_context_functions_deadlines_are_those_of_its_settings() -> None:
    times = {"SWITCHES": "50", "EMBEDDING": "200", "QDRANT": "100", "CONTEXT": "350"}
    retrieve = build_context({**CONTEXT, **{f"{name}_TIMEOUT_MS": value for name, value in times.items()}}).context
    assert isinstance(retrieve, RetrieveContext)
    assert retrieve._policy.deadlines == Deadlines(switches=0.05, embedding=0.2, search=0.1, total=0.35)


def test_keys_that_cannot_be_read_as_keys_stop_the_start() -> None:
    assert "must be a JSON object" in complaint(build_context, {**CONTEXT, "SERVICE_TOKEN_KEYS": "not json"})


def test_rate_limits_need_the_table_they_are_counted_in() -> None:
    said = complaint(build_context, {**QDRANT, **KEYS})
    assert said.startswith("MEMORY_TABLE is missing: rate limits are counted there. Set it, or RATE_LIMIT_READS=0")
    none = {f"RATE_LIMIT_{kind}": "0" for kind in ("READS", "WRITES", "EXPENSIVE")}
    assert build_context({**QDRANT, **KEYS, **none})


@pytest.mark.parametrize("missing", ["SUPABASE_URL", "MEMORY_TABLE", "JOBS_QUEUE_URL"])
def test_the_management_api_needs_the_platform_its_table_and_the_queue(missing: str) -> None:
    environ = {name: value for name, value in MEMORIES.items() if name != missing}
    assert complaint(build_memories, environ) == f"{missing} is missing: this function cannot work without it."
    assert isinstance(build_memories(MEMORIES), MemoriesApi)


def test_the_audit_function_needs_the_platform_and_the_table_of_tombstones() -> None:
    assert "SUPABASE_URL is missing" in complaint(build_audit, QDRANT)
    assert "MEMORY_TABLE is missing" in complaint(build_audit, {**QDRANT, **PLATFORM})
    assert build_audit({**QDRANT, **PLATFORM, "MEMORY_TABLE": "t"})


def test_secrets_in_ssm_need_the_functions_own_credentials() -> None:
    said = complaint(build_context, {**QDRANT, "SERVICE_TOKEN_KEYS_PARAMETER": "/keys"})
    assert "AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set" in said


@pytest.mark.parametrize("missing", EXTRACTION)
def test_the_extraction_function_needs_its_table_and_queues(missing: str) -> None:
    environ = {**QDRANT, **{name: value for name, value in EXTRACTION.items() if name != missing}}
    assert complaint(build_extraction, environ) == f"{missing} is missing: this function cannot work without it."


def test_the_extraction_function_starts_without_any_key_on_its_rules() -> None:
    assert build_extraction({**QDRANT, **EXTRACTION})


def test_the_extraction_function_starts_while_its_secrets_cannot_be_read_and_reads_them_in_the_job() -> None:
    """Else a refusal at the start would keep the message for as long as the queue hides it."""
    refused = [reply({"__type": "AccessDeniedException"}, 400)]

    def answer(request: Request) -> bytes:
        if request.path != "/":
            return completion("{}")
        names = request.json()["Names"]
        return refused.pop() if refused else reply({"Parameters": [{"Name": n, "Value": f"key of {n}"} for n in names]})

    with HttpServer(answer) as server:
        environ = {
            **QDRANT, **EXTRACTION, **AWS, "AWS_ENDPOINT_URL_SSM": server.url, "OPENAI_BASE_URL": server.url + "/v1",
            "OPENAI_API_KEY_PARAMETER": "/openai", "SUPABASE_URL": "http://127.0.0.1:1",
            "SUPABASE_SERVICE_KEY_PARAMETER": "/supabase",
        }  # fmt: skip
        assert build_extraction(environ)
        assert server.requests == []
        adapters: Any = AdaptersInUse.from_environment(environ)
        model = adapters.chat_model()
        with pytest.raises(RefusedKeyError, match="AccessDeniedException") as raised:
            model.generate_response([{"role": "user", "content": "hi"}])
        assert raised.value.retryable
        assert model.generate_response([{"role": "user", "content": "hi"}]) == "{}"
        assert server.requests[-1].headers["authorization"] == "Bearer key of /openai"
        model._client.close()
        adapters._read_parameter.__self__._client.close()


def test_the_platforms_database_needs_its_key() -> None:
    environ = {**QDRANT, **EXTRACTION, "SUPABASE_URL": "http://127.0.0.1:1"}
    assert "SUPABASE_SERVICE_KEY is missing" in complaint(build_extraction, environ)


def test_the_archive_function_needs_its_table() -> None:
    assert complaint(build_archive, QDRANT) == "MEMORY_TABLE is missing: this function cannot work without it."
    said = complaint(build_archive, {**QDRANT, "MEMORY_TABLE": "t"})
    assert said == "LIFECYCLE_QUEUE_URL is missing: this function cannot work without it."
    assert build_archive({**QDRANT, "MEMORY_TABLE": "t", **LIFECYCLE})


@pytest.mark.parametrize("build", [build_extraction, build_archive])
def test_without_a_region_no_aws_client_is_made(build: object, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    assert complaint(build, {**QDRANT, **EXTRACTION}).startswith("AWS_REGION is missing: set it")


def test_the_region_is_the_functions_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    consume = build_extraction({**QDRANT, **EXTRACTION, "AWS_REGION": "eu-west-1"})
    client: Any = consume._queue._client  # type: ignore[attr-defined]
    assert client.meta.region_name == "eu-west-1"


@pytest.mark.parametrize("build", [build_context, build_extraction, build_archive])
def test_no_complaint_repeats_a_secret(build: object) -> None:
    secrets = ["OPENAI_API_KEY", "QDRANT_API_KEY", "SUPABASE_SERVICE_KEY", "SERVICE_TOKEN_KEYS"]
    environ = {name: f"secret-{name}" for name in secrets}
    assert "secret-" not in complaint(build, environ)
    assert "secret-" not in complaint(build, {**QDRANT, **environ, "QDRANT_API_KEY_PARAMETER": "/also"})


def test_extraction_by_a_model_needs_its_key() -> None:
    assert "OPENAI_API_KEY" in complaint(build_extraction, {**QDRANT, **EXTRACTION, "EXTRACTION": "llm"})


@pytest.mark.parametrize(
    ("build", "needs"),
    [(build_extraction, EXTRACTION), (build_memories, {}), (build_archive, LIFECYCLE)],
    ids=["extraction", "memories", "archive"],
)
def test_a_function_has_one_sender_of_events_and_one_client_of_each_service(
    build: Any, needs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender is a thread and a connection, a client of S3 is 70 MB, and each adds to the start."""
    made: list[str] = []
    of_aws, sink = AdaptersInUse.aws_client, AdaptersInUse._event_sink

    def counted_client(adapters: AdaptersInUse, service: str) -> Any:
        made.append(service)
        return of_aws(adapters, service)

    def counted_sink(adapters: AdaptersInUse, wait: float) -> Any:
        made.append("events")
        return sink(adapters, wait)

    monkeypatch.setattr(AdaptersInUse, "aws_client", counted_client)
    monkeypatch.setattr(AdaptersInUse, "_event_sink", counted_sink)
    build({**MEMORIES, **needs, "ARCHIVE_BUCKET": "bucket"})
    assert {"dynamodb", "s3", "events"} <= set(made)
    assert [name for name in set(made) if made.count(name) > 1] == []
