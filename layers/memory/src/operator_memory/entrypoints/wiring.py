"""The one place that chooses adapters. Each ``build_*`` makes what one function needs, from the environment.

Imports stand inside the builders, so that a function loads only what it uses: the context function must not
pay for Mem0. A setting that a function cannot do without is checked here, when the function starts.
"""

import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from operator_memory.adapters.http import HttpClient
from operator_memory.adapters.openai_embeddings import OpenAIEmbeddings
from operator_memory.adapters.qdrant import QdrantMemories
from operator_memory.adapters.system_clock import SystemClock
from operator_memory.application.ports import Clock
from operator_memory.application.retrieve_context import (
    ContextRequest,
    ContextResult,
    Deadlines,
    RetrieveContext,
)
from operator_memory.domain.errors import ConfigurationError, UpstreamError
from operator_memory.domain.identity import Caller
from operator_memory.entrypoints.observability import configure_logging
from operator_memory.entrypoints.settings import Settings, load_settings

if TYPE_CHECKING:
    from operator_memory.adapters.mem0_parts import ChatModel
    from operator_memory.application.consume_jobs import ConsumeJobs
    from operator_memory.application.expire_memories import ExpireMemories
    from operator_memory.application.ports import ThreadMessages

_LOG = logging.getLogger("operator_memory.wiring")
Secret = Callable[[], str]


@dataclass(frozen=True, slots=True)
class ContextApp:
    """What the context function calls."""

    authenticate: Callable[[str], Caller]
    retrieve: Callable[[ContextRequest], ContextResult]


def build_context(environ: Mapping[str, str] | None = None) -> ContextApp:
    """The context function's parts. Imports the standard library only."""
    from operator_memory.adapters.jwt import ServiceTokens, key_provider

    parts = _Parts.from_environment(os.environ if environ is None else environ)
    settings, clock = parts.settings, parts.clock
    keys = key_provider(parts.required_secret("service_token_keys"))
    tokens = ServiceTokens(keys)
    retrieve = RetrieveContext(
        search=parts.memories(),
        embedder=parts.embedder(),
        clock=clock,
        deadlines=Deadlines(
            embedding=settings.embedding_timeout_ms / 1000,
            search=settings.qdrant_timeout_ms / 1000,
            total=settings.context_timeout_ms / 1000,
        ),
        enabled=settings.memory_enabled,
    )
    parts.warm()
    with suppress(UpstreamError):  # keys that cannot be read yet are read on the first request
        keys()  # malformed ones stop the start
    return ContextApp(lambda token: tokens.verify(token, now=clock.now()), retrieve)


def build_extraction(environ: Mapping[str, str] | None = None) -> "ConsumeJobs":
    """The extraction function's parts: what works off one queue message."""
    from operator_memory.adapters.dynamodb_expiry import DynamoDBExpiryIndex
    from operator_memory.adapters.dynamodb_jobs import DynamoDBJobs
    from operator_memory.adapters.dynamodb_watermarks import DynamoDBWatermarks
    from operator_memory.adapters.mem0_engine import Mem0Extractor
    from operator_memory.adapters.sqs_queue import SqsJobQueue
    from operator_memory.application.consume_jobs import ConsumeJobs
    from operator_memory.application.extract_run import ExtractionPolicy, ExtractionPorts, ExtractRun
    from operator_memory.entrypoints.contracts.job import parse_job

    parts = _Parts.from_environment(os.environ if environ is None else environ)
    settings = parts.settings
    table, client = parts.required("memory_table"), parts.aws_client("dynamodb")
    embedder, memories = parts.embedder(), parts.memories()
    ports = ExtractionPorts(
        jobs=DynamoDBJobs(client, table, record_days=settings.job_record_days),
        extractor=Mem0Extractor(model=parts.chat_model(), embedder=embedder, memories=memories, clock=parts.clock),
        embedder=embedder,
        memories=memories,
        expiry=DynamoDBExpiryIndex(client, table),
        watermarks=DynamoDBWatermarks(client, table),
        thread_messages=parts.thread_messages(),
        clock=parts.clock,
    )
    policy = ExtractionPolicy(
        session_days=settings.session_memory_days,
        chunk_characters=settings.extraction_chunk_characters,
        enabled=settings.memory_enabled,
    )
    queue = SqsJobQueue(
        parts.aws_client("sqs"),
        queue_url=parts.required("jobs_queue_url"),
        dead_letter_queue_url=parts.required("jobs_dead_letter_queue_url"),
    )
    return ConsumeJobs(parse=parse_job, extract=ExtractRun(ports, policy), queue=queue)


def build_archive(environ: Mapping[str, str] | None = None) -> "ExpireMemories":
    """The archive function's sweep."""
    from operator_memory.adapters.dynamodb_expiry import DynamoDBExpiryIndex
    from operator_memory.application.expire_memories import ExpireMemories

    parts = _Parts.from_environment(os.environ if environ is None else environ)
    index = DynamoDBExpiryIndex(parts.aws_client("dynamodb"), parts.required("memory_table"))
    parts.warm()
    return ExpireMemories(memories=parts.memories(), index=index, clock=parts.clock)


