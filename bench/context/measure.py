"""The measurements of ``bench.context.run`` that are about time: latency, throughput, noisy neighbours, cold start."""

import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.context.addresses import COLLECTION, Place
from bench.context.corpus import Account, Texts, layout, named_accounts
from bench.context.our_way import Answer
from bench.context.worker import WAYS, Worker
from bench.report import percentile
from devstack.processes import child_environment
from devstack.stack import LOCAL_DIMENSIONS, LOCAL_MODEL, ROOT

COLD_STARTS = 5
CROWD = 8
_UNCOUNTED = 5
_WARMING = 400
_BLOCKS = 2


@dataclass(frozen=True, slots=True)
class Series:
    """The answers that one way gave about one account, and how many of them a second came."""

    account: str
    memories: int
    at_a_time: int
    way: str
    answers: Sequence[Answer]
    a_second: float

    def seconds(self, *, embedding: bool) -> list[float]:
        """Of each answer, with or without the time in embedding calls."""
        return [a.total - (0.0 if embedding else a.embedding) for a in self.answers]

    def median(self, *, embedding: bool = True) -> float:
        """Seconds."""
        return statistics.median(self.seconds(embedding=embedding))

    def p95(self, *, embedding: bool = True) -> float:
        """Seconds."""
        return percentile(self.seconds(embedding=embedding), 95)

    @property
    def outcomes(self) -> Counter[str]:
        """How many answers were ``ok``, and what the others were."""
        return Counter(answer.outcome for answer in self.answers)


class Measurements:
    """Eight workers of each way at one store."""

    def __init__(self, place: Place, size: int, logs: Path, cleanup: ExitStack) -> None:
        """``size``: memories in the store; its layout says whom to ask about."""
        self._accounts = named_accounts(size)
        self._other = layout(size)[-2]
        self._texts = Texts()
        self._seed = 0
        self._crew = {
            way: [cleanup.enter_context(Worker(way, place, logs / f"{way}.log")) for _ in range(CROWD)] for way in WAYS
        }

    def warm_up(self) -> None:
        """Uncounted questions about each account, by all processes: what is asked about is in memory then."""
        for account in self._accounts.values():
            for way, each in {"ours": _WARMING // CROWD, "plan": 2, "local": 2}.items():
                self._together(way, account, each)

    def one_at_a_time(self, rounds: int) -> list[Series]:
        """Each way asked in turn, so that both meet the same state of the machine."""
        made = []
        for name, account in self._accounts.items():
            asked: dict[str, list[Answer]] = {way: [] for way in WAYS}
            for question in self._questions(account, rounds + _UNCOUNTED):
                for way in WAYS:
                    asked[way].append(self._crew[way][0].ask(account.id, question))
            for way, answers in asked.items():
                counted = answers[_UNCOUNTED:]
                a_second = len(counted) / sum(a.total for a in counted)
                made.append(Series(name, account.memories, 1, way, counted, a_second))
        return made

    def eight_at_a_time(self, rounds: int) -> list[Series]:
        """All eight processes of a way at once, each on its own questions; the ways in turn, two blocks each."""
        made = []
        for name, account in self._accounts.items():
            asked: dict[str, list[Answer]] = {way: [] for way in WAYS}
            elapsed = dict.fromkeys(WAYS, 0.0)
            for way in [*WAYS] * _BLOCKS:
                answers, seconds = self._together(way, account, max(2, rounds // CROWD // _BLOCKS))
                elapsed[way] += seconds
                asked[way] += answers
            for way, answers in asked.items():
                made.append(Series(name, account.memories, CROWD, way, answers, len(answers) / elapsed[way]))
        return made

    def _together(self, way: str, account: Account, each: int) -> tuple[list[Answer], float]:
        questions = self._questions(account, each * CROWD)
        started = time.perf_counter()
        for n, worker in enumerate(self._crew[way]):
            worker.start(account.id, questions[n::CROWD])
        answers = [answer for worker in self._crew[way] for answer in worker.answers()]
        return answers, time.perf_counter() - started

    def neighbours(self, rounds: int) -> list[Series]:
        """Our way for a small account: alone, while another small account is asked without a pause, and while the
        large one is. The second is what a busy machine costs; the third over the second is what size costs others."""
        small = self._accounts["small"]
        busy = {
            "idle": None,
            "another small account is asked": self._other,
            "the large account is asked": self._accounts["large"],
        }
        return [self._beside(name, neighbour, small, rounds) for name, neighbour in busy.items()]

    def _beside(self, name: str, neighbour: Account | None, small: Account, rounds: int) -> Series:
        asker, noise = self._crew["ours"][:2]
        questions = self._questions(small, rounds + _UNCOUNTED)
        asker.start(small.id, questions[:_UNCOUNTED])
        asker.answers()
        if neighbour is not None:
            noise.start(neighbour.id, self._questions(neighbour, 200), seconds=rounds * 0.1)
            time.sleep(0.2)
        answers = [asker.ask(small.id, question) for question in questions[_UNCOUNTED:]]
        if neighbour is not None:
            noise.answers()
        return Series(name, small.memories, 1, "ours", answers, len(answers) / sum(a.total for a in answers))

    def _questions(self, account: Account, count: int) -> list[str]:
        """Questions never asked before: an embedding that is kept from an earlier one must not help."""
        self._seed += 1
        return self._texts.questions(account, count, seed=self._seed)


def cold_starts(place: Place, account: Account) -> tuple[dict[str, list[float]], float]:
    """Seconds from a fresh process to its first answer, both ways in turn; and those of a bare interpreter."""
    question = Texts().questions(account, 1)[0]
    commands = {
        "plan": ["bench.context.plan_way", place.qdrant_url, place.models_url, COLLECTION, LOCAL_MODEL,
                 str(LOCAL_DIMENSIONS), account.id, question],
        "ours": ["bench.context.our_way", account.id, question],
        "local": ["bench.context.our_way", account.id, question],
    }  # fmt: skip
    environments = {way: place.local_environment if way == "local" else place.environment for way in commands}
    environment = {**child_environment(), "PYTHONDONTWRITEBYTECODE": ""}
    seconds: dict[str, list[float]] = {way: [] for way in commands}
    for _ in range(COLD_STARTS):
        for way, command in commands.items():
            seconds[way].append(_timed([sys.executable, "-m", *command], environment | environments[way]))
    return seconds, _timed([sys.executable, "-c", "pass"], environment)


def _timed(command: Sequence[str], environment: dict[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return time.perf_counter() - started
