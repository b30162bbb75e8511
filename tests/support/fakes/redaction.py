"""In-memory implementation of the port ``Redactor``."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from operator_memory.domain.conversation import MAX_MESSAGE_CHARACTERS, Redacted
from operator_memory.domain.errors import TooLargeToRedactError


@dataclass
class FakeRedactor:
    """Knows its secrets beforehand: ``secrets`` is kind by secret. Passes the same contract tests as the real one.

    ``seen`` lists the texts that it was given.
    """

    secrets: Mapping[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    def redact(self, text: str) -> Redacted:
        self.seen.append(text)
        if len(text) > MAX_MESSAGE_CHARACTERS:
            raise TooLargeToRedactError(len(text), MAX_MESSAGE_CHARACTERS)
        counts: Counter[str] = Counter()
        for secret, kind in sorted(self.secrets.items(), key=lambda item: -len(item[0])):
            counts[kind] += text.count(secret)
            text = text.replace(secret, f"[redacted: {kind}]")
        return Redacted(text, {kind: n for kind, n in counts.items() if n})
