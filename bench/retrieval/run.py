"""Does the context hold what answers the question? Ours beside plain Mem0, meaning alone and words alone.

Everything is stored by our own write path (Mem0's by its own) in the embedded engine, with the bundled embedder;
ours answers through the use case of ``POST /v1/context``. LoCoMo's file is not part of the project: name it with
``--locomo``; without it only our own set is asked.

Run: ``python -m bench.retrieval.run [--locomo FILE] [--json FILE]``.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from operator_memory.domain.shared.search_plan import SearchMode
from operator_memory.entrypoints.relevance import gate_for

from bench.report import machine_state, versions
from bench.retrieval.questions import Conversation, OwnMemory, Question, load_locomo, load_own
from bench.retrieval.score import Answer, by_conversation, locomo_table, mean, own_table
from bench.retrieval.store import ASKED_AT, Asked, start, store_conversations, store_own
from bench.retrieval.tuning import Found, cross_validated
from bench.retrieval.ways import Mem0Way, OneSearch, OurWay, Way
from devstack.stack import ROOT

LOCOMO_FILE = ROOT.parent / "shared" / "data" / "locomo_dev.json"


def main() -> None:
    """Store, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--locomo", type=Path, default=LOCOMO_FILE, help="a file in LoCoMo's format")
    parser.add_argument("--ours-only", action="store_true", help="leave the other ways out")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every answer's references")
    args = parser.parse_args()
    print(f"{machine_state()}\n{versions('mem0ai', 'qdrant-edge-py')}\n", flush=True)
    conversations = locomo_or_nothing(args.locomo)
    with ExitStack() as cleanup:
        asked = start(cleanup, os.environ)
        answers, validated = _measure(asked, conversations, ours_only=args.ours_only)
    if conversations:
        print(locomo_table({**answers, "ours, cross-validated by conversation": validated}), end="\n\n")
        for account, about in by_conversation(answers["ours"]).items():
            print(f"  ours, {account}: {mean([a.recall(5) for a in about]):.1f} at 5,"
                  f" {mean([a.recall(10) for a in about]):.1f} at 10")  # fmt: skip
    print(f"\n{own_table(answers)}")
    if args.json:
        args.json.write_text(json.dumps(_as_json(answers), indent=1) + "\n", "utf-8")


def _measure(
    asked: Asked, conversations: Sequence[Conversation], *, ours_only: bool
) -> tuple[dict[str, list[Answer]], list[Answer]]:
    """Every way's answers, and ours by numbers that were chosen on other conversations."""
    memories, own = load_own()
    questions = [*(question for c in conversations for question in c.questions), *own]
    store_conversations(asked, conversations)
    store_own(asked, memories)
    ours = OurWay(asked, gate_for(asked.parts.settings.embedding_model))
    found: list[Found] = []
    answers = {ours.name: ask(ours, questions, lambda question: found.append(Found(question, *ours.found.last)))}
    ways: list[Way] = [] if ours_only else others(asked, conversations, memories)
    answers |= {way.name: ask(way, questions) for way in ways}
    return answers, cross_validated(found, now=ASKED_AT)


def others(asked: Asked, conversations: Sequence[Conversation], memories: Sequence[OwnMemory]) -> list[Way]:
    """The ways to compare with; Mem0 has stored everything when this returns."""
    plain = [Mem0Way(asked, keywords=keywords) for keywords in (False, True)]
    for way in plain:
        way.store(conversations, memories)
    alone = ((SearchMode.DENSE, "meaning alone"), (SearchMode.KEYWORD, "words alone"))
    return [*plain, *(OneSearch(asked, mode, name) for mode, name in alone)]


def locomo_or_nothing(path: Path) -> list[Conversation]:
    """The conversations of ``path``; where there is no such file, none, and a line that says so."""
    if not path.exists():
        print(f"LoCoMo is left out: there is no file {path}\n")
        return []
    return load_locomo(path)


def ask(
    way: Way,
    questions: Sequence[Question],
    after: Callable[[Question], None] = lambda _: None,
    *,
    silent: bool = False,
) -> list[Answer]:
    """The way's answers; ``after`` is called after each. ``silent``: without telling how far it is."""
    answers = []
    for number, question in enumerate(questions, start=1):
        started = time.perf_counter()
        refs = way.ask(question.account, question.query)
        answers.append(Answer(question, tuple(dict.fromkeys(refs)), time.perf_counter() - started))
        after(question)
        if number % 25 == 0 and not silent:
            print(f"\r{way.name}: {number} of {len(questions)}", end="", file=sys.stderr, flush=True)
    if silent:
        return answers
    each = median(answer.seconds for answer in answers) * 1000
    print(f"\r{way.name}: {len(questions)} questions, {each:.1f} ms each" + " " * 20, file=sys.stderr)
    return answers


def _as_json(answers: dict[str, list[Answer]]) -> dict[str, list[dict[str, object]]]:
    return {
        way: [
            {"group": a.question.group, "account": a.question.account, "query": a.question.query, "refs": a.refs,
             "relevant": sorted(a.question.relevant)}
            for a in given
        ]
        for way, given in answers.items()
    }  # fmt: skip


if __name__ == "__main__":
    main()
