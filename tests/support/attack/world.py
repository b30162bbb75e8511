"""A platform worth attacking: the whole HTTP API on a real Qdrant engine, and accounts full of marked secrets."""

import base64
import importlib.util
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock
from urllib.parse import quote
from uuid import uuid4

from operator_memory.adapters.net.service_tokens import ServiceTokens
from operator_memory.adapters.qdrant.erasure import QdrantErasure
from operator_memory.adapters.qdrant.learned import QdrantLearnedMemories
from operator_memory.adapters.qdrant.library import QdrantLibrary
from operator_memory.adapters.qdrant.lifecycle.policy_memories import QdrantPolicyMemories
from operator_memory.adapters.qdrant.lifecycle.whole_memories import QdrantWholeMemories
from operator_memory.adapters.qdrant.memories import QdrantMemories
from operator_memory.adapters.qdrant.turn_marks import QdrantTurnMarks
from operator_memory.application.management.authorize import AuthorizeService
from operator_memory.application.management.limit_rate import LimitRate
from operator_memory.application.recall.retrieve_context import Deadlines, RetrievalPolicy, RetrieveContext
from operator_memory.domain.conversation import Watermark
from operator_memory.domain.learning.jobs import FactOutcome, JobRecord, JobState, JobSubject, Outcome
from operator_memory.domain.lifecycle.archived import archived
from operator_memory.domain.management.erasure import Erasure
from operator_memory.domain.memory.memory import Memory, PastVersion, memory_id
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope, ScopeKey
from operator_memory.domain.shared.audit_events import EventType, MemoryEvent
from operator_memory.domain.shared.tombstones import Target, TargetKind
from operator_memory.entrypoints.http_api import HttpResponse
from operator_memory.entrypoints.wiring.context import ContextApp

from devstack.aws.events import HttpRequest, api_event
from tests.support.builders import a_memory
from tests.support.fakes.core import DIMENSIONS
from tests.support.management.api import NO_LIMITS, SERVICE_KEY, Answer, FunctionContext, Management
from tests.support.qdrant.collections import make_collection
from tests.support.qdrant.front import Rest
from tests.support.qdrant.shelves import ObservedClient
from tests.support.time_outs import AMPLE

COLLECTIONS = ("memories", "memories_entities")
KNOWN_TEXT = "Likes green tea."
"""Remembered in every account, and known to everybody: its ids can be guessed."""

SECRET = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|mark[0-9a-f]{16}")
"""The shape of every id and every marked text."""

_CONTEXT_APP = Path(__file__).parents[3] / "functions" / "context" / "app.py"
_UNLIMITED = {f"RATE_LIMIT_{kind}": "0" for kind in ("READS", "WRITES", "EXPENSIVE")}


