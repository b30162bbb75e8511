"""The tables of ``bench.context.run``, each with its figures for a plot (in seconds)."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.context.measure import COLD_STARTS, CROWD, Series
from bench.context.trouble import PATIENCE, Count, Suffered
from bench.context.worker import WAYS
from bench.report import milliseconds, table


@dataclass(frozen=True, slots=True)
class Table:
    """A table to print, and the same as data."""

    name: str
    text: str
    figures: list[dict[str, Any]]


def _titled(
    name: str, title: str, header: Sequence[str], rows: list[list[str]], figures: list[dict[str, Any]]
) -> Table:
    return Table(name, f"{title}\n\n{table(header, rows)}\n", figures)


def latencies(series: Sequence[Series]) -> Table:
    """Median, p95 and ratio to the plan's way, with and without the time in embedding calls."""
    plans = {(s.account, s.at_a_time): s for s in series if s.way == "plan"}
    rows, figures = [], []
    for one in series:
        base = plans[one.account, one.at_a_time]
        row = [f"{one.account} {one.memories:,}, {one.at_a_time} at a time, {WAYS[one.way]}"]
        for embedding in (True, False):
            median, p95 = one.median(embedding=embedding), one.p95(embedding=embedding)
            row += [milliseconds(median), milliseconds(p95), f"{base.median(embedding=embedding) / median:.1f}x"]
        answers = statistics.median(answer.memories for answer in one.answers)
        rows.append([*row, f"{one.a_second:.0f}", f"{one.a_second / base.a_second:.1f}x", f"{answers:.0f}", _bad(one)])
        figures.append(_figures(one))
    header = ["account, way", "median", "p95", "ratio", "w/o embedding", "p95", "ratio", "a second", "ratio",
              "memories", "not ok"]  # fmt: skip
    title = (
        "Milliseconds a request; ratios: the plan's median over ours, our throughput over the plan's. "
        f"{CROWD} at a time: {CROWD} processes of one way, which two cores cannot run at once"
    )
    return _titled("latency", title, header, rows, figures)


def _bad(series: Series) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in series.outcomes.items() if outcome != "ok") or "-"


def _figures(one: Series) -> dict[str, Any]:
    return {
        "account": one.account,
        "memories": one.memories,
        "at_a_time": one.at_a_time,
        "way": one.way,
        "median": one.median(),
        "p95": one.p95(),
        "median_without_embedding": one.median(embedding=False),
        "p95_without_embedding": one.p95(embedding=False),
        "a_second": one.a_second,
        "outcomes": dict(one.outcomes),
    }


def neighbours(series: Sequence[Series]) -> Table:
    """Our way for a small account; ratios to the line above the last are what the size of a neighbour costs."""
    idle = series[0]
    rows = []
    for one in series:
        row = [one.account]
        for embedding in (True, False):
            median = one.median(embedding=embedding)
            ratio = median / idle.median(embedding=embedding)
            row += [milliseconds(median), milliseconds(one.p95(embedding=embedding)), f"{ratio:.2f}x"]
        rows.append([*row, _bad(one)])
    large, small = series[2], series[1]
    costs = large.median(embedding=False) / small.median(embedding=False)
    header = ["meanwhile", "median", "p95", "to idle", "w/o embedding", "p95", "to idle", "not ok"]
    title = (
        "A small account, asked one at a time while another process asks without a pause (ms). A neighbour's size "
        f"costs it {costs:.2f}x: the last line over the one before, both on a machine as busy"
    )
    return _titled("neighbours", title, header, rows, [_figures(one) for one in series])


def counts(found: Sequence[Count]) -> Table:
    """Requests on the wire."""
    rows = [[WAYS[one.way], f"{one.embeddings:g}", f"{one.searches:g}", one.outcomes] for one in found]
    figures = [
        {"way": o.way, "embeddings": o.embeddings, "searches": o.searches, "outcomes": o.outcomes} for o in found
    ]
    return _titled(
        "counts",
        "Requests for one answer, counted on the wire",
        ["way", "embedding", "Qdrant", "outcome"],
        rows,
        figures,
    )


def cold(seconds: Mapping[str, Sequence[float]], bare: float) -> Table:
    """Fresh process to first answer."""
    base = statistics.median(seconds["plan"])
    rows, figures = [], []
    for way, values in seconds.items():
        median = statistics.median(values)
        rows.append([WAYS[way], milliseconds(median), milliseconds(max(values)), f"{base / median:.1f}x"])
        figures.append({"way": way, "median": median, "longest": max(values)})
    title = (
        f"Cold start, fresh process to first answer in ms ({COLD_STARTS} each; a bare interpreter takes "
        f"{milliseconds(bare)}; Mem0 is spared the making of its indexes)"
    )
    return _titled("cold", title, ["way", "median", "longest", "ratio"], rows, figures)


def troubles(found: Sequence[Suffered]) -> Table:
    """What the caller gets, and when."""
    rows, figures = [], []
    for one in found:
        times = [milliseconds(one.median), milliseconds(one.longest)]
        rows.append([f"{one.trouble}, {WAYS[one.way]}", *times, f"{one.memories:.0f}", one.outcome])
        figures.append({"trouble": one.trouble, "way": one.way, "median": one.median, "longest": one.longest,
                        "memories": one.memories, "outcome": one.outcome})  # fmt: skip
    title = f"With parts in trouble (ms; five questions, or as many as {PATIENCE:.0f} s take)"
    return _titled("degraded", title, ["trouble, way", "median", "longest", "memories", "outcome"], rows, figures)


def growth(by_size: Mapping[int, Sequence[Series]]) -> Table:
    """The p95 of the largest size over that of the smallest, of accounts called alike."""
    first, last = min(by_size), max(by_size)
    before = {(s.account, s.at_a_time, s.way): s for s in by_size[first]}
    rows, figures = [], []
    for one in by_size[last]:
        old = before.get((one.account, one.at_a_time, one.way))
        if old is None:
            continue
        ratios = [one.p95(embedding=embedding) / old.p95(embedding=embedding) for embedding in (True, False)]
        label = f"{one.account} ({old.memories:,} and {one.memories:,}), {one.at_a_time} at a time, {WAYS[one.way]}"
        rows.append([label, *(f"{ratio:.2f}" for ratio in ratios)])
        figures.append({"account": one.account, "at_a_time": one.at_a_time, "way": one.way,
                        "p95_ratio": ratios[0], "p95_ratio_without_embedding": ratios[1]})  # fmt: skip
    title = f"p95 at {last:,} over p95 at {first:,}"
    return _titled("growth", title, ["account, way", "ratio", "w/o embedding"], rows, figures)
