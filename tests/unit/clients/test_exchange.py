"""One call from its first try to its answer: retries, renewed tokens, deadlines, the circuit. Without a network."""

from datetime import timedelta
from email.utils import format_datetime

import pytest
from operator_memory_client import errors
from operator_memory_client.transport.calls import Call
from operator_memory_client.transport.circuit import FAILURES_TO_OPEN
from operator_memory_client.transport.credentials import GivenToken, ServiceKey
from operator_memory_client.transport.exchange import Conditions, Outcome, exchange

from tests.support.clients.steps import GET, KEYED, OK, PATCH, TODAY, Service, lost, problem

DEAD = errors.UnavailableError("cannot be reached")
KEY = "a-key-of-at-least-thirty-two-characters"


def test_a_good_answer_comes_back_at_once() -> None:
    service = Service([OK])
    assert service.run() is OK
    assert service.sent[0]["authorization"] == "Bearer token"
    assert service.waits == []


@pytest.mark.parametrize("failure", [lost(DEAD), problem(429), problem(503), problem(502), problem(500)])
def test_what_can_be_repeated_is_made_again(failure: Outcome) -> None:
    for route in (GET, KEYED):
        service = Service([failure, OK])
        assert service.run(route) is OK
        assert len(service.waits) == 1


def test_a_change_is_made_again_only_if_nothing_of_it_can_have_happened() -> None:
    for failure in (problem(429), problem(503), lost(DEAD, sent=False)):
        assert Service([failure, OK]).run(PATCH) is OK
    for failure in (lost(DEAD), problem(500), problem(502)):
        service = Service([failure, OK])
        with pytest.raises(errors.MemoryClientError):
            service.run(PATCH)
        assert len(service.sent) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidRequestError),
        (401, errors.UnauthorizedError),
        (403, errors.ForbiddenError),
        (404, errors.NotFoundError),
        (409, errors.ConflictError),
        (412, errors.ConflictError),
        (422, errors.InvalidRequestError),
        (418, errors.ProblemError),
    ],
)
def test_a_refusal_says_what_the_service_said(status: int, kind: type[errors.ProblemError]) -> None:
    service = Service([problem(status, "that is not yours")])
    with pytest.raises(kind, match="that is not yours") as raised:
        service.run()
    assert (raised.value.status, raised.value.retryable) == (status, False)
    assert len(service.sent) == 1


def test_an_answer_without_a_problem_is_an_error_as_well() -> None:
    for body in (b"", b"<html>", b"[1]", b'{"detail": 3}', b"[" * 100_000):
        service = Service([problem(418)])
        object.__setattr__(service.outcomes[0], "body", body)
        with pytest.raises(errors.ProblemError, match="HTTP 418"):
            service.run()


def test_retry_after_is_waited_for_if_there_is_time() -> None:
    service = Service([problem(429, retry_after="3"), OK])
    assert service.run(seconds=10) is OK
    assert service.waits == [pytest.approx(3.05)]


def test_a_limit_that_lasts_longer_than_the_deadline_is_told_at_once() -> None:
    service = Service([problem(429, "too many calls", retry_after="30")])
    with pytest.raises(errors.RateLimitedError) as raised:
        service.run(seconds=0.5)
    assert (raised.value.retryable, raised.value.retry_after, service.waits) == (True, 30.0, [])


def test_every_try_has_what_is_left_and_all_end_by_the_deadline() -> None:
    service = Service([lost(DEAD)] * 9, takes=0.1)
    with pytest.raises(errors.UnavailableError):
        service.run(seconds=0.5)
    assert service.allowed == sorted(service.allowed, reverse=True)
    assert service.time - 1000 <= 0.5 + 0.1


def test_a_call_that_a_run_waits_for_is_made_again_once_and_not_where_nobody_listens() -> None:
    for failure, tries in ((lost(DEAD), 2), (problem(503), 2), (lost(DEAD, sent=False), 1)):
        service = Service([failure, failure, failure])
        with pytest.raises(errors.MemoryClientError):
            service.run(KEYED, patient=False)
        assert len(service.sent) == tries


