"""Hooks for the end of runs, the services that they tell, and a disk and a queue that fail."""

import threading
from pathlib import Path
from typing import Any

from operator_memory_client.operator import PostRun
from operator_memory_client.operator.spool.folder import FolderSpool
from operator_memory_client.transport.circuit import Circuit

from tests.support.clients.memory_server import MemoryServer, away
from tests.support.time_outs import AMPLE

BRIEF = {"call_seconds": 0.05}
"""For clients whose service is away: they try for so long."""


class Hook:
    """A hook and the service that it tells."""

    def __init__(
        self, hooks: list[PostRun], folder: Path | None, server: MemoryServer | None = None, **options: Any
    ) -> None:
        self.server = server or MemoryServer()
        client = self.server.blocking(**BRIEF) if self.server.answer is away else self.server.blocking()
        self.hook = PostRun(client, folder=folder, **{"seconds": AMPLE, **options})
        hooks.append(self.hook)

    def tell(self, run_id: object = "run-1", *args: Any, **details: Any) -> str:
        """What `hand_over` comes to."""
        told = args or ("t-1", "acct-1", "agent-1", "completed")
        return self.hook.hand_over(run_id, *told, **details).result(AMPLE)

    def is_back(self) -> None:
        """The pause after failures is over."""
        self.hook._sender.client._others._circuit = Circuit()

    def jobs(self) -> list[str]:
        return [job["job_id"] for job in self.server.jobs()]


class Queue:
    """An SQS client."""

    def __init__(self) -> None:
        self.fails, self.bodies = True, list[str]()

    def send_message(self, *, MessageBody: str, **_: object) -> None:  # noqa: N803  (boto3's name)
        if self.fails:
            raise ConnectionError("no queue")
        self.bodies.append(MessageBody)


class Blocked(FolderSpool):
    """A disk that hangs until it is let go."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.go, self.begun = threading.Event(), threading.Event()

    def put(self, run: Any) -> None:
        self.begun.set()
        assert self.go.wait(AMPLE)
        super().put(run)
