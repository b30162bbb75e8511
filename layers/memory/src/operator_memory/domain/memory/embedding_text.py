"""How much of a text is embedded. Embedders take about 8,000 tokens and refuse a longer text altogether."""

MAX_BYTES = 8_000
"""Of UTF-8. A token is at least a byte, so this fits whatever the language."""


def beginning(text: str, most: int = MAX_BYTES) -> str:
    """``text``, or as much of its beginning as can be embedded: ``most`` bytes."""
    return text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore")


def ending(text: str) -> str:
    """``text``, or as much of its end as can be embedded."""
    return text.encode("utf-8", "replace")[-MAX_BYTES:].decode("utf-8", "ignore")
