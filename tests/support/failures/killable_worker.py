"""The extraction function in processes that can be killed: each event is handled by a fork of this one.

``python -m tests.support.failures.killable_worker SOCKET``: per connection to the Unix socket one event, as a line
``{"environment": ..., "event": ...}``; it answers with a line that has the handler's process id, and one with the
handler's answer. The function is imported in the fork, so it starts as Lambda starts it; only the libraries are
here already, or every start would take five seconds.
"""

import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import sys
from types import SimpleNamespace

from operator_memory.adapters.secrets.redactor import SecretRedactor

LIBRARIES = ("aws_lambda_powertools.utilities.batch", "boto3", "httpx", "mem0", "openai", "pydantic", "supabase")


def main(path: str) -> None:
    """Serve until the standard input ends: whoever started this is done, or gone."""
    for library in LIBRARIES:
        importlib.import_module(library)
    for part in ("adapters", "application", "domain"):
        package = importlib.import_module(f"operator_memory.{part}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    SecretRedactor().redact("compiled at its first text")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a fork: its connection tells when it ends
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(16)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            with connection:
                if os.fork() == 0:
                    listener.close()
                    _handle(connection)


def _handle(connection: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with connection.makefile("rw", encoding="utf-8") as stream:
        stream.write(json.dumps({"pid": os.getpid()}) + "\n")
        stream.flush()
        asked = json.loads(stream.readline())
        os.environ.update(asked["environment"])
        context = SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000, function_name="extraction")
        answer = importlib.import_module("functions.extraction.app").handler(asked["event"], context)
        stream.write(json.dumps(answer) + "\n")
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
