"""The plan's thread manager and context manager, over stand-ins of the platform's."""

import asyncio
import logging
from typing import Any

import pytest
from operator_memory_client.operator import EnhancedContextManager, MemoryAwareThreadManager, MemoryService

from tests.support.clients.memory_server import MemoryServer, answering, away
from tests.support.clients.platform import ContextManager, Database, ThreadManager, row
from tests.support.clients.sides import CONTEXT

ROWS = [
    row("t-1", 0, "user", '{"role": "user", "content": "I keep bees. [Uploaded File: a.txt]"}'),
    row("t-1", 1, "assistant", {"role": "assistant", "content": "Nice.<function_calls>x</function_calls>"}),
    row("t-1", 2, "tool", {"role": "user", "content": "a tool's result"}),
    row("t-1", 3, "assistant", {"role": "assistant", "content": [{"type": "text", "text": "Where?"}]}),
    row("t-1", 4, "status", {"status": "done"}),
    row("t-2", 5, "user", '{"role": "user", "content": "Of another thread."}'),
]


def done(work: Any) -> Any:
    return asyncio.run(work)


def manager_of(rows: list[dict[str, Any]], service: MemoryService | None = None) -> Any:
    class Manager(ThreadManager):
        database = Database(list(rows))

    return MemoryAwareThreadManager.over(Manager)(memory_service=service, target_agent_id="agent-9")


class TestThreadManager:
    def test_it_is_the_platforms_own(self) -> None:
        manager = manager_of([])
        assert isinstance(manager, ThreadManager)
        assert type(manager).__name__ == "Manager"
        assert manager.target_agent_id == "agent-9"
        done(manager.add_message("t-1", "user", "Hi"))
        assert done(manager.get_llm_messages("t-1")) == ["Hi"]

    def test_recent_messages_are_what_was_said(self) -> None:
        assert done(manager_of(ROWS).get_recent_conversation_messages("t-1")) == [
            {"role": "user", "content": "I keep bees."},
            {"role": "assistant", "content": "Nice."},
            {"role": "assistant", "content": "Where?"},
        ]

    def test_the_latest_of_them(self) -> None:
        found = done(manager_of(ROWS).get_recent_conversation_messages("t-1", limit=1))
        assert found == [{"role": "assistant", "content": "Where?"}]

    def test_a_dead_database_says_nothing_was_said(self, caplog: pytest.LogCaptureFixture) -> None:
        manager = manager_of(ROWS)
        manager.db.fails = ConnectionError("secret address")
        assert done(manager.get_recent_conversation_messages("t-1")) == []
        assert done(manager.process_conversation_for_memory("t-1", "acct-1")) == {}
        assert "secret" not in caplog.text

    def test_a_conversation_is_one_job_until_it_goes_on(self) -> None:
        server = MemoryServer()
        manager = manager_of(ROWS, server.service())
        for _ in range(2):
            done(manager.process_conversation_for_memory("t-1", "acct-1", agent_id="agent-1"))
        first, again = server.jobs()
        assert first == again
        assert (first["job_id"], first["agent_id"]) == ("t-1.m-0003", "agent-1")
        assert first["finished_at"] == "2026-12-01T12:00:03.500000+00:00"
        assert "messages" not in first, "the service reads them, from where it stopped"
        done(manager.add_message("t-1", "user", "In Porto."))
        done(manager.process_conversation_for_memory("t-1", "acct-1"))
        assert server.jobs()[-1]["job_id"] == "t-1.m-0006"

    def test_nothing_said_is_nothing_to_learn(self) -> None:
        server = MemoryServer()
        assert done(manager_of([], server.service()).process_conversation_for_memory("t-1", "acct-1")) == {}
        assert server.requests == []

    @pytest.mark.parametrize("answer", [away, answering(500), answering(401)])
    def test_a_dead_service_raises_nothing(self, answer: Any, caplog: pytest.LogCaptureFixture) -> None:
        manager = manager_of(ROWS, MemoryServer(answer).service(call_seconds=0.05))
        with caplog.at_level(logging.WARNING):
            assert done(manager.process_conversation_for_memory("t-1", "acct-1")) == {}
        assert "not handed to memory" in caplog.text

    @pytest.mark.parametrize(
        "prompt", [{"role": "system", "content": "x"}, {"role": "system", "content": [{"type": "text"}]}, "x", None]
    )
    def test_without_a_run_prompts_go_through(self, prompt: Any) -> None:
        manager = manager_of(ROWS)
        done(manager.run_thread("t-1", prompt, stream=False))
        assert manager.sent == [prompt]


class TestContextManager:
    def enhanced(self, server: MemoryServer) -> Any:
        manager = EnhancedContextManager.over(ContextManager)(5000, memory_service=server.service())
        manager.messages = [{"role": "user", "content": "I keep bees."}, {"role": "assistant", "content": "Nice."}]
        return manager

    def test_memories_and_the_conversation(self) -> None:
        server = MemoryServer()
        manager = self.enhanced(server)
        assert manager.token_threshold == 5000
        assert done(manager.get_enhanced_context("t-1", "acct-1", "agent-1", "Where?")) == (
            f"{CONTEXT['context']}\n\n--- Recent Conversation ---\nuser: I keep bees.\nassistant: Nice."
        )
        assert server.asked()[0]["query"] == "Where?"

    def test_the_question_is_what_was_said_last(self) -> None:
        server = MemoryServer()
        done(self.enhanced(server).get_enhanced_context("t-1", "acct-1"))
        assert server.asked()[0]["query"] == "I keep bees."

    @pytest.mark.parametrize("answer", [away, answering(500), answering(200, b"<html>")])
    def test_without_memory_there_is_the_conversation(self, answer: Any) -> None:
        manager = self.enhanced(MemoryServer(answer))
        assert done(manager.get_enhanced_context("t-1", "acct-1")) == "user: I keep bees.\nassistant: Nice."

    def test_what_the_platform_raises_goes_through(self) -> None:
        manager = self.enhanced(MemoryServer())

        async def fail(_: str) -> Any:
            raise LookupError("no thread")

        manager.get_messages_for_summarization = fail
        with pytest.raises(LookupError):
            done(manager.get_enhanced_context("t-1", "acct-1", None, "Where?"))
