"""Runs go to the queue, and by HTTP where that fails; against real SQS semantics (moto's server)."""

import json
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from operator_memory.entrypoints.contracts.job import parse_job
from operator_memory_client import errors
from operator_memory_client.transport.queue import MOST_BYTES, JobsQueue

from tests.support.aws.clients import Queues
from tests.support.clients.sides import Connect, Side
from tests.support.loopback import HttpServer, reply, unused_port

pytest_plugins = ["tests.support.aws.fixtures", "tests.support.clients.fixtures"]

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
SAID = [{"type": "user", "content": "I keep bees.", "created_at": NOW}]
ACCEPTED = reply({}, 202)


def submit(side: Side, job_id: str = "run-1", **fields: Any) -> Any:
    return side.call(
        "submit_run", "acct-1", job_id, "t-1", SAID, **{"agent_id": "helper", "finished_at": NOW, **fields}
    )


def with_queue(side: Side, client: Any) -> Side:
    """``side``, which reaches its queue by ``client``."""
    side.client._queue = JobsQueue("http://queue.test/jobs.fifo", 60.0, lambda _: client)
    return side


class Refusing:
    """An SQS client that fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def send_message(self, **_: object) -> None:
        raise self._error


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "I keep bees."}}, "SendMessage")


GONE = EndpointConnectionError(endpoint_url="http://queue.test")


def test_a_run_arrives_as_the_service_reads_it(connect: Connect, queues: Queues) -> None:
    side = connect(f"http://127.0.0.1:{unused_port()}")
    side.client._queue = JobsQueue(queues.url, 60.0, lambda _: queues.client)
    for job_id in ("run-1", "run-1", "run-2"):
        assert submit(side, job_id).by == "queue"
    first, second = queues.receive(queues.url), queues.receive(queues.url)
    [message, *rest] = first + second
    assert message["Attributes"]["MessageGroupId"] == "acct-1"
    job, _ = parse_job(message["Body"])
    assert (job.job_id, job.account_id, job.thread_id, job.agent_id) == ("run-1", "acct-1", "t-1", "helper")
    assert job.messages is not None
    assert (job.messages[0].content, job.messages[0].created_at) == ("I keep bees.", NOW)
    assert [json.loads(other["Body"])["job_id"] for other in rest if other["Body"] != message["Body"]] in (
        [],
        ["run-2"],
    )


@pytest.mark.parametrize("error", [GONE, refusal("ServiceUnavailable"), refusal("AccessDenied"), OSError("x")])
def test_where_the_queue_fails_it_goes_by_http(connect: Connect, error: Exception) -> None:
    with HttpServer(lambda _: ACCEPTED) as server:
        assert submit(with_queue(connect(server.url), Refusing(error))).by == "http"
        [request] = server.requests
        assert (request.path, request.json()["job_id"]) == ("/v1/jobs", "run-1")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (GONE, errors.UnavailableError),
        (refusal("AWS.SimpleQueueService.NonExistentQueue"), errors.NotConfiguredError),
        (refusal("InvalidParameterValue"), errors.InvalidCallError),
    ],
)
def test_without_an_address_the_queues_own_error_is_told_without_words_of_the_run(
    connect: Connect, error: Exception, kind: type[errors.MemoryClientError]
) -> None:
    with pytest.raises(kind) as raised:
        submit(with_queue(connect(""), Refusing(error)))
    assert "bees" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_where_both_fail_the_last_error_is_told(connect: Connect) -> None:
    side = with_queue(connect(f"http://127.0.0.1:{unused_port()}"), Refusing(GONE))
    with pytest.raises(errors.UnavailableError) as raised:
        submit(side)
    assert raised.value.retryable


def test_a_run_that_no_queue_takes_is_refused_before_it_is_sent(connect: Connect) -> None:
    with HttpServer(lambda _: ACCEPTED) as server:
        side = connect(server.url)
        large = [{"role": "user", "content": "é" * MOST_BYTES}]
        with pytest.raises(errors.InvalidCallError, match="without messages"):
            side.call("submit_run", "acct-1", "run-1", "t-1", large)
        assert side.call("submit_run", "acct-1", "run-1", "t-1").by == "http"
        assert "messages" not in server.requests[0].json()


def test_without_boto3_it_says_what_to_install(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    side = connect("", queue_url="http://queue.test/jobs.fifo")
    with pytest.raises(errors.NotConfiguredError, match=r"operator-memory-client\[queue\]"):
        submit(side)


def test_messages_of_models_and_odd_things_have_a_form(connect: Connect) -> None:
    class Message:
        def model_dump(self, mode: str) -> dict[str, str]:
            return {"role": "user", "content": mode}

    with HttpServer(lambda _: ACCEPTED) as server:
        connect(server.url).call("submit_run", "acct-1", "run-1", "t-1", [Message(), "\ud800"])
        assert server.requests[0].json()["messages"][0] == {"role": "user", "content": "json"}


def test_a_submission_that_was_lost_on_the_way_is_sent_again(connect: Connect) -> None:
    answers = iter([reply(b"", 503), ACCEPTED])
    with HttpServer(lambda _: next(answers)) as server:
        assert submit(connect(server.url)).by == "http"
        one, other = server.requests
        assert one.body == other.body
