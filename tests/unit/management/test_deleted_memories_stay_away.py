"""A memory that a person deleted does not come back from what was said before; said again later, it is learned.

Nor are its words seen in the evidence of others.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from operator_memory.application.management.explain_memories import ExplainMemories
from operator_memory.application.management.manage_memories import ManageMemories, WritingPorts
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.conversation import RawMessage
from operator_memory.domain.learning.jobs import JobRecord
from operator_memory.domain.learning.proposals import MemoryRequest, Quote, RequestKind
from operator_memory.domain.management.identity import Caller
from operator_memory.domain.memory.memory import CLEARED, UNWANTED, Memory
from operator_memory.domain.memory.scopes import Kind
from operator_memory.domain.shared.memory_filter import MemoryFilter
from operator_memory.domain.shared.tombstones import Target, TargetKind

from tests.support.fakes.core import FakeClock
from tests.support.learning.extraction import ACCOUNT, World, a_job

NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
PORTO, PARAPHRASE, TEA = "User lives in Porto", "The user's home is in Porto", "User likes tea"
SAID, SAID_TOO = "I live in Porto by the river", "I like tea"
PERSON = Caller("ada", user_id="ada")


class Platform(World):
    """A world in which the clock says ten, and people delete."""

    @property
    def manage(self) -> ManageMemories:
        return ManageMemories(
            library=self.library,
            writing=WritingPorts(self.screening, self.embedder, self.writer),
            visibility=self.visibility,
            remover=self.remover,
            trail=AuditTrail(self.events, self.clock),
            clock=self.clock,
        )

    def learn(
        self, job: str, *texts: str, facts: Sequence[str] = (PORTO,), at: datetime = NINE, ids: bool = True
    ) -> JobRecord:
        """A run in which a person said ``texts`` at that time, from which the model makes ``facts``."""
        self.extractor.facts = lambda _: [(fact, "user") for fact in facts]
        said = tuple(RawMessage("user", text, f"m-{text[:9]}" if ids else None, at) for text in texts)
        return self.run(a_job(messages=said, job_id=job, finished_at=at + timedelta(minutes=1)), job)

    def stored(self, kind: Kind) -> list[Memory]:
        return [memory for memory in self.memories.of(ACCOUNT) if memory.kind is kind]

    def fact(self, text: str = PORTO) -> Memory:
        [found] = [memory for memory in self.stored(Kind.FACT) if memory.text == text]
        return found

    def delete(self, *memories: Memory) -> None:
        for memory in memories:
            self.manage.delete(PERSON, ACCOUNT, memory.id)

    def shown(self, memory: Memory) -> tuple[list[str], int]:
        """The quotes that a person sees for it, and how many they do not."""
        why = ExplainMemories(self.writer).explain(ACCOUNT, [memory])[memory.id]
        return [said.quote for said in why.quotes], why.hidden_quotes


@pytest.fixture
def platform() -> Platform:
    return Platform(clock=FakeClock(NINE + timedelta(hours=1)))


@pytest.mark.parametrize("ids", [True, False], ids=["messages with ids", "messages without"])
def test_a_fact_and_a_turn_that_were_deleted_stay_away_until_they_are_said_again(platform: Platform, ids: bool) -> None:
    platform.learn("job-1", SAID, ids=ids)
    platform.delete(*platform.stored(Kind.FACT), *platform.stored(Kind.TURN))
    record = platform.learn("job-0", SAID, ids=ids)
    assert (platform.memories.of(ACCOUNT), record.skipped) == ([], {"deleted": 1})
    platform.clock.advance(days=1)
    platform.learn("job-2", SAID, at=NINE + timedelta(days=1), ids=ids)
    assert [memory.text for memory in platform.memories.of(ACCOUNT) if memory.kind is Kind.FACT] == [PORTO]
    assert len(platform.stored(Kind.TURN)) == 1


@pytest.mark.parametrize("fact", [PORTO, PARAPHRASE])
def test_only_the_fact_was_deleted(platform: Platform, fact: str) -> None:
    platform.learn("job-1", SAID)
    platform.delete(platform.fact())
    [outcome] = platform.learn("job-0", SAID, facts=[fact]).facts
    assert (outcome.reason, platform.stored(Kind.FACT)) == ("deleted", [])
    assert all(turn.withheld_by for turn in platform.stored(Kind.TURN)), "no other session recalls it either"


def test_no_model_sees_a_turn_that_was_deleted(platform: Platform) -> None:
    platform.learn("job-1", SAID, SAID_TOO, facts=())
    platform.delete(*(turn for turn in platform.stored(Kind.TURN) if turn.text == SAID))
    platform.learn("job-0", SAID, SAID_TOO, facts=())
    [_, (_, turns, _, _)] = platform.extractor.calls
    assert [turn.text for turn in turns] == [SAID_TOO]


def test_what_is_deleted_by_a_filter_stays_away_as_well(platform: Platform) -> None:
    platform.learn("job-1", SAID, SAID_TOO, facts=[PORTO, TEA])
    where = MemoryFilter(source_run_id="job-1")
    assert platform.manage.delete_matching(PERSON, ACCOUNT, where, expected=4) == 4
    platform.learn("job-0", SAID, SAID_TOO, facts=[PORTO, TEA])
    assert platform.memories.of(ACCOUNT) == []


def test_what_a_person_asked_to_forget_does_not_come_back_in_other_words(platform: Platform) -> None:
    platform.learn("job-1", SAID)
    asked = "Forget where I live, please"
    known = platform.fact()
    platform.extractor.requests = (MemoryRequest(RequestKind.FORGET, Quote(asked, 0), (known.id,)),)
    platform.learn("job-2", asked, facts=(), at=NINE + timedelta(minutes=20))
    platform.extractor.requests = ()
    [outcome] = platform.learn("job-0", SAID, facts=[PARAPHRASE]).facts
    assert outcome.reason == "deleted"
    assert [memory.text for memory in platform.stored(Kind.FACT) if memory.superseded_by is None] == []
    later = NINE + timedelta(minutes=40)
    [outcome] = platform.learn("job-3", SAID, facts=[PARAPHRASE], at=later).facts
    assert outcome.outcome == "added"


def test_what_is_known_all_the_same_is_a_duplicate(platform: Platform) -> None:
    platform.learn("job-1", SAID, facts=[PORTO, "User lives by the river"])
    platform.delete(platform.fact())
    one, other = platform.learn("job-0", SAID, facts=[PORTO, "User lives by the river"]).facts
    assert (one.reason, other.outcome) == ("deleted", "duplicate")


# ---- evidence --------------------------------------------------------------------------------------------------


def test_a_fact_says_which_words_it_was_learned_from(platform: Platform) -> None:
    platform.learn("job-1", SAID)
    why = ExplainMemories(platform.writer).explain(ACCOUNT, [platform.fact(), *platform.stored(Kind.TURN)])
    assert list(why) == [platform.fact().id], "a turn is what was said"
    shown = why[platform.fact().id]
    [quote] = shown.quotes
    assert (quote.quote, quote.role, quote.said_at, quote.run_id) == (SAID, "user", NINE, "job-1")
    assert (shown.run_id, shown.inferred, shown.hidden_quotes) == ("job-1", False, 0)


def test_what_a_search_has_found_is_read_whole(platform: Platform) -> None:
    platform.learn("job-1", SAID)
    assert platform.shown(replace(platform.fact(), evidence=(), said_in=())) == ([SAID], 0)


@pytest.mark.parametrize("reason", [UNWANTED, CLEARED, "a fact that is no more"])
def test_a_quote_of_a_turn_that_was_withdrawn_is_hidden(platform: Platform, reason: str) -> None:
    platform.learn("job-1", SAID)
    [turn] = platform.stored(Kind.TURN)
    platform.memories.withhold(ACCOUNT, {turn.id: [reason]})
    assert platform.shown(platform.fact()) == ([], 1)


def test_a_turn_that_is_withheld_for_a_memory_that_people_can_see_hides_nothing(platform: Platform) -> None:
    platform.learn("job-1", SAID, facts=[PORTO, "User lives by the river"])
    [turn] = platform.stored(Kind.TURN)
    platform.memories.withhold(ACCOUNT, {turn.id: [platform.fact().id, platform.fact("User lives by the river").id]})
    assert platform.shown(platform.fact()) == ([SAID], 0)


def test_a_memory_to_be_forgotten_hides_the_turn_that_says_it(platform: Platform) -> None:
    platform.learn("job-1", SAID, facts=[PORTO, "User lives by the river"])
    [turn] = platform.stored(Kind.TURN)
    forgotten = platform.fact("User lives by the river")
    platform.memories.withhold(ACCOUNT, {turn.id: [forgotten.id]})
    platform.memories.supersede(ACCOUNT, [forgotten.id], by=turn.id, at=NINE)
    assert platform.shown(platform.fact()) == ([], 1)


def test_evidence_outlives_a_turn_that_only_expired(platform: Platform) -> None:
    platform.learn("job-1", SAID)
    platform.library.delete(ACCOUNT, [turn.id for turn in platform.stored(Kind.TURN)])
    assert platform.shown(platform.fact()) == ([SAID], 0)


@pytest.mark.parametrize("by_filter", [False, True])
def test_a_turn_that_is_deleted_takes_its_quotes_along_for_good(platform: Platform, by_filter: bool) -> None:
    platform.learn("job-1", SAID, SAID_TOO, facts=[PORTO, TEA])
    if by_filter:
        platform.manage.delete_matching(PERSON, ACCOUNT, MemoryFilter(kind=Kind.TURN, text="Porto"), expected=1)
    else:
        platform.delete(*(turn for turn in platform.stored(Kind.TURN) if turn.text == SAID))
    assert platform.fact().evidence == ()
    assert platform.shown(platform.fact(TEA)) == ([SAID_TOO], 0)


def test_the_words_of_a_deleted_fact_go_from_the_evidence_of_others(platform: Platform) -> None:
    platform.learn("job-1", SAID, SAID_TOO, facts=[PORTO, "User lives by the river", TEA])
    platform.delete(platform.fact("User lives by the river"))
    assert platform.fact().evidence == (), "it quotes the same sentence"
    assert platform.shown(platform.fact(TEA)) == ([SAID_TOO], 0)


def test_what_an_agent_was_told_shows_no_words_from_before_the_users_memory_was_cleared(platform: Platform) -> None:
    platform.extractor.facts = lambda _: [("Answer in one sentence", "assistant")]
    said = (RawMessage("user", "Answer in one sentence, always", "m-1", NINE),)
    platform.run(a_job(messages=said, finished_at=NINE))
    fact = platform.fact("Answer in one sentence")
    assert platform.shown(fact)[1] == 0
    platform.erase.start(ACCOUNT, Target(TargetKind.USER), requested_by="user:ada")
    platform.library.delete(ACCOUNT, [turn.id for turn in platform.stored(Kind.TURN)])
    assert platform.shown(fact) == ([], 1)
