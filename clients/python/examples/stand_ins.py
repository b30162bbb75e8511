"""What the examples need beside the client, so that they run without a key: a model, and somebody who waits."""

from __future__ import annotations

import time

from operator_memory_client import MemoryClient
from operator_memory_client.errors import MemoryClientError, NotFoundError

LONGEST_WAIT = 60.0


def answer(*prompts: str) -> str:
    """A stand-in for your model: it answers with the memories that it finds in its prompts."""
    lines = "\n".join(prompts).splitlines()
    known = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
    return f"I remember: {' '.join(known)}" if known else "Thanks, noted."


def wait_until_learned(memory: MemoryClient, account_id: str, run_id: str) -> None:
    """Wait until a run has been learned from. Only a demonstration does: a platform submits the run and goes on."""
    end = time.monotonic() + LONGEST_WAIT
    while time.monotonic() < end:
        try:
            if memory.get_job(run_id, account_id=account_id).state == "done":
                return
        except NotFoundError:
            pass  # it waits in the queue
        except MemoryClientError as error:
            raise SystemExit(f"{run_id} was not learned from: {error}") from None
        time.sleep(0.2)
    raise SystemExit(f"{run_id} was not learned from within {LONGEST_WAIT:.0f} seconds")
