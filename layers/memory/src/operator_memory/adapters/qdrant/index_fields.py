"""What a point has beside its memory so that it is found: fields for filters, and its text for the index of words.

Standard library only (hot path).
"""

import hashlib
from typing import Any

from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, Scope
from operator_memory.domain.scripts import korean_in_pairs, needs_a_dictionary, spelled
from operator_memory.domain.shared.periods import period_of

Json = dict[str, Any]

KEYWORD_MODEL = "qdrant/bm25"
"""The server tokenizes, stems and weighs the text itself (Qdrant 1.15.2 and later)."""
_WITH_A_DICTIONARY = {"tokenizer": "multilingual"}

LETTERS = "letters"
"""Payload field: the text letter by letter, where its script lets a word stand inside another (see `spelled`)."""
SPOKEN_FROM, SPOKEN_UNTIL = "spoken_from", "spoken_until"
"""Payload fields: the days that a fact speaks of, the first and the last, at midnight UTC whatever the time zone."""
STANDING = "standing"
"""Payload field: numbers under which a memory is looked up whatever the question: that of its account's pinned ones,
that of its agent's. To look for "pinned" and for the account takes longer: each alone is true of many."""
EMBEDDED_BY = "embedded_by"
"""Payload field: the model that made the dense vector."""
INDEXED_AS = "indexed_as"
"""Payload field: the `FORM` in which the point was made."""
FORM = 2
"""Counts the ways in which these fields and the keyword vector have been made. What has another one is made again by
``make collection``."""


def keyword(text: str) -> Json:
    """What stands for the keyword vector of ``text``, in a point and in a search.

    The server's usual tokenizer tells words by their spaces; its multilingual one knows the words of scripts without,
    but drops numbers, so it gets no text that can do without (docs/retrieval.md).
    """
    made: Json = {"text": korean_in_pairs(text), "model": KEYWORD_MODEL}
    return {**made, "options": dict(_WITH_A_DICTIONARY)} if needs_a_dictionary(text) else made


def number_of(*names: str) -> int:
    """A whole number below 2^48 for ``names``: what a JSON reader of any language keeps exactly."""
    return int.from_bytes(hashlib.sha256("\x1f".join(names).encode()).digest()[:6], "big")


def pinned_number(account_id: AccountId) -> int:
    """The number in `STANDING` of what is pinned in the account."""
    return number_of(account_id, "pinned")


def agent_number(account_id: AccountId, agent_id: str) -> int:
    """The number in `STANDING` of what the agent learned for the account."""
    return number_of(account_id, "agent", agent_id)


def _standing(memory: Memory) -> list[int]:
    pinned = [pinned_number(memory.account_id)] if memory.pinned else []
    if memory.scope is Scope.AGENT and memory.agent_id is not None:
        return [*pinned, agent_number(memory.account_id, memory.agent_id)]
    return pinned


def index_fields(memory: Memory) -> Json:
    """The payload fields that only filters look at; those without a value are ``None``."""
    spoken_of = period_of(memory.when)
    return {
        LETTERS: spelled(memory.text),
        SPOKEN_FROM: spoken_of and f"{spoken_of.first.isoformat()}T00:00:00Z",
        SPOKEN_UNTIL: spoken_of and f"{spoken_of.last.isoformat()}T00:00:00Z",
        STANDING: _standing(memory) or None,
        INDEXED_AS: FORM,
    }


def text_conditions(text: str) -> list[Json]:
    """The conditions that every word of ``text`` occurs: in most scripts as a word, in the others anywhere."""
    inside = [(word, letters) for word in text.split() if (letters := spelled(word)) is not None]
    others = " ".join(word for word in text.split() if spelled(word) is None)
    conditions: list[Json] = [{"key": LETTERS, "match": {"phrase": letters}} for _, letters in inside]
    if any(map(str.isalnum, others)) or not inside:
        # Beside letters of these scripts a word need not stand between spaces: it is looked for there as well.
        either = [{"key": field, "match": {"text": others}} for field in ("data", LETTERS)]
        conditions.append({"should": either})
    return conditions
