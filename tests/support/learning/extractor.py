"""The extractor between a scripted model on a real socket and in-memory ports."""

import json
from datetime import UTC, datetime
from typing import Any

from operator_memory.adapters.models.mem0_engine import Mem0Extractor
from operator_memory.adapters.models.openai_chat import OpenAIChat
from operator_memory.domain.conversation import Turn
from operator_memory.domain.learning.proposals import Extraction
from operator_memory.domain.memory.scopes import AccountId

from tests.support.fakes.core import FakeClock, FakeEmbedder, InMemoryMemories
from tests.support.loopback import HttpServer, reply
from tests.support.time_outs import AMPLE

ACCOUNT = AccountId("acct-1")
OBSERVED = datetime(2025, 3, 4, 23, tzinfo=UTC)
TURNS = (Turn("user", "I live in Porto and like tea."), Turn("assistant", "Noted."))
FACTS = [{"id": "0", "text": "User lives in Porto", "attributed_to": "user"}]


def completion(content: object, *, finish: str = "stop", **message: object) -> bytes:
    """An answer of the chat API."""
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}
    usage = {"prompt_tokens": 700, "completion_tokens": 30, "total_tokens": 730}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    return reply(json.dumps(body).encode())


def extraction(*facts: dict[str, Any]) -> bytes:
    """The answer of a model that found ``facts``."""
    return completion(json.dumps({"memory": list(facts)}))


class World:
    """The extractor and its surroundings; ``answer`` is what the model's server says."""

    def __init__(self, *, timeout: float = AMPLE) -> None:
        self.answer = extraction(*FACTS)
        self.server = HttpServer(lambda _: self.answer)
        self.embedder = FakeEmbedder()
        self.memories = InMemoryMemories()
        self.models: list[OpenAIChat] = []
        self.extractor = self.make(self.server.url, timeout)

    def make(self, url: str, timeout: float) -> Mem0Extractor:
        model = OpenAIChat(base_url=f"{url}/v1", api_key=lambda: "k", model="m", timeout=timeout, max_tokens=100)
        self.models.append(model)
        return Mem0Extractor(model=model, embedder=self.embedder, memories=self.memories, clock=FakeClock())

    def close(self) -> None:
        for model in self.models:
            model._client.close()
        self.server.close()

    def extract(self, *turns: Turn, agent_id: str | None = "agent-1") -> Extraction:
        return self.extractor.extract(ACCOUNT, turns or TURNS, observed_at=OBSERVED, agent_id=agent_id)

    def sent(self) -> dict[str, Any]:
        [request] = self.server.requests
        body: dict[str, Any] = request.json()
        return body
