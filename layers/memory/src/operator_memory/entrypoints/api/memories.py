"""``/v1/memories``: list, search, read, add, correct, pin, delete."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from inspect import Signature, signature
from types import MappingProxyType
from typing import Annotated, TypeVar

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Path, Query
from pydantic import AfterValidator

from operator_memory.application.management.manage_memories import Changes
from operator_memory.application.recall.search_memories import FoundMemories
from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.management.identity import Action
from operator_memory.domain.management.rate_limits import Bucket
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.provenance import Provenance
from operator_memory.domain.memory.scopes import Kind, Scope, canonical_id
from operator_memory.entrypoints.api.once import OptionalKey
from operator_memory.entrypoints.api.problems import PreconditionRequiredError, documented
from operator_memory.entrypoints.api.routes import Routes
from operator_memory.entrypoints.api.services import Services
from operator_memory.entrypoints.contracts.memories import (
    MAX_PAGE,
    WORDS_PATTERN,
    AddBody,
    ChangeBody,
    DeleteAnswer,
    DeleteBody,
    FilterBody,
    HistoryView,
    Id,
    MemoryList,
    MemoryView,
    Moment,
    Order,
    SearchBody,
    State,
    cursor_of,
    history_view,
    memory_view,
    position_of,
)

AccountQuery = Annotated[
    Id | None,
    Query(description="The account. Left out: the caller's own, or the one that the token is bound to."),
]
OptionalId = Annotated[Id | None, Query()]
MemoryId = Annotated[str, AfterValidator(canonical_id), Path(description="The memory's id.", max_length=128)]
IfMatch = Annotated[str | None, Header(alias="if-match", description='The version that was read, e.g. `"3"`.')]
Flag = Annotated[bool | None, Query()]
MomentQuery = Annotated[Moment | None, Query(description="ISO 8601 with an offset.")]

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

READING = documented("memories", 401, 403, 415, 422, 429, 503)
READING_ONE = documented("memories", 401, 403, 404, 415, 422, 429, 503)
CHANGING = documented("memories", 401, 403, 404, 409, 412, 415, 422, 428, 429, 503)


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a list is asked for: the conditions of a `FilterBody`, its order, and which page."""

    account_id: AccountQuery = None
    scope: Annotated[Scope | None, Query()] = None
    kind: Annotated[Kind | None, Query()] = None
    agent_id: OptionalId = None
    session_id: OptionalId = None
    thread_id: OptionalId = None
    author_id: OptionalId = None
    source_run_id: Annotated[Id | None, Query(description="The job that learned or stored it.")] = None
    import_id: Annotated[Id | None, Query(description="The import that brought it.")] = None
    pinned: Flag = None
    created_after: MomentQuery = None
    created_before: MomentQuery = None
    text: Annotated[str | None, Query(min_length=1, max_length=1000, pattern=WORDS_PATTERN)] = None
    state: Annotated[State, Query()] = State.ACTIVE
    sort: Annotated[Order, Query()] = Order.NEWEST
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 20
    cursor: Annotated[str | None, Query(max_length=512)] = None
    evidence: Annotated[bool, Query(description="Say of each fact why it is remembered.")] = False

    @property
    def filter(self) -> FilterBody:
        """Its conditions."""
        return FilterBody(**{name: getattr(self, name) for name in FilterBody.model_fields})


def found_list(found: FoundMemories, why: Mapping[str, Provenance] = MappingProxyType({})) -> MemoryList:
    """What a search has found, as an answer; ``why`` each is remembered, by its id, if that is asked."""
    views = [memory_view(r.memory, score=r.score, provenance=why.get(r.memory.id)) for r in found.ranked]
    return MemoryList(memories=views, degraded=list(found.degraded))


