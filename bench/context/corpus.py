"""A store of many made-up memories for latency benchmarks, the same in every run.

Words come from the bundled model's vocabulary, which lists them by how frequent they are in English, and are drawn
by that rank as in real text (Zipf): posting lists of a keyword index then have realistic lengths. A memory shares
about half of its words with one of a few thousand topics and has that topic's vector, turned a little. Distances are
therefore realistic, though not meant for judging quality.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import distribution
from uuid import NAMESPACE_OID, uuid5

import numpy as np
from numpy.typing import NDArray
from operator_memory.adapters.models.local_embeddings import TOKENIZER
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory, memory_id
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope, ScopeKey
from tokenizers import Tokenizer

AGENT, SESSION = "agent-1", "session-1"
SMALL = 200
"""Memories of each account but the large one and the middle one."""

_WORDS = 6_000
_COMMON = 150
"""The most frequent words, which no question is about."""
_TOPICS, _TOPIC_WORDS = 4_096, 14
_SHORTEST, _LONGEST = 10, 22  # words of a memory
_NOISE = 0.03  # of each of the 384 numbers: a memory's cosine to its topic is about 0.86
_CHUNK = 500
_SEED = 1
_KINDS = 20
"""Of so many memories in a row 7 are the user's facts, 2 an agent's, 11 turns of sessions."""
_SESSION_TURNS = 60
_FIRST = datetime(2026, 1, 1, tzinfo=UTC)
_END = datetime(2046, 1, 1, tzinfo=UTC)  # when turns expire: they must not while somebody measures

Vectors = NDArray[np.float32]
_Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Account:
    """An account: its place in the layout, its id, and how many memories it has."""

    number: int
    id: AccountId
    memories: int


def layout(size: int) -> list[Account]:
    """Who has the ``size`` memories: the large account first, the middle one second if there is one.

    From 1M on: one account with 200k, one with 20k, the others with 200 each. 100k: 20k, 2k, 200 each. 10k: 2k, 200
    each.
    """
    large = min(size // 5, 200_000)
    counts = [large, large // 10] if large >= 100 * SMALL else [large]
    rest = size - sum(counts)
    counts += [min(SMALL, rest - start) for start in range(0, rest, SMALL)]
    return [Account(n, AccountId(str(uuid5(NAMESPACE_OID, f"bench-{n}"))), count) for n, count in enumerate(counts)]


def named_accounts(size: int) -> dict[str, Account]:
    """Those to ask about, by what they are called in the output: ``large``, ``middle`` if there is one, ``small``."""
    large, second, *rest = layout(size)
    return (
        {"large": large, "middle": second, "small": rest[0]}
        if second.memories > SMALL
        else {"large": large, "small": second}
    )


class Texts:
    """What the memories say, and what is asked about them."""

    def __init__(self) -> None:
        file = distribution(TOKENIZER.package).locate_file(TOKENIZER.path)
        by_word = Tokenizer.from_file(str(file)).get_vocab()
        ranked = sorted((w for w in by_word if w.isascii() and w.isalpha() and len(w) > 1), key=by_word.__getitem__)
        self._words = ranked[:_WORDS]
        weights = 1 / (np.arange(_WORDS) + 2.7)
        self._cumulative = np.cumsum(weights / weights.sum())
        self._topics = self._drawn(np.random.default_rng(_SEED), _TOPICS, _TOPIC_WORDS)

    def topics(self) -> list[str]:
        """One text a topic."""
        return [self._said(row) for row in self._topics]

    def chunk(self, account: Account, start: int) -> tuple[_Numbers, list[_Numbers], np.random.Generator]:
        """Up to 500 memories from the ``start``-th on: their topics and words, and a generator for the rest."""
        rng = np.random.default_rng([_SEED, account.number, start])
        count = min(_CHUNK, account.memories - start)
        topics = rng.integers(_TOPICS, size=count)
        words = self._drawn(rng, count, _LONGEST)
        shared = rng.random((count, _TOPIC_WORDS)) < 0.5
        words[:, :_TOPIC_WORDS][shared] = self._topics[topics][shared]
        lengths = rng.integers(_SHORTEST, _LONGEST + 1, size=count)
        return topics, [row[:length] for row, length in zip(words, lengths, strict=True)], rng

    def text(self, words: _Numbers, number: int) -> str:
        """What the ``number``-th memory of an account says."""
        return f"{self._said(words)} ({number})"

    def questions(self, account: Account, count: int, *, seed: int = 0) -> list[str]:
        """``count`` different questions, each about one of the account's memories; other ones for another seed."""
        rng = np.random.default_rng([_SEED, account.number, seed, 7])
        asked: dict[str, None] = {}
        while len(asked) < count:
            _, rows, _ = self.chunk(account, int(rng.integers(0, account.memories, dtype=np.int64)) // _CHUNK * _CHUNK)
            for row in rng.permutation(len(rows))[: min(20, count - len(asked))]:
                rare = [self._words[w] for w in rng.permutation(rows[row]) if w >= _COMMON]
                asked[f"What did we say about {' '.join(rare[:3])} and {' '.join(rare[3:5])}?"] = None
        return list(asked)

    def _said(self, words: _Numbers) -> str:
        return " ".join([self._words[word] for word in words]).capitalize() + "."

    def _drawn(self, rng: np.random.Generator, count: int, length: int) -> _Numbers:
        return np.searchsorted(self._cumulative, rng.random((count, length))).clip(max=_WORDS - 1)


class Corpus:
    """The memories of a layout with their vectors."""

    def __init__(self, embed: Callable[[Sequence[str]], list[list[float]]]) -> None:
        """``embed``: unit vectors of a few thousand texts."""
        self._texts = Texts()
        self._vectors: Vectors = np.asarray(embed(self._texts.topics()), dtype=np.float32)

    def memories(self, account: Account) -> Iterator[list[EmbeddedMemory]]:
        """All memories of an account, 500 at a time."""
        for start in range(0, account.memories, _CHUNK):
            topics, rows, rng = self._texts.chunk(account, start)
            noise = rng.normal(0, _NOISE, (len(rows), self._vectors.shape[1])).astype(np.float32)
            vectors = self._vectors[topics] + noise
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            texts = [self._texts.text(row, start + n) for n, row in enumerate(rows)]
            yield [
                EmbeddedMemory(memory(account.id, start + n, text), vector)
                for n, (text, vector) in enumerate(zip(texts, vectors.tolist(), strict=True))
            ]


def memory(account: AccountId, number: int, text: str) -> Memory:
    """The ``number``-th memory of an account, as the write path makes it of a fact or a turn."""
    place = number % _KINDS
    made = _turn(account, number, text) if place >= 9 else _fact(account, number, text, of_agent=place >= 7)
    pinned = number % 997 == 3
    replaced = number % 50 == 5
    return replace(
        made,
        pinned=pinned,
        superseded_by=made.id if replaced else None,
        valid_until=made.created_at + timedelta(hours=1) if replaced else None,
    )


def _fact(account: AccountId, number: int, text: str, *, of_agent: bool) -> Memory:
    key = ScopeKey(Scope.AGENT, AGENT) if of_agent else ScopeKey(Scope.USER)
    created = _FIRST + timedelta(minutes=number)
    return Memory(
        id=memory_id(account, key, text),
        account_id=account,
        scope=key.scope,
        kind=Kind.FACT,
        text=text,
        created_at=created,
        updated_at=created,
        agent_id=key.owner_id,
        thread_id=f"thread-{number // _SESSION_TURNS}",
        attributed_to="agent" if of_agent else "user",
        source_run_id=f"run-{number // _KINDS}",
        importance=(number * 37 % 100) / 100,
    )


def _turn(account: AccountId, number: int, text: str) -> Memory:
    session = f"session-{1 + number // _KINDS * 11 // _SESSION_TURNS}"
    created = _FIRST + timedelta(minutes=number)
    said_by_user = number % 2 == 0
    return Memory(
        id=memory_id(account, ScopeKey(Scope.SESSION, session), text, position=str(number)),
        account_id=account,
        scope=Scope.SESSION,
        kind=Kind.TURN,
        text=text,
        created_at=created,
        updated_at=created,
        session_id=session,
        thread_id=f"thread-{number // _SESSION_TURNS}",
        role="user" if said_by_user else "assistant",
        speaker="Ebba" if said_by_user else None,
        message_id=str(uuid5(NAMESPACE_OID, f"{account}-{number}")),
        seq=number,
        source_run_id=f"run-{number // _KINDS}",
        expires_at=_END,
    )
