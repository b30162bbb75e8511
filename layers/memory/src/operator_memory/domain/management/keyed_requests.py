"""A request that its caller may send again under the same key, and what is known of such a request."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """``key``: the caller and the key that it gave. ``content_hash``: of all that was asked for."""

    key: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class KnownRequest:
    """A request that was made before under the same key. ``answer`` is ``None`` while it is being answered."""

    content_hash: str
    answer: str | None = field(repr=False)
