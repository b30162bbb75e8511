"""AWS on one machine: moto's server (SQS, DynamoDB, S3, SSM), with state that outlives it.

``python -m devstack.aws.moto_server --data FOLDER --port 0``. After the queues, tables and buckets have been made,
``POST /_devstack/restore`` puts back what an earlier run had; only then is anything saved.
"""

import argparse
import json
import queue
import signal
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from devstack.aws.moto_state import MotoState

RESTORE_PATH = "/_devstack/restore"
_SAVE_SECONDS = 1.0
_READS = ("Receive", "Get", "Query", "Scan", "BatchGet", "Describe", "List")
_ONE_AT_A_TIME = ("/dynamodb/", "/s3/")


class _Application:
    """Moto's WSGI application, DynamoDB and S3 one request at a time, which notes when something may have changed."""

    def __init__(self, state: MotoState) -> None:
        self._state = state
        self._moto = DomainDispatcherApplication(create_backend_app)
        self.restored = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:  # noqa: ANN401  (WSGI)
        if environ["PATH_INFO"] == RESTORE_PATH:
            return self._restore(start_response)
        answer: Iterable[bytes]
        if any(service in environ.get("HTTP_AUTHORIZATION", "") for service in _ONE_AT_A_TIME):
            with self._state.lock:  # a conditional write reads and then writes
                answer = self._moto(environ, start_response)
        else:
            answer = self._moto(environ, start_response)
        if not _only_reads(environ):
            self._state.changed.set()
        return answer

    def _restore(self, start_response: Any) -> Iterable[bytes]:  # noqa: ANN401
        body = json.dumps(self._state.restore()).encode()
        self.restored.set()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]


def _only_reads(environ: dict[str, Any]) -> bool:
    if "/s3/" in environ.get("HTTP_AUTHORIZATION", ""):
        return environ["REQUEST_METHOD"] in ("GET", "HEAD")
    return bool(environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2].startswith(_READS))


class _Handler(MotoRequestHandler):
    """Without a line a request in the log."""

    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def main() -> None:
    """Serve until told to stop; then save and go."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    args = parser.parse_args()
    args.data.mkdir(parents=True, exist_ok=True)
    # a queue, since Event.set() in a signal handler can wait for a lock that the interrupted wait() holds
    stop: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signal_number, _frame: stop.put(signal_number))
    state = MotoState(args.data / "state.json")
    state.mend_queues()
    application = _Application(state)
    server = make_server("127.0.0.1", args.port, application, threaded=True, request_handler=_Handler)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    print(f"AWS on http://127.0.0.1:{server.server_port}", flush=True)
    while not _told(stop):
        if application.restored.is_set() and state.changed.is_set():
            state.save()
    server.shutdown()
    if application.restored.is_set():
        state.save()


def _told(stop: "queue.SimpleQueue[int]") -> bool:
    try:
        stop.get(timeout=_SAVE_SECONDS)
    except queue.Empty:
        return False
    return True


if __name__ == "__main__":
    main()
