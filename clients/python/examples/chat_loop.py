"""A chat in the terminal that remembers you: ``python chat_loop.py ACCOUNT``. Ctrl-D ends the conversation.

Say something about yourself, end it, start it again and ask. Each message is a run: memories before, learning after.
"""

from __future__ import annotations

import sys
import uuid
from datetime import datetime, timezone

from stand_ins import answer, wait_until_learned

from operator_memory_client import MemoryClient, MemoryClientError
from operator_memory_client.placement import before_last_user_message

AGENT = "chat"


def run(memory: MemoryClient, account_id: str, thread_id: str, messages: list[dict[str, str]]) -> str | None:
    """Answer the last message of a conversation; returns the run's id, if it was submitted."""
    question, run_id = messages[-1], f"run-{uuid.uuid4()}"
    context = memory.context(account_id, agent_id=AGENT, thread_id=thread_id, query=question["content"])
    if context.reason:
        print(f"(memory is away: {context.reason})", file=sys.stderr)

    prompt = before_last_user_message(messages, context)
    said = answer(*(message["content"] for message in prompt))  # your model comes here
    messages.append({"role": "assistant", "content": said})
    print(f"agent: {said}", flush=True)

    memory.used(account_id, context, said, agent_id=AGENT, thread_id=thread_id)
    now = datetime.now(timezone.utc)
    try:
        memory.submit_run(account_id, run_id, thread_id, messages[-2:], agent_id=AGENT, finished_at=now)
    except MemoryClientError as error:  # the conversation goes on
        print(f"(not learned from: {error})", file=sys.stderr)
        return None
    return run_id


if __name__ == "__main__":
    thread, conversation, last = f"thread-{uuid.uuid4()}", [], None
    print("Say something. Ctrl-D ends the conversation.", file=sys.stderr)
    with MemoryClient() as client:
        for line in sys.stdin:
            conversation.append({"role": "user", "content": line.strip()})
            last = run(client, sys.argv[1], thread, conversation)
        if last:
            wait_until_learned(client, sys.argv[1], last)
