"""The keys a project publishes: which of them count, when they are read, and what happens when they cannot be."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from operator_memory.adapters.supabase.user_tokens import (
    COOL_DOWN_SECONDS,
    FETCH_TIMEOUT,
    KEYS_MAX_AGE_SECONDS,
    UserTokens,
)
from operator_memory.domain.errors import UnauthenticatedError, UpstreamError, UpstreamUnavailableError

from tests.support import time_outs
from tests.support.fakes.core import FakeClock
from tests.support.loopback import Request, reply, unused_port
from tests.support.management.user_tokens import (
    EC,
    ISSUER,
    KEY_PAIRS,
    PERSON,
    RSA,
    SECRET,
    Project,
    SigningKey,
    b64,
    claims,
    compact,
    ec_key,
    refused,
    rsa_key,
)
from tests.support.time_outs import AMPLE, TIMES_OUT

pytest_plugins = ["tests.support.management.user_token_fixtures"]


class TestPublishedKeysThatDoNotServe:
    @KEY_PAIRS
    @pytest.mark.parametrize("members", [{}, {"alg": None}, {"use": None}, {"key_ops": None}, {"ext": True}], ids=repr)
    def test_a_key_that_says_what_it_is_for_or_nothing(
        self, project: Project, key: SigningKey, members: dict[str, Any]
    ) -> None:
        project.keys = [key.jwk(**members)]
        assert project.tokens.verify(key.token(project.claims())) == PERSON

    @KEY_PAIRS
    @pytest.mark.parametrize(
        "members",
        [
            {"alg": "HS256"},
            {"alg": "RS512"},
            {"alg": "ES384"},
            {"alg": "none"},
            {"alg": ["ES256", "RS256"]},
            {"use": "enc"},
            {"use": ["sig"]},
            {"key_ops": ["sign"]},
            {"key_ops": []},
            {"key_ops": 1},
            {"kty": "oct", "k": b64(SECRET.encode())},
            {"kty": "OKP"},
            {"kty": None},
            {"kid": ""},
            {"kid": 7},
            {"kid": [EC.key_id]},
            {"kty": ["EC"]},
            {"crv": {"P-256": 1}},
            {"kid": None},
            {"d": b64(b"x" * 32)},
            {"x": None, "n": None},
            {"x": "!", "n": "!"},
            {"x": 1, "n": 1},
            {"y": b64(b"\0" * 32), "e": "AA"},
            {"crv": "P-384"},
            {"crv": "secp256k1"},
        ],
        ids=repr,
    )
    def test_a_key_that_is_for_something_else_or_broken(
        self, project: Project, key: SigningKey, members: dict[str, Any]
    ) -> None:
        other = RSA if key is EC else EC
        project.keys = [key.jwk(**members), other.jwk()]

        assert "unknown key" in refused(project.tokens, key.token(project.claims()))
        assert project.tokens.verify(other.token(project.claims())) == PERSON

    def test_an_rsa_key_that_can_be_broken(self, project: Project) -> None:
        short = SigningKey("short", rsa_key("short", 1024))
        project.keys = [short.jwk()]
        refused(project.tokens, short.token(project.claims()))

    @pytest.mark.parametrize("curve", [ec.SECP384R1, ec.SECP256K1])
    def test_a_key_on_another_curve(self, project: Project, curve: type[ec.EllipticCurve]) -> None:
        other = SigningKey("other", ec_key(curve.name, curve))
        project.keys = [other.jwk(), EC.jwk()]
        signer: Any = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256)
        token = compact(
            {"alg": "ES256", "kid": "other"}, project.claims(), lambda text: signer.sign(text, other.private)
        )
        refused(project.tokens, token)

    def test_a_private_key_that_was_published_is_nobodys_any_more(self, project: Project) -> None:
        project.keys = [{**EC.jwk(), **jwt.algorithms.ECAlgorithm.to_jwk(ec_key("project"), as_dict=True)}]
        refused(project.tokens, EC.token(project.claims()))

    def test_of_two_keys_with_one_id_the_first_counts(self, project: Project) -> None:
        stranger = SigningKey(EC.key_id, ec_key("stranger"))
        project.keys = [EC.jwk(), stranger.jwk()]
        assert project.tokens.verify(EC.token(project.claims())) == PERSON
        refused(project.tokens, stranger.token(project.claims()))


NEW = SigningKey("ec-2027", ec_key("rotated"))
WAIT = AMPLE

FAILURES = {
    "503": reply(b"busy", 503),
    "429": reply(b"slow down", 429),
    "404": reply(b"no such page", 404),
    "a redirect": reply(b"", 302, headers={"Location": "/elsewhere"}),
    "not JSON": reply(b"<html>"),
    "nested too deeply": reply(b"[" * 100_000),
    "a list": reply([EC.jwk()]),
    "no keys": reply({}),
    "keys that are no list": reply({"keys": {EC.key_id: EC.jwk()}}),
    "an answer cut off": reply({"keys": []}, length=500, headers={"Connection": "close"}),
}


def failing(what: str) -> Callable[[Request], bytes]:
    return lambda _: FAILURES[what]


def later(project: Project, seconds: float) -> None:
    """Time goes by."""
    project.clock.advance(seconds=seconds)


class TestWhenTheKeysAreRead:
    def test_once_for_all_tokens_of_ten_minutes(self, project: Project) -> None:
        assert project.fetches == 0, "not before the first token"
        for _ in range(3):
            for key in (EC, RSA):
                assert project.tokens.verify(key.token(project.claims())) == PERSON
        later(project, KEYS_MAX_AGE_SECONDS - 1)
        assert project.tokens.verify(EC.token(project.claims())) == PERSON
        assert project.fetches == 1

        later(project, 1)
        assert project.tokens.verify(EC.token(project.claims())) == PERSON
        assert project.fetches == 2

    def test_a_new_key_is_known_with_its_first_token(self, project: Project) -> None:
        project.tokens.verify(EC.token(project.claims()))
        project.keys.append(NEW.jwk())

        assert project.tokens.verify(NEW.token(project.claims())) == PERSON
        assert project.fetches == 2
        assert project.tokens.verify(EC.token(project.claims())) == PERSON
        assert project.fetches == 2

    def test_a_revoked_key_is_refused_after_ten_minutes_at_the_latest(self, project: Project) -> None:
        project.tokens.verify(EC.token(project.claims()))
        project.keys = [NEW.jwk()]

        later(project, KEYS_MAX_AGE_SECONDS)
        refused(project.tokens, EC.token(project.claims()))
        assert project.tokens.verify(NEW.token(project.claims())) == PERSON
        assert project.fetches == 2

    def test_a_project_without_published_keys_has_none(self, project: Project) -> None:
        project.keys = []
        refused(project.tokens, EC.token(project.claims()))

    def test_members_that_are_no_keys_do_not_hide_those_that_are(self, project: Project) -> None:
        members: list[Any] = [None, 1, "key", [], {}, {"kid": EC.key_id}, {"kty": "EC", "kid": EC.key_id, "crv": None}]
        project.keys = [*members, EC.jwk()]
        assert project.tokens.verify(EC.token(project.claims())) == PERSON


class TestUnknownKeyIds:
    def test_one_fetch_then_none_until_it_has_cooled_down(self, project: Project) -> None:
        project.tokens.verify(EC.token(project.claims()))
        for number in range(20):
            refused(project.tokens, EC.token(project.claims(), kid=f"made-up-{number}"))
        later(project, COOL_DOWN_SECONDS - 1)
        refused(project.tokens, EC.token(project.claims(), kid="made-up"))
        assert project.fetches == 2

        later(project, 1)
        for number in range(20):
            refused(project.tokens, EC.token(project.claims(), kid=f"made-up-{number}"))
        assert project.fetches == 3

    def test_the_first_token_of_all_may_be_one(self, project: Project) -> None:
        refused(project.tokens, EC.token(project.claims(), kid="made-up"))
        refused(project.tokens, EC.token(project.claims(), kid="made-up-too"))
        assert project.tokens.verify(EC.token(project.claims())) == PERSON
        assert project.fetches == 1

    def test_known_keys_are_not_in_it(self, project: Project) -> None:
        project.tokens.verify(EC.token(project.claims()))
        refused(project.tokens, EC.token(project.claims(), kid="made-up"))
        project.keys.append(NEW.jwk())

        assert project.tokens.verify(RSA.token(project.claims())) == PERSON
        refused(project.tokens, NEW.token(project.claims()))
        later(project, COOL_DOWN_SECONDS)
        assert project.tokens.verify(NEW.token(project.claims())) == PERSON


class TestWhenTheKeysCannotBeRead:
    @pytest.mark.parametrize("what", FAILURES)
    def test_never_read_is_not_the_callers_fault(self, project: Project, what: str) -> None:
        project.server.answer = failing(what)
        with pytest.raises(UpstreamError) as failure:
            project.tokens.verify(EC.token(project.claims()))
        assert failure.value.retryable

        project.server.answer = project.publish
        assert project.tokens.verify(EC.token(project.claims())) == PERSON, "and the next call finds it mended"

    def test_nobody_listens(self) -> None:
        clock = FakeClock()
        url = f"http://127.0.0.1:{unused_port()}/jwks.json"
        tokens = UserTokens(issuer=ISSUER, hs256_secret=None, jwks_url=url, clock=clock)
        with pytest.raises(UpstreamUnavailableError):
            tokens.verify(EC.token(claims(clock)))

    def test_nobody_answers(self, project: Project) -> None:
        project.server.answer = lambda _: TIMES_OUT
        with time_outs.at_once() as waits:
            started = time.monotonic()
            with pytest.raises(UpstreamError) as failure:
                project.tokens.verify(EC.token(project.claims()))
            assert sum(waits) <= FETCH_TIMEOUT <= time.monotonic() - started
        assert failure.value.retryable

    @pytest.mark.parametrize("what", FAILURES)
    def test_known_keys_stay_valid_and_the_endpoint_is_left_alone(self, project: Project, what: str) -> None:
        project.tokens.verify(EC.token(project.claims()))
        project.server.answer = failing(what)
        later(project, KEYS_MAX_AGE_SECONDS)
        before = project.fetches

        for _ in range(5):
            assert project.tokens.verify(EC.token(project.claims())) == PERSON
            assert project.tokens.verify(RSA.token(project.claims())) == PERSON
        assert project.fetches == before + 1

        project.server.answer = project.publish
        project.keys = [RSA.jwk()]
        assert project.tokens.verify(EC.token(project.claims())) == PERSON
        later(project, COOL_DOWN_SECONDS)
        refused(project.tokens, EC.token(project.claims()))
        assert project.fetches == before + 2

    def test_known_keys_outlive_the_server(self, project: Project) -> None:
        project.tokens.verify(EC.token(project.claims()))
        project.server.close()
        later(project, 24 * 3600)
        assert project.tokens.verify(EC.token(project.claims())) == PERSON
        assert "signature" in refused(project.tokens, SigningKey(EC.key_id, NEW.private).token(project.claims()))

    def test_an_unknown_key_may_be_a_new_one_so_it_is_not_refused_for_good(self, project: Project) -> None:
        project.tokens.verify(EC.token(project.claims()))
        project.keys.append(NEW.jwk())
        project.server.answer = failing("503")
        before = project.fetches

        for _ in range(5):
            with pytest.raises(UpstreamUnavailableError):
                project.tokens.verify(NEW.token(project.claims()))
        assert project.fetches == before + 1
        assert project.tokens.verify(EC.token(project.claims())) == PERSON

        project.server.answer = project.publish
        later(project, COOL_DOWN_SECONDS)
        assert project.tokens.verify(NEW.token(project.claims())) == PERSON


@dataclass
class HeldProject(Project):
    """Can wait with its answer until it is let go."""

    asked: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def hold(self, request: Request) -> bytes:
        self.asked.set()
        assert self.go.wait(WAIT)
        return self.publish(request)


@pytest.fixture
def held() -> Iterator[HeldProject]:
    with HeldProject() as running:
        try:
            yield running
        finally:
            running.go.set()


class TestManyAtOnce:
    def test_the_first_tokens_share_one_fetch(self, held: HeldProject) -> None:
        held.server.answer = held.hold
        tokens = [EC.token(held.claims(note=number)) for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            callers = [pool.submit(held.tokens.verify, token) for token in tokens]
            assert held.asked.wait(WAIT)
            assert not any(caller.done() for caller in callers)
            held.go.set()
            assert [caller.result(WAIT) for caller in callers] == [PERSON] * 8
        assert held.fetches == 1

    def test_those_who_waited_for_a_fetch_share_its_failure(self, held: HeldProject) -> None:
        """They would each wait for one of their own otherwise, one after the other."""

        def fail(request: Request) -> bytes:
            held.hold(request)
            return FAILURES["503"]

        held.server.answer = fail
        token = EC.token(held.claims())
        waiting = watch_the_lock(held.tokens)
        with ThreadPoolExecutor(8) as pool:
            callers = [pool.submit(held.tokens.verify, token) for _ in range(8)]
            assert all(waiting.acquire(timeout=WAIT) for _ in callers)
            held.go.set()
            assert all(isinstance(caller.exception(WAIT), UpstreamUnavailableError) for caller in callers)
        assert held.fetches == 1

    def test_a_stranger_does_not_hold_up_those_who_are_known(self, held: HeldProject) -> None:
        held.tokens.verify(EC.token(held.claims()))
        held.server.answer = held.hold
        with ThreadPoolExecutor(1) as pool:
            stranger = pool.submit(held.tokens.verify, EC.token(held.claims(), kid="made-up"))
            assert held.asked.wait(WAIT)
            assert held.tokens.verify(EC.token(held.claims())) == PERSON
            later(held, KEYS_MAX_AGE_SECONDS)
            assert held.tokens.verify(EC.token(held.claims())) == PERSON, "with the key known so far"
            assert not stranger.done()
            held.go.set()
            assert isinstance(stranger.exception(WAIT), UnauthenticatedError)
        assert held.fetches == 2


def watch_the_lock(tokens: UserTokens) -> threading.Semaphore:
    """Counts the threads that are about to read the keys or wait for the one that does."""
    published: Any = tokens._published
    arrived, lock = threading.Semaphore(0), published._reading

    class Watched:
        def __enter__(self) -> None:
            arrived.release()
            lock.acquire()

        def __exit__(self, *_: object) -> None:
            lock.release()

    published._reading = Watched()
    return arrived
