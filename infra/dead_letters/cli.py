"""Jobs, events and rounds over accounts that were given up: look at them, put them back, or drop them
(``make dead-letters CMD="list"``).

Exit code 0: done. 1: not done, or not all of it. 2: the options are wrong, or AWS cannot be used. 130: interrupted.
"""

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from operator_memory.adapters.dynamodb.jobs import DynamoDBJobs
from operator_memory.domain.errors import ConfigurationError, InvalidInputError, MemoryServiceError
from operator_memory.domain.learning.jobs import JobRecord
from operator_memory.domain.memory.scopes import account_id

from infra.dead_letters import report
from infra.dead_letters.actions import NoSuchLetterError, Survey, Tally, act, survey
from infra.dead_letters.failed_message import FailedMessage, Kind
from infra.dead_letters.holds import unless_held
from infra.dead_letters.location import Location, add_options, find_location
from infra.dead_letters.queue import DeadLetterQueue
from infra.dead_letters.receipts import tell_receipts

Command = Callable[[argparse.Namespace, Location, DeadLetterQueue], int]
"""Does what the options say; returns the exit code."""

OK, NOT_DONE, UNUSABLE, INTERRUPTED = 0, 1, 2, 130
_MANY = 100
_FOR_GOOD = ("invalid_input", "job_conflict")
_AGAIN = f"\nThose with {' or '.join(_FOR_GOOD)} come back, unless what takes them has been mended since."

_LOSSES = {
    Kind.JOB: "What was said in the run is then not remembered; nothing else changes, nor does the job's record.",
    Kind.EVENT: "The event is then missing in the trail; nothing else changes.",
    Kind.ROUND: "Nothing changes: the account is looked at again within hours.",
}


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    args = _parser().parse_args(arguments)
    kind = Kind.ROUND if args.rounds else Kind.EVENT if args.events else Kind.JOB
    try:
        _check(args)
        location = find_location(args, kind)
        queue = DeadLetterQueue(location.sqs, kind, url=location.dead_letters_url, source_url=location.source_url)
        code: int = args.run(args, location, queue)
    except NoSuchLetterError as error:
        return _complain(str(error), NOT_DONE)
    except MemoryServiceError as error:
        return _complain(str(error), UNUSABLE)
    except KeyboardInterrupt:
        return _complain("interrupted", INTERRUPTED)
    if queue.not_released:
        _say(f"{report.number(queue.not_released)} could not be given back at once, and will be seen again in minutes.")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.dead_letters", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    add_options(parser)
    parser.add_argument("--events", action="store_true", help="letters of the trail's events, not of jobs")
    parser.add_argument("--rounds", action="store_true", help="letters of rounds over accounts, not of jobs")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(
        name: str, run: Callable[[argparse.Namespace, Location, DeadLetterQueue], int], does: str
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=does, description=f"{does}.")
        added.add_argument("--events", action="store_true", default=argparse.SUPPRESS, help="letters of events")
        added.add_argument("--rounds", action="store_true", default=argparse.SUPPRESS, help="letters of rounds")
        added.set_defaults(run=run)
        return added

    listing = command("list", _list, "all of them, oldest first")
    listing.add_argument("--reason", help="only those with this reason")
    listing.add_argument("--json", action="store_true", help="a JSON array, with ids in full")
    showing = command("show", _show, "all that is known of one, but not what people said")
    showing.add_argument("id", help="the letter's id, or how it begins")
    showing.add_argument("--text", action="store_true", help="also what people said in it")
    for acting in (
        command("redrive", _redrive, "put one or all back into the queue they came from"),
        command("drop", _drop, "delete one, all of a reason, or all of an account"),
    ):
        acting.add_argument("id", nargs="?", help="the letter's id, or how it begins")
        acting.add_argument("--all", action="store_true", help="all of them")
        acting.add_argument("--reason", help="of --all or --account: only those with this reason")
        acting.add_argument("--yes", action="store_true", help="do not ask")
        acting.set_defaults(account=None)
    acting.add_argument("--account", help="all of this account, whose receipts then say so")
    return parser


def _check(args: argparse.Namespace) -> None:
    if args.command not in ("redrive", "drop"):
        return
    if sum(map(bool, (args.id, args.all, args.account))) != 1:
        of_account = ", --account" if args.command == "drop" else ""
        raise ConfigurationError(f"say what to {args.command}: the id of a letter{of_account}, or --all")
    if args.account:
        account_id(args.account)
    if args.reason and args.id:
        raise ConfigurationError("--reason goes with --all: a letter that is named needs none")
    if args.command == "drop" and args.all and not args.reason:
        raise ConfigurationError("drop --all needs --reason: what is dropped is gone for good")


def _look(queue: DeadLetterQueue) -> Survey:
    progress = _Progress("found")
    try:
        return survey(queue, progress)
    finally:
        progress.end()


def _list(args: argparse.Namespace, _location: Location, queue: DeadLetterQueue) -> int:
    found = _look(queue).with_reason(args.reason)
    if args.json:
        print(report.as_json(found.letters))
        return OK
    if found.letters:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        print(report.table(queue.kind, found.letters, width), end="\n\n")
    print(report.summary(queue.kind, found.letters, args.reason))
    _tell_hidden(found)
    return OK


