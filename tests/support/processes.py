"""What the system says of a process."""

import os
from pathlib import Path


def is_running(pid: int) -> bool:
    """Whether the process lives; one that has ended but that nobody has waited for does not."""
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/status")
        return not (status.exists() and "State:\tZ" in status.read_text())
    except (ProcessLookupError, FileNotFoundError):
        return False
