"""The made-up store of the latency benchmark: who has how much in it, what is asked, and the relay that counts."""

from collections.abc import Sequence

import pytest
from operator_memory.adapters.net.http import HttpClient
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.memory.scopes import Kind, Scope

from bench.context.corpus import SMALL, Account, Corpus, Texts, layout, named_accounts
from bench.context.trouble import Relay
from devstack.qdrant import QdrantFront
from tests.support.time_outs import AMPLE


def _any_vectors(texts: Sequence[str]) -> list[list[float]]:
    return [[1.0, float(len(text))] for text in texts]


@pytest.mark.parametrize(
    ("size", "large"),
    [
        (10_000, {"large": 2_000, "small": 200}),
        (100_000, {"large": 20_000, "middle": 2_000, "small": 200}),
        (1_000_000, {"large": 200_000, "middle": 20_000, "small": 200}),
    ],
)
def test_a_layout_has_one_large_account_and_many_small_ones(size: int, large: dict[str, int]) -> None:
    accounts = layout(size)

    assert sum(account.memories for account in accounts) == size
    assert {name: account.memories for name, account in named_accounts(size).items()} == large
    assert len({account.id for account in accounts}) == len(accounts)
    assert all(account.memories == SMALL for account in accounts[len(large) - 1 :])


def test_an_accounts_memories_are_facts_and_turns_and_the_same_each_time() -> None:
    account = Account(3, layout(10_000)[3].id, 600)
    corpus = Corpus(_any_vectors)

    made = [embedded for batch in corpus.memories(account) for embedded in batch]

    assert len({embedded.memory.id for embedded in made}) == 600
    assert {(e.memory.scope, e.memory.kind) for e in made} == {
        (Scope.USER, Kind.FACT),
        (Scope.AGENT, Kind.FACT),
        (Scope.SESSION, Kind.TURN),
    }
    assert made == [embedded for batch in corpus.memories(account) for embedded in batch]


def test_no_question_is_asked_twice() -> None:
    account, texts = layout(10_000)[0], Texts()

    asked = texts.questions(account, 100, seed=1) + texts.questions(account, 100, seed=2)

    assert len(set(asked)) == 200


def test_the_relay_counts_what_it_passes_on_and_refuses_once_closed() -> None:
    with QdrantFront() as front, Relay(front.url) as relay:
        client = HttpClient(relay.url, system="qdrant")

        answers = [client.request("GET", "/healthz", timeout=AMPLE) for _ in range(3)]
        relay.close()

        assert [answer.body for answer in answers] == [b"healthz check passed"] * 3
        assert relay.requests == 3
        with pytest.raises(UpstreamUnavailableError):
            client.request("GET", "/healthz", timeout=AMPLE)
