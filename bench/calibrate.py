"""Measures what the relevance gate needs to know about an embedder, and writes it with its evidence.

Our own question set is stored by our write path and asked with the gate open. The numbers are chosen on all questions;
what such numbers are worth is shown on questions that did not choose them: each half is judged by the other's.
Which embedder: OPENAI_BASE_URL or OPENAI_API_KEY with EMBEDDING_MODEL and EMBEDDING_DIMENSIONS, else the bundled one.
Run: ``python -m bench.calibrate [--check]``.
"""

import argparse
import json
import os
import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from operator_memory.application.retrieve_context import ContextRequest
from operator_memory.domain.ranking_parameters import RankingParameters
from operator_memory.domain.relevance import RelevanceGate, is_small_talk
from operator_memory.domain.scopes import AccountId
from operator_memory.entrypoints.relevance import FILE, weights_of

from bench.report import machine_state, versions
from bench.retrieval_questions import TOGETHER, Question, load_own
from bench.retrieval_score import EMPTY_GROUP, mean
from bench.retrieval_store import start, store_own
from bench.retrieval_ways import OurWay

HARDEST = ("no_shared_words", f"no_shared_words{TOGETHER}")
"""The groups that decide: their memories resemble their questions least of all."""
LOST_PERCENT = 1
MARGIN = 0.67
"""Where something relevant is there, others that resemble the question less may serve it: where one lives says which
airport is near. They take the places that better ones leave."""
_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Seen:
    """What one question found: the closest cosine, the largest words part, and the relevance of the right memory
    (0 where it was not found at all) and of all in the first ten."""

    question: Question
    cosine: float
    words: float
    right: float
    ten: tuple[float, ...]
    right_in_ten: bool


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
    print(f"{model}: similarity {gate.similarity}, words {gate.words}, each {gate.each}")
    print(json.dumps(evidence, indent=2))
    if not args.check:
        known = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
        known[model] = {**asdict(gate), "weights": weights_of(RankingParameters()), "evidence": evidence}
        FILE.write_text(json.dumps(dict(sorted(known.items())), indent=2) + "\n", "utf-8")
        print(f"written to {FILE.name}")


def _look(way: OurWay, question: Question) -> Seen:
    request = ContextRequest(AccountId(question.account), query=question.query, limit=_LIMIT, past_sessions=True)
    ranked = way.retrieve(request, actor="service:bench").memories
    dense_weight = RankingParameters().dense_weight
    right = [r.parts.relevance for r in ranked if r.memory.message_id in question.relevant]
    return Seen(
        question,
        max((r.parts.meaning for r in ranked), default=0.0) / dense_weight,
        max((r.parts.words for r in ranked), default=0.0),
        max(right, default=0.0),
        tuple(r.parts.relevance for r in ranked[:10]),
        any(r.memory.message_id in question.relevant for r in ranked[:10]),
    )


def choose(seen: Sequence[Seen]) -> RelevanceGate:
    """The gate that loses about `LOST_PERCENT` of the hardest questions' answers, at each of its two steps."""
    hardest = [s for s in seen if s.question.group in HARDEST and s.right_in_ten]
    nothing = [s.words for s in seen if s.question.group == EMPTY_GROUP]
    return RelevanceGate(
        similarity=round(_low(sorted(s.cosine for s in hardest)), 3),
        words=round(1.25 * max(nothing), 3),  # more than any word by chance
        each=round(MARGIN * _low(sorted(s.right for s in hardest)), 3),
    )


def _low(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100 // LOST_PERCENT, method="inclusive")[0]


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
    return seen.right_in_ten and _opens(gate, seen) and seen.right >= gate.each


def _opens(gate: RelevanceGate, seen: Seen) -> bool:
    return not is_small_talk(seen.question.query) and gate.opens([(seen.cosine, seen.words)])


def _passing(gate: RelevanceGate, seen: Seen) -> int:
    return sum(relevance >= gate.each for relevance in seen.ten) if _opens(gate, seen) else 0


if __name__ == "__main__":
    main()
