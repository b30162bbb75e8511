"""The request is the contract with Qdrant: its recorded form changes only on purpose, and both engines get the same.

``recorded/context_request.json`` is what a retrieval sends, ``recorded/context_answer.json`` an answer in the form of
Qdrant's REST reference, with all that a server adds and the embedded engine leaves out (usage, shard keys, vectors).
No server has been asked: what one would find for this request is not recorded, its form is.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

from operator_memory.adapters.qdrant.searches import encoded, hits_of
from operator_memory.application.recall.retrieve_context import ContextRequest, plan_searches
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.recall.parameters import USUAL
from qdrant_client import models

RECORDED = Path(__file__).parent / "recorded"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ACCOUNT = AccountId("acct-1")
REQUEST = ContextRequest(
    ACCOUNT, agent_id="agent-1", session_id="session-1", query="Where does Ana live?", past_sessions=True
)
PLAN = plan_searches(REQUEST, "Where does Ana live?", [0.25, -0.5, 1 / 3], parameters=USUAL)


def test_a_retrieval_sends_what_is_recorded() -> None:
    assert json.loads(encoded(ACCOUNT, PLAN, now=NOW)) == json.loads((RECORDED / "context_request.json").read_text())


def test_qdrants_own_client_would_send_the_same() -> None:
    recorded = json.loads((RECORDED / "context_request.json").read_text())
    parsed = models.QueryRequestBatch.model_validate(recorded)
    again = json.loads(parsed.model_dump_json(by_alias=True, exclude_unset=True))
    assert _moments(again) == _moments(recorded)


def test_an_answer_with_all_that_a_server_adds_is_read_the_same() -> None:
    answer = json.loads((RECORDED / "context_answer.json").read_text())
    meaning, keyword, pinned, recent = hits_of(ACCOUNT, answer["result"], PLAN.searches, embedder=None)
    assert [(hit.memory.text, hit.score) for hit in meaning] == [("Ana lives in Lund.", 0.71), ("Ana has a dog.", 0.32)]
    assert [(hit.memory.text, hit.score) for hit in keyword] == [("Ana lives in Lund.", 14.5)]
    assert (pinned, recent) == ([], [])


def _moments(value: object) -> object:
    if isinstance(value, dict):
        return {name: _moments(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_moments(item) for item in value]
    if isinstance(value, str) and value.startswith("2026-"):
        return datetime.fromisoformat(value)
    return value
