"""What does memory add to the start of a run: in time, in bytes and in tokens?

Time: how long `context` takes, from its call to its answer, while the service is warm, slow, trickling, dead, and after
the circuit has opened; beside one bare httpx call of the warm service. Size: what a context of 5, 10 and 20 memories
adds to a prompt. Run: ``python -m bench.client.run [--rounds 200]``.

The service is a process of its own that answers after a fixed time, so that the numbers are the client's.
"""

import argparse
import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import httpx
from operator_memory.adapters.models.token_counter import counter_of
from operator_memory.domain.recall.rendering import render_context
from operator_memory_client import AsyncMemoryClient, ClientSettings, Context, MemoryClient

from bench.client.memories import memories
from bench.report import machine_state, milliseconds, percentile, table, versions

KEY = "a-key-of-at-least-thirty-two-characters"
QUERY = "Find me a flight to Porto. What do you already know about how I like to fly?"
FRESH = ("slow", "trickle", "dead")
"""States in which a client that has failed before would not ask: each call is a client's first."""
PROMPTS = (2_000, 8_000, 32_000)
CROWD = 200
Timed = tuple[float, Context]


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200, help="calls of the warm service; a tenth of the others")
    args = parser.parse_args()
    print(f"{machine_state()}\n{versions('httpx', 'pydantic')}\n")
    with _service() as urls:
        print(_times(urls, args.rounds), end="\n\n")
    print(_sizes())


@contextmanager
def _service() -> Iterator[dict[str, str]]:
    """The addresses of the service in each state."""
    with (
        subprocess.Popen([sys.executable, "-m", "bench.client.service"], stdout=subprocess.PIPE, text=True) as process,
        socket.socket() as unused,
    ):
        assert process.stdout is not None
        base = f"http://127.0.0.1:{process.stdout.readline().strip()}"
        unused.bind(("127.0.0.1", 0))
        try:
            yield {
                **{state: f"{base}/{state}" for state in ("warm", "slow", "trickle")},
                "dead": f"http://127.0.0.1:{unused.getsockname()[1]}",
            }
        finally:
            process.kill()


def _settings(url: str) -> ClientSettings:
    return ClientSettings(url=url, key_id="k1", key=KEY)


def _times(urls: dict[str, str], rounds: int) -> str:
    few = max(10, rounds // 10)
    series = {"bare httpx, warm": _bare(urls["warm"], rounds)}
    for state in ("warm", *FRESH):
        number = few if state in FRESH else rounds
        series[f"blocking, {state}"] = _blocking(urls[state], number, fresh=state in FRESH)
        series[f"event loop, {state}"] = asyncio.run(_on_loop(urls[state], number, fresh=state in FRESH))
    series["blocking, circuit open"] = _opened(urls["dead"], rounds)
    series[f"event loop, {CROWD} at once"] = asyncio.run(_crowd(urls["warm"]))
    warm = percentile([seconds for seconds, _ in series["bare httpx, warm"]], 50)
    rows = [_row(name, timed, warm) for name, timed in series.items()]
    return table(("run's start, ms", "p50", "p95", "most", "p50 / bare", "calls", "without memory"), rows)


def _row(name: str, timed: Sequence[Timed], bare: float) -> tuple[str, ...]:
    seconds = [took for took, _ in timed]
    p50, p95 = percentile(seconds, 50), percentile(seconds, 95)
    lost = sum(not context for _, context in timed)
    figures = (milliseconds(p50), milliseconds(p95), milliseconds(max(seconds)), f"{p50 / bare:.2f}")
    return (name, *figures, str(len(timed)), str(lost))


def _timed(call: Callable[[], Context]) -> Timed:
    started = time.perf_counter()
    context = call()
    return time.perf_counter() - started, context


def _bare(url: str, rounds: int) -> list[Timed]:
    with httpx.Client() as client:
        body = {"account_id": "acct-1", "query": QUERY}

        def post() -> Context:
            return Context(text=client.post(f"{url}/v1/context", json=body, timeout=0.5).json()["context"])

        return [_timed(post) for _ in range(rounds + 1)][1:]


def _blocking(url: str, rounds: int, *, fresh: bool) -> list[Timed]:
    client, timed = MemoryClient(_settings(url)), []
    for _ in range(rounds + 1):
        timed.append(_timed(lambda client=client: client.context("acct-1", query=QUERY)))  # type: ignore[misc]
        client = MemoryClient(_settings(url)) if fresh else client
    return timed[1:]


def _opened(url: str, rounds: int) -> list[Timed]:
    client = MemoryClient(_settings(url))
    while client.context("acct-1").reason != "circuit_open":
        pass
    return [_timed(lambda: client.context("acct-1", query=QUERY)) for _ in range(rounds)]


async def _on_loop(url: str, rounds: int, *, fresh: bool) -> list[Timed]:
    client, timed = AsyncMemoryClient(_settings(url)), []
    for _ in range(rounds + 1):
        timed.append(await _timed_on_loop(client))
        if fresh:
            await client.aclose()
            client = AsyncMemoryClient(_settings(url))
    await client.aclose()
    return timed[1:]


async def _timed_on_loop(client: AsyncMemoryClient) -> Timed:
    started = time.perf_counter()
    context = await client.context("acct-1", query=QUERY)
    return time.perf_counter() - started, context


async def _crowd(url: str) -> list[Timed]:
    """Runs that all start at the same moment, on one client whose connections are open."""
    async with AsyncMemoryClient(_settings(url)) as client:
        await asyncio.gather(*(_timed_on_loop(client) for _ in range(CROWD)))
        return list(await asyncio.gather(*(_timed_on_loop(client) for _ in range(CROWD))))


def _sizes() -> str:
    counter = counter_of("o200k_base")
    rows = []
    for number in (5, 10, 20):
        text = render_context(memories(number)).text
        tokens = counter.count(text)
        shares = (f"{(prompt + tokens) / prompt:.3f}" for prompt in PROMPTS)
        rows.append((f"{number} memories", str(len(text.encode())), str(tokens), *shares))
    prompts = (f"/ {prompt:,} tokens" for prompt in PROMPTS)
    return table(("added to the prompt", "bytes", "tokens (o200k)", *prompts), rows)


if __name__ == "__main__":
    main()