class TestTokens:
    def test_an_expired_token_of_a_clock_that_is_wrong_is_made_anew_by_the_services_clock(self) -> None:
        key = ServiceKey("k1", KEY, clock=lambda: TODAY.timestamp() - 3600)
        date = format_datetime(TODAY + timedelta(seconds=1), usegmt=True)
        service = Service([problem(401, "the token has expired", date=date), OK, OK], credentials=key)
        assert service.run() is OK
        assert service.waits == [], "there is nothing to wait for"
        service.run()
        first, second, third = (headers["authorization"] for headers in service.sent)
        assert first != second
        assert second == third, "it stays right"

    @pytest.mark.parametrize("detail", ["the token's signature is not valid", "the token was made for another service"])
    def test_another_refusal_is_final(self, detail: str) -> None:
        key = ServiceKey("k1", KEY, clock=lambda: TODAY.timestamp() - 3600)
        service = Service([problem(401, detail, date=format_datetime(TODAY, usegmt=True))], credentials=key)
        with pytest.raises(errors.UnauthorizedError, match=detail):
            service.run()

    def test_a_right_clock_is_not_moved(self) -> None:
        key = ServiceKey("k1", KEY, clock=TODAY.timestamp)
        service = Service([problem(401, "the token has expired", date=format_datetime(TODAY))], credentials=key)
        with pytest.raises(errors.UnauthorizedError):
            service.run()

    def test_the_clock_is_put_right_once_a_call(self) -> None:
        key = ServiceKey("k1", KEY, clock=TODAY.timestamp)
        dates = [format_datetime(TODAY + timedelta(hours=h)) for h in (1, 2)]
        service = Service([problem(401, "the token has expired", date=d) for d in dates], credentials=key)
        with pytest.raises(errors.UnauthorizedError):
            service.run()
        assert len(service.sent) == 2

    def test_a_function_is_asked_for_another_token_and_a_fixed_one_is_not_sent_again(self) -> None:
        tokens = iter(["old", "new"])
        service = Service([problem(401, "the token has expired"), OK], credentials=GivenToken(lambda: next(tokens)))
        assert service.run() is OK
        assert [headers["authorization"] for headers in service.sent] == ["Bearer old", "Bearer new"]
        with pytest.raises(errors.UnauthorizedError):
            Service([problem(401, "the token has expired")], credentials=GivenToken("fixed")).run()


class TestCircuit:
    def opened(self) -> Service:
        service = Service([lost(DEAD)] * FAILURES_TO_OPEN)
        for _ in range(FAILURES_TO_OPEN):
            with pytest.raises(errors.UnavailableError):
                service.run(PATCH)
        return service

    def test_an_open_one_asks_nobody(self) -> None:
        service = self.opened()
        with pytest.raises(errors.CircuitOpenError) as raised:
            service.run()
        assert raised.value.retry_after == pytest.approx(2.0, abs=0.1)
        assert len(service.sent) == FAILURES_TO_OPEN

    def test_a_good_probe_closes_it(self) -> None:
        service = self.opened()
        service.time += 2.0
        service.outcomes = [OK, OK]
        assert service.run() is OK
        assert service.run() is OK

    def test_a_refusal_is_an_answer_and_closes_it(self) -> None:
        service = self.opened()
        service.time += 2.0
        service.outcomes = [problem(422), OK]
        with pytest.raises(errors.InvalidRequestError):
            service.run()
        assert service.run() is OK

    def test_a_call_that_is_broken_off_is_no_failure_and_blocks_no_probe(self) -> None:
        service = self.opened()
        service.time += 2.0
        under = Conditions(GivenToken("t"), service.line, lambda: service.time)
        steps = exchange(Call(GET, "/v1/usage"), under, 1.0)
        next(steps)
        steps.close()
        service.outcomes = [OK]
        assert service.run() is OK
