"""A graph that remembers: ``python langgraph_chat.py ACCOUNT``. Two conversations, one memory."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from langchain_core.messages import HumanMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.runtime import Runtime
from langgraph_store import OperatorMemoryStore
from stand_ins import answer

from operator_memory_client import MemoryClient
from operator_memory_client.placement import as_system_section

PROMPT = "You are a helpful agent."
memory = MemoryClient()


@dataclass
class Person:
    """Whom a graph runs for."""

    account_id: str


def reply(state: MessagesState, runtime: Runtime[Person]) -> dict[str, list[tuple[str, str]]]:
    """A node: memories into the prompt before the model, and what it is told to keep into the store."""
    account_id, said = runtime.context.account_id, state["messages"][-1].text
    if runtime.store and said.startswith("Remember: "):  # a model would call a tool
        runtime.store.put((account_id,), "new", {"memory": said.removeprefix("Remember: ")})
        return {"messages": [("assistant", "I will.")]}
    context = memory.context(account_id, query=said)  # fenced, and never late: values of the store are neither
    return {"messages": [("assistant", answer(as_system_section(context, PROMPT)))]}  # your model comes here


def main(account_id: str) -> None:
    """Two conversations: no checkpoint connects them."""
    store = OperatorMemoryStore(memory)
    graph = StateGraph(MessagesState, context_schema=Person).add_node(reply).add_edge(START, "reply")
    app = graph.compile(store=store)
    for said in ("Remember: the user is allergic to peanuts.", "What must the user not eat?"):
        state = app.invoke({"messages": [HumanMessage(said)]}, context=Person(account_id))
        print(f"user: {said}\nagent: {state['messages'][-1].text}")
    for item in store.search((account_id,), query="allergies"):
        print(f"in the store: {item.value['memory']}")


if __name__ == "__main__":
    main(sys.argv[1])
