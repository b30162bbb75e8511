"""What the ways to make a vector cost: time, calls, size, money, and what is found with them.

Every question is embedded by each way in turn, alone, as the context function does it. One thread for what computes in
this process; the model server and Qdrant are processes of their own. Quality is recall@10 by vectors alone over the
memories of ``bench/retrieval/set``. The API is measured with OPENAI_API_KEY (and OPENAI_BASE_URL, EMBEDDING_MODEL,
EMBEDDING_DIMENSIONS) set, and costs money then. Run: ``python -m bench.embedders.run [--questions 200]``.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is imported

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
from operator_memory.adapters.models.local_embeddings import TOKENIZER
from operator_memory.adapters.models.minilm.wordpiece import WordPiece

from bench.embedders.ways import Way, ways
from bench.report import machine_state, milliseconds, percentile, table, versions

BASELINE = "compatible API (model server, loopback)"
NOT_MEASURED = "not measured here"
SET = Path(__file__).parents[1] / "retrieval" / "set"
PRICE, PRICE_OF, PRICE_DATE = 0.02, "text-embedding-3-small", "2024-01-25"
"""US dollars a million tokens: the API's list price when the model came out. Look it up before you count on it."""
_BATCH = 100
_START = """
import resource, sys, time
started = time.perf_counter()
{imports}
embedder = {made}
embedder.embed(["warm"]{options})
took = time.perf_counter() - started
pages = int(open("/proc/self/statm").read().split()[1])
print(took, pages * resource.getpagesize() / 1024 / 1024)
"""
_STARTS = {
    "local": (
        "from operator_memory.adapters.models.local_embeddings import LocalEmbeddings",
        "LocalEmbeddings()",
        ", timeout=60",
    ),
    "onnxruntime": ("from devstack.models.minilm import MiniLM", "MiniLM(threads=1)", ""),
    "a bare interpreter": ("", "type('Nothing', (), {'embed': print})", ", file=sys.stderr"),
}


@dataclass(frozen=True, slots=True)
class Quality:
    """``questions`` that have an answer, and the mean share of their answers among the first ten."""

    questions: int
    recall: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=200, help="questions that the latency is measured with")
    count: int = parser.parse_args().questions
    memories, questions = load_set()
    print(f"{machine_state()}\n{versions('numpy', 'onnxruntime', 'tokenizers', 'qdrant-edge-py')}\n")
    with ExitStack() as cleanup:
        logs = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="bench-embedders-")))
        compared = ways(logs, cleanup)
        asked = [question for _, question, _ in questions][:count]
        seconds = measure(compared, asked)
        found = {way.name: quality(way, memories, questions) for way in compared if way.measured}
    print(report(compared, seconds, found, mean_tokens(asked)))
    print(f"\nStart in a fresh process, to the first vector\n\n{starts()}")


def load_set() -> tuple[dict[str, str], list[tuple[str, str, frozenset[str]]]]:
    """Texts of all memories by id, and the questions: name of their set, text, ids of what answers them."""
    memories: dict[str, str] = {}
    questions: list[tuple[str, str, frozenset[str]]] = []
    for file in sorted(SET.glob("*.json")):
        part = json.loads(file.read_text(encoding="utf-8"))
        memories |= {memory["id"]: memory["text"] for memory in part["memories"]}
        questions += [(file.stem, asked["query"], frozenset(asked["relevant"])) for asked in part["questions"]]
    questions.sort(key=lambda question: hash_order(question[1]))
    return memories, questions


def hash_order(text: str) -> int:
    """An order that mixes the sets and is the same in every run."""
    return sum(map(ord, text)) * 2_654_435_761 % 2**32


