"""The client's examples, run as a newcomer runs them: what is said in one conversation is remembered in the next."""

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.e2e.system import System, an_account
from tests.support.loopback import unused_port
from tests.support.time_outs import AMPLE, eventually

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "clients" / "python" / "examples"
INSTALLED = ROOT / ".venv-examples"
PATIENCE = AMPLE * 3
"""Seconds for one example, which loads a framework and waits for what it teaches."""

pytestmark = pytest.mark.skipif(
    not (INSTALLED / ".installed").exists(), reason="what the examples use is not installed (make examples)"
)


def play(system: System, *arguments: str, said: str = "", url: str = "") -> "subprocess.CompletedProcess[str]":
    """Run an example with what docs/integrate.md has one export, and nothing else."""
    with tempfile.TemporaryDirectory() as home:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "OPERATOR_MEMORY_URL": url or system.at.api_url,
            "OPERATOR_MEMORY_TOKEN": system.at.token(),
        }
        done = subprocess.run(
            [INSTALLED / "bin" / "python", *arguments],
            cwd=EXAMPLES,
            env=environment,
            input=said,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def remembering(system: System, name: str, pattern: str) -> "subprocess.CompletedProcess[str]":
    """Run an example of two conversations until its second one remembers: on a busy machine a context may be late."""

    def played() -> "subprocess.CompletedProcess[str] | None":
        done = play(system, name, an_account())
        return done if re.search(pattern, done.stdout) else None

    return eventually(played)


def test_the_chat_loop_remembers_in_its_next_conversation(system: System) -> None:
    account = an_account()
    first = play(system, "chat_loop.py", account, said="I am allergic to peanuts.\nThat is all.\n")
    assert first.stdout.splitlines()[0] == "agent: Thanks, noted."
    assert len(first.stdout.splitlines()) == 2

    def asked() -> str | None:
        answer = play(system, "chat_loop.py", account, said="What am I allergic to?\n").stdout
        return answer if "remember" in answer else None

    assert re.match(r"agent: I remember: .*User is allergic to peanuts\. \[m\d+\]", eventually(asked))


def test_the_chat_loop_goes_on_without_a_memory_service(system: System) -> None:
    done = play(system, "chat_loop.py", an_account(), said="Hello.\nBye.\n", url=f"http://127.0.0.1:{unused_port()}")
    assert done.stdout == "agent: Thanks, noted.\n" * 2
    assert "(memory is away: unreachable)" in done.stderr
    assert "(not learned from: the memory service cannot be reached" in done.stderr


def test_the_dramatiq_actor_learns_from_a_run_that_failed(system: System) -> None:
    remembers = r"\Auser: What am I allergic to\?\nagent: I remember: .*User is allergic to peanuts\. \[m\d+\]"
    done = remembering(system, "dramatiq_actor.py", remembers)
    assert "ConnectionError: the model is away" in done.stderr, "the first run failed"


def test_the_hooks_of_the_agents_sdk_remember(system: System) -> None:
    remembers = (
        r"\Auser: I am allergic to peanuts\.\nagent: Thanks, noted\.\n"
        r"user: What am I allergic to\?\nagent: I remember: .*User is allergic to peanuts\. \[m\d+\]"
    )
    assert remembering(system, "openai_agents.py", remembers).stderr == ""


def test_the_graph_remembers(system: System) -> None:
    remembers = (
        r"\Auser: Remember: the user is allergic to peanuts\.\nagent: I will\.\n"
        r"user: What must the user not eat\?\nagent: I remember: the user is allergic to peanuts\. \[m\d+\]\n"
        r"in the store: the user is allergic to peanuts\.\Z"
    )
    assert remembering(system, "langgraph_chat.py", remembers.replace(r"\Z", r"\n\Z")).stderr == ""


STORE = """
import asyncio, json, sys
from langgraph_store import MemoryClient, OperatorMemoryStore
store, mine, agents = OperatorMemoryStore(MemoryClient()), (sys.argv[1],), (sys.argv[1], "helper", "v2")
store.put(mine, "blue", {"memory": "User likes blue.", "importance": 0.9})
store.put(agents, "french", {"memory": "The user wants answers in French."})
blue = store.search(mine, filter={"scope": "user"})[0]
told = [store.search(mine), store.search(agents), store.search((*mine, "other"))]
told += [store.search(mine, query="favourite colour", limit=1), store.search(mine, query="colour", limit=1, offset=5)]
store.put(blue.namespace, blue.key, {"memory": "User likes green."})
told += [[asyncio.run(store.aget(mine, blue.key))], [store.get(agents, blue.key)], [store.get(mine, "unknown")]]
store.delete(agents, blue.key)
told += [[store.get(mine, blue.key)]]
store.delete(mine, blue.key)
told += [[store.get(mine, blue.key)]]
try:
    store.list_namespaces()
except NotImplementedError as error:
    told += [[]]
print(json.dumps([[item and [list(item.namespace[1:]), item.value["memory"]] for item in found] for found in told]))
"""


def test_the_store_keeps_what_langgraph_expects_of_one(system: System) -> None:
    blue, green = [[], "User likes blue."], [[], "User likes green."]
    french = [["helper", "v2"], "The user wants answers in French."]
    everything, agents, others, nearest, beyond, *after = json.loads(play(system, "-c", STORE, an_account()).stdout)
    assert sorted(everything) == [blue, french]
    assert (agents, others, nearest, beyond) == ([french], [], [blue], [])
    assert after == [[green], [None], [None], [green], [None], []], "changed, not of that agent, unknown, kept, deleted"
