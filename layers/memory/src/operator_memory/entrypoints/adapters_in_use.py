"""The adapters that more than one function uses; ``wiring`` puts them together.

Imports stand inside the methods, so that a function loads only what it uses: the context function must not pay
for boto3 or Mem0.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from operator_memory.adapters.models.openai_embeddings import OpenAIEmbeddings
from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant.memories import QdrantMemories
from operator_memory.application.ports.core import Embedder, Reranker
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.errors import ConfigurationError
from operator_memory.entrypoints.environment import Environment
from operator_memory.entrypoints.relevance import model_name

if TYPE_CHECKING:
    from operator_memory.adapters.archive.store import StoredArchive
    from operator_memory.adapters.dynamodb.holds import DynamoDBHolds
    from operator_memory.adapters.dynamodb.known_accounts import DynamoDBKnownAccounts
    from operator_memory.adapters.models.mem0_parts import ChatModel
    from operator_memory.adapters.qdrant.erasure import QdrantErasure
    from operator_memory.adapters.qdrant.learned import QdrantLearnedMemories
    from operator_memory.adapters.qdrant.library import QdrantLibrary
    from operator_memory.adapters.qdrant.lifecycle.whole_memories import QdrantWholeMemories
    from operator_memory.adapters.supabase.gone_accounts import SupabaseGoneAccounts
    from operator_memory.adapters.supabase.rest import SupabaseRest
    from operator_memory.application.management.limit_rate import LimitRate
    from operator_memory.application.ports.learning import ThreadMessages
    from operator_memory.application.ports.management import EventSink, SwitchReader
    from operator_memory.application.shared.guarded_writer import GuardedWriter
    from operator_memory.application.shared.keep_held import KeepHeld
    from operator_memory.application.shared.turn_visibility import TurnVisibility
    from operator_memory.domain.lifecycle.migration import OtherCollection

EVENTS_WAIT_SECONDS = 2.0
"""How long functions that nobody waits for let an event take into the queue."""


class AdaptersInUse(Environment):
    """The adapters, on the settings and clients of the process."""

    # ---- the store, the embedder, the model -------------------------------------------------------------------

    @cached_property
    def qdrant(self) -> HttpClient:
        """The one client of the store."""
        key, url = self.secret("qdrant_api_key"), self.settings.qdrant_base_url
        auth = (lambda: {"api-key": key()}) if key else None
        if not self.deletes:
            return HttpClient(url, system="qdrant", auth=auth)
        from operator_memory.entrypoints.other_collection import client_of_both

        return client_of_both(self.settings, lambda: self.dynamodb, auth)

    def _other_collection(self) -> "OtherCollection | None":
        if not self.deletes:
            return None
        from operator_memory.entrypoints.other_collection import other_collection

        return other_collection(self.settings, lambda: self.dynamodb)

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
        return QdrantErasure(
            self.qdrant, collections=collections, write_timeout=self.write_timeout, other=self._other_collection
        )

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
            held=self.keep_held(),
        )

    def holds(self) -> "DynamoDBHolds":
        """Legal holds."""
        from operator_memory.adapters.dynamodb.holds import DynamoDBHolds

        return DynamoDBHolds(self.dynamodb, self.required("memory_table"))

    def keep_held(self) -> "KeepHeld":
        """What keeps that which is held."""
        from operator_memory.application.shared.keep_held import KeepHeld

        return KeepHeld(holds=self.holds(), library=self.library(), trail=self.trail())

    def whole_memories(self) -> "QdrantWholeMemories":
        """The store as the archive sees it."""
        from operator_memory.adapters.qdrant.lifecycle.whole_memories import QdrantWholeMemories

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

    @cached_property
    def _s3(self) -> Any:  # noqa: ANN401  (boto3 makes its clients at run time)
        """The one client of the archive's bucket."""
        return self.aws_client("s3")

    def archive(self) -> "StoredArchive | None":
        """Archived memories, where there is a bucket for them."""
        if not self.settings.archive_bucket:
            return None
        from operator_memory.adapters.archive.index import ArchiveIndex
        from operator_memory.adapters.archive.objects import ArchiveObjects
        from operator_memory.adapters.archive.store import StoredArchive

        objects = ArchiveObjects(self._s3, self.settings.archive_bucket)
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
        if wait not in self._trails:
            self._trails[wait] = AuditTrail(self._event_sink(wait), self.clock)
        return self._trails[wait]

    @cached_property
    def _trails(self) -> dict[float, AuditTrail]:
        """One for each wait: each has a thread and a connection of its own."""
        return {}

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
