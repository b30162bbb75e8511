"""The tables of the extraction benchmark, and the file of everything that was stored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.extraction.labelled import Case
from bench.extraction.meter import CHARACTERS_A_TOKEN, Usage
from bench.extraction.score import Judgement, Score
from bench.report import table

WRONGLY_LEARNT = {
    "injection": "injections obeyed or stored",
    "guess": "the assistant's guesses learnt",
    "recalled": "recalled memories learnt again",
    "other_person": "others' facts taken for the user's",
    "trivial": "trivia learnt",
}


@dataclass(slots=True)
class Result:
    """What one way made of the set."""

    name: str
    usage: Usage
    judgements: dict[str, Judgement] = field(default_factory=dict)
    remarks: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    runs: int = 0
    seconds: float = 0.0

    def score(self, cases: Sequence[Case]) -> Score:
        """Of these cases together."""
        return sum((self.judgements[case.id].score for case in cases), Score())

    @property
    def failed(self) -> int:
        """Runs of which something was lost to an error."""
        return sum(bool(remark.get("error") or remark.get("errors")) for r in self.remarks.values() for remark in r)


def report(cases: Sequence[Case], results: Sequence[Result]) -> str:
    """Both tables."""
    per_group = _per_group(cases, results)
    header = ["in all", *(result.name for result in results), "ratio"]
    return f"{per_group}\n\n{table(header, _totals(cases, results))}\n\n{_NOTES}"


def _per_group(cases: Sequence[Case], results: Sequence[Result]) -> str:
    columns: list[tuple[str, Callable[[Score], str]]] = [
        ("precision", lambda score: _percent(score.precision)),
        ("recall", lambda score: _percent(score.recall)),
        ("dup.", lambda score: _count(score.duplicates)),
        ("outdated", lambda score: _count(score.outdated)),
        ("wrong", lambda score: _count(sum(score.wrong.values()))),
        ("secrets", lambda score: _count(score.secrets_stored)),
    ]
    header = ["ours | the plan's", "cases", *(name for name, _ in columns)]
    groups = {group: [case for case in cases if case.group == group] for group in sorted({c.group for c in cases})}
    rows = []
    for group, members in groups.items():
        scores = [result.score(members) for result in results]
        pairs = [[show(score) for score in scores] for _, show in columns]
        cells = [f"{mine:>4} | {theirs:>4}" for mine, theirs in pairs]
        rows.append([group.replace("_", " "), str(len(members)), *cells])
    return table(header, rows)


def _totals(cases: Sequence[Case], results: Sequence[Result]) -> list[list[str]]:
    scores = [result.score(cases) for result in results]
    mine, theirs = scores

    def counted(label: str, count: Callable[[Score], int]) -> list[str]:
        return [label, str(count(mine)), str(count(theirs)), _ratio(count(theirs), count(mine))]

    def per_run(label: str, form: str, value: Callable[[Result], float]) -> list[str]:
        ours, plans = (value(result) / result.runs for result in results)
        return [label, format(ours, form), format(plans, form), _ratio(plans, ours)]

    return [
        ["precision", *(_percent(score.precision) for score in scores), ""],
        ["recall", *(_percent(score.recall) for score in scores), ""],
        [*counted("expected facts", lambda s: s.expected)[:3], ""],
        counted("facts stored", lambda s: s.facts),
        [*counted("  right", lambda s: s.right)[:3], ""],
        counted("  duplicates", lambda s: s.duplicates),
        counted("  outdated, still valid", lambda s: s.outdated),
        *(counted(f"  {label}", _wrong_for(why)) for why, label in WRONGLY_LEARNT.items()),
        counted("right, but in the wrong scope", lambda s: s.misplaced),
        [*counted("expected, but rejected or superseded", lambda s: s.withheld)[:3], ""],
        counted("secrets stored", lambda s: s.secrets_stored),
        counted("secrets sent to the model", lambda s: s.secrets_sent),
        ["runs with an error", *(str(result.failed) for result in results), ""],
        per_run("LLM calls a run", ".2f", lambda r: r.usage.llm_calls),
        per_run("prompt tokens a run", ",.0f", lambda r: r.usage.prompt_tokens),
        per_run("embedding calls a run", ".2f", lambda r: r.usage.embedding_calls),
        per_run("seconds a run", ".3f", lambda r: r.seconds),
        ["tokens estimated", *(f"{result.usage.estimated} calls" for result in results), ""],
    ]


def _wrong_for(why: str) -> Callable[[Score], int]:
    return lambda score: score.wrong[why]


_NOTES = f"""\
Ratio: the plan's over ours. Facts: valid ones in the user's and the agents' memory at the end; of session memory only
what lies in the wrong scope is counted. Wrong: guesses, injections, recalled memories, trivia, others' facts.
Secrets: wherever they are stored, in turns too. Prompt tokens: as the model's server counts them, else characters / \
{CHARACTERS_A_TOKEN}."""


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _count(number: int) -> str:
    return str(number or "-")


def _ratio(theirs: float, ours: float) -> str:
    return f"{theirs / ours:.1f}x" if ours else ("" if not theirs else "all")


def as_json(cases: Sequence[Case], results: Sequence[Result]) -> dict[str, Any]:
    """By way and case: every stored text with its verdict, what is missing, the record's remarks."""
    return {result.name: {case.id: _case_json(case, result) for case in cases} for result in results}


def _case_json(case: Case, result: Result) -> dict[str, Any]:
    judgement = result.judgements[case.id]
    score = judgement.score
    return {
        "group": case.group,
        "precision": score.precision,
        "recall": score.recall,
        "missing": [{"scope": label.scope, "all_of": label.all_of} for label in judgement.missing],
        "duplicates": score.duplicates,
        "secrets_sent": score.secrets_sent,
        "stored": [{"scope": i.scope, "verdict": verdict, "text": i.text} for i, verdict in judgement.verdicts],
        "runs": result.remarks[case.id],
    }
