"""A memory service in a process of its own, which answers as its address says: ``python -m bench.client.service``.

``/warm``: after 15 ms, about what the context function takes. ``/slow``: after 2 s. ``/trickle``: a byte each 20 ms,
and never all of them. Writes its port to the standard output.
"""

import asyncio
import json
import sys
from itertools import count

from operator_memory.domain.recall.rendering import render_context

from bench.client.memories import memories

DELAYS = {"warm": 0.015, "slow": 2.0}
MEMORIES = 10


def answer() -> bytes:
    """A context of ten memories, as the service writes it."""
    rendered = render_context(memories(MEMORIES))
    listed = [
        {"id": memory.id, "citation": rendered.citations.get(memory.id), "memory": memory.text, "scope": "user"}
        for memory in memories(MEMORIES)
    ]
    body = {"context": rendered.text, "memories": listed, "token_count": rendered.token_count, "degraded": []}
    raw = json.dumps({**body, "tokenizer": "estimate", "timing_ms": {"total": 14.0}}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n"
    return head.encode() + raw


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    good = answer()
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            text = head.decode("latin-1").lower()
            length = int(text.partition("content-length: ")[2].partition("\r\n")[0] or 0)
            await reader.readexactly(length)
            way = text.split("/")[1]
            if way == "trickle":
                for place in count():
                    writer.write(good[place % 16 : place % 16 + 1] if place else good[:40])
                    await writer.drain()
                    await asyncio.sleep(0.02)
            await asyncio.sleep(DELAYS[way])
            writer.write(good)
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        writer.close()


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, backlog=1000)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
