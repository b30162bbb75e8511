"""What of a memory is embedded, and how much. Embedders take about 8,000 tokens and refuse a longer text altogether."""

from operator_memory.domain.models import Memory
from operator_memory.domain.scopes import Kind

MAX_BYTES = 8_000
"""Of UTF-8. A token is at least a byte, so this fits whatever the language."""


def embedded_text(memory: Memory) -> str:
    """The text whose vector stands for ``memory``: of a turn with the name of who said it, where it is known."""
    named = memory.kind is Kind.TURN and memory.speaker
    return beginning(f"{memory.speaker}: {memory.text}" if named else memory.text)


def beginning(text: str) -> str:
    """``text``, or as much of its beginning as can be embedded."""
    return text.encode("utf-8", "replace")[:MAX_BYTES].decode("utf-8", "ignore")


def ending(text: str) -> str:
    """``text``, or as much of its end as can be embedded."""
    return text.encode("utf-8", "replace")[-MAX_BYTES:].decode("utf-8", "ignore")
