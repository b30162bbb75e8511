"""What the platform does after a run: it tells the service that the run is over, at least once, and waits for nothing.

A run is kept first and sent then. What is kept are names and times: the service reads what was said from the thread.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
from collections import Counter, OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from operator_memory_client.base import LOG
from operator_memory_client.errors import InvalidCallError
from operator_memory_client.operator.sender import Sender
from operator_memory_client.operator.spool.finished_run import FinishedRun, finished_run
from operator_memory_client.operator.spool.folder import FolderSpool
from operator_memory_client.operator.spool.waiting import Spool, WaitingSpool
from operator_memory_client.transport.locks import ForkSafeLock

if TYPE_CHECKING:
    from datetime import datetime

    from typing_extensions import TypedDict, Unpack

    from operator_memory_client.client import MemoryClient

    class RunDetails(TypedDict, total=False):
        """What can be said of a run beside who and how. ``memory_enabled``: ``False`` keeps it out of memory for good.
        ``finished_at``: left out, it is now. ``author_id``: the member who spoke, in a team."""

        is_agent_builder: bool | None
        memory_enabled: bool | None
        finished_at: datetime | None
        author_id: str | None
        session_id: str | None


A = TypeVar("A")

SPOOL_VARIABLE = "OPERATOR_MEMORY_SPOOL"
KEEPING_SECONDS = 1.0
"""The most that `PostRun.after_run` waits until a run is kept."""
CLOSING_SECONDS = 5.0
_REMEMBERED = 10_000

KEPT, OFF, AGAIN, INVALID, LATE = "kept", "off", "again", "invalid", "late"


class PostRun:
    """Hands finished runs over. One for each process; it serves all threads and tasks, and never raises."""

    def __init__(
        self,
        client: MemoryClient | None = None,
        *,
        folder: str | Path | None = None,
        spool: Spool | None = None,
        seconds: float = KEEPING_SECONDS,
    ) -> None:
        """``folder``: where runs wait (``OPERATOR_MEMORY_SPOOL``); processes may share it. Without one they wait in
        this process. ``client``: left out, one by the environment. ``seconds``: the most that `after_run` waits."""
        self._given, self._client, self._seconds = client, client, seconds
        place = folder or os.environ.get(SPOOL_VARIABLE)
        self._beside = WaitingSpool()
        self._spool = spool or (FolderSpool(place) if place else self._beside)
        self._lock, self._process = ForkSafeLock(), 0
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._counts: Counter[str] = Counter()
        self._sender: Sender
        self._writers, self._writing = ForkSafeLock(), 0
        self._writer: ThreadPoolExecutor | None = None

    def start(self) -> None:
        """Send what earlier processes have left. Call it when the worker starts; the first run does it, too."""
        with contextlib.suppress(Exception):
            self._in_background(lambda: self._started().wake())

    def hand_over(
        self,
        run_id: object,
        thread_id: object,
        account_id: object,
        agent_id: object = None,
        status: str = "completed",
        **details: Unpack[RunDetails],
    ) -> Future[str]:
        """Keep a finished run and have it sent. Returns at once; the future says what became of it.

        ``kept``: it is safe and on its way. ``again``: it was handed over before. ``off``: memory is off here, the run
        has no account, or it was the builder's. ``invalid``: an id is none, which the log names.
        """
        said = {"job_id": run_id, "thread_id": thread_id, "account_id": account_id, "agent_id": agent_id}
        done: Future[str] = Future()
        try:
            if details.get("is_agent_builder") or not account_id:
                return _answered(done, OFF)
            run = finished_run({**said, "status": status, **details})
            if not self._is_new(run):
                return self._in_background(lambda: AGAIN)  # after the first one is kept
            return self._in_background(lambda: self._keep(run))
        except InvalidCallError as error:
            self._counts[INVALID] += 1
            LOG.error("a finished run is not remembered: %s", error.detail)
        except Exception as error:  # noqa: BLE001  (the run has ended; nothing of memory may disturb its end)
            self._counts["failed"] += 1
            LOG.error("a finished run is not remembered (%s)", type(error).__name__)
        return _answered(done, INVALID)

    async def after_run(
        self,
        run_id: object,
        thread_id: object,
        account_id: object,
        agent_id: object = None,
        status: str = "completed",
        **details: Unpack[RunDetails],
    ) -> str:
        """`hand_over` for the ``finally`` of an actor: waits until the run is kept, and no longer than ``seconds``.

        ``late``: it is still being kept, in the background. A cancellation goes through and changes nothing.
        """
        kept = self.hand_over(run_id, thread_id, account_id, agent_id, status, **details)
        loop = asyncio.get_running_loop()
        told = loop.create_future()

        def tell(_: Future[str]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody listens
                loop.call_soon_threadsafe(lambda: None if told.done() else told.set_result(None))

        kept.add_done_callback(tell)
        await asyncio.wait([told], timeout=self._seconds)
        return kept.result() if kept.done() else LATE

    def flush(self, seconds: float = CLOSING_SECONDS) -> bool:
        """Wait until everything is sent, at most so long; whether it is. For scripts and for tests."""
        with contextlib.suppress(Exception):
            sender = self._in_background(self._started).result(seconds)  # what is still being kept comes before
            return sender.wait_until_sent(seconds)
        return False

    def waiting(self) -> int:
        """How many runs wait to be sent, those of other processes in the same folder included."""
        return self._spool.count() + (self._beside.count() if self._beside is not self._spool else 0)

    def counts(self) -> dict[str, int]:
        """What became of runs in this process: ``kept``, ``sent``, and by reason those that were dropped."""
        sender = self._sender.counts if self._process else Counter[str]()
        beside = self._beside.dropped if self._beside is not self._spool else Counter[str]()
        return dict(self._counts + sender + self._spool.dropped + beside)

    def close(self, seconds: float = CLOSING_SECONDS) -> None:
        """Send what can be sent within ``seconds``, and end. What is left in the folder, the next start sends; what
        waits in this process is lost, counted (``lost``) and logged."""
        if self._process == os.getpid():
            self.flush(seconds)
            left = self._beside.count()
            if left:
                self._counts["lost"] += left
                LOG.error("%d finished runs end with this process: set %s to a folder", left, SPOOL_VARIABLE)
            self._sender.close(seconds)
            if self._writer is not None:
                self._writer.shutdown(wait=False)
                self._writer = None
            if self._given is None:
                self._sender.client.close()
                self._client = None
            self._process = 0

    def at_exit(self) -> None:
        """The last chance of what waits in this process; what is in the folder waits there."""
        if self._beside.count():
            self.close()

    def _started(self) -> Sender:
        """The sender of this process: threads do not come along into a forked one. Never on the event loop: the first
        client imports httpx."""
        with self._lock:
            if self._process != os.getpid():
                if self._client is None:
                    from operator_memory_client.client import MemoryClient

                    self._client = MemoryClient()
                spools = [self._spool] if self._spool is self._beside else [self._spool, self._beside]
                self._sender = Sender(self._client, spools)
                self._process = os.getpid()
                self._sender.wake()
            return self._sender

    def _is_new(self, run: FinishedRun) -> bool:
        """The end of a run may be told twice: by its generator and by its actor."""
        with self._lock:
            name = (run.account_id, run.job_id)
            if name in self._seen:
                return False
            self._seen[name] = None
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
            return True

    def _in_background(self, work: Callable[[], A]) -> Future[A]:
        with self._writers:
            if self._writer is None or self._writing != os.getpid():
                self._writer, self._writing = ThreadPoolExecutor(1, "operator-memory-spool"), os.getpid()
            writer = self._writer
        try:
            return writer.submit(work)
        except RuntimeError:  # the interpreter ends: there is no event loop left to hold up
            return _answered(Future(), work())

    def _keep(self, run: FinishedRun) -> str:
        sender = self._sender_or_none()
        if sender is not None and not sender.client.enabled:
            return OFF
        try:
            self._spool.put(run)
        except Exception as error:  # noqa: BLE001  (a full disk, a folder of somebody else)
            self._counts["not_written"] += 1
            LOG.warning("the spool cannot be written (%s); the run waits in this process", type(error).__name__)
            self._beside.put(run)
        self._counts[KEPT] += 1
        if sender is not None:
            sender.wake()
        return KEPT

    def _sender_or_none(self) -> Sender | None:
        try:
            return self._started()
        except Exception as error:  # noqa: BLE001  (no threads left, a broken installation: the run is kept still)
            LOG.error("finished runs cannot be sent from here (%s)", type(error).__name__)
            return None


def _answered(future: Future[A], answer: A) -> Future[A]:
    future.set_result(answer)
    return future


_default: PostRun | None = None
_making = ForkSafeLock()


def default_post_run() -> PostRun:
    """The one of this process, made by the environment."""
    global _default
    with _making:
        if _default is None:
            _default = PostRun()
            atexit.register(_default.at_exit)
        return _default


async def after_run(
    run_id: object,
    thread_id: object,
    account_id: object,
    agent_id: object = None,
    status: str = "completed",
    **details: Unpack[RunDetails],
) -> str:
    """`PostRun.after_run` of this process's `default_post_run`: for the actor's ``finally``."""
    return await default_post_run().after_run(run_id, thread_id, account_id, agent_id, status, **details)
