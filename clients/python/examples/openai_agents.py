"""OpenAI's Agents SDK with memory, by its run hooks: ``python openai_agents.py ACCOUNT``. Two conversations."""

import asyncio
import sys
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone

from agents import Agent, AgentHookContext, RunContextWrapper, RunHooks, Runner
from stand_in_model import StandInModel
from stand_ins import wait_until_learned

from operator_memory_client import AsyncMemoryClient, Context, MemoryClient, MemoryClientError
from operator_memory_client.messages import last_question
from operator_memory_client.placement import as_system_section

memory = AsyncMemoryClient()  # one for the process


@dataclass
class Run:  # what the hooks know of a run; each has its own
    id: str
    account_id: str
    asked: str = ""
    recalled: Context | None = None


class MemoryHooks(RunHooks[Run]):  # memories before a run's first agent, learning after its last one
    async def on_agent_start(self, context: AgentHookContext[Run], agent: Agent[Run]) -> None:
        run = context.context
        if run.recalled is None:  # once a run, however many agents take part
            run.asked = last_question(context.turn_input) or ""
            run.recalled = await memory.context(run.account_id, agent_id=agent.name, query=run.asked)

    async def on_agent_end(self, context: AgentHookContext[Run], agent: Agent[Run], output: object) -> None:
        run, now = context.context, datetime.now(timezone.utc)
        await memory.used(run.account_id, run.recalled or Context(), output, agent_id=agent.name)
        said = [{"role": "user", "content": run.asked}, {"role": "assistant", "content": str(output)}]
        try:
            await memory.submit_run(run.account_id, run.id, run.id, said, agent_id=agent.name, finished_at=now)
        except MemoryClientError as error:  # the run has ended well without it
            print(f"not learned from: {error}", file=sys.stderr)


def instructions(context: RunContextWrapper[Run], _: Agent[Run]) -> str:
    return as_system_section(context.context.recalled or Context(), "You are a helpful agent.")


async def main(account_id: str) -> None:
    agent = Agent(name="helper", instructions=instructions, model=StandInModel())  # your model comes here
    for said in ("I am allergic to peanuts.", "What am I allergic to?"):
        run = Run(f"run-{uuid.uuid4()}", account_id)
        result = await Runner.run(agent, said, context=run, hooks=MemoryHooks())
        print(f"user: {said}\nagent: {result.final_output}", flush=True)
        await asyncio.to_thread(wait_until_learned, MemoryClient(), account_id, run.id)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
