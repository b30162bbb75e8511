"""The tables of the load benchmark."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.extraction_load.runs import FACTS, LONG_MESSAGES, MESSAGES, LoadRun
from bench.extraction_load.worker import Answer
from bench.report import milliseconds, percentile, table

SYSTEMS = {"llm": "LLM", "embeddings": "embedder", "qdrant": "Qdrant", "dynamodb": "DynamoDB", "sqs": "SQS"}
STAND_INS = ("dynamodb", "sqs")
"""Of AWS: moto is slower than what it stands for, and the plan's way does not use it."""


@dataclass(slots=True)
class Load:
    """What one way's process has told: ``ready`` after its import, then one answer for each batch."""

    batch_size: int
    warm_up: int
    """Batches at the beginning that do not count."""
    ready: Answer
    answers: list[Answer] = field(default_factory=list)

    @property
    def counted(self) -> Sequence[Answer]:
        """The answers that count."""
        return self.answers[self.warm_up :]

    def seconds(self, *, without: Sequence[str] = ()) -> list[float]:
        """Seconds of a run, for each batch; ``without`` what these systems took."""
        return [
            (answer.seconds - sum(answer.outside.get(system, (0, 0.0))[1] for system in without)) / self.batch_size
            for answer in self.counted
        ]

    def processor(self) -> float:
        """Median seconds of the processor for a run."""
        return statistics.median(answer.processor for answer in self.counted) / self.batch_size

    def of(self, system: str) -> tuple[float, float]:
        """Mean requests of a run to ``system``, and mean seconds until their answers."""
        spent = [answer.outside.get(system, (0, 0.0)) for answer in self.counted]
        runs = len(spent) * self.batch_size
        return sum(requests for requests, _ in spent) / runs, sum(seconds for _, seconds in spent) / runs


@dataclass(frozen=True, slots=True)
class Peaks:
    """The memory of one way, and what single large runs took in fresh processes."""

    name: str
    load: Load
    long: tuple[LoadRun, Answer]
    largest: tuple[LoadRun, Answer]


def report(
    loads: Mapping[str, Load], peaks: Sequence[Peaks], *, batch_size: int, dimensions: int, example: LoadRun
) -> str:
    """Everything that was measured, as text."""
    counted = len(next(iter(loads.values())).counted) * batch_size
    sizes = (
        f"{counted} runs each way, {MESSAGES} messages and {FACTS} facts a run ({len(example.body):,} bytes),"
        f" batches of {batch_size}; vectors of {dimensions:,} numbers"
    )
    asked = (
        "Requests of a run to each system, and milliseconds until their answers, in the client; processor:"
        " milliseconds of the way's own process\n\n"
    )
    return "\n\n".join(
        [
            sizes,
            "Milliseconds a run; ratio = the plan's median over ours\n\n" + _speed(loads),
            asked + _outside(loads),
            "Peak memory, MB; each large run is the second run of a fresh process; of it the plan's way reads the last"
            " ten messages, ours all\n\n" + _memory(peaks),
            *(_large(peak) for peak in peaks),
        ]
    )


def _speed(loads: Mapping[str, Load]) -> str:
    rows = []
    base = next(iter(loads.values()))
    for label, without in (
        ("", ()),
        (", without AWS's stand-in", STAND_INS),
        (", without any other system", tuple(SYSTEMS)),
    ):
        for name, load in loads.items():
            values, median_of_base = load.seconds(without=without), statistics.median(base.seconds(without=without))
            median = statistics.median(values)
            speed = len(values) / sum(values)
            rows.append(
                [
                    name + label,
                    milliseconds(median),
                    milliseconds(percentile(values, 95)),
                    f"{speed:.1f}",
                    f"{median_of_base / median:.1f}x",
                ]
            )
    return table(["way", "median", "p95", "runs/s", "ratio"], rows)


def _outside(loads: Mapping[str, Load]) -> str:
    rows = []
    for name, load in loads.items():
        cells = [f"{requests:.1f}: {milliseconds(seconds)}" for requests, seconds in map(load.of, SYSTEMS)]
        rows.append([name, *cells, milliseconds(load.processor())])
    return table(["way", *SYSTEMS.values(), "processor"], rows)


def _memory(peaks: Sequence[Peaks]) -> str:
    rows = [
        [
            peak.name,
            *(
                f"{megabytes:.0f}"
                for megabytes in (
                    peak.load.ready.peak,
                    peak.load.answers[0].peak,
                    peak.load.answers[-1].peak,
                    peak.long[1].peak,
                    peak.largest[1].peak,
                )
            ),
        ]
        for peak in peaks
    ]
    return table(["way", "import", "first run", "last run", f"{LONG_MESSAGES:,} messages", "1 MiB"], rows)


def _large(peak: Peaks) -> str:
    lines = [f"{peak.name}, first run of a process: {peak.load.answers[0].seconds:.1f} s"]
    for label, (run, answer) in ((f"{LONG_MESSAGES:,} messages", peak.long), ("the largest message", peak.largest)):
        asked = ", ".join(
            f"{requests} {SYSTEMS[system]} ({seconds:.1f} s)" for system, (requests, seconds) in answer.outside.items()
        )
        lines.append(
            f"{peak.name}, {label} ({len(run.body):,} bytes, {run.facts} facts): {answer.seconds:.1f} s,"
            f" processor {answer.processor:.1f} s; {asked}"
        )
    return "\n".join(lines)
