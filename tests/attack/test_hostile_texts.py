"""Memories, queries and conversations that try to be more than text: SQL, headers, markup, prompts, log lines.

What is remembered is kept and told as it is. Nothing of it gets into a header, a log, an event or an error.
"""

import json
import logging
import re
from dataclasses import asdict
from uuid import uuid4

import pytest
from operator_memory.adapters.qdrant.library import QdrantLibrary
from operator_memory.domain.characters import as_seen
from operator_memory.domain.errors import UpstreamRejectedError
from operator_memory.domain.management.identity import READ_CONTEXT
from operator_memory.entrypoints.observability import configure_logging

from tests.support.attack.texts import MARK, TEXTS, assert_harmless
from tests.support.attack.world import AttackWorld, Request, Tenant

pytest_plugins = ["tests.support.attack.fixtures"]


@pytest.fixture
def world(attacked: AttackWorld) -> AttackWorld:
    return attacked


def listen(caplog: pytest.LogCaptureFixture) -> None:
    """Hear everything that a function says whose level is DEBUG, its own in AWS as well as the product's."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="operator_memory")
    configure_logging("DEBUG")  # as a cold start does, after the runtime has set its level


def everything_logged(caplog: pytest.LogCaptureFixture) -> str:
    """Every record with all that was attached to it."""
    return "\n".join(f"{record.getMessage()} {vars(record)!r}" for record in caplog.records)


def everything_noted(world: AttackWorld) -> str:
    return "\n".join(str(asdict(event)) for event in world.management.events.events)


def let_in(world: AttackWorld, token: str) -> None:
    """The owner approves what reads like a command and waits for that."""
    waiting = world.send(Request("GET", "/v1/memories", (("state", "quarantined"), ("text", MARK))), token)
    for memory in waiting.json["memories"]:
        assert world.send(Request("POST", f"/v1/memories/{memory['id']}/approve"), token).status == 200


@pytest.mark.parametrize("kind", TEXTS)
def test_a_memorys_words_are_kept_and_told_as_they_are_and_go_nowhere_else(
    world: AttackWorld, me: Tenant, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    listen(caplog)
    text, token = TEXTS[kind], world.management.user_token(me.owner)
    added = world.send(Request("POST", "/v1/memories", body={"memory": text, "pinned": True}), token)
    assert added.status == 201
    one = f"/v1/memories/{added.json['id']}"
    changed = f"{text} (again)"
    let_in(world, token)
    patched = world.send(Request("PATCH", one, body={"memory": changed}, headers=(("if-match", "*"),)), token)
    let_in(world, token)
    found = world.send(Request("POST", "/v1/memories/search", body={"query": changed}), token)
    listed = world.send(Request("GET", "/v1/memories", (("text", MARK),)), token)
    history, exported = (
        world.send(Request("GET", f"{one}/history"), token),
        world.send(Request("GET", "/v1/export"), token),
    )
    text, changed = as_seen(text), as_seen(changed)  # what nobody sees is not stored
    assert (added.json["memory"], patched.json["memory"]) == (text, changed)
    assert found.json["memories"][0]["memory"] == changed
    assert [memory["memory"] for memory in listed.json["memories"]] == [changed]
    assert [past["memory"] for past in history.json["history"]] == [text]
    lines = [json.loads(line) for line in exported.body.rstrip("\n").split("\n")]
    assert [line["text"] for line in lines if line.get("id") == added.json["id"]] == [changed]
    assert [line["type"] for line in lines].count("end") == 1
    for answer in (added, patched, found, listed, history, exported):
        assert MARK not in str(answer.headers)
    assert MARK not in everything_logged(caplog)
    assert MARK not in everything_noted(world)


def test_a_zero_byte_is_refused_wherever_it_would_be_stored(world: AttackWorld, me: Tenant) -> None:
    token, text = world.management.user_token(me.owner), f"{MARK}\x00"
    before = world.held(me.account)
    agent = f"/v1/agents/{me.ids['agent_id'][0]}/settings"
    for request in (
        Request("POST", "/v1/memories", body={"memory": text}),
        Request("PATCH", f"/v1/memories/{me.ids['memory_id'][0]}", body={"memory": text}, headers=(("if-match", "*"),)),
        Request("PATCH", agent, body={"memory_config": {"tone": text}}),
    ):
        assert world.send(request, token).status == 422
    assert world.held(me.account) == before


@pytest.mark.parametrize("kind", TEXTS)
def test_in_a_context_it_stays_one_line_inside_the_fence(world: AttackWorld, me: Tenant, kind: str) -> None:
    token = world.management.user_token(me.owner)
    world.send(Request("POST", "/v1/memories", body={"memory": TEXTS[kind], "pinned": True}), token)
    let_in(world, token)
    service = world.management.service_token(READ_CONTEXT, account=me.account)
    asked = Request("POST", "/v1/context", body={"account_id": me.account, "query": f"What about {MARK}?"})
    answer = world.send(asked, service)
    assert as_seen(TEXTS[kind]) in [memory["memory"] for memory in answer.json["memories"]]
    context: str = answer.json["context"]
    assert context.count("<") == 2
    assert context.startswith("<operator_memory note=")
    assert context.endswith("\n</operator_memory>")
    assert not [c for c in context.replace("\n", "") if not c.isprintable()]
    assert not [opening for opening in ("{{", "{%", "{#", "${") if opening in context]
    ours = re.compile(r"- .*|</?operator_memory.*|.*:|\d{4}-\d\d-\d\d|")
    assert all(ours.fullmatch(line) for line in context.split("\n"))


@pytest.mark.parametrize("kind", TEXTS)
def test_a_querys_words_are_data_and_leave_no_trace(
    world: AttackWorld, me: Tenant, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    listen(caplog)
    other, query, token = world.person(), TEXTS[kind], world.management.user_token(me.owner)
    service = world.management.service_token(READ_CONTEXT, account=me.account)
    asked = [
        (Request("POST", "/v1/memories/search", body={"query": query, "filter": {"text": query}}), token),
        (Request("POST", "/v1/memories/search", body={"query": query}), token),
        (Request("GET", "/v1/memories", (("text", query),)), token),
        (Request("GET", f"/memory/user/{me.account}", (("query", query),)), token),
        (Request("GET", f"/memory/agent/{me.ids['agent_id'][0]}", (("query", query),)), token),
        (Request("POST", "/v1/context", body={"account_id": me.account, "query": query}), service),
    ]
    for request, credential in asked:
        answer = world.send(request, credential)
        assert answer.status == 200, answer
        assert_harmless(answer, other, request)
        assert MARK not in answer.body
    assert MARK not in everything_logged(caplog)
    assert MARK not in everything_noted(world)


def test_where_queries_are_recorded_they_are_in_that_field_alone(
    world: AttackWorld, me: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    listen(caplog)
    token, query = world.management.user_token(me.owner), TEXTS["a log line"]
    world.send(Request("PATCH", "/v1/settings", body={"record_queries": True}), token)
    world.send(Request("POST", "/v1/memories/search", body={"query": query}), token)
    noted = [asdict(event) for event in world.management.events.events if event.query]
    assert len(noted) == 1
    assert MARK in noted[0].pop("query")
    assert MARK not in str(noted)
    assert MARK not in everything_logged(caplog)


@pytest.mark.parametrize("kind", TEXTS)
def test_a_conversation_and_a_configuration_are_data_as_well(
    world: AttackWorld, me: Tenant, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    listen(caplog)
    text, token = TEXTS[kind], world.management.user_token(me.owner)
    body = {
        "job_id": str(uuid4()), "thread_id": "t", "status": "completed", "finished_at": "2026-11-24T09:00:00Z",
        "messages": [{"type": "user", "content": text}],
    }  # fmt: skip
    accepted = world.send(Request("POST", "/v1/jobs", body=body), token)
    queued, account, _ = world.management.sender.sent[-1]
    assert (accepted.status, account) == (202, me.account)
    assert json.loads(queued) == {**body, "account_id": me.account, "author_id": me.owner}
    configured = world.send(
        Request("PATCH", f"/v1/agents/{me.ids['agent_id'][0]}/settings", body={"memory_config": {"tone": text}}), token
    )
    assert configured.json["settings"]["memory_config"] == {"tone": text}
    for answer in (accepted, configured):
        assert MARK not in str(answer.headers)
    assert MARK not in everything_logged(caplog)
    assert MARK not in everything_noted(world)


@pytest.mark.parametrize("kind", TEXTS)
def test_an_export_brings_the_same_words_into_another_account(world: AttackWorld, me: Tenant, kind: str) -> None:
    other, text = world.person(), TEXTS[kind]
    token = world.management.user_token(me.owner)
    world.send(Request("POST", "/v1/memories", body={"memory": text}), token)
    exported = world.send(Request("GET", "/v1/export"), token)
    theirs = world.management.user_token(other.owner)
    imported = world.send(Request("POST", "/v1/import", body=exported.body.encode()), theirs)
    assert imported.status == 200
    assert imported.json["added"] >= 1
    assert MARK not in imported.body
    let_in(world, theirs)
    listed = world.send(Request("GET", "/v1/memories", (("text", MARK),)), theirs)
    assert [memory["memory"] for memory in listed.json["memories"]] == [as_seen(text)]


# --- when something fails with such a text in hand


@pytest.mark.parametrize("kind", TEXTS)
def test_a_failure_tells_nobody_what_it_was_about(
    world: AttackWorld, me: Tenant, kind: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen(caplog)
    text, token = TEXTS[kind], world.management.user_token(me.owner)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(text)

    search = Request("POST", "/v1/memories/search", body={"query": text})
    monkeypatch.setattr(QdrantLibrary, "find", broken)
    unexpected = world.send(search, token)
    world.management.embedder.error = UpstreamRejectedError("embeddings", text)
    refused = [world.send(r, token) for r in (search, Request("POST", "/v1/memories", body={"memory": text}))]
    assert (unexpected.status, [answer.status for answer in refused]) == (500, [503, 503])
    for answer in (unexpected, *refused):
        assert answer.headers["content-type"] == "application/problem+json"
        assert MARK not in answer.body + str(answer.headers)
    assert caplog.records, "the failures are logged"
    assert MARK not in everything_logged(caplog)


def test_fields_that_do_not_exist_are_named_in_a_bounded_printable_way(world: AttackWorld, me: Tenant) -> None:
    token = world.management.user_token(me.owner)
    for name in [*TEXTS.values(), "x" * 50_000]:
        for request in (
            Request("POST", "/v1/memories", body={"memory": "tea", name: 1}),
            Request("GET", "/v1/memories", ((name, "1"),)),
        ):
            answer = world.send(request, token)
            assert answer.status == 422
            assert len(answer.body) < 2_000
            assert answer.json["detail"].isprintable()
            assert answer.json["field"].isprintable()
