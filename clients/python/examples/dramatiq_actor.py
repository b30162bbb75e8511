"""Agent runs as dramatiq messages: ``python dramatiq_actor.py ACCOUNT``. The first run fails, and is learned from.

The stub broker keeps messages in this process. In production it is yours; the actor stays as it is.
"""

from __future__ import annotations

import logging
import sys
import uuid
from datetime import datetime, timezone

import dramatiq
from dramatiq.brokers.stub import StubBroker
from stand_ins import answer, wait_until_learned

from operator_memory_client import MemoryClient, MemoryClientError
from operator_memory_client.placement import as_system_section

AGENT, PROMPT = "helper", "You are a helpful agent."
broker = StubBroker()
dramatiq.set_broker(broker)
memory = MemoryClient()  # one for the process and all its threads


@dramatiq.actor(max_retries=0)
def run_agent(run_id: str, account_id: str, thread_id: str, question: str, model_is_away: bool) -> None:
    """One run. Learning is in ``finally``: a run that failed or was stopped was a conversation, too."""
    messages, status = [{"role": "user", "content": question}], "failed"
    try:
        context = memory.context(account_id, agent_id=AGENT, thread_id=thread_id, query=question)
        if model_is_away:
            raise ConnectionError("the model is away")
        said = answer(as_system_section(context, PROMPT))  # your model comes here
        print(f"user: {question}\nagent: {said}", flush=True)
        messages.append({"role": "assistant", "content": said})
        memory.used(account_id, context, said, agent_id=AGENT, thread_id=thread_id)
        status = "completed"
    finally:
        now = datetime.now(timezone.utc)
        try:
            memory.submit_run(account_id, run_id, thread_id, messages, agent_id=AGENT, status=status, finished_at=now)
        except MemoryClientError as error:  # the run ends as it would have ended
            logging.getLogger(__name__).warning("run %s was not submitted: %s", run_id, error)


if __name__ == "__main__":
    worker = dramatiq.Worker(broker, worker_threads=2)
    worker.start()
    for asked, away in (("I am allergic to peanuts.", True), ("What am I allergic to?", False)):
        run = f"run-{uuid.uuid4()}"
        run_agent.send(run, sys.argv[1], f"thread-{run}", asked, away)
        broker.join(run_agent.queue_name, fail_fast=False)
        wait_until_learned(memory, sys.argv[1], run)
    worker.stop()