def measure(compared: Sequence[Way], asked: Sequence[str]) -> dict[str, list[float]]:
    """Seconds of each question by each way, all ways in turn, so that they meet the same state of the machine."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for number, question in enumerate([*asked[-5:], *asked]):  # the first five are not counted
        for way in compared:
            if way.measured:
                taken = way.seconds(question)
                if number >= 5:
                    seconds[way.name].append(taken)
    return seconds


def quality(
    way: Way, memories: dict[str, str], questions: Sequence[tuple[str, str, frozenset[str]]]
) -> dict[str, Quality]:
    """Of each set, and of all of them (``all``): by the cosine of this way's vectors."""
    ids = list(memories)
    answerable = [question for question in questions if question[2]]
    stored = np.array(_in_batches(way, list(memories.values())), dtype=np.float32)
    asked = np.array(_in_batches(way, [question for _, question, _ in answerable]), dtype=np.float32)
    stored /= np.linalg.norm(stored, axis=1, keepdims=True)
    best = np.argsort(-(asked @ stored.T), axis=1)[:, :10]
    recalls: dict[str, list[float]] = defaultdict(list)
    for (name, _, relevant), row in zip(answerable, best, strict=True):
        recall = len(relevant & {ids[i] for i in row}) / len(relevant)
        recalls[name].append(recall)
        recalls["all"].append(recall)
    return {name: Quality(len(values), statistics.mean(values)) for name, values in recalls.items()}


def _in_batches(way: Way, texts: list[str]) -> list[Sequence[float]]:
    return [vector for start in range(0, len(texts), _BATCH) for vector in way.vectors(texts[start : start + _BATCH])]


def mean_tokens(texts: Sequence[str]) -> float:
    """Tokens of a question, as MiniLM counts them (the API's tokenizer makes about as many)."""
    tokenizer = WordPiece.from_json(Path(str(distribution(TOKENIZER.package).locate_file(TOKENIZER.path))).read_bytes())
    return statistics.mean(len(tokenizer.encode(text, limit=10_000)) for text in texts)


def report(
    compared: Sequence[Way], seconds: dict[str, list[float]], found: dict[str, dict[str, Quality]], tokens: float
) -> str:
    """The tables."""
    base = statistics.median(seconds[BASELINE])
    rows = [_row(way, seconds.get(way.name), base, found.get(way.name), tokens) for way in compared]
    header = ["way", "p50 ms", "p95 ms", "ratio", "calls", "dimensions", "added MB", "$ a million", "recall@10"]
    sets = sorted({name for one in found.values() for name in one} - {"all"})
    by_set = [[name, *(f"{100 * one[s].recall:.1f}" for s in sets)] for name, one in found.items()]
    counts = [str(next(iter(found.values()))[name].questions) for name in sets]
    explained = (
        f"One question of {tokens:.0f} tokens on average. Ratio: the median of the {BASELINE} over this one.\n"
        "Qdrant's time is what a search takes longer with the text than with its vector. Dollars of a million\n"
        f"questions: {PRICE_OF} at ${PRICE} a million tokens, the list price of {PRICE_DATE}."
    )
    quality_table = table(["way", *sets], [["(questions)", *counts], *by_set])
    return f"{explained}\n\n{table(header, rows)}\n\nrecall@10 by vectors alone, of each set\n\n{quality_table}"


def _row(
    way: Way, seconds: list[float] | None, base: float, found: dict[str, Quality] | None, tokens: float
) -> list[str]:
    timing = [NOT_MEASURED, "", ""]
    if seconds:
        median = statistics.median(seconds)
        timing = [milliseconds(median), milliseconds(percentile(seconds, 95)), f"{base / median:.1f}x"]
    cost = way.cost or f"{PRICE * tokens:.2f}"
    recall = f"{100 * found['all'].recall:.1f}" if found else NOT_MEASURED
    return [way.name, *timing, str(way.calls), str(way.dimensions), f"{way.added_megabytes:.1f}", cost, recall]


def starts() -> str:
    """How long a fresh process takes to its first vector, and how much memory it has then."""
    rows = []
    for name, (imports, made, options) in _STARTS.items():
        code = _START.format(imports=imports, made=made, options=options)
        runs = [_fresh(code) for _ in range(5)]
        seconds, megabytes = statistics.median(s for s, _ in runs), statistics.median(m for _, m in runs)
        rows.append([name, milliseconds(seconds), milliseconds(max(s for s, _ in runs)), f"{megabytes:.0f}"])
    return table(["way", "median ms", "slowest", "resident MB"], rows)


def _fresh(code: str) -> tuple[float, float]:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    seconds, megabytes = done.stdout.split()
    return float(seconds), float(megabytes)


if __name__ == "__main__":
    main()