class _Parts:
    """Settings, secrets and the adapters that more than one function uses."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self.settings = settings
        self.clock: Clock = SystemClock()
        self._environ = environ
        names = {
            name: parameter
            for name in ("qdrant_api_key", "openai_api_key", "supabase_service_key", "service_token_keys")
            if (parameter := getattr(settings, f"{name}_parameter"))
        }
        self._parameter_names = names
        self._read_parameter = _parameter_reader(list(names.values()), environ, self.clock) if names else None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "_Parts":
        settings = load_settings(environ)
        configure_logging(settings.log_level)
        return cls(settings, environ)

    def secret(self, name: str) -> Secret | None:
        """Reads the secret ``name`` each time it is called, or ``None`` if it is not configured."""
        parameter, read = self._parameter_names.get(name), self._read_parameter
        if parameter is not None and read is not None:
            return lambda: read(parameter)
        value = str(getattr(self.settings, name))
        return (lambda: value) if value else None

    def required_secret(self, name: str) -> Secret:
        secret = self.secret(name)
        if secret is None:
            env = name.upper()
            raise ConfigurationError(f"{env} is missing: set {env}_PARAMETER (in AWS) or {env}.")
        return secret

    def required(self, name: str) -> str:
        value = str(getattr(self.settings, name))
        if not value:
            raise ConfigurationError(f"{name.upper()} is missing: this function cannot work without it.")
        return value

    def aws_client(self, service: str) -> Any:  # noqa: ANN401  (boto3 makes its clients at run time)
        import boto3

        from operator_memory.adapters.aws_errors import CLIENT_CONFIG

        session: Any = boto3.session.Session()
        region = self._environ.get("AWS_REGION") or self._environ.get("AWS_DEFAULT_REGION") or session.region_name
        if not region:
            raise ConfigurationError("AWS_REGION is missing: set it to the region of the table and the queues.")
        return session.client(service, region_name=region, config=CLIENT_CONFIG)

    def chat_model(self) -> "ChatModel":
        if self.settings.extraction_mode == "rules":
            from operator_memory.adapters.rules_llm import RulesLLM

            return RulesLLM()
        from operator_memory.adapters.openai_chat import OpenAIChat

        return OpenAIChat(
            base_url=self.settings.openai_base_url,
            api_key=self.required_secret("openai_api_key")(),
            model=self.settings.extraction_model,
            timeout=self.settings.extraction_timeout_seconds,
            max_tokens=self.settings.extraction_max_tokens,
        )

    def thread_messages(self) -> "ThreadMessages | None":
        if not self.settings.supabase_url:
            return None
        from operator_memory.adapters.supabase_messages import SupabaseThreadMessages

        key = self.required_secret("supabase_service_key")()
        return SupabaseThreadMessages(self.settings.supabase_url, key, timeout_seconds=20)

    def memories(self) -> QdrantMemories:
        key = self.secret("qdrant_api_key")
        client = HttpClient(
            self.settings.qdrant_base_url, system="qdrant", auth=(lambda: {"api-key": key()}) if key else None
        )
        return QdrantMemories(
            client,
            collection=self.settings.qdrant_collection,
            write_timeout=self.settings.qdrant_write_timeout_ms / 1000,
        )

    def embedder(self) -> OpenAIEmbeddings:
        key = self.secret("openai_api_key")
        client = HttpClient(
            self.settings.openai_base_url,
            system="embeddings",
            auth=(lambda: {"Authorization": f"Bearer {key()}"}) if key else None,
        )
        return OpenAIEmbeddings(
            client,
            model=self.settings.embedding_model,
            dimensions=self.settings.embedding_dimensions,
            send_dimensions=self.settings.embedding_send_dimensions,
        )

    def warm(self) -> None:
        """Read the secrets while Lambda starts the function; a failure shows on the first request."""
        for name in self._parameter_names:
            secret = self.secret(name)
            try:
                if secret is not None:
                    secret()
            except UpstreamError as error:
                _LOG.warning("secrets could not be read at start", extra={"reason": error.reason})
                return


def _parameter_reader(names: list[str], environ: Mapping[str, str], clock: Clock) -> Callable[[str], str]:
    """Reads SSM parameters with the function's own role (the credentials Lambda puts into the environment)."""
    from operator_memory.adapters.aws_json import AwsCredentials, AwsJsonClient
    from operator_memory.adapters.ssm_secrets import SsmSecrets

    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    key_id, secret_key = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not (region and key_id and secret_key):
        raise ConfigurationError(
            "Secrets come from SSM: AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set."
        )
    endpoint = (
        environ.get("AWS_ENDPOINT_URL_SSM") or environ.get("AWS_ENDPOINT_URL") or f"https://ssm.{region}.amazonaws.com"
    )
    credentials = AwsCredentials(key_id, secret_key, environ.get("AWS_SESSION_TOKEN"))
    client = AwsJsonClient(service="ssm", region=region, endpoint_url=endpoint, credentials=credentials, clock=clock)
    return SsmSecrets(client, names, clock=clock).get
