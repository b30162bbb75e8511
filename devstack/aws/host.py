"""The serverless part of the system on one machine, made from ``template.yaml``."""

import contextlib
import json
import logging
import socket
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from devstack.aws.front import Control, Gateway, HttpServer
from devstack.aws.pollers import Clock, QueuePoller
from devstack.aws.resources import AWS_ERRORS, aws_client, make_resources
from devstack.aws.runtime import Function
from devstack.aws.template import read_template
from devstack.processes import Part, PartFailedError, Watch

_LOG = logging.getLogger("devstack.aws")
_THREADS = 32
_COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")


class AwsStack:
    """Functions, API, queues, tables and schedules of a template; a context manager.

    Queued messages and table items are kept in ``data_dir`` and are there again at the next start.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        template: Path,
        api_socket: socket.socket | None = None,
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        parameters: Mapping[str, str] | None = None,
        watch: Watch | None = None,
    ) -> None:
        """``environment`` stands before the template's own variables; see `read_template`.

        ``secrets`` gives values for the SSM parameters, each under the name of the variable that names it
        (e.g. ``QDRANT_API_KEY_PARAMETER``). ``parameters`` are the template's. The API is served at ``api_socket``,
        which listens already, or at any free port. ``watch`` is told of processes that end by themselves.
        """
        self._data = data_dir.resolve()
        self._path = template
        self._api_socket = api_socket
        self._watch = watch or Watch()
        self._environment = dict(environment or {})
        self._secrets = dict(secrets or {})
        self._parameters = dict(parameters or {})
        self._cleanup = contextlib.ExitStack()
        self._servers: list[HttpServer] = []
        self._pollers: list[QueuePoller] = []
        self._clock: Clock | None = None
        self._functions: dict[str, Function] = {}

    def __enter__(self) -> "AwsStack":
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop everything. A job under way stays in its queue and is worked off at the next start."""
        self._cleanup.close()

    def queue_url(self, logical_id: str) -> str:
        """The URL of a queue of the template."""
        url: str = self._sqs.get_queue_url(QueueName=self._template.queues[logical_id].name)["QueueUrl"]
        return url

    def table_name(self, logical_id: str) -> str:
        """The name of a table of the template."""
        return self._template.tables[logical_id].name

    def bucket_name(self, logical_id: str) -> str:
        """The name of a bucket of the template."""
        return self._template.buckets[logical_id]

    def invoke(self, function_logical_id: str, event: object) -> Any:  # noqa: ANN401  (any JSON)
        """Call a function directly and return its answer.

        Raises:
            FunctionError: it failed.
        """
        return json.loads(self._functions[function_logical_id].invoke(json.dumps(event).encode()))

    def run_schedule(self, function_logical_id: str) -> Any:  # noqa: ANN401  (any JSON)
        """Run a scheduled function now and return its answer.

        Raises:
            KeyError: the function has no schedule.
            FunctionError: it failed.
        """
        if self._clock is None:
            raise KeyError(function_logical_id)
        return self._clock.run(function_logical_id)

    def wait_idle(self, seconds: float) -> None:
        """Return when no queue that feeds a function holds a message, visible or not.

        Raises:
            TimeoutError: that took longer than ``seconds``; the message says what is left.
        """
        deadline = time.monotonic() + seconds
        fed = [mapping.queue for mapping in self._template.mappings]
        quiet = 0
        while quiet < 2:  # twice: a message that turns visible while it is being counted is in neither count
            left = {name: count for name in fed if (count := self._messages_in(name))}
            quiet = 0 if left else quiet + 1
            if time.monotonic() > deadline:
                raise TimeoutError(f"messages left after {seconds:g} seconds: {left} (logs: {self._data / 'logs'})")
            time.sleep(0.05)

    def _messages_in(self, queue: str) -> int:
        answer = self._sqs.get_queue_attributes(QueueUrl=self.queue_url(queue), AttributeNames=list(_COUNTS))
        return sum(int(answer["Attributes"][name]) for name in _COUNTS)

    def _start(self) -> None:
        self._log_to_file()
        arguments = ["--data", str(self._data), "--port", "0", "--closed"]
        moto = Part(
            "aws", "devstack.aws.moto_server", arguments, log_dir=self._data / "logs", watch=self._watch
        )  # fmt: skip
        self._cleanup.callback(self._close_pollers)
        self._cleanup.callback(moto.close)
        self.aws_endpoint_url = moto.url
        self._sqs = aws_client("sqs", moto.url)
        self._template = template = read_template(
            self._path, endpoint_url=moto.url, parameters=self._parameters, environment=self._environment
        )
        self._make_resources(callers_gone=True)
        moto.restarted = partial(self._make_resources, callers_gone=False)
        called = {route.function for route in template.routes} | {mapping.function for mapping in template.mappings}
        for name, spec in template.functions.items():
            self._functions[name] = Function(
                spec,
                aws_endpoint_url=moto.url,
                data_dir=self._data,
                warm=name in called,
                say=self._watch.say,
            )
            self._cleanup.callback(self._functions[name].close)
        self._clock = Clock(template.schedules, self._functions)
        threads = self._cleanup.enter_context(ThreadPoolExecutor(_THREADS, thread_name_prefix="invoke"))
        self._cleanup.callback(self._stop_callers)
        for mapping in template.mappings:
            queue, function = template.queues[mapping.queue], self._functions[mapping.function]
            self._pollers.append(QueuePoller(mapping, queue, function, endpoint_url=moto.url))
        self.api_url = self._serve(Gateway(template.routes, self._functions, threads), self._api_socket)
        self.control_url = self._serve(Control(self._clock, threads))

    def _make_resources(self, *, callers_gone: bool) -> None:
        try:
            make_resources(self._template, self.aws_endpoint_url, self._secrets, callers_gone=callers_gone)
        except (*AWS_ERRORS, OSError) as error:
            raise PartFailedError(f"the local AWS could not be set up: {error}") from error

    def _serve(self, answerer: Gateway | Control, sock: socket.socket | None = None) -> str:
        server = HttpServer(answerer, sock)
        self._servers.append(server)
        return server.url

    def _stop_callers(self) -> None:
        """Let nothing more in, then stop the functions: threads that wait for them can then end."""
        for poller in self._pollers:
            poller.stop()
        if self._clock:
            self._clock.stop()
        for server in self._servers:
            server.close()
        for function in self._functions.values():
            function.close()
        for poller in self._pollers:
            poller.settle()
        if self._clock:
            self._clock.close()

    def _close_pollers(self) -> None:
        for poller in self._pollers:
            poller.close()

    def _log_to_file(self) -> None:
        folder = self._data / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(folder / "host.log", delay=True)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        _LOG.addHandler(handler)
        self._cleanup.callback(handler.close)
        self._cleanup.callback(_LOG.removeHandler, handler)
