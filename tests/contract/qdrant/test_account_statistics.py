"""How rare a word is counts within an account, on the real engine: what others store weighs nothing."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from operator_memory.adapters.qdrant.collection import QdrantCollection
from operator_memory.adapters.qdrant.memories import QdrantMemories
from operator_memory.adapters.qdrant.requests import tenant_filter
from operator_memory.adapters.qdrant.searches import by_account_words
from operator_memory.domain.memory.memory import Memory, memory_id
from operator_memory.domain.memory.scopes import AccountId, Kind
from operator_memory.domain.shared.search_plan import AnyScope, Search, SearchMode, SearchPlan

from tests.support.builders import ACCOUNT, AGENT_KEY, NOW, SESSION_KEY, USER_KEY, a_memory
from tests.support.qdrant.shelves import ObservedClient
from tests.support.qdrant.stores import COLLECTION, EMBEDDER, put
from tests.support.time_outs import AMPLE

pytest_plugins = ["tests.support.qdrant.store_fixtures"]

OTHER = AccountId("acct-other")
REACH = AnyScope((USER_KEY, AGENT_KEY, SESSION_KEY), past_sessions=True)


def scores(store: QdrantMemories, words: str, account: AccountId = ACCOUNT) -> dict[str, float]:
    """The keyword score of each memory that ``words`` find."""
    plan = SearchPlan((Search(REACH, SearchMode.KEYWORD, 500),), text=words)
    [hits] = store.search(account, plan, now=NOW, timeout=AMPLE)
    return {hit.memory.text: hit.score for hit in hits}


def of(account: AccountId, *texts: str) -> list[Memory]:
    return [replace(a_memory(text), account_id=account, id=memory_id(account, USER_KEY, text)) for text in texts]


@pytest.fixture
def kitchen(real_store: QdrantMemories) -> QdrantMemories:
    """An account whose every memory is about a recipe, one of them about saffron, in a store that has none of either.

    All texts are of the same length, so only how rare a word is makes a difference.
    """
    put(real_store, *of(ACCOUNT, *(f"recipe number{n} kitchen" for n in range(29)), "recipe saffron kitchen"))
    put(real_store, *of(OTHER, *(f"garden flower{n} spade" for n in range(200))))
    return real_store


def test_a_word_that_every_memory_of_the_account_has_weighs_little_though_it_is_rare_in_the_store(
    kitchen: QdrantMemories,
) -> None:
    common, rare = scores(kitchen, "recipe"), scores(kitchen, "saffron")
    assert len(common) == 30
    assert list(rare) == ["recipe saffron kitchen"]
    assert max(common.values()) < rare["recipe saffron kitchen"] / 10


def test_a_word_weighs_the_more_the_fewer_memories_of_the_account_have_it(real_store: QdrantMemories) -> None:
    numbers = ("one", "three", "nine", "twentyseven")
    having = dict(zip(numbers, (1, 3, 9, 27), strict=True))
    texts = [" ".join(w for w in numbers if n < having[w]) + f" filler{n}" for n in range(27)]
    put(real_store, *of(ACCOUNT, *texts))
    of_first = [scores(real_store, word)[texts[0]] for word in numbers]
    assert all(rarer > commoner for rarer, commoner in pairwise(of_first))


def test_what_another_account_stores_changes_no_score_of_this_one(kitchen: QdrantMemories) -> None:
    queries = ("recipe", "saffron", "saffron recipe kitchen", "number7 kitchen")
    before = [scores(kitchen, query) for query in queries]
    assert all(before)
    put(kitchen, *of(OTHER, *(f"saffron number{n}" for n in range(500)), *(f"recipe filler{n}" for n in range(300))))
    assert [scores(kitchen, query) for query in queries] == before


def test_the_guard_itself_with_the_stores_statistics_they_would_change(
    kitchen: QdrantMemories, engine: ObservedClient
) -> None:
    collection = QdrantCollection(engine, COLLECTION, timeout=AMPLE)

    def best(search: dict[str, Any]) -> float:
        body = {"searches": [{"filter": tenant_filter(ACCOUNT), "limit": 1, **search}]}
        [answer] = collection.call("POST", "/points/query/batch", body)
        return float(answer["points"][0]["score"])

    ours = by_account_words(ACCOUNT, "saffron")
    of_the_store = {**ours, "params": {"idf": "global"}}
    before = best(ours), best(of_the_store)
    put(kitchen, *of(OTHER, *(f"saffron number{n}" for n in range(500))))
    after = best(ours), best(of_the_store)
    assert after[0] == before[0]
    assert after[1] < 0.7 * before[1]


def test_the_same_memories_score_the_same_in_every_account(kitchen: QdrantMemories) -> None:
    twin = AccountId("acct-twin")
    put(kitchen, *of(twin, *(f"recipe number{n} kitchen" for n in range(29)), "recipe saffron kitchen"))
    assert scores(kitchen, "saffron recipe", twin) == pytest.approx(scores(kitchen, "saffron recipe"))


def test_the_accounts_whole_memory_is_what_a_word_is_rare_in_not_the_part_that_is_searched(
    kitchen: QdrantMemories,
) -> None:
    """Scores of the user's, an agent's and a session's memories are of one scale: they compete in one list."""
    text = "recipe saffron kitchen"
    for key in (AGENT_KEY, SESSION_KEY):
        put(kitchen, a_memory(text, key=key))
    plan = SearchPlan(
        tuple(Search(key, SearchMode.KEYWORD, 1) for key in (USER_KEY, AGENT_KEY, SESSION_KEY)), text="saffron"
    )
    found = kitchen.search(ACCOUNT, plan, now=NOW, timeout=AMPLE)
    assert len({hits[0].score for hits in found}) == 1


@pytest.mark.parametrize("query", ["adopting dogs", "which dog did you adopt?"])
def test_words_are_stemmed_and_a_turn_is_found_by_the_question_before_it(
    query: str, real_store: QdrantMemories
) -> None:
    answer = a_memory("The brown one.", key=SESSION_KEY, kind=Kind.TURN)
    put(real_store, answer, before="Which dog did you adopt?")
    put(real_store, a_memory("The green one.", key=SESSION_KEY, kind=Kind.TURN), before="Which bus did you take?")
    assert list(scores(real_store, query)) == ["The brown one."]


def test_a_question_about_a_day_finds_what_was_said_on_it_first(real_store: QdrantMemories) -> None:
    days = [
        datetime(2023, 5, 7, 9, tzinfo=UTC),
        datetime(2023, 5, 8, 9, tzinfo=UTC),
        datetime(2023, 6, 8, 9, tzinfo=UTC),
    ]
    said = [
        replace(a_memory(f"We met {day:%j}.", key=SESSION_KEY, kind=Kind.TURN), created_at=day, updated_at=day)
        for day in days
    ]
    put(real_store, *said)
    found = scores(real_store, "What did we do on 8 May 2023?")
    assert max(found, key=found.__getitem__) == said[1].text


def test_one_request_serves_a_plan_of_many_searches(kitchen: QdrantMemories, engine: ObservedClient) -> None:
    [vector] = EMBEDDER.embed(["saffron"], timeout=1)
    modes = (SearchMode.DENSE, SearchMode.KEYWORD, SearchMode.PINNED, SearchMode.RECENT)
    plan = SearchPlan(tuple(Search(REACH, mode, 60) for mode in modes), vector=vector, text="saffron")
    engine.reset()
    assert len(kitchen.search(ACCOUNT, plan, now=NOW, timeout=AMPLE)) == len(modes)
    assert engine.sent == 1
