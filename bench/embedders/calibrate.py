"""Measures what the relevance gate needs to know about an embedder, and writes it with its evidence.

Our own question set is stored by our write path and asked with the gate open. The numbers are chosen on all questions;
what such numbers are worth is shown on questions that did not choose them: each half is judged by the other's.
Which embedder: OPENAI_BASE_URL or OPENAI_API_KEY with EMBEDDING_MODEL and EMBEDDING_DIMENSIONS, else the bundled one.
Run: ``python -m bench.embedders.calibrate [--check]``.
"""

import argparse
import json
import math
import os
import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from operator_memory.application.recall.retrieve_context import ContextRequest
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.recall.parameters import RankingParameters
from operator_memory.domain.recall.query_words import names_anyone, read_query
from operator_memory.domain.recall.relevance import RelevanceGate, is_small_talk
from operator_memory.entrypoints.relevance import FILE, weights_of

from bench.report import machine_state, versions
from bench.retrieval.questions import TOGETHER, Question, load_own
from bench.retrieval.score import EMPTY_GROUP, mean
from bench.retrieval.store import start, store_own
from bench.retrieval.ways import OurWay

HARDEST = ("no_shared_words", f"no_shared_words{TOGETHER}")
"""The groups that decide: their memories resemble their questions least of all."""
LOST_PERCENT = 0.5
IMPERSONAL_LOST_PERCENT = 3
"""Of the hardest questions' answers: what those about nobody may lose, since they share this form with all questions
about the world."""
MARGIN = 0.67
"""Where something relevant is there, others that resemble the question less may serve it: where one lives says which
airport is near. They take the places that better ones leave."""
_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Seen:
    """What one question found: the closest cosine, the largest words part, the relevance of the right memory (0
    where it was not found at all) and of all in the first ten. ``impersonal``: about nobody, and no
    name in it is known to what was found."""

    question: Question
    cosine: float
    words: float
    right: float
    ten: tuple[float, ...]
    right_in_ten: bool
    impersonal: bool


def main() -> None:
    """Ask, choose, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="print only, write nothing")
    args = parser.parse_args()
    print(f"{machine_state()}\n{versions('qdrant-edge-py')}\n", flush=True)
    with ExitStack() as cleanup:
        asked = start(cleanup, os.environ)
        memories, questions = load_own()
        store_own(asked, memories)
        way = OurWay(asked)
        seen = [_look(way, question) for question in questions]
    model = asked.parts.settings.embedding_model
    even, odd = seen[::2], seen[1::2]
    gate = choose(seen)
    evidence = {
        "measured_on": datetime.now(UTC).date().isoformat(),
        "memories": len(memories),
        "questions": len(seen),
        "with_this_gate": _worth([(gate, seen)]),
        "judged_by_the_other_half": _worth([(choose(even), odd), (choose(odd), even)]),
        "without_a_gate": _worth([(RelevanceGate(0, 0, 0), seen)]),
    }
    print(f"{model}: {', '.join(f'{name} {number}' for name, number in asdict(gate).items())}")
    print(json.dumps(evidence, indent=2))
    if not args.check:
        known = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
        known[model] = {**asdict(gate), "weights": weights_of(RankingParameters()), "evidence": evidence}
        FILE.write_text(json.dumps(dict(sorted(known.items())), indent=2) + "\n", "utf-8")
        print(f"written to {FILE.name}")


def _look(way: OurWay, question: Question) -> Seen:
    request = ContextRequest(AccountId(question.account), query=question.query, limit=_LIMIT, past_sessions=True)
    ranked = way.retrieve.retrieve(request, actor="service:bench").memories
    dense_weight = RankingParameters().dense_weight
    words = read_query(question.query)
    speakers = (r.memory.speaker.casefold() for r in ranked if r.memory.speaker)
    right = [r.parts.relevance for r in ranked if r.memory.message_id in question.relevant]
    return Seen(
        question,
        max((r.parts.meaning for r in ranked), default=0.0) / dense_weight,
        max((r.parts.words for r in ranked), default=0.0),
        max(right, default=0.0),
        tuple(r.parts.relevance for r in ranked[:10]),
        any(r.memory.message_id in question.relevant for r in ranked[:10]),
        words.impersonal and not names_anyone(words, speakers, (r.memory.text for r in ranked)),
    )


def choose(seen: Sequence[Seen]) -> RelevanceGate:
    """The gate that loses about `LOST_PERCENT` of the hardest questions' answers, at each of its two steps, and by what
    it asks of questions about nobody `IMPERSONAL_LOST_PERCENT` of them and `LOST_PERCENT` of the easier ones'."""
    answered = [s for s in seen if s.right_in_ten]
    hardest = [s for s in answered if s.question.group in HARDEST]
    nothing = [s.words for s in seen if s.question.group == EMPTY_GROUP and not s.impersonal]
    easier = [s for s in answered if s.question.group not in HARDEST]
    nobodys = _losing(IMPERSONAL_LOST_PERCENT, hardest), _losing(LOST_PERCENT, easier)
    return RelevanceGate(
        similarity=round(_low(sorted(s.cosine for s in hardest if not s.impersonal)), 3),
        words=round(1.25 * max(nothing), 3),  # more than any word by chance
        each=round(MARGIN * _low(sorted(s.right for s in hardest)), 3),
        impersonal=_down(min(filter(None, nobodys), default=0.0)),
    )


def _low(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=round(100 / LOST_PERCENT), method="inclusive")[0]


def _losing(percent: float, answered: Sequence[Seen]) -> float:
    """The largest relevance below which at most ``percent`` of the answers lie, all of them of questions about nobody;
    where all of these may be lost it is the greatest of them, where there are none it is 0."""
    values = sorted(s.right for s in answered if s.impersonal)
    lost = int(len(answered) * percent / 100)
    return values[min(lost, len(values) - 1)] if values else 0.0


def _down(value: float) -> float:
    """To a thousandth that is no more than ``value``."""
    return math.floor(value * 1000) / 1000


def _worth(judged: Sequence[tuple[RelevanceGate, Sequence[Seen]]]) -> dict[str, float]:
    """Percent of questions whose answer is in the first ten and passes, and what nothing-questions get."""
    pairs = [(gate, s) for gate, seen in judged for s in seen]
    nothing = [_passing(gate, s) for gate, s in pairs if s.question.group == EMPTY_GROUP]
    hits = {
        f"{group}: hit at 10": round(mean([_kept(gate, s) for gate, s in pairs if s.question.group == group]), 1)
        for group in HARDEST
    }
    return {
        **hits,
        "nothing_answered_percent": round(mean([count > 0 for count in nothing]), 1),
        "nothing_memories_each": round(statistics.mean(nothing), 1),
    }


def _kept(gate: RelevanceGate, seen: Seen) -> bool:
    return seen.right_in_ten and seen.right >= _enough(gate, seen)


def _passing(gate: RelevanceGate, seen: Seen) -> int:
    return sum(relevance >= _enough(gate, seen) for relevance in seen.ten)


def _enough(gate: RelevanceGate, seen: Seen) -> float:
    """The relevance from which a memory is injected; infinite where nothing is."""
    if is_small_talk(seen.question.query) or not gate.opens([(seen.cosine, seen.words)]):
        return math.inf
    return gate.passing(impersonal=seen.impersonal)


if __name__ == "__main__":
    main()
