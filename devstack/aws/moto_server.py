"""AWS on one machine: moto's server (SQS, DynamoDB, S3, SSM), with state that outlives it.

``python -m devstack.aws.moto_server --data FOLDER --port 0``. After the queues, tables and buckets have been made,
``POST /_devstack/restore`` puts back what an earlier run had. With ``--closed`` everybody but who makes them is told
until then that AWS is not available.
"""

import argparse
import os
import sqlite3
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from devstack.aws.moto_state import MotoState
from devstack.aws.moto_store import MotoStore
from devstack.aws.resources import CALLERS_GONE, RESTORE_PATH, SETUP_KEY
from devstack.endings import stop_signals

_ONE_AT_A_TIME = ("/dynamodb/", "/s3/")
_READ_METHODS = ("GET", "HEAD")


class _Application:
    """Moto's WSGI application: DynamoDB and S3 one request at a time, each kept before it is answered."""

    def __init__(self, store: MotoStore, state: MotoState, *, closed: bool) -> None:
        self._store = store
        self._state = state
        self._closed = closed
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:  # noqa: ANN401  (WSGI)
        signed = environ.get("HTTP_AUTHORIZATION", "")
        answer: Iterable[bytes]
        if environ["PATH_INFO"] == RESTORE_PATH:
            self._state.restore(callers_gone=environ["QUERY_STRING"] == CALLERS_GONE)
            self._closed = False
            return Response(status=204)(environ, start_response)
        if self._closed and f"Credential={SETUP_KEY}/" not in signed:
            return Response("not ready", status=503)(environ, start_response)
        if not any(service in signed for service in _ONE_AT_A_TIME):
            answer = self._moto(environ, start_response)
            return answer
        with self._store.lock:  # a conditional write reads and then writes
            answer = self._moto(environ, start_response)
            if "/s3/" in signed and environ["REQUEST_METHOD"] not in _READ_METHODS:
                self._state.note_objects()
            self._store.flush()
        return answer


class _Handler(MotoRequestHandler):
    """Without a line a request in the log."""

    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def main() -> int:
    """Serve until told to stop, which ends the process. 1 if the folder or the port cannot be had."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--closed", action="store_true")
    args = parser.parse_args()
    endings = stop_signals()
    _spare_ec2()
    try:
        args.data.mkdir(parents=True, exist_ok=True)
        store = MotoStore(args.data / "state.db")
        application = _Application(store, MotoState(store), closed=args.closed)
        server = make_server("127.0.0.1", args.port, application, threaded=True, request_handler=_Handler)
    except (OSError, sqlite3.Error) as error:
        print(f"error: cannot serve {args.data} on port {args.port}: {error}", file=sys.stderr)
        return 1
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"AWS on http://127.0.0.1:{server.server_port}", flush=True)
    endings.get()
    store.close()
    # At once: while Python takes itself apart, requests under way get odd answers, or keep it from ending.
    os._exit(0)


def _spare_ec2() -> None:
    """Let SSM do without EC2, which it imports for commands to machines: 100 MB."""
    ec2 = ModuleType("moto.ec2")
    ec2.ec2_backends = {}  # type: ignore[attr-defined]
    sys.modules["moto.ec2"] = ec2


if __name__ == "__main__":
    sys.exit(main())
