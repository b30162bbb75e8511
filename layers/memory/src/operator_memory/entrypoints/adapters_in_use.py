"""Settings, secrets and the adapters that more than one function uses; ``wiring`` puts them together.

Imports stand inside the methods, so that a function loads only what it uses: the context function must not pay
for boto3 or Mem0.
"""

import logging
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from operator_memory.adapters.local.system_clock import SystemClock
from operator_memory.adapters.models.openai_embeddings import OpenAIEmbeddings
from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant.memories import QdrantMemories
from operator_memory.application.ports.core import Clock, Embedder, Reranker
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.errors import ConfigurationError, UpstreamError
from operator_memory.entrypoints.load_settings import load_settings
from operator_memory.entrypoints.observability import configure_logging
from operator_memory.entrypoints.relevance import model_name
from operator_memory.entrypoints.settings import Settings

if TYPE_CHECKING:
    from operator_memory.adapters.archive.store import StoredArchive
    from operator_memory.adapters.aws.signed_json import AwsJsonClient
    from operator_memory.adapters.dynamodb.known_accounts import DynamoDBKnownAccounts
    from operator_memory.adapters.models.mem0_parts import ChatModel
    from operator_memory.adapters.qdrant.erasure import QdrantErasure
    from operator_memory.adapters.qdrant.learned import QdrantLearnedMemories
    from operator_memory.adapters.qdrant.library import QdrantLibrary
    from operator_memory.adapters.qdrant.whole_memories import QdrantWholeMemories
    from operator_memory.adapters.supabase.gone_accounts import SupabaseGoneAccounts
    from operator_memory.adapters.supabase.rest import SupabaseRest
    from operator_memory.application.management.limit_rate import LimitRate
    from operator_memory.application.ports.learning import ThreadMessages
    from operator_memory.application.ports.management import EventSink, SwitchReader
    from operator_memory.application.shared.guarded_writer import GuardedWriter
    from operator_memory.application.shared.turn_visibility import TurnVisibility

_LOG = logging.getLogger("operator_memory.wiring")
Secret = Callable[[], str]
_SECRETS = (
    "qdrant_api_key",
    "openai_api_key",
    "reranker_api_key",
    "supabase_service_key",
    "supabase_jwt_secret",
    "service_token_keys",
)
_WHERE = {"supabase": "supabase_url", "reranker": "reranker_base_url"}
"""Of what need not be there, the address. Without it nobody asks for its secrets."""

EVENTS_WAIT_SECONDS = 2.0
"""How long functions that nobody waits for let an event take into the queue."""


