"""Two sets that are asked apart: other scripts than Latin, and questions that name a time. Ours beside plain Mem0.

Run: ``python -m bench.retrieval.apart [--ours-only] [--json FILE]``. Same store, embedder and ways as
``bench.retrieval.run``.
"""

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from operator_memory.entrypoints.relevance import gate_for

from bench.report import machine_state, versions
from bench.retrieval.questions import DATES, SCRIPTS, TOGETHER, Question, load_own
from bench.retrieval.run import ask, others
from bench.retrieval.score import Answer, own_table
from bench.retrieval.store import start, store_own
from bench.retrieval.ways import OurWay, Way


def main() -> None:
    """Store, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours-only", action="store_true", help="leave the other ways out")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every answer's references")
    args = parser.parse_args()
    print(f"{machine_state()}\n{versions('mem0ai', 'qdrant-edge-py')}\n", flush=True)
    given = dict(os.environ)  # Mem0 writes into it
    answers: dict[str, list[Answer]] = {}
    for folder in (SCRIPTS, DATES):
        for way, found in measure(folder, given, ours_only=args.ours_only).items():
            answers.setdefault(way, []).extend(found)
    print(own_table(answers))
    if args.json:
        content = {
            way: [{"query": a.question.query, "refs": a.refs, "relevant": sorted(a.question.relevant)} for a in given]
            for way, given in answers.items()
        }
        args.json.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")


def measure(folder: Path, environ: Mapping[str, str], *, ours_only: bool) -> dict[str, list[Answer]]:
    """Every way's answers to the set in ``folder``, on a store that holds nothing else."""
    memories, questions = load_own(folder)
    with ExitStack() as cleanup:
        asked = start(cleanup, environ)
        store_own(asked, memories)
        ways: list[Way] = [OurWay(asked, gate_for(asked.parts.settings.embedding_model))]
        if not ours_only:
            ways += others(asked, [], memories)
        return {way.name: ask(way, together(questions)) for way in ways}


def together(questions: Sequence[Question]) -> list[Question]:
    """Those that are asked of the account that holds the whole set: there is most to be taken for an answer."""
    return [question for question in questions if question.group.endswith(TOGETHER)]


if __name__ == "__main__":
    main()