def _show(args: argparse.Namespace, location: Location, queue: DeadLetterQueue) -> int:
    letter = _look(queue).find(args.id)
    print(report.in_full(letter, _record(location, letter), record_read=location.table is not None))
    if args.text:
        print("\nWhat follows are people's words. Keep them to yourself.\n")
        print(report.spoken(letter))
    return OK


def _record(location: Location, letter: FailedMessage) -> JobRecord | None:
    if location.table is None or letter.kind is not Kind.JOB or letter.subject_id is None:
        return None
    try:
        account = account_id(letter.account_id)
    except InvalidInputError:
        return None
    return DynamoDBJobs(location.dynamodb(), location.table, record_days=30).get(account, letter.subject_id)


def _redrive(args: argparse.Namespace, location: Location, queue: DeadLetterQueue) -> int:
    if location.source_url is None:
        raise ConfigurationError(f"say where they are put back: --{queue.kind}s-queue-url")

    def question(letters: Sequence[FailedMessage]) -> str | None:
        if not args.all:
            return None
        again = any(letter.reason in _FOR_GOOD for letter in letters)
        return f"Put back {report.summary(queue.kind, letters)}{_AGAIN if again else ''}"

    return _act(args, queue, queue.put_back, ("put back", question), Tally())


def _drop(args: argparse.Namespace, location: Location, queue: DeadLetterQueue) -> int:
    loss = _LOSSES[queue.kind]

    def question(letters: Sequence[FailedMessage]) -> str:
        what = report.named(letters[0]) if args.id else report.summary(queue.kind, letters)
        return f"Drop {what}\n{loss}"

    tally, began = Tally(), datetime.now(UTC)
    holds_words = queue.kind is not Kind.ROUND
    drop = unless_held(location, queue.drop) if holds_words else queue.drop
    code = _act(args, queue, drop, ("dropped", question), tally)
    if code == OK and args.account and not args.reason and holds_words:
        print(tell_receipts(location, queue.kind, account_id(args.account), dropped=tally.done, at=began))
    return code


def _act(
    args: argparse.Namespace,
    queue: DeadLetterQueue,
    do: Callable[[FailedMessage], None],
    words: tuple[str, Callable[[Sequence[FailedMessage]], str | None]],
    tally: Tally,
) -> int:
    """Choose, ask, do, and say how it went. ``words``: what is then done, and what is asked before."""
    done, question = words
    progress = _Progress(done)

    def choose(found: Survey) -> Sequence[FailedMessage]:
        many = found.with_reason(args.reason).of_account(args.account)
        chosen = [found.find(args.id)] if args.id else many.letters
        if not chosen:
            print(report.summary(queue.kind, chosen, args.reason))
            return []
        if not args.id:
            _tell_hidden(found)
        asked = question(chosen)
        if asked is not None:
            _say(asked)
            if not args.yes and not _confirmed():
                raise _NotConfirmedError("nothing was changed")
        return chosen

    def counted(letter: FailedMessage) -> None:
        do(letter)
        progress(tally.done + 1)

    try:
        act(queue, choose, counted, behind=not args.id, tally=tally, seen=lambda _: None)
    except _NotConfirmedError as error:
        return _complain(str(error), NOT_DONE)
    finally:
        progress.end()
        if tally.done:
            print(f"{report.number(tally.done)} {done}.")
    return _tell_undone(tally, done)


class _NotConfirmedError(Exception):
    """The question was not answered with yes."""


def _confirmed() -> bool:
    try:
        return input("Go on? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        _say("(nobody is there to answer: --yes goes on without asking)")
        return False


def _tell_hidden(found: Survey) -> None:
    if found.hidden:
        _say(
            f"About {found.hidden} more cannot be seen yet: of jobs whose workers died the queue shows ten of an"
            " account at most, the next when those are gone. redrive --all and drop --all take them too."
        )


def _tell_undone(tally: Tally, done: str) -> int:
    for letter_id, error in tally.failed.items():
        _say(f"{letter_id[: report.SHORT_ID]} could not be {done} and is still here: {error}")
    if tally.missing:
        _say(f"{report.number(tally.missing)} cannot be seen any more: somebody else may be at work on them.")
    if tally.stopped is not None:
        _say("The rest was not tried. The same command goes on where this one stopped.")
    return NOT_DONE if tally.failed or tally.missing else OK


class _Progress:
    """Counts on the error output: on a terminal in one line, else a line for every hundred."""

    def __init__(self, done: str) -> None:
        self._done = done
        self._open = False

    def __call__(self, count: int) -> None:
        """``count`` of them are done by now."""
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{count} {self._done} ...\x1b[K")
            sys.stderr.flush()
            self._open = True
        elif count % _MANY == 0:
            _say(f"{count} {self._done} ...")

    def end(self) -> None:
        """Remove the line."""
        if self._open:
            sys.stderr.write("\r\x1b[K")
            self._open = False


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _complain(sentence: str, code: int) -> int:
    _say(f"dead-letters: {sentence}")
    return code