class AdaptersInUse:
    """Made once when a function starts."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self.settings = settings
        self.clock: Clock = SystemClock()
        self._environ = environ
        # One parameter that does not exist fails the reading of all, so only those that are used are asked for.
        used = [name for name in _SECRETS if getattr(settings, _WHERE.get(name.partition("_")[0], ""), True)]
        names = {name: parameter for name in used if (parameter := getattr(settings, f"{name}_parameter"))}
        self._parameter_names = names
        self._read_parameter = self._parameter_reader(list(names.values())) if names else None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "AdaptersInUse":
        """Read and check the settings, and set the log level."""
        settings = load_settings(environ)
        configure_logging(settings.log_level)
        return cls(settings, environ)

    # ---- settings and secrets ---------------------------------------------------------------------------------

    def secret(self, name: str) -> Secret | None:
        """Reads the secret ``name`` each time it is called, or ``None`` if it is not configured."""
        parameter, read = self._parameter_names.get(name), self._read_parameter
        if parameter is not None and read is not None:
            return lambda: read(parameter)
        value = str(getattr(self.settings, name))
        return (lambda: value) if value else None

    def required_secret(self, name: str) -> Secret:
        """As `secret`, for one that the function cannot do without."""
        secret = self.secret(name)
        if secret is None:
            env = name.upper()
            raise ConfigurationError(f"{env} is missing: set {env}_PARAMETER (in AWS) or {env}.")
        return secret

    def required(self, name: str) -> str:
        """A setting that the function cannot do without."""
        value = str(getattr(self.settings, name))
        if not value:
            raise ConfigurationError(f"{name.upper()} is missing: this function cannot work without it.")
        return value

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

    # ---- AWS --------------------------------------------------------------------------------------------------

    def aws_client(self, service: str) -> Any:  # noqa: ANN401  (boto3 makes its clients at run time)
        """A boto3 client with bounded patience."""
        import boto3

        from operator_memory.adapters.aws.boto3_clients import CLIENT_CONFIG

        session: Any = boto3.session.Session()
        region = self._environ.get("AWS_REGION") or self._environ.get("AWS_DEFAULT_REGION") or session.region_name
        if not region:
            raise ConfigurationError("AWS_REGION is missing: set it to the region of the table and the queues.")
        return session.client(service, region_name=region, config=CLIENT_CONFIG)

    @cached_property
    def dynamodb(self) -> Any:  # noqa: ANN401  (see `aws_client`)
        """The one client of the table."""
        return self.aws_client("dynamodb")

    def aws_json(self, service: str) -> "AwsJsonClient":
        """A client of ``service`` without boto3, with the function's own role (the credentials that Lambda puts
        into the environment)."""
        from operator_memory.adapters.aws.signed_json import AwsCredentials, AwsJsonClient

        environ = self._environ
        region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
        key_id, secret_key = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
        if not (region and key_id and secret_key):
            raise ConfigurationError(
                f"This function calls {service}: AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set."
            )
        endpoint = (
            environ.get(f"AWS_ENDPOINT_URL_{service.upper()}")
            or environ.get("AWS_ENDPOINT_URL")
            or f"https://{service}.{region}.amazonaws.com"
        )
        credentials = AwsCredentials(key_id, secret_key, environ.get("AWS_SESSION_TOKEN"))
        return AwsJsonClient(
            service=service, region=region, endpoint_url=endpoint, credentials=credentials, clock=self.clock
        )

    def _parameter_reader(self, names: list[str]) -> Callable[[str], str]:
        from operator_memory.adapters.aws.ssm_secrets import SsmSecrets

        return SsmSecrets(self.aws_json("ssm"), names, clock=self.clock).get

    # ---- the store, the embedder, the model -------------------------------------------------------------------

    @cached_property
    def qdrant(self) -> HttpClient:
        """The one client of the store."""
        key = self.secret("qdrant_api_key")
        return HttpClient(
            self.settings.qdrant_base_url, system="qdrant", auth=(lambda: {"api-key": key()}) if key else None
        )

    @property
    def write_timeout(self) -> float:
        """Seconds for one request to the store that is not a search."""
        return self.settings.qdrant_write_timeout_ms / 1000

    def memories(self) -> QdrantMemories:
        """The store as retrieval and extraction see it."""
        return QdrantMemories(
            self.qdrant,
            collection=self.settings.qdrant_collection,
            write_timeout=self.write_timeout,
            embedder=model_name(self.settings.embedding_model),
        )

    def library(self) -> "QdrantLibrary":
        """The store as people see it."""
        from operator_memory.adapters.qdrant.library import QdrantLibrary

        return QdrantLibrary(
            self.qdrant,
            collection=self.settings.qdrant_collection,
            timeout=self.write_timeout,
            embedder=model_name(self.settings.embedding_model),
        )

    def erasable(self) -> "QdrantErasure":
        """The store as erasure sees it: with Mem0's entity collection."""
        from operator_memory.adapters.qdrant.erasure import QdrantErasure

        name = self.settings.qdrant_collection
        collections = (("memories", name), ("entities", f"{name}_entities"))
        return QdrantErasure(self.qdrant, collections=collections, write_timeout=self.write_timeout)

    def writer(self) -> "GuardedWriter":
        """The one way to store a memory."""
        from operator_memory.adapters.dynamodb.expiry import DynamoDBExpiryIndex
        from operator_memory.adapters.dynamodb.tombstones import DynamoDBTombstones
        from operator_memory.application.shared.guarded_writer import GuardedWriter

        table = self.required("memory_table")
        return GuardedWriter(
            memories=self.memories(),
            expiry=DynamoDBExpiryIndex(self.dynamodb, table),
            erasable=self.erasable(),
            tombstones=DynamoDBTombstones(self.dynamodb, table),
        )

    def whole_memories(self) -> "QdrantWholeMemories":
        """The store as the archive sees it."""
        from operator_memory.adapters.qdrant.whole_memories import QdrantWholeMemories

        name = self.settings.qdrant_collection
        return QdrantWholeMemories(self.qdrant, collection=name, timeout=self.write_timeout)

    def learned(self) -> "QdrantLearnedMemories":
        """The store as the place where facts were learned."""
        from operator_memory.adapters.qdrant.learned import QdrantLearnedMemories

        name = self.settings.qdrant_collection
        return QdrantLearnedMemories(self.qdrant, collection=name, timeout=self.write_timeout)

    def turn_visibility(self) -> "TurnVisibility":
        """What keeps outdated turns out of other sessions."""
        from operator_memory.adapters.qdrant.turn_marks import QdrantTurnMarks
        from operator_memory.application.shared.turn_visibility import TurnVisibility

        collection = self.settings.qdrant_collection
        marks = QdrantTurnMarks(self.qdrant, collection=collection, write_timeout=self.write_timeout)
        return TurnVisibility(search=self.memories(), marks=marks, clock=self.clock)

    @cached_property
    def embeddings_api(self) -> HttpClient:
        """The one client of the API that embeds."""
        key = self.secret("openai_api_key")
        return HttpClient(
            self.settings.openai_base_url,
            system="embeddings",
            auth=(lambda: {"Authorization": f"Bearer {key()}"}) if key else None,
        )

    def embedder(self) -> Embedder:
        """What makes vectors."""
        if self.settings.embedder == "local":
            from operator_memory.adapters.models.local_embeddings import LocalEmbeddings

            return LocalEmbeddings()
        if self.settings.embedder == "server":
            from operator_memory.adapters.qdrant.server_embeddings import ServerEmbeddings

            return ServerEmbeddings(model=self.settings.embedding_model, dimensions=self.settings.embedding_dimensions)
        return OpenAIEmbeddings(
            self.embeddings_api,
            model=self.settings.embedding_model,
            dimensions=self.settings.embedding_dimensions,
            send_dimensions=self.settings.embedding_send_dimensions,
        )

    def reranker(self) -> Reranker | None:
        """What judges how well memories answer a question, where it is configured."""
        settings = self.settings
        if not settings.reranker_base_url:
            return None
        from operator_memory.adapters.models.reranker_api import RerankerApi

        key = self.secret("reranker_api_key")
        auth = (lambda: {"Authorization": f"Bearer {key()}"}) if key else None
        client = HttpClient(settings.reranker_base_url, system="reranker", auth=auth)
        return RerankerApi(client, model=settings.reranker_model, texts_as=settings.reranker_format)

    def chat_model(self) -> "ChatModel":
        """What extracts: the model, or the built-in rules."""
        if self.settings.extraction_mode == "rules":
            from operator_memory.adapters.models.rules_llm import RulesLLM

            return RulesLLM()
        from operator_memory.adapters.models.openai_chat import OpenAIChat

        return OpenAIChat(
            base_url=self.settings.openai_base_url,
            api_key=self.required_secret("openai_api_key"),
            model=self.settings.extraction_model,
            timeout=self.settings.extraction_timeout_seconds,
            max_tokens=self.settings.extraction_max_tokens,
        )

    def archive(self) -> "StoredArchive | None":
        """Archived memories, where there is a bucket for them."""
        if not self.settings.archive_bucket:
            return None
        from operator_memory.adapters.archive.index import ArchiveIndex
        from operator_memory.adapters.archive.objects import ArchiveObjects
        from operator_memory.adapters.archive.store import StoredArchive

        objects = ArchiveObjects(self.aws_client("s3"), self.settings.archive_bucket)
        return StoredArchive(objects, ArchiveIndex(self.dynamodb, self.required("memory_table")))

    # ---- the platform -----------------------------------------------------------------------------------------

    @cached_property
    def supabase(self) -> "SupabaseRest | None":
        """The platform's database, where it is configured."""
        if not self.settings.supabase_url:
            return None
        from operator_memory.adapters.supabase.rest import SupabaseRest

        return SupabaseRest(self.settings.supabase_url, self.required_secret("supabase_service_key"))

    def required_supabase(self) -> "SupabaseRest":
        """The same for a function that cannot do without it."""
        found = self.supabase
        if found is None:
            raise ConfigurationError("SUPABASE_URL is missing: this function cannot work without it.")
        return found

    def thread_messages(self) -> "ThreadMessages | None":
        """The platform's record of conversations."""
        if not self.settings.supabase_url:
            return None
        from operator_memory.adapters.supabase.messages import SupabaseThreadMessages

        key = self.required_secret("supabase_service_key")
        return SupabaseThreadMessages(self.settings.supabase_url, key, timeout_seconds=20)

    def switches(self) -> "SwitchReader":
        """People's switches. Without a platform there is nobody to set one."""
        if self.supabase is None:
            from operator_memory.adapters.local.fixed_switches import FixedSwitches

            return FixedSwitches()
        from operator_memory.adapters.supabase.switches import SupabaseSwitches

        return SupabaseSwitches(self.supabase, clock=self.clock)

    def gone_accounts(self) -> "SupabaseGoneAccounts | None":
        """Accounts that were deleted, where there is a platform."""
        if self.supabase is None:
            return None
        from operator_memory.adapters.supabase.gone_accounts import SupabaseGoneAccounts

        return SupabaseGoneAccounts(self.supabase)

    def known_accounts(self) -> "DynamoDBKnownAccounts":
        """Accounts that memory is kept for."""
        from operator_memory.adapters.dynamodb.known_accounts import DynamoDBKnownAccounts

        return DynamoDBKnownAccounts(self.dynamodb, self.required("memory_table"))

    # ---- the trail and the limits -----------------------------------------------------------------------------

    def trail(self, *, wait: float = EVENTS_WAIT_SECONDS) -> AuditTrail:
        """Where events go. ``wait``: most seconds that a caller is kept for one."""
        return AuditTrail(self._event_sink(wait), self.clock)

    def _event_sink(self, wait: float) -> "EventSink":
        from operator_memory.entrypoints.contracts.event import event_body

        if not self.settings.events_queue_url:
            from operator_memory.adapters.local.logged_events import LoggedEvents

            return LoggedEvents(encode=event_body)
        from operator_memory.adapters.aws.sqs_events import SqsEvents

        events = SqsEvents(self.aws_json("sqs"), self.settings.events_queue_url, encode=event_body, wait=wait)
        events.prepare()
        return events

    def limits(self) -> "LimitRate":
        """The rate limits."""
        from operator_memory.adapters.dynamodb.rate_limits import DynamoDBTokenBuckets
        from operator_memory.application.management.limit_rate import LimitRate
        from operator_memory.domain.management.rate_limits import Bucket, RateLimit

        limits = {bucket: RateLimit(getattr(self.settings, f"rate_limit_{bucket.value}")) for bucket in Bucket}
        buckets = None
        if any(limit.per_minute for limit in limits.values()):
            if not self.settings.memory_table:
                raise ConfigurationError(
                    "MEMORY_TABLE is missing: rate limits are counted there. Set it, or RATE_LIMIT_READS=0,"
                    " RATE_LIMIT_WRITES=0 and RATE_LIMIT_EXPENSIVE=0."
                )
            buckets = DynamoDBTokenBuckets(self.aws_json("dynamodb"), self.settings.memory_table)
        return LimitRate(
            buckets, limits=limits, service_factor=self.settings.rate_limit_service_factor, clock=self.clock
        )
