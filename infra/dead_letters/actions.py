"""Actions on dead letters: look at all of them, put some back, drop some."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from operator_memory.domain.errors import HeldError, MemoryServiceError, UpstreamError

from infra.dead_letters.failed_message import FailedMessage
from infra.dead_letters.queue import LOOK_SECONDS, WORK_SECONDS, Count, DeadLetterQueue


class NoSuchLetterError(MemoryServiceError):
    """No letter, or more than one, has an id that begins so."""


@dataclass(frozen=True, slots=True)
class Survey:
    """The letters that can be seen, oldest first, and about how many are hidden behind them."""

    letters: Sequence[FailedMessage]
    hidden: int = 0

    def with_reason(self, reason: str | None) -> "Survey":
        """Only those with ``reason``; all of them if it is ``None``."""
        if reason is None:
            return self
        return Survey([letter for letter in self.letters if letter.reason == reason], self.hidden)

    def of_account(self, account_id: str | None) -> "Survey":
        """Only those of the account; all of them if it is ``None``."""
        if account_id is None:
            return self
        return Survey([letter for letter in self.letters if letter.account_id == account_id], self.hidden)

    def find(self, start: str) -> FailedMessage:
        """The letter whose id begins with ``start``.

        Raises:
            NoSuchLetterError: there is none, or more than one.
        """
        found = [letter for letter in self.letters if letter.id.startswith(start.lower())]
        if not found:
            raise NoSuchLetterError(f"no dead letter has an id that begins with {start!r}")
        if len(found) > 1:
            raise NoSuchLetterError(f"{len(found)} dead letters have ids that begin with {start!r}: give more of it")
        return found[0]


@dataclass(slots=True)
class Tally:
    """How an action went, so far. ``missing``: chosen letters that were there no more, or held by somebody else."""

    done: int = 0
    failed: dict[str, MemoryServiceError] = field(default_factory=dict)
    """By letter id. The letter is still there; a legal hold may keep it."""
    missing: int = 0
    stopped: UpstreamError | None = None
    """What kept the rest from being tried."""


def survey(queue: DeadLetterQueue, seen: Count) -> Survey:
    """Look at all letters; whoever looks next sees them again."""
    with queue.opened(LOOK_SECONDS, seen) as letters:
        return Survey(letters, queue.hidden())


def act(
    queue: DeadLetterQueue,
    choose: Callable[[Survey], Sequence[FailedMessage]],
    do: Callable[[FailedMessage], None],
    *,
    behind: bool,
    tally: Tally,
    seen: Count,
) -> None:
    """Call ``do`` (`DeadLetterQueue.put_back` or ``drop``) with each letter that ``choose`` chooses, oldest first.

    ``behind``: also with those that come into sight when the letters in front of them are gone. What a job that was
    put back leaves when it fails again is not among them: it has a group of its own. ``tally`` counts as it goes, so
    that it is true after an interruption too.

    Raises:
        UpstreamError: the letters cannot be read. What fails with a letter is in ``tally``.
    """
    left: set[str] | None = None
    groups: set[str | None] = set()
    while tally.stopped is None:
        with queue.opened(WORK_SECONDS, seen) as letters:
            if left is None:
                chosen = choose(Survey(letters, queue.hidden()))
                left = {letter.id for letter in chosen}
                groups = {letter.group_id for letter in chosen if letter.moved and letter.group_id and behind}
            due = [
                letter
                for letter in letters
                if letter.id in left or (letter.moved and letter.group_id in groups and letter.id not in tally.failed)
            ]
            for letter in due:
                if tally.stopped is not None or queue.hold_is_over():
                    break
                _do(letter, do, tally)
                left.discard(letter.id)
        if not due or not (left or groups):
            tally.missing = len(left)
            break


def _do(letter: FailedMessage, do: Callable[[FailedMessage], None], tally: Tally) -> None:
    try:
        do(letter)
    except HeldError as error:
        tally.failed[letter.id] = error
    except UpstreamError as error:
        tally.failed[letter.id] = error
        if error.retryable:  # the next one would fail as well
            tally.stopped = error
    else:
        tally.done += 1
