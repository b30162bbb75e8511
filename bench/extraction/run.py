"""How well does extraction learn, beside the plan's way with the same model, on a labelled set of conversations?

Ours: the extraction use case with its production parts. The plan's: plain ``Memory.add`` of Mem0 three times a run.
Both use the same Qdrant front, each a collection of its own, and the same model: that of OPENAI_API_KEY or
OPENAI_BASE_URL (with EXTRACTION_MODEL, EMBEDDING_MODEL, EMBEDDING_DIMENSIONS), or without these the bundled rules
and embedder. Run: ``python -m bench.extraction.run [--only GROUP] [--json FILE]``.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from operator_memory.adapters.net.http import HttpClient
from operator_memory.entrypoints.load_settings import load_settings

from bench.extraction.labelled import Case, Run, load_cases
from bench.extraction.meter import Meter
from bench.extraction.ours import OurWay
from bench.extraction.plan_way import PlanExtraction
from bench.extraction.score import Stored, judge
from bench.extraction.tables import Result, as_json, report
from bench.report import machine_state, versions
from devstack.models.server import CHAT_MODEL, EMBEDDING_MODEL, ModelServer
from devstack.qdrant import QdrantFront
from devstack.stack import LOCAL_DIMENSIONS

OURS, PLANS = "bench_ours", "bench_plan"


class Way(Protocol):
    """A way to remember."""

    name: str

    def run(self, case: Case, number: int, run: Run) -> dict[str, object]:
        """Work off one run; returns remarks for the JSON file."""
        ...

    def stored(self, case: Case) -> list[Stored]:
        """Everything that it holds for the case's account."""
        ...


def main() -> None:
    """Start the parts, work off the set both ways, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="GROUP", help="the cases of one group")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every stored text with its verdict")
    args = parser.parse_args()
    cases = load_cases(only=args.only and args.only.replace("-", "_"))
    if not cases:
        parser.error(f"no such group; there are {', '.join(sorted({case.group for case in load_cases()}))}")
    with ExitStack() as cleanup:
        environment, model = _environment(os.environ, cleanup)
        state = f"{machine_state()}\n{versions('mem0ai', 'qdrant-edge-py')}\nModel: {model}"
        print(f"{state}\n{len(cases)} cases, {sum(len(case.runs) for case in cases)} runs\n", flush=True)
        results = _measure(cases, environment, cleanup)
    print(report(cases, results))
    if args.json:
        content = {"model": model, "ways": as_json(cases, results)}
        args.json.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _environment(given: Mapping[str, str], cleanup: ExitStack) -> tuple[dict[str, str], str]:
    """The settings of both ways, and which models they name."""
    chosen = {name: value for name, value in given.items() if name.startswith(("OPENAI_", "EXTRACTION_", "EMBEDDING_"))}
    own = bool(chosen.get("OPENAI_API_KEY") or chosen.get("OPENAI_BASE_URL"))
    if not own:
        server = cleanup.enter_context(ModelServer())
        chosen |= {
            "OPENAI_BASE_URL": server.url,
            "EXTRACTION_MODEL": CHAT_MODEL,
            "EMBEDDING_MODEL": EMBEDDING_MODEL,
            "EMBEDDING_DIMENSIONS": str(LOCAL_DIMENSIONS),
        }
    chosen.setdefault("OPENAI_API_KEY", "local")
    front = cleanup.enter_context(QdrantFront())
    # ``llm``: the bundled rules, too, are asked over the wire, so that both ways pay the same for a call.
    environment = {**chosen, "EXTRACTION": "llm", "QDRANT_URL": front.url, "QDRANT_COLLECTION": OURS}
    environment |= {"MEMORY_TABLE": "in-memory", "AWS_REGION": "us-east-1", "LOG_LEVEL": "ERROR"}
    settings = load_settings(environment)
    environment["OPENAI_BASE_URL"] = settings.openai_base_url
    environment["EXTRACTION_MODEL"], environment["EMBEDDING_MODEL"] = (
        settings.extraction_model,
        settings.embedding_model,
    )
    environment["EMBEDDING_DIMENSIONS"] = str(settings.embedding_dimensions)
    where = f"at {settings.openai_base_url}" if own else "bundled, no key: rules in a language model's place"
    return environment, f"{settings.extraction_model} and {settings.embedding_model} ({where})"


def _measure(cases: Sequence[Case], environment: Mapping[str, str], cleanup: ExitStack) -> list[Result]:
    for name in ("OPENROUTER_API_KEY", "OPENAI_API_BASE"):  # plain Mem0 would go where they point
        os.environ.pop(name, None)
    meters = [cleanup.enter_context(Meter(environment["OPENAI_BASE_URL"])) for _ in range(2)]
    ours, plans = ({**environment, "OPENAI_BASE_URL": meter.url} for meter in meters)
    qdrant = HttpClient(environment["QDRANT_URL"], system="qdrant")
    ways: list[Way] = [OurWay(ours), PlanExtraction(plans, qdrant, PLANS)]
    results = [Result(way.name, meter.usage) for way, meter in zip(ways, meters, strict=True)]
    for number, case in enumerate(cases, start=1):
        print(f"\r{number} of {len(cases)}: {case.id:<24}", end="", file=sys.stderr, flush=True)
        for way, result in zip(ways, results, strict=True):  # in turn, so that both meet the same machine
            _work_off(way, case, result)
    print(f"\r{'':<50}\r", end="", file=sys.stderr, flush=True)
    return results


def _work_off(way: Way, case: Case, result: Result) -> None:
    remarks = []
    for number, run in enumerate(case.runs):
        started = time.perf_counter()
        remarks.append(way.run(case, number, run))
        result.seconds += time.perf_counter() - started
        result.runs += 1
    result.remarks[case.id] = remarks
    result.judgements[case.id] = judge(case, way.stored(case), result.usage.take_prompts())


if __name__ == "__main__":
    main()
