"""Says what the next round of the life cycle does to one account, or does it now (``make round ACCOUNT=...``).

Reads the functions' own variables. Exit code 0: done. 2: the options or a setting are wrong, or a system cannot be
reached. 130: interrupted; the schedule goes on.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence

from operator_memory.application.ports.lifecycle import TaskQueue
from operator_memory.domain.errors import ConfigurationError, InvalidInputError, MemoryServiceError
from operator_memory.domain.lifecycle.fates import Fate
from operator_memory.domain.lifecycle.previews import Preview
from operator_memory.domain.lifecycle.rounds import RoundReport, Task
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.time_left import no_limit
from operator_memory.entrypoints.wiring.lifecycle import RoundsByHand, build_rounds_by_hand

from infra import operators
from infra.operators import INTERRUPTED, UNUSABLE
from infra.progress import Progress

OK = 0
Build = Callable[[Mapping[str, str], TaskQueue], RoundsByHand]


class HereQueue:
    """Port ``TaskQueue``: what is left of a round is done here, next."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def send(self, tasks: Sequence[Task]) -> None:
        """Keep them."""
        self.tasks += tasks

    def retry_later(self, receipt_handle: str, *, delay_seconds: int) -> None:
        """No message was received."""

    def bury(self, body: str, *, reason: str, detail: str, receive_count: int) -> None:
        """No message was received."""


def main(arguments: Sequence[str], environ: Mapping[str, str], build: Build = build_rounds_by_hand) -> int:
    """The command; returns its exit code."""
    args = _parser().parse_args(arguments)
    queue = HereQueue()
    try:
        account = operators.account_named(args.account, local=args.local)
        settings = operators.environment(args, environ)
        operators.use_aws(settings)
        by_hand = build(settings, queue)
        said = by_hand.previews.preview(account, None, samples=0, start=None, seconds_left=no_limit)
        if args.command == "preview":
            print(_told(said))
            return OK
        print(_done(_round(by_hand, queue, account, said)))
    except (ConfigurationError, InvalidInputError, MemoryServiceError) as error:
        return _complain(str(error), UNUSABLE)
    except KeyboardInterrupt:
        return _complain("interrupted; the schedule goes on", INTERRUPTED)
    return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.lifecycle", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("command", choices=("preview", "run"), help="say what it would do, or do it")
    parser.add_argument("--account", required=True, help="whose; with --local also the name of a demo person")
    operators.add_options(parser)
    return parser


def _round(by_hand: RoundsByHand, queue: HereQueue, account: AccountId, said: Preview) -> RoundReport:
    """Work off the account's message, and what it sends on. The policies are applied once a day, also by hand."""
    due = sum(count for decision, count in said.counts.items() if decision.fate is not Fate.KEEP)
    total, progress = RoundReport(), Progress("memories moved or deleted", due + (said.leaving_archive or 0))
    queue.send([Task(account)])
    while queue.tasks:
        report = by_hand.tending.tend(queue.tasks.pop(0), no_limit)
        for name, count in report.counts().items():
            setattr(total, name, getattr(total, name) + count)
        progress.add(report.changed)
    progress.end()
    return total


def _told(said: Preview) -> str:
    lines = [f"{decision.fate} {decision.reason}: {count}" for decision, count in said.counts.items()]
    if said.leaving_archive is not None:
        lines.append(f"leaves the archive: {said.leaving_archive}")
    return "\n".join(sorted(lines)) or "The account has no memories."


def _done(report: RoundReport) -> str:
    counts = ", ".join(f"{name} {count}" for name, count in report.counts().items())
    return counts or "Nothing was due: policies are applied once a day, and when they have changed."


def _complain(what: str, code: int) -> int:
    print(f"lifecycle: {what}", file=sys.stderr)
    return code