@dataclass(frozen=True)
class Request:
    """What is sent to the API. ``query`` as it stands in the URL, pairs in order; ``body`` JSON or bytes."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def query_text(self) -> str:
        return "&".join(f"{quote(name)}={quote(value)}" for name, value in self.query)

    @property
    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()

    @property
    def text(self) -> str:
        """Everything that is sent, in one text."""
        return "\n".join((self.path, *(v for _, v in (*self.query, *self.headers)), self.content.decode()))


@dataclass
class Tenant:
    """An account, what it has, and everything of it that nobody else may see (``secrets``)."""

    account: AccountId
    owner: str
    members: list[str] = field(default_factory=list)
    ids: dict[str, list[str]] = field(default_factory=dict)
    cursors: list[str] = field(default_factory=list)
    export_cursors: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)

    def add(self, kind: str, identity: str) -> str:
        self.ids.setdefault(kind, []).append(identity)
        self.secrets.add(identity)
        return identity

    def mark(self) -> str:
        """A text like no other."""
        made = f"mark{uuid4().hex[:16]}"
        self.secrets.add(made)
        return made

    def pick(self, kind: str, rng: Random) -> str:
        """An id of this account: of the kind in four of five cases, else of any."""
        kinds = list(self.ids)
        return rng.choice(self.ids[kind if kind in self.ids and rng.random() < 0.8 else rng.choice(kinds)])


class AttackWorld:
    """The management API and the context function, in this process, over one Qdrant; and who lives there.

    Several worlds may be made on one Qdrant, one after the other: their accounts have nothing in common.
    """

    def __init__(self, url: str) -> None:
        self.client = ObservedClient(url)
        self.rest = Rest(url)
        for name in COLLECTIONS:
            make_collection(url, name, DIMENSIONS)
        self.store = QdrantMemories(self.client, collection="memories", write_timeout=AMPLE)
        self.marks = QdrantTurnMarks(self.client, collection="memories", write_timeout=AMPLE)
        self.management = Management(
            library=QdrantLibrary(self.client, collection="memories", timeout=AMPLE),
            writer=self.store,
            search=self.store,
            marks=self.marks,
            learned=QdrantLearnedMemories(self.client, collection="memories", timeout=AMPLE),
            erasable=QdrantErasure(
                self.client,
                collections=[("memories", COLLECTIONS[0]), ("entities", COLLECTIONS[1])],
                write_timeout=AMPLE,
            ),
        )
        self.management.move_by(QdrantWholeMemories(self.client, collection="memories", timeout=AMPLE))
        self.management.selected.port = QdrantPolicyMemories(self.client, collection="memories", timeout=AMPLE)
        self.context = self._context_function()
        self.tenants: dict[AccountId, Tenant] = {}
        self._serial = count(1)

    def close(self) -> None:
        """Close the connections."""
        self.rest.close()
        self.client.close()

    def _context_function(self) -> Any:
        """``functions/context`` itself, on the parts of this world."""
        environ = {"QDRANT_URL": "http://127.0.0.1:1", "SERVICE_TOKEN_KEYS": json.dumps({"k1": SERVICE_KEY})}
        spec = importlib.util.spec_from_file_location("context_function_under_attack", _CONTEXT_APP)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        with mock.patch.dict(os.environ, {**environ, **_UNLIMITED}, clear=True):
            spec.loader.exec_module(module)
        made = self.management
        tokens = ServiceTokens(lambda: {"k1": SERVICE_KEY.encode()})
        limit = LimitRate(None, limits=NO_LIMITS, service_factor=1, clock=made.clock)
        retrieve = RetrieveContext(
            search=self.store,
            embedder=made.embedder,
            switches=made.switches,
            trail=made.trail,
            clock=made.clock,
            policy=RetrievalPolicy(deadlines=Deadlines(AMPLE, AMPLE, AMPLE, AMPLE)),
        )
        module.__dict__["_APP"] = ContextApp(
            authenticate=lambda token: tokens.verify(token, now=made.clock.now()),
            limit=limit,
            authorize=AuthorizeService(made.trail),
            context=retrieve,
        )
        module.__dict__["emit_metrics"] = lambda *_: None  # which go to standard output
        return module

    def send(self, request: Request, token: str | None = None) -> Answer:
        """The answer of whichever function serves the route."""
        headers = {"content-type": "application/json", **dict(request.headers)}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        return self.deliver(request, list(headers.items()))

    def deliver(self, request: Request, headers: list[tuple[str, str]]) -> Answer:
        """As `send`, with exactly these headers."""
        sent = HttpRequest(
            request.method, quote(request.path, safe="/%"), request.query_text, headers, request.content, "127.0.0.1"
        )
        event = api_event(sent, "$default", {})
        serve = self.context.handler if request.path == "/v1/context" else self.management.api.handle
        response: HttpResponse = serve(event, FunctionContext(self.management))
        held = {name.lower(): str(value) for name, value in response["headers"].items()}
        return Answer(int(response["statusCode"]), held, response.get("body") or "")

    # ---- who lives there --------------------------------------------------------------------------------------

    def person(self) -> Tenant:
        """Somebody with a personal account."""
        user = self.management.platform.new_user()
        return self._settle(Tenant(AccountId(user), user, [user]))

    def team(self, owner: str, *members: str) -> Tenant:
        """A team's account."""
        team = self.management.platform.new_team(owner, *members)
        return self._settle(Tenant(team, owner, [owner, *members]))

    def _settle(self, tenant: Tenant) -> Tenant:
        """Let the account have at least two of everything."""
        self.tenants[tenant.account] = tenant
        tenant.add("account_id", tenant.account)
        tenant.ids["author_id"] = list(tenant.members)
        tenant.ids["user_id"] = [tenant.account]
        platform = self.management.platform
        for _ in range(2):
            agent, thread = platform.new_agent(tenant.account), platform.new_thread(tenant.account)
            platform.agents[tenant.add("agent_id", agent)].settings["memory_config"] = {"tone": tenant.mark()}
            session = tenant.add("session_id", tenant.mark())
            platform.threads[tenant.add("thread_id", thread)].settings["memory_session_id"] = session
            self._remember(tenant, agent, thread, session)
            self._work_for(tenant, agent, thread, session)
            self._erase_for(tenant)
        self._archive_for(tenant)
        self._cursors_of(tenant)
        return tenant

    def _remember(self, tenant: Tenant, agent: str, thread: str, session: str) -> None:
        user = ScopeKey(Scope.USER)
        keys = (user, ScopeKey(Scope.AGENT, agent), ScopeKey(Scope.SESSION, session))
        texts = [(key, f"Keeps {tenant.mark()} to themselves and drinks tea.") for key in keys]
        memories = [self.memory(tenant, key, text, thread) for key, text in [*texts, (user, KNOWN_TEXT)]]
        past = PastVersion(1, f"Kept {tenant.mark()}.", memories[0].created_at, f"user:{tenant.owner}")
        memories[0] = replace(memories[0], history=(past,), version=2, pinned=True)
        memories[1] = replace(memories[1], expires_at=memories[1].created_at + timedelta(days=300))
        aside = [self.memory(tenant, user, f"Once kept {tenant.mark()}.", thread) for _ in range(2)]
        ended = aside[0].created_at
        memories.append(replace(aside[0], superseded_by=memories[0].id, valid_until=ended))
        memories.append(replace(aside[1], rejected="not_grounded", valid_until=ended))
        self.management.put(*memories)
        for memory in memories:
            tenant.add("memory_id", memory.id)
        entity = {"user_id": tenant.account, "agent_id": agent, "run_id": session, "data": tenant.mark()}
        point = {"id": str(uuid4()), "vector": {"": [0.1] * DIMENSIONS}, "payload": entity}
        status, answer = self.rest("PUT", f"/collections/{COLLECTIONS[1]}/points?wait=true", {"points": [point]})
        assert status == 200, answer

    def memory(self, tenant: Tenant, key: ScopeKey, text: str, thread: str) -> Memory:
        """A memory of the account with the id that its text gives it."""
        created = self.management.clock.now() - timedelta(days=40, seconds=next(self._serial))
        return Memory(
            memory_id(tenant.account, key, text),
            tenant.account,
            key.scope,
            Kind.TURN if key.scope is Scope.SESSION else Kind.FACT,
            text,
            created,
            created,
            agent_id=key.owner_id if key.scope is Scope.AGENT else None,
            session_id=key.owner_id if key.scope is Scope.SESSION else None,
            thread_id=thread,
            author_id=tenant.members[-1],
        )

    def _work_for(self, tenant: Tenant, agent: str, thread: str, session: str) -> None:
        """A job that is done, one that waits (over HTTP, with an idempotency key), a watermark and an event."""
        now, made = self.management.clock.now(), self.management
        facts = (FactOutcome(tenant.ids["memory_id"][-1], Scope.USER, Outcome.ADDED),)
        done = tenant.add("job_id", str(uuid4()))
        made.jobs.records[tenant.account, done] = JobRecord(
            tenant.account, done, JobState.DONE, "digest", now, facts=facts, error_detail=tenant.mark(),
            subject=JobSubject(thread, session, agent, tenant.members[-1]),
        )  # fmt: skip
        tenant.keys.append(tenant.mark())
        body = {"thread_id": thread, "status": "completed", "finished_at": now.isoformat(), "messages": []}
        answer = self.send(
            Request(
                "POST", "/v1/jobs", (("account_id", tenant.account),), body, (("idempotency-key", tenant.keys[-1]),)
            ),
            made.user_token(tenant.owner),
        )
        assert answer.status == 202, answer
        tenant.add("job_id", answer.json["job_id"])
        made.watermarks.advance(tenant.account, thread, Watermark(now, tenant.mark()))
        event = MemoryEvent(
            tenant.add("event_id", str(uuid4())), tenant.account, f"user:{tenant.owner}", EventType.SEARCH, now,
            memory_ids=(tenant.ids["memory_id"][-1],), query=tenant.mark(),
        )  # fmt: skip
        made.event_store.record([event])

    def _erase_for(self, tenant: Tenant) -> None:
        """An erasure that is complete, and one that was interrupted and would delete if it were resumed."""
        body = {"target": "session", "id": tenant.mark(), "confirm": "erase"}
        answer = self.send(
            Request("POST", "/v1/erasures", (("account_id", tenant.account),), body),
            self.management.user_token(tenant.owner),
        )
        assert answer.status == 200, answer
        tenant.add("erasure_id", answer.json["id"])
        waiting = tenant.add("erasure_id", str(uuid4()))
        now = self.management.clock.now()
        target = Target(TargetKind.SESSION, tenant.ids["session_id"][0])
        erasure = Erasure(waiting, tenant.account, target, f"user:{tenant.owner}", now)
        self.management.erasures.save(erasure, due_at=now + timedelta(days=1))

    def _archive_for(self, tenant: Tenant) -> None:
        ids = [tenant.add("memory_id", str(uuid4())) for _ in range(2)]
        old = [replace(a_memory(tenant.mark(), days_old=400, id=i), account_id=tenant.account) for i in ids]
        self.management.put(*old)
        moved = self.management.whole.read(tenant.account, ids)
        for whole in moved:
            kept = archived(whole, reason="idle", at=self.management.clock.now())
            self.management.archive.put(tenant.account, kept)
        self.management.whole.delete_unchanged(tenant.account, moved)

    def _cursors_of(self, tenant: Tenant) -> None:
        """Places in the account's lists, and every place that an export of it could go on at."""
        token = self.management.user_token(tenant.owner)
        for order in ("-created_at", "updated_at", "importance"):
            query = (("account_id", tenant.account), ("limit", "1"), ("sort", order))
            tenant.cursors.append(self.send(Request("GET", "/v1/memories", query), token).json["next_cursor"])
        created = (self.management.clock.now() - timedelta(days=41)).isoformat()
        event = base64.urlsafe_b64encode(tenant.ids["event_id"][0].encode()).decode()
        for place in (
            ("account", None), ("memories", f"{created} {tenant.ids['memory_id'][0]}"), ("archive", None),
            ("archive", "object-0000"), ("jobs", min(tenant.ids["job_id"])), ("erasures", None),
            ("events", event),
        ):  # fmt: skip
            tenant.export_cursors.append(base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("="))

    # ---- what is there ----------------------------------------------------------------------------------------

    def held(self, account: AccountId) -> dict[str, str]:
        """Everything that is stored about the account, byte for byte, by the place where it is."""
        made, platform = self.management, self.management.platform
        keyed: dict[str, Mapping[tuple[AccountId, Any], object]] = {
            "jobs": made.jobs.records,
            "leases": made.jobs.leases,
            "erased jobs": made.jobs.erased,
            "watermarks": made.watermarks.marks,
            "idempotency keys": made.keys.kept,
            "answers under keys": made.answers.kept,
            "tombstones": made.tombstones.stones,
            "erasures": made.erasures.erasures,
            "due erasures": made.erasures.due_times,
            "archive": made.archive.objects,
            "archive's index": made.archive.index,
        }
        by_account: dict[str, Mapping[AccountId, object]] = {
            "members": platform.members,
            "settings": platform.accounts,
            "set by": platform.set_by,
            "expiry": made.expiry.entries,
        }
        return {
            **{name: self.points(name, account) for name in COLLECTIONS},
            **{name: str([(k, v) for k, v in table.items() if k[0] == account]) for name, table in keyed.items()},
            **{name: str(table.get(account)) for name, table in by_account.items()},
            "agents": str([item for item in platform.agents.items() if item[1].account_id == account]),
            "threads": str([item for item in platform.threads.items() if item[1].account_id == account]),
            "events": str([row for row in made.event_store.rows.values() if row["account_id"] == account]),
            "queue": str([sent for sent in made.sender.sent if sent[1] == account]),
        }

    def points(self, collection: str, account: AccountId) -> str:
        """The account's points with payload and vectors, past every adapter."""
        body = {"filter": _of(account), "limit": 500, "with_payload": True, "with_vector": True}
        status, answer = self.rest("POST", f"/collections/{collection}/points/scroll", body)
        assert status == 200, answer
        return json.dumps(sorted(answer["points"], key=lambda point: str(point["id"])), sort_keys=True)

    def count(self, account: AccountId) -> int:
        """How many memories the account has, past every adapter."""
        status, answer = self.rest(
            "POST", f"/collections/{COLLECTIONS[0]}/points/count", {"filter": _of(account), "exact": True}
        )
        assert status == 200, answer
        return int(answer["count"])


def _of(account: AccountId) -> dict[str, Any]:
    return {"must": [{"key": "user_id", "match": {"value": account}}]}
