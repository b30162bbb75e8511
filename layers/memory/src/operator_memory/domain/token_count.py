"""How many tokens a text takes: exactly, where a model's tokenizer is known, else an estimate on the high side."""

import re
from typing import Protocol

ESTIMATE = "estimate"
"""Name of the counter that knows no tokenizer."""


class TokenCounter(Protocol):
    """Counts tokens.

    A line's tokens do not depend on its neighbours: where ``one`` ends with a line break and ``other`` begins with
    neither white space nor a slash, ``count(one + other) == count(one) + count(other)``.
    """

    @property
    def name(self) -> str:
        """Name of the encoding, e.g. ``o200k_base``, or ``estimate``."""
        ...

    def count(self, text: str) -> int:
        """Tokens of ``text``."""
        ...


_MODELS = (
    (re.compile(r"(?:gpt-(?:4o|4\.1|4\.5|5|oss)|chatgpt-4o|o[134])(?![\w])"), "o200k_base"),
    (re.compile(r"gpt-(?:4|3\.5|35)(?![\w.])"), "cl100k_base"),
)
_PROVIDER = re.compile(r"^(?:openai/|azure/|openrouter/openai/|ft:)+")


def encoding_of(model: str | None) -> str | None:
    """The encoding of an OpenAI model by its name (``gpt-4o-mini``, ``openai/o3``); ``None`` if it is not known."""
    name = _PROVIDER.sub("", (model or "").strip().lower())
    return next((encoding for pattern, encoding in _MODELS if pattern.match(name)), None)


class Estimate:
    """A `TokenCounter` for any model."""

    name = ESTIMATE

    def count(self, text: str) -> int:
        """See `estimate_tokens`."""
        return estimate_tokens(text)


def estimate_tokens(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // 2)
