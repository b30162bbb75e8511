"""A search over several scopes, and what words find: one suite for the fake store and the real adapter."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from operator_memory.domain.memory.memory import Memory, memory_id
from operator_memory.domain.memory.provenance import BELOW_PERSON, MAY_INSTRUCT
from operator_memory.domain.memory.scopes import AccountId, Kind, ScopeKey
from operator_memory.domain.shared.search_plan import PROFILE_MODES, AnyScope, Hit, Search, SearchMode, SearchPlan, Span

from tests.support.builders import ACCOUNT, AGENT_KEY, NOW, SESSION_KEY, USER_KEY, a_memory
from tests.support.qdrant.stores import EMBEDDER, Store, put
from tests.support.time_outs import AMPLE

pytest_plugins = ["tests.support.qdrant.store_fixtures"]

DENSE, KEYWORD, PINNED, IMPORTANT, RECENT, WEAKEST = SearchMode
OTHER = AccountId("acct-other")
OTHER_AGENT = replace(AGENT_KEY, owner_id="agent-2")
OTHER_SESSION = replace(SESSION_KEY, owner_id="session-2")
KEYS = (USER_KEY, AGENT_KEY, SESSION_KEY)
RUN = AnyScope(KEYS)


def search(
    store: Store,
    *searches: Search,
    query: str = "tea",
    text: str | None = None,
    account: AccountId = ACCOUNT,
) -> list[list[Hit]]:
    """What ``searches`` find by the meaning of ``query`` and by its words, or those of ``text``."""
    [vector] = EMBEDDER.embed([query], timeout=1)
    plan = SearchPlan(searches, vector=vector, text=query if text is None else text)
    return store.search(account, plan, now=NOW, timeout=AMPLE)


def texts(hits: Sequence[Hit]) -> list[str]:
    return [hit.memory.text for hit in hits]


def of_every_scope() -> list[Memory]:
    """A memory in every scope there is, which says whose it is; each is found by every mode but WEAKEST."""
    whose: dict[str, ScopeKey] = {
        "user": USER_KEY,
        "agent": AGENT_KEY,
        "session": SESSION_KEY,
        "stranger agent": OTHER_AGENT,
        "past session": OTHER_SESSION,
    }
    return [a_memory(f"tea of {name}", key=key, pinned=True) for name, key in whose.items()]


EVERY_MODE = [DENSE, KEYWORD, PINNED, IMPORTANT, RECENT]
REACH = {
    "the run's": (RUN, {"user", "agent", "session"}),
    "and past sessions'": (AnyScope(KEYS, past_sessions=True), {"user", "agent", "session", "past session"}),
    "past sessions without one now": (AnyScope((USER_KEY,), past_sessions=True), {"user", "session", "past session"}),
    "the agent's only": (AnyScope((AGENT_KEY,)), {"agent"}),
    "a session of nothing": (AnyScope((replace(SESSION_KEY, owner_id="session-3"),)), set()),
}


@pytest.mark.parametrize("mode", EVERY_MODE)
@pytest.mark.parametrize(("reach", "whose"), REACH.values(), ids=REACH)
def test_a_search_reaches_the_scopes_it_names_and_past_sessions_only_where_it_says_so(
    reach: AnyScope, whose: set[str], mode: SearchMode, store: Store
) -> None:
    put(store, *of_every_scope())
    put(store, *(replace(m, account_id=OTHER, id=memory_id(OTHER, m.key, m.text)) for m in of_every_scope()))
    [hits] = search(store, Search(reach, mode, 60))
    assert {text.removeprefix("tea of ") for text in texts(hits)} == whose
    assert {hit.memory.account_id for hit in hits} <= {ACCOUNT}
    assert len(hits) == len(whose), "each once, by however many keys it is reached"


@pytest.mark.parametrize("mode", [*EVERY_MODE, WEAKEST])
def test_the_keys_of_one_account_open_nothing_of_another(mode: SearchMode, store: Store) -> None:
    put(store, *of_every_scope(), a_memory("tea of nobody"))
    assert search(store, Search(AnyScope(KEYS, past_sessions=True), mode, 60), account=OTHER) == [[]]


@pytest.mark.parametrize(("mode", "text"), [(DENSE, "green tea"), (KEYWORD, "bus")])
def test_what_lies_outside_or_is_gone_takes_no_place(mode: SearchMode, text: str, store: Store) -> None:
    put(store, a_memory("green tea with honey and lemon"), a_memory("bus to the lake, seldom and late"))
    outside = [a_memory(one, key=key) for one in ("green tea", "bus") for key in (OTHER_AGENT, OTHER_SESSION)]
    put(store, *outside, a_memory("green tea", expires_at=NOW), a_memory("bus", valid_until=NOW))
    [hits] = search(store, Search(RUN, mode, 1), query=text)
    assert texts(hits) == ["green tea with honey and lemon" if mode is DENSE else "bus to the lake, seldom and late"]


def turn(text: str, *, at: datetime = NOW, speaker: str | None = None) -> Memory:
    return replace(a_memory(text, key=SESSION_KEY, kind=Kind.TURN, speaker=speaker), created_at=at, updated_at=at)


def test_a_turn_is_found_by_the_words_said_before_it_which_are_not_shown(store: Store) -> None:
    put(store, turn("The brown one."), before="Which dog did you adopt?")
    put(store, turn("Nothing else."))
    [by_words] = search(store, Search(RUN, KEYWORD, 5), text="dog")
    assert texts(by_words) == ["The brown one."]


@pytest.mark.parametrize("words", ["8 May 2023", "may", "2023", "in May?"])
def test_a_memory_is_found_by_the_day_it_is_from(words: str, store: Store) -> None:
    put(store, turn("We went to the lake.", at=datetime(2023, 5, 8, 20, tzinfo=UTC)), turn("Tea, please."))
    [hits] = search(store, Search(RUN, KEYWORD, 5), text=words)
    assert texts(hits)[0] == "We went to the lake."


def test_a_turn_is_found_by_the_name_of_who_said_it(store: Store) -> None:
    put(store, turn("We went to the lake.", speaker="Ana Lima"), turn("Tea, please.", speaker="Ben"))
    [hits] = search(store, Search(RUN, KEYWORD, 5), text="Lima")
    assert texts(hits) == ["We went to the lake."]


def span(first: str, last: str) -> Span:
    """Whole days of UTC."""
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    midnight = datetime.min.time()
    return Span(
        datetime.combine(start, midnight, UTC), datetime.combine(end + timedelta(days=1), midnight, UTC), start, end
    )


@pytest.mark.parametrize("mode", [DENSE, RECENT])
@pytest.mark.parametrize(
    ("spans", "found"),
    [
        ([("2026-11-23", "2026-11-23")], {"said on the 23rd tea", "about the 23rd tea", "about that week tea"}),
        ([("2026-11-24", "2026-11-30")], set()),
        ([("2026-11-01", "2026-11-10")], {"said on the 10th tea"}),
        (
            [("2026-11-10", "2026-11-10"), ("2026-11-22", "2026-11-22")],
            {"said on the 10th tea", "about that week tea"},
        ),
        ([], {"said on the 23rd tea", "said on the 10th tea", "about the 23rd tea", "about that week tea"}),
    ],
)
def test_a_search_during_a_time_finds_what_was_said_then_or_speaks_of_it(
    store: Store, mode: SearchMode, spans: list[tuple[str, str]], found: set[str]
) -> None:
    put(
        store,
        said("said on the 23rd tea", "2026-11-23T00:00:00+00:00"),
        said("said on the 10th tea", "2026-11-10T23:59:59.999999+00:00"),
        said("about the 23rd tea", "2026-10-01T12:00:00+00:00", when="2026-11-23"),
        said("about that week tea", "2026-10-01T12:00:00+00:00", when="2026-11-17/2026-11-23"),
    )
    during = tuple(span(*days) for days in spans)
    [hits] = search(store, Search(USER_KEY, mode, 10, during=during))
    assert {hit.memory.text for hit in hits} == found
    assert {hit.memory.when for hit in hits if hit.memory.text.startswith("about the")} <= {"2026-11-23"}


def said(text: str, at: str, when: str | None = None) -> Memory:
    moment = datetime.fromisoformat(at)
    return replace(a_memory(text, when=when), created_at=moment, updated_at=moment)


@pytest.mark.parametrize("mode", EVERY_MODE)
def test_only_a_persons_own_word_tells_an_agent_how_to_work_unasked(store: Store, mode: SearchMode) -> None:
    """Others' words are found where a question asks for them; about the user they are facts like any other."""
    classes = (None, *MAY_INSTRUCT, *BELOW_PERSON)
    of_agent = [a_memory(f"tea by {one}", key=AGENT_KEY, pinned=True, source_class=one) for one in classes]
    of_user = [a_memory(f"tea for {one}", pinned=True, source_class=one) for one in classes]
    put(store, *of_agent, *of_user)
    unasked = mode in PROFILE_MODES
    wanted = {f"tea by {one}" for one in (classes if not unasked else (None, *MAY_INSTRUCT))}
    anywhere, agents = search(store, Search(RUN, mode, 50), Search(AGENT_KEY, mode, 50))
    assert set(texts(agents)) == wanted
    assert set(texts(anywhere)) == wanted | {memory.text for memory in of_user}
