"""A model that answers at once, for benchmarks of everything around it: OpenAI's wire format on a bare socket.

``python -m bench.instant_model --dimensions 1536 --port 0``. Nothing is computed: an embedding is put together from
ready-made pieces that the text's digest picks, and an extraction repeats each ``I keep ... .`` of the conversation as
a fact. A framework's milliseconds would be counted as the model's.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import math
import random
import re
import struct
from asyncio import StreamReader, StreamWriter

from devstack.serving import listen, url_of

PIECES, CHOICES = 8, 64
"""A vector is eight pieces, each one of 64: two texts share one by chance, so their cosine is about 0."""

_SAID = re.compile(r"\bI keep ([^.\n]+)\.")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_CHARACTERS_A_TOKEN = 4


class Vectors:
    """Embeddings of any text, ready as JSON (``float``) and as base64, by the piece."""

    def __init__(self, dimensions: int) -> None:
        """``dimensions``: a multiple of 24, so that each piece is whole in base64 too."""
        if dimensions % (PIECES * 3):
            raise ValueError("the dimensions must be a multiple of 24")
        rng, width = random.Random(7), dimensions // PIECES
        self._json: list[list[str]] = []
        self._base64: list[list[str]] = []
        for _ in range(PIECES):
            pieces = [_piece(rng, width) for _ in range(CHOICES)]
            self._json.append([", ".join(map(repr, piece)) for piece in pieces])
            self._base64.append([base64.b64encode(struct.pack(f"<{width}f", *piece)).decode() for piece in pieces])

    def of(self, text: str, encoding: str) -> str:
        """The JSON value of the text's embedding."""
        chosen = [
            byte % CHOICES for byte in hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=PIECES).digest()
        ]
        if encoding == "base64":
            return '"' + "".join(row[at] for row, at in zip(self._base64, chosen, strict=True)) + '"'
        return "[" + ", ".join(row[at] for row, at in zip(self._json, chosen, strict=True)) + "]"


def _piece(rng: random.Random, width: int) -> list[float]:
    numbers = [rng.gauss(0, 1) for _ in range(width)]
    length = math.hypot(*numbers) * math.sqrt(PIECES)
    return [round(number / length, 9) for number in numbers]


def embeddings(vectors: Vectors, asked: dict[str, object]) -> str:
    """The answer to ``POST /v1/embeddings``."""
    given = asked["input"]
    texts = given if isinstance(given, list) else [given]
    encoding = str(asked.get("encoding_format", "float"))
    data = ", ".join(
        f'{{"object": "embedding", "index": {number}, "embedding": {vectors.of(str(text), encoding)}}}'
        for number, text in enumerate(texts)
    )
    tokens = sum(len(str(text)) for text in texts) // _CHARACTERS_A_TOKEN
    return f'{{"object": "list", "model": "instant", "usage": {json.dumps(_usage(tokens))}, "data": [{data}]}}'


def chat(prompt: str) -> str:
    """The answer to ``POST /v1/chat/completions``: the facts in the last section of new messages."""
    section = prompt.rpartition("\n## New Messages\n")[2].partition("\n## ")[0]
    facts = [
        {"id": str(number), "text": f"User keeps {kept}", "attributed_to": "user"}
        for number, kept in enumerate(_SAID.findall(section))
    ]
    content = json.dumps({"memory": facts})
    message = {"role": "assistant", "content": content, "refusal": None}
    return json.dumps(
        {
            "id": "instant",
            "object": "chat.completion",
            "created": 1,
            "model": "instant",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": _usage(len(prompt) // _CHARACTERS_A_TOKEN, len(content) // _CHARACTERS_A_TOKEN),
        }
    )


def _usage(prompt: int, completion: int = 0) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _answer(vectors: Vectors, path: bytes, body: bytes) -> bytes:
    asked = json.loads(body)
    if path.endswith(b"/embeddings"):
        return embeddings(vectors, asked).encode()
    return chat("\n".join(str(message["content"]) for message in asked["messages"])).encode()


async def _serve(dimensions: int, port: int) -> None:
    vectors = Vectors(dimensions)

    async def converse(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            while True:  # requests of one kept-alive connection
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                answer = _answer(vectors, head.split(b" ", 2)[1], body)
                lines = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n"
                writer.write(lines.encode() + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    sock = listen("127.0.0.1", port)
    server = await asyncio.start_server(converse, sock=sock)
    print(f"{url_of(sock)}/v1", flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dimensions", type=int, default=1536)
    parser.add_argument("--port", type=int, default=0)
    args = parser.parse_args()
    asyncio.run(_serve(args.dimensions, args.port))


if __name__ == "__main__":
    main()
