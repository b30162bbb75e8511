"""Secrets from Parameter Store, against moto's server: encrypted values, one call, a cache that ages."""

from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest
from moto.server import ThreadedMotoServer
from mypy_boto3_ssm import SSMClient
from operator_memory.adapters.aws import ssm_secrets
from operator_memory.adapters.aws.signed_json import AwsCredentials, AwsJsonClient
from operator_memory.adapters.aws.ssm_secrets import MAX_AGE_SECONDS, REFRESH_TIMEOUT, RETRY_SECONDS, SsmSecrets
from operator_memory.domain.errors import (
    MalformedResponseError,
    RefusedKeyError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)

from tests.support import time_outs
from tests.support.loopback import HttpServer, reply, unused_port
from tests.support.time_outs import AMPLE, TIMES_OUT

REFRESH = AMPLE / 2
"""In place of `REFRESH_TIMEOUT`, which a busy machine may take for a refresh that comes."""

QDRANT, OPENAI = "/memory/qdrant-key", "/memory/openai-key"


class ManualClock:
    """The machine's calendar, and a stopwatch that a test turns."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """Address of a Parameter Store."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def store(aws: str) -> Iterator[SSMClient]:
    """AWS's own client of it, with both secrets in place."""
    ssm = boto3.client(
        "ssm", endpoint_url=aws, region_name="eu-west-1", aws_access_key_id="AKIA", aws_secret_access_key="s"
    )
    for name, value in ((QDRANT, "q-1"), (OPENAI, "o-1\n")):
        ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
    yield ssm
    ssm.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def connect(clock: ManualClock, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> "Connect":
    monkeypatch.setattr(ssm_secrets, "REFRESH_TIMEOUT", REFRESH)
    return Connect(clock, request)


class Connect:
    """Makes secrets that read from an address."""

    def __init__(self, clock: ManualClock, request: pytest.FixtureRequest) -> None:
        self._clock = clock
        self._request = request

    def __call__(self, url: str, *names: str, timeout: float = AMPLE) -> SsmSecrets:
        client = AwsJsonClient(
            service="ssm",
            region="eu-west-1",
            endpoint_url=url,
            credentials=AwsCredentials("AKIA", "s"),
            clock=self._clock,
        )
        self._request.addfinalizer(client.close)
        return SsmSecrets(client, names or (QDRANT, OPENAI), clock=self._clock, timeout=timeout)


def test_secure_strings_come_decrypted_and_without_the_newline_of_their_file(
    aws: str, store: SSMClient, connect: Connect
) -> None:
    assert store.get_parameter(Name=QDRANT)["Parameter"]["Value"] != "q-1", "it is stored encrypted"
    secrets = connect(aws)
    assert (secrets.get(QDRANT), secrets.get(OPENAI)) == ("q-1", "o-1")


def test_a_name_that_does_not_exist_is_said_and_not_retried(aws: str, store: SSMClient, connect: Connect) -> None:
    with pytest.raises(UpstreamRejectedError, match="ssm: no such parameter: /memory/typo") as raised:
        connect(aws, QDRANT, "/memory/typo").get(QDRANT)
    assert not raised.value.retryable


@pytest.mark.parametrize("name", ["AccessDeniedException", "com.amazonaws.ssm#InvalidKeyId", "ExpiredTokenException"])
def test_a_refusal_is_told_by_awss_name_and_waited_for(connect: Connect, name: str) -> None:
    answers = [reply({"__type": name, "Message": "User: arn:aws:sts::1:role/secret is not authorized"}, 400)]
    with HttpServer(lambda _request: answers.pop() if answers else parameters("value")) as server:
        secrets = connect(server.url, QDRANT)
        with pytest.raises(RefusedKeyError) as raised:
            secrets.get(QDRANT)
        assert str(raised.value) == f"ssm: refused the request with 400 ({name.rpartition('#')[2]})"
        assert raised.value.retryable
        assert secrets.get(QDRANT) == "value", "the next time it is asked again"


def test_a_rotated_secret_is_picked_up_within_five_minutes_and_not_looked_up_before(
    aws: str, store: SSMClient, clock: ManualClock, connect: Connect
) -> None:
    secrets = connect(aws)
    assert secrets.get(QDRANT) == "q-1"
    store.put_parameter(Name=QDRANT, Value="q-2", Type="SecureString", Overwrite=True)
    clock.seconds += MAX_AGE_SECONDS - 1
    assert secrets.get(QDRANT) == "q-1"
    clock.seconds += 1
    assert secrets.get(QDRANT) == "q-2"


def parameters(value: str) -> bytes:
    return reply({"Parameters": [{"Name": QDRANT, "Value": value}], "InvalidParameters": []})


def test_all_names_are_read_in_one_call_that_asks_for_decryption(connect: Connect) -> None:
    both = reply({"Parameters": [{"Name": n, "Value": n[-3:]} for n in (QDRANT, OPENAI)]})
    with HttpServer(lambda _request: both) as server:
        secrets = connect(server.url, QDRANT, OPENAI, QDRANT)
        for _ in range(5):
            secrets.get(QDRANT)
            secrets.get(OPENAI)
        [request] = server.requests
    assert request.json() == {"Names": sorted([QDRANT, OPENAI]), "WithDecryption": True}


def test_when_it_cannot_be_refreshed_the_known_value_is_kept_and_soon_tried_again(
    clock: ManualClock, connect: Connect
) -> None:
    answers = [parameters("old"), reply(b"", 503), TIMES_OUT, parameters("new")]
    assert REFRESH_TIMEOUT == 0.25, "or a request may wait for it"

    with time_outs.at_once() as waits, HttpServer(lambda _request: answers[len(server.requests) - 1]) as server:
        secrets = connect(server.url, QDRANT)
        assert secrets.get(QDRANT) == "old"
        clock.seconds += MAX_AGE_SECONDS
        assert [secrets.get(QDRANT) for _ in range(3)] == ["old"] * 3
        assert len(server.requests) == 2, "a failure is not repeated with every request"
        clock.seconds += RETRY_SECONDS
        assert secrets.get(QDRANT) == "old", "a hanging refresh is given up"
        [waited] = waits
        assert waited <= REFRESH
        clock.seconds += RETRY_SECONDS
        assert secrets.get(QDRANT) == "new"
        assert len(server.requests) == 4


def test_a_parameter_that_disappeared_does_not_take_the_known_value_away(clock: ManualClock, connect: Connect) -> None:
    answers = [parameters("known"), reply({"Parameters": [], "InvalidParameters": [QDRANT]})]
    with HttpServer(lambda _request: answers[len(server.requests) - 1]) as server:
        secrets = connect(server.url, QDRANT)
        assert secrets.get(QDRANT) == "known"
        clock.seconds += MAX_AGE_SECONDS
        assert secrets.get(QDRANT) == "known"


def test_a_secret_that_was_never_read_is_an_error_each_time(connect: Connect) -> None:
    secrets = connect(f"http://127.0.0.1:{unused_port()}", QDRANT)
    for _ in range(2):
        with pytest.raises(UpstreamUnavailableError):
            secrets.get(QDRANT)
    with (
        time_outs.at_once(),
        HttpServer(lambda _request: TIMES_OUT) as server,
        pytest.raises(UpstreamTimeoutError),
    ):
        connect(server.url, QDRANT).get(QDRANT)


@pytest.mark.parametrize(
    "answer",
    [{}, {"Parameters": None}, {"Parameters": [{"Name": QDRANT}]}, {"Parameters": []}, {"Parameters": ["x"]}],
)
def test_an_answer_without_the_value_is_malformed(answer: object, connect: Connect) -> None:
    with HttpServer(lambda _request: reply(answer)) as server, pytest.raises(MalformedResponseError):
        connect(server.url, QDRANT).get(QDRANT)


def test_more_names_than_one_call_reads_are_a_mistake(connect: Connect) -> None:
    with pytest.raises(ValueError, match="at most 10"):
        connect("http://127.0.0.1:1", *(f"/p{n}" for n in range(11)))
