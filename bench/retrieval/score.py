"""What a list of references is worth, and the tables of the retrieval benchmark."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.report import table
from bench.retrieval.questions import Question

LOCOMO = "LoCoMo"
EMPTY_GROUP = "nothing"
UPDATES = "updates"


@dataclass(frozen=True, slots=True)
class Answer:
    """A question and the references that a way gave for it, best first."""

    question: Question
    refs: tuple[str, ...]
    seconds: float = 0.0
    """That the way took."""

    def recall(self, k: int) -> float:
        """The share of what is relevant in the first ``k`` references, 0..1."""
        return len(self.question.relevant & set(self.refs[:k])) / len(self.question.relevant)

    def hit(self, k: int) -> bool:
        """Whether something relevant is among the first ``k``."""
        return bool(self.question.relevant & set(self.refs[:k]))

    @property
    def newest_first(self) -> bool:
        """Whether what is right now stands before all that was right once."""
        shown = [ref for ref in self.refs if ref in self.question.relevant | self.question.outdated]
        return bool(shown) and shown[0] in self.question.relevant


def mean(values: Sequence[float]) -> float:
    """In percent."""
    return 100 * sum(values) / len(values) if values else 0.0


def locomo_table(answers: Mapping[str, Sequence[Answer]]) -> str:
    """Recall of the evidence, each way a row."""
    rows = []
    for way, given in answers.items():
        about = [answer for answer in given if answer.question.group == LOCOMO]
        rows.append([way, *(f"{mean([a.recall(k) for a in about]):.1f}" for k in (1, 5, 10))])
    return table(["LoCoMo, % of the evidence found", "at 1", "at 5", "at 10"], rows)


def by_conversation(answers: Sequence[Answer]) -> dict[str, list[Answer]]:
    """LoCoMo's answers by the conversation that they are about."""
    found: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        if answer.question.group == LOCOMO:
            found[answer.question.account].append(answer)
    return found


def own_table(answers: Mapping[str, Sequence[Answer]]) -> str:
    """Our own set: hits at 1, 5 and 10, a row for each group and way."""
    groups = sorted({a.question.group for given in answers.values() for a in given} - {LOCOMO})
    rows = []
    for group in groups:
        for way, given in answers.items():
            about = [answer for answer in given if answer.question.group == group]
            rows.append([f"{group} ({len(about)}), {way}", *_cells(group, about)])
    header = ["own set, % of the questions", "hit at 1", "at 5", "at 10", "newest first", "injected for nothing"]
    return table(header, rows)


def _cells(group: str, answers: Sequence[Answer]) -> list[str]:
    if group == EMPTY_GROUP:
        answered = mean([bool(a.refs) for a in answers])
        each = sum(len(a.refs) for a in answers) / max(1, len(answers))
        return ["", "", "", "", f"{answered:.0f} % ({each:.1f} memories each)"]
    hits = [f"{mean([a.hit(k) for a in answers]):.1f}" for k in (1, 5, 10)]
    newest = f"{mean([a.newest_first for a in answers]):.1f}" if group.startswith(UPDATES) else ""
    return [*hits, newest, ""]
