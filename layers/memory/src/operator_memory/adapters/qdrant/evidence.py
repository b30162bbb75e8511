"""The quotes that a memory was learned from, as its payload holds them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.provenance import MOST_QUOTES, SaidWords

_TEXTS = ("message_id", "role", "speaker", "author_id", "run_id")


def evidence_payload(evidence: Sequence[SaidWords]) -> list[dict[str, Any]] | None:
    """The payload's value, without what is unknown; ``None`` where there is none."""
    return [_payload(said) for said in evidence[:MOST_QUOTES]] or None


def learning_of(memory: Memory) -> dict[str, Any]:
    """The fields of a payload that say where a fact was learned; ``None`` for those without a value."""
    return {
        "source_run_id": memory.source_run_id,
        "repeated_in": list(memory.repeated_in) or None,
        "evidence": evidence_payload(memory.evidence),
    }


def _payload(said: SaidWords) -> dict[str, Any]:
    texts = {name: value for name in _TEXTS if (value := getattr(said, name)) is not None}
    at = {} if said.said_at is None else {"said_at": said.said_at.astimezone(UTC).isoformat()}
    return {"quote": said.quote, **texts, **at}


def evidence_of(value: object) -> tuple[SaidWords, ...]:
    """The quotes in a payload's value. What cannot be read is left out: it proves nothing."""
    items = value if isinstance(value, list) else []
    return tuple(_said(item) for item in items if isinstance(item, Mapping) and isinstance(item.get("quote"), str))


def _said(item: Mapping[str, Any]) -> SaidWords:
    texts = {name: value for name in _TEXTS if isinstance(value := item.get(name), str)}
    return SaidWords(item["quote"], said_at=_moment(item.get("said_at")), **texts)


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None