def with_query(query: type[Asked], route: Callable[[Asked], Answer]) -> Callable[..., Answer]:
    """``route`` as Powertools calls it: with the fields of the dataclass ``query`` as its parameters.

    Powertools reads models of a query too, but its OpenAPI document then leaves out their bounds.
    """

    @wraps(route)
    def called(**given: object) -> Answer:
        return route(query(**given))

    parameters = [*signature(query).parameters.values()]
    called.__signature__ = Signature(parameters, return_annotation=signature(route).return_annotation)  # type: ignore[attr-defined]
    return called


class MemoryRoutes(Routes):
    """Registers itself on a resolver."""

    def __init__(self, services: Services, api: APIGatewayHttpResolver) -> None:
        super().__init__(services, api)
        api.get("/v1/memories", summary="List memories", **READING)(with_query(ListQuery, self.list_memories))
        api.post("/v1/memories", summary="Add a memory by hand", status_code=201, **CHANGING)(self.add_memory)
        api.post("/v1/memories/search", summary="Search by meaning and by words", **READING)(self.search_memories)
        api.post("/v1/memories/delete", summary="Delete by filter, with a dry run first", **CHANGING)(
            self.delete_by_filter
        )
        one = "/v1/memories/<memory_id>"
        api.get(one, summary="Read a memory", **READING_ONE)(self.get_memory)
        api.patch(one, summary="Correct a memory", **CHANGING)(self.change_memory)
        api.delete(one, summary="Delete a memory and its history", status_code=204, **CHANGING)(self.delete_memory)
        api.get(f"{one}/history", summary="What a memory said before", **READING_ONE)(self.get_history)
        api.put(f"{one}/pin", summary="Pin a memory", **CHANGING)(self.pin_memory)
        api.delete(f"{one}/pin", summary="Unpin a memory", **CHANGING)(self.unpin_memory)

    def list_memories(self, asked: ListQuery) -> MemoryList:
        """A page of memories; following ``next_cursor`` gives each exactly once."""
        after = position_of(asked.cursor, asked.sort)
        caller, account = self._admit(asked.account_id, Action.READ, Bucket.READS)
        where, sort = asked.filter.where(), asked.sort.sort
        page = self._services.memories.page(caller, account, where, sort, after=after, limit=asked.limit)
        why = self._services.explanation.explain(account, page.memories) if asked.evidence else {}
        views = [memory_view(memory, provenance=why.get(memory.id)) for memory in page.memories]
        return MemoryList(memories=views, next_cursor=cursor_of(page.next, asked.sort))

    def search_memories(self, search: Annotated[SearchBody, Body()], account_id: AccountQuery = None) -> MemoryList:
        """The memories that fit best, best first."""
        caller, account = self._admit(account_id, Action.READ, Bucket.READS)
        found = self._services.finder.search(
            account, search.filter.where(), query=search.query, limit=search.limit, actor=caller.actor
        )
        memories = [ranked.memory for ranked in found.ranked]
        return found_list(found, self._services.explanation.explain(account, memories) if search.evidence else {})

    def get_memory(self, memory_id: MemoryId, account_id: AccountQuery = None) -> Response[MemoryView]:
        """The memory in whatever state it is, and why it is remembered. Another account's answers 404, like one that
        does not exist."""
        caller, account = self._admit(account_id, Action.READ, Bucket.READS)
        memory, archived_at = self._services.memories.read(caller, account, memory_id)
        why = self._services.explanation.explain(account, [memory])
        return with_etag(memory, provenance=why.get(memory.id), archived_at=archived_at)

    def get_history(self, memory_id: MemoryId, account_id: AccountQuery = None) -> HistoryView:
        """Past versions, oldest first."""
        caller, account = self._admit(account_id, Action.READ, Bucket.READS)
        return history_view(self._services.memories.get(caller, account, memory_id))

    def add_memory(
        self, new: Annotated[AddBody, Body()], account_id: AccountQuery = None, idempotency_key: OptionalKey = None
    ) -> Response[MemoryView]:
        """201 with the memory; 200 if the same words are remembered in this scope already.

        One that has ``rejected`` waits for an owner's approval: it reads like a command, hid something, or a member
        tells an agent of a team how to work.
        """
        caller, account = self._admit(account_id, Action.WRITE, Bucket.WRITES)

        def add() -> tuple[Memory, int]:
            memory, is_new = self._services.memories.add(caller, account, new.new_memory())
            return memory, 201 if is_new else 200

        memory, status = self._once_for_memory(idempotency_key, caller, account, add)
        return with_etag(memory, status=status)

    def change_memory(
        self,
        memory_id: MemoryId,
        change: Annotated[ChangeBody, Body()],
        account_id: AccountQuery = None,
        if_match: IfMatch = None,
    ) -> Response[MemoryView]:
        """New words are embedded anew, and wait for an owner as those that are added do. ``If-Match`` must name the
        version that was read."""
        version = _version(if_match)
        caller, account = self._admit(account_id, Action.WRITE, Bucket.WRITES)
        if if_match is None:
            raise PreconditionRequiredError('send If-Match with the version that you have read, e.g. If-Match: "1"')
        return with_etag(self._services.memories.change(caller, account, memory_id, change.changes(), version=version))

    def delete_memory(
        self, memory_id: MemoryId, account_id: AccountQuery = None, if_match: IfMatch = None
    ) -> Response[None]:
        """``If-Match`` is optional here: it guards against deleting what somebody has just corrected."""
        version = _version(if_match)
        caller, account = self._admit(account_id, Action.WRITE, Bucket.WRITES)
        self._services.memories.delete(caller, account, memory_id, version=version)
        return Response(status_code=204)

    def pin_memory(self, memory_id: MemoryId, account_id: AccountQuery = None) -> Response[MemoryView]:
        """A pinned memory comes into every context of its scope. To pin it takes its end away."""
        return self._pin(memory_id, account_id, pinned=True)

    def unpin_memory(self, memory_id: MemoryId, account_id: AccountQuery = None) -> Response[MemoryView]:
        """It competes with the others again."""
        return self._pin(memory_id, account_id, pinned=False)

    def delete_by_filter(
        self, body: Annotated[DeleteBody, Body()], account_id: AccountQuery = None, idempotency_key: OptionalKey = None
    ) -> DeleteAnswer:
        """A dry run counts. In a team, members may delete what they said themselves; owners may delete all."""
        where = body.filter.where()
        caller, account = self._admit(account_id, Action.CLEAR, Bucket.EXPENSIVE, author_id=where.author_id)
        expected = body.expected
        if body.dry_run or expected is None:
            return DeleteAnswer(matched=self._services.memories.count(account, where), deleted=0)

        def delete() -> DeleteAnswer:
            deleted = self._services.memories.delete_matching(
                caller, account, where, expected=expected, seconds_left=self._seconds_left
            )
            return DeleteAnswer(matched=expected, deleted=deleted, stopped_early=deleted < expected)

        return self._once(idempotency_key, caller, account, DeleteAnswer, delete)

    def _pin(self, memory_id: str, account_id: str | None, *, pinned: bool) -> Response[MemoryView]:
        caller, account = self._admit(account_id, Action.WRITE, Bucket.WRITES)
        changes = Changes(pinned=pinned)
        return with_etag(self._services.memories.change(caller, account, memory_id, changes, version=None))


def with_etag(
    memory: Memory, *, status: int = 200, provenance: Provenance | None = None, archived_at: datetime | None = None
) -> Response[MemoryView]:
    """The memory as the answer, with its version as its entity tag."""
    return Response(
        status_code=status,
        content_type="application/json",
        headers={"ETag": f'"{memory.version}"'},
        body=memory_view(memory, whole=True, provenance=provenance, archived_at=archived_at),
    )


_ETAG = re.compile(r'(?:W/)?"?([0-9]{1,16})"?')


def _version(if_match: str | None) -> int | None:
    """The version that a precondition names; ``*`` and no precondition name none."""
    if if_match is None or if_match.strip() == "*":
        return None
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise InvalidInputError("If-Match", 'must be the version of the memory, e.g. "3"')
    return int(found.group(1))
