"""A store of many made-up memories for latency benchmarks.

Texts are put together from parts and differ; a few hundred are embedded by the bundled model and the others get
the vector of a like text, turned a little. Distances are therefore realistic, though not meant for judging quality.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_OID, uuid5

import numpy as np
from operator_memory.domain.models import EmbeddedMemory, Memory, memory_id
from operator_memory.domain.scopes import AccountId, Kind, Scope, ScopeKey

AGENT, SESSION = "agent-1", "session-1"
_SUBJECTS = ("coffee", "flights", "the Lisbon office", "a violin", "the quarterly report", "Python", "gardening",
             "the school run", "running shoes", "a peanut allergy", "the Berlin project", "jazz records")  # fmt: skip
_VERBS = (
    "prefers",
    "plans",
    "mentioned",
    "decided on",
    "worries about",
    "wants to learn",
    "talked to Ana about",
)
_DETAILS = ("before nine in the morning", "twice a week", "since the spring", "with the new budget", "for Ebba",
            "after the move to Malmo", "on the second floor", "without any sugar", "as agreed in May")  # fmt: skip
QUESTIONS = tuple(f"What do you know about {s} {d}?" for s in _SUBJECTS for d in _DETAILS[:5])
_DISTINCT = 400


@dataclass(frozen=True, slots=True)
class Corpus:
    """The account to measure, and all accounts' memories in batches."""

    account: AccountId
    batches: Iterator[tuple[AccountId, list[EmbeddedMemory]]]


def build(size: int, *, embed: Callable[[Sequence[str]], list[list[float]]], seed: int = 1) -> Corpus:
    """``size`` memories: a tenth in the measured account (60 % user, 20 % agent, 20 % session), else 200 an account."""
    rng = random.Random(seed)
    sentences = [_sentence(rng, number) for number in range(_DISTINCT)]
    vectors = np.asarray(embed(sentences), dtype=np.float32)
    measured = AccountId(str(uuid5(NAMESPACE_OID, "measured-account")))

    def batches() -> Iterator[tuple[AccountId, list[EmbeddedMemory]]]:
        noise = np.random.default_rng(seed)
        for account, count in _accounts(measured, size):
            for start in range(0, count, 500):
                numbers = range(start, min(start + 500, count))
                yield account, [_memory(account, n, rng, sentences, vectors, noise) for n in numbers]

    return Corpus(measured, batches())


def _accounts(measured: AccountId, size: int) -> Iterator[tuple[AccountId, int]]:
    yield measured, size // 10
    rest = size - size // 10
    for number in range(0, rest, 200):
        yield AccountId(f"account-{number}"), min(200, rest - number)


def _sentence(rng: random.Random, number: int) -> str:
    return f"The user {rng.choice(_VERBS)} {rng.choice(_SUBJECTS)} {rng.choice(_DETAILS)}, note {number}."


def _memory(
    account: AccountId,
    number: int,
    rng: random.Random,
    sentences: Sequence[str],
    vectors: "np.ndarray[tuple[int, int], np.dtype[np.float32]]",
    noise: np.random.Generator,
) -> EmbeddedMemory:
    base = rng.randrange(len(sentences))
    vector = vectors[base] + noise.normal(0, 0.02, vectors.shape[1]).astype(np.float32)
    vector /= np.linalg.norm(vector)
    scope = (Scope.USER, Scope.USER, Scope.USER, Scope.AGENT, Scope.SESSION)[number % 5]
    owner = {Scope.USER: None, Scope.AGENT: AGENT, Scope.SESSION: SESSION}[scope]
    key = ScopeKey(scope, owner)
    text = f"{sentences[base]} It came up as item {number} of {account}."
    created = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    memory = Memory(
        id=memory_id(account, key, text),
        account_id=account,
        scope=scope,
        kind=Kind.TURN if scope is Scope.SESSION else Kind.FACT,
        text=text,
        created_at=created,
        updated_at=created,
        agent_id=AGENT if scope is Scope.AGENT else None,
        session_id=SESSION if scope is Scope.SESSION else None,
    )
    return EmbeddedMemory(memory, vector.tolist())
