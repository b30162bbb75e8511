"""What the retrieval benchmark asks: the parts it runs on, with everything stored by our own write path."""

import hashlib
import io
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from operator_memory.domain.learning.importance import importance_of
from operator_memory.domain.learning.jobs import RunJob
from operator_memory.domain.memory.embedding_text import beginning
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory, memory_id
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope, ScopeKey
from operator_memory.entrypoints.adapters_in_use import AdaptersInUse

from bench.extraction.ours import extract_run_of, writer_of
from bench.extraction.ports import RunClock
from bench.retrieval.questions import Conversation, OwnMemory, Session
from devstack.models.server import EMBEDDING_MODEL, ModelServer
from devstack.qdrant import QdrantFront
from devstack.stack import LOCAL_DIMENSIONS
from infra.qdrant.apply import apply
from infra.qdrant.collection import collection_at

OURS = "bench_ours"
ASKED_AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
_BATCH = 64
KEPT_DAYS = 3650  # the longest there is: a talk of 2023 is asked about years later


@dataclass(frozen=True, slots=True)
class Asked:
    """The parts to ask, and the settings that lead to them."""

    parts: AdaptersInUse
    clock: RunClock
    environment: Mapping[str, str]


def start(cleanup: ExitStack, given: Mapping[str, str], *, kept_days: int | None = KEPT_DAYS) -> Asked:
    """Start the embedded engine behind its REST front, and the bundled embedder unless the environment ``given`` names
    another one; an empty collection. ``kept_days``: of turns; ``None`` for the default."""
    front = cleanup.enter_context(QdrantFront())
    embedder = {name: value for name, value in given.items() if name.startswith(("OPENAI_", "EMBEDDING_"))}
    if not (embedder.get("OPENAI_API_KEY") or embedder.get("OPENAI_BASE_URL")):
        embedder = {
            "OPENAI_BASE_URL": cleanup.enter_context(ModelServer()).url,
            "EMBEDDING_MODEL": EMBEDDING_MODEL,
            "EMBEDDING_DIMENSIONS": str(LOCAL_DIMENSIONS),
        }
    environment = {
        "QDRANT_URL": front.url,
        "QDRANT_COLLECTION": OURS,
        "OPENAI_API_KEY": "local",
        **embedder,
        "EXTRACTION": "rules",
        "MEMORY_TABLE": "in-memory",
        "AWS_REGION": "us-east-1",
        "LOG_LEVEL": "ERROR",
    }
    if kept_days is not None:
        environment["SESSION_MEMORY_DAYS"] = str(kept_days)
    parts = AdaptersInUse.from_environment(environment)
    with redirect_stdout(io.StringIO()), collection_at(front.url, OURS) as collection:  # what it applies
        apply(collection, parts.settings.embedding_dimensions, check=False)
    clock = RunClock(ASKED_AT)
    parts.clock = clock
    return Asked(parts, clock, environment)


def store_conversations(asked: Asked, conversations: Sequence[Conversation]) -> None:
    """Have every session extracted as a finished run: its turns, and the facts that the bundled rules find."""
    use_case = extract_run_of(asked.parts, asked.clock)
    total, done = sum(len(c.sessions) for c in conversations), 0
    for conversation in conversations:
        for session in conversation.sessions:
            asked.clock.time = session.finished_at + timedelta(minutes=1)
            job = _job(conversation.account, session)
            use_case.extract(job, hashlib.sha256(job.job_id.encode()).hexdigest())
            done += 1
            print(f"\rstoring: session {done} of {total}", end="", file=sys.stderr, flush=True)
    print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
    asked.clock.time = ASKED_AT


def _job(account: str, session: Session) -> RunJob:
    return RunJob(
        job_id=f"{account}-{session.id}",
        account_id=AccountId(account),
        thread_id=session.id,
        status="completed",
        finished_at=session.finished_at,
        messages=session.messages,
    )


def store_own(asked: Asked, memories: Sequence[OwnMemory]) -> None:
    """Store the memories of our own set as they stand, through the guarded writer; one past session a day."""
    parts = asked.parts
    writer = writer_of(parts)
    embedder = parts.embedder()
    for start_at in range(0, len(memories), _BATCH):
        page = [_memory(memory) for memory in memories[start_at : start_at + _BATCH]]
        vectors = embedder.embed([beginning(memory.text) for memory in page], timeout=60)
        embedded = [EmbeddedMemory(memory, vector) for memory, vector in zip(page, vectors, strict=True)]
        for account in dict.fromkeys(memory.account_id for memory in page):
            writer.upsert(account, [e for e in embedded if e.memory.account_id == account])


def _memory(own: OwnMemory) -> Memory:
    kind = Kind(own.kind)
    session = f"session-{own.said_at:%Y-%m-%d}"
    key = ScopeKey(Scope.SESSION, session) if kind is Kind.TURN else ScopeKey(Scope.USER)
    return Memory(
        id=memory_id(AccountId(own.account), key, own.text, position=own.ref),
        account_id=AccountId(own.account),
        scope=key.scope,
        kind=kind,
        text=own.text,
        created_at=own.said_at,
        updated_at=own.said_at,
        session_id=session,
        thread_id=session,
        role="user" if kind is Kind.TURN else None,
        speaker=own.speaker,
        when=own.when,
        message_id=own.ref,
        importance=importance_of(own.text, kind=kind, scope=key.scope),
    )
