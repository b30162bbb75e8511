"""What each part of the ranking is worth, and what it costs: quality beside latency, as a table and as a plot.

Run: ``python -m bench.retrieval.variants [--locomo FILE] [--plot FILE.svg]``. Everything runs on the same store in the
same run; milliseconds are the median of a whole question, embedding included.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from operator_memory.domain.recall.parameters import RankingParameters
from operator_memory.entrypoints.relevance import gate_for

from bench.report import machine_state, table, versions
from bench.retrieval.plot import Point, scatter
from bench.retrieval.questions import Question, load_own
from bench.retrieval.run import LOCOMO_FILE, ask, locomo_or_nothing, others
from bench.retrieval.score import LOCOMO, Answer, mean
from bench.retrieval.store import start, store_conversations, store_own
from bench.retrieval.ways import OurWay, Way

CHANGES: dict[str, dict[str, Any]] = {
    "ours": {},
    "20 candidates": {"candidates": 20},
    "60 candidates": {"candidates": 60},
    "100 candidates": {"candidates": 100},
    "no neighbours": {"previous_weight": 0.0, "next_weight": 0.0},
    "no speaker": {"speaker_bonus": 0.0, "names_speaker_bonus": 0.0},
    "facts get all of it": {"names_speaker_bonus": RankingParameters().speaker_bonus},
    "questions count as answers": {"asking_malus": 0.0},
    "no importance, recency, access": {
        "importance_weight": 0.0,
        "recency_weight": 0.0,
        "present_weight": 0.0,
        "access_weight": 0.0,
    },
    "no quotas": {"reserved_share": 0.0},
    "words count twice": {"keyword_weight": 2 * RankingParameters().keyword_weight},
    "words count half": {"keyword_weight": RankingParameters().keyword_weight / 2},
}
_HARD = "no_shared_words"


@dataclass(frozen=True, slots=True)
class Worth:
    """Percent of the evidence or of the questions, and milliseconds."""

    name: str
    locomo_5: float
    locomo_10: float
    hard_10: float
    others_10: float
    milliseconds: float


def main() -> None:
    """Store once, ask all variants, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--locomo", type=Path, default=LOCOMO_FILE, help="a file in LoCoMo's format")
    parser.add_argument("--plot", metavar="FILE", type=Path, help="draw quality against latency")
    args = parser.parse_args()
    print(f"{machine_state()}\n{versions('mem0ai', 'qdrant-edge-py')}\n", flush=True)
    conversations = locomo_or_nothing(args.locomo)
    with ExitStack() as cleanup:
        asked = start(cleanup, os.environ)
        memories, own = load_own()
        store_conversations(asked, conversations)
        store_own(asked, memories)
        gate = gate_for(asked.parts.settings.embedding_model)
        ways: list[Way] = [
            OurWay(asked, gate, name=name, ranking=replace(RankingParameters(), **change))
            for name, change in CHANGES.items()
        ]
        ways += others(asked, conversations, memories)
        questions = [*(question for c in conversations for question in c.questions), *own]
        found = [_worth(name, answers) for name, answers in _in_turn(ways, questions).items()]
    print(_table(found))
    if args.plot:
        label = "LoCoMo: % of the evidence in the first ten" if conversations else "own set: % of hits in the first ten"
        points = [Point(w.name, w.milliseconds, w.locomo_10 if conversations else w.others_10) for w in found]
        args.plot.write_text(scatter(points, across="milliseconds a question, median", up=label), "utf-8")


def _in_turn(ways: Sequence[Way], questions: Sequence[Question]) -> dict[str, list[Answer]]:
    """Each question is put to all ways, one after another, so that all meet the same state of the machine."""
    answers: dict[str, list[Answer]] = {way.name: [] for way in ways}
    for number, question in enumerate(questions, start=1):
        for way in ways:
            answers[way.name] += ask(way, [question], silent=True)
        if number % 25 == 0:
            print(f"\rquestion {number} of {len(questions)}", end="", file=sys.stderr, flush=True)
    print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
    return answers


def _worth(name: str, answers: Sequence[Answer]) -> Worth:
    locomo = [a for a in answers if a.question.group == LOCOMO]
    hard = [a for a in answers if a.question.group == _HARD]
    rest = [a for a in answers if a.question.group not in (LOCOMO, _HARD) and a.question.relevant]
    return Worth(
        name,
        mean([a.recall(5) for a in locomo]),
        mean([a.recall(10) for a in locomo]),
        mean([a.hit(10) for a in hard]),
        mean([a.hit(10) for a in rest]),
        median(a.seconds for a in answers) * 1000,
    )


def _table(found: Sequence[Worth]) -> str:
    header = ["variant", "LoCoMo at 5", "at 10", "no shared words at 10", "own set's others at 10", "ms"]
    rows = [
        [w.name, *(f"{value:.1f}" for value in (w.locomo_5, w.locomo_10, w.hard_10, w.others_10, w.milliseconds))]
        for w in found
    ]
    return table(header, rows)


if __name__ == "__main__":
    main()
