"""Tokens that the client signs are what the service verifies; secrets show nowhere."""

from datetime import UTC, datetime, timedelta

import pytest
from operator_memory.adapters.net.service_tokens import AUDIENCE as SERVICE_AUDIENCE
from operator_memory.adapters.net.service_tokens import ISSUER as SERVICE_ISSUER
from operator_memory.adapters.net.service_tokens import MIN_KEY_LENGTH, ServiceTokens
from operator_memory.domain.errors import UnauthenticatedError
from operator_memory.domain.management.identity import READ_CONTEXT, Action
from operator_memory_client.client import MemoryClient
from operator_memory_client.errors import NotConfiguredError
from operator_memory_client.settings import ClientSettings
from operator_memory_client.transport.credentials import (
    AUDIENCE,
    ISSUER,
    LEAST_KEY_LENGTH,
    LIFETIME,
    PERMISSIONS,
    GivenToken,
    ServiceKey,
)

KEY = "a-key-of-at-least-thirty-two-characters"
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


def verify(token: str, *, now: datetime = NOW) -> object:
    return ServiceTokens(lambda: {"k1": KEY.encode()}).verify(token, now=now)


def test_the_service_accepts_what_the_client_signs() -> None:
    token = ServiceKey("k1", KEY, clock=NOW.timestamp).token("acct-1")
    caller = ServiceTokens(lambda: {"k1": KEY.encode()}).verify(token, now=NOW)
    assert (caller.subject, caller.account_id) == ("agent-runtime", "acct-1")
    assert caller.permissions == set(PERMISSIONS)


def test_client_and_service_mean_the_same() -> None:
    assert (ISSUER, AUDIENCE, LEAST_KEY_LENGTH) == (SERVICE_ISSUER, SERVICE_AUDIENCE, MIN_KEY_LENGTH)
    everything = {READ_CONTEXT, *(action.value for action in Action)}
    assert everything - set(PERMISSIONS) == {"holds:read", "holds:write"}, "an agent runtime has no use for these"
    assert set(PERMISSIONS) <= everything


def test_each_call_has_a_fresh_token() -> None:
    times = iter([NOW.timestamp(), (NOW + timedelta(hours=1)).timestamp()])
    key = ServiceKey("k1", KEY, clock=lambda: next(times))
    old = key.token(None)
    later = NOW + timedelta(seconds=LIFETIME + 31)
    with pytest.raises(UnauthenticatedError, match="expired"):
        verify(old, now=later)
    verify(key.token(None), now=NOW + timedelta(hours=1))


def test_another_name_in_the_trail_keeps_the_key_and_the_clock() -> None:
    key = ServiceKey("k1", KEY, clock=lambda: NOW.timestamp() - 3600)
    assert key.renewed("the token has expired", NOW)
    caller = ServiceTokens(lambda: {"k1": KEY.encode()}).verify(key.acting_as("agent-runtime/a1").token(None), now=NOW)
    assert caller.actor == "service:agent-runtime/a1"


def test_no_secret_is_shown() -> None:
    settings = ClientSettings(url="http://memory.test", token="secret-token", key_id="k1", key=KEY)
    client = MemoryClient(settings)
    for shown in (repr(settings), repr(client), repr(ServiceKey("k1", KEY)), repr(GivenToken("secret-token"))):
        assert KEY not in shown
        assert "secret-token" not in shown


class TestSettings:
    def test_arguments_go_before_the_environment(self) -> None:
        environment = {
            "OPERATOR_MEMORY_URL": "http://a",
            "OPERATOR_MEMORY_TOKEN": "t",
            "OPERATOR_MEMORY_QUEUE_URL": "q",
        }
        settings = ClientSettings(url="http://b/", key_id="k1", key=KEY, queue_url="mine")
        assert settings.address(environment) == "http://b"
        assert isinstance(settings.credentials(environment), ServiceKey)
        assert settings.queue(environment) == "mine"

    def test_the_environment_is_enough(self) -> None:
        environment = {
            "OPERATOR_MEMORY_URL": "https://memory.test",
            "OPERATOR_MEMORY_KEY_ID": "k1",
            "OPERATOR_MEMORY_KEY": KEY,
            "OPERATOR_MEMORY_QUEUE_URL": "https://sqs/q.fifo",
        }
        settings = ClientSettings()
        assert settings.address(environment) == "https://memory.test"
        assert isinstance(settings.credentials(environment), ServiceKey)
        assert settings.queue(environment) == "https://sqs/q.fifo"
        assert settings.is_enabled(environment)

    @pytest.mark.parametrize("value", ["0", "false", "False", "off", "no", " FALSE "])
    def test_memory_can_be_switched_off_for_a_process(self, value: str) -> None:
        assert not ClientSettings().is_enabled({"OPERATOR_MEMORY_ENABLED": value})
        assert ClientSettings(enabled=True).is_enabled({"OPERATOR_MEMORY_ENABLED": value})

    @pytest.mark.parametrize(
        "url", ["", "memory", "ftp://a", "http://", "http://user:pass@a", "http://a:x", "http://[", "http://a?b=c"]
    )
    def test_an_address_that_is_none(self, url: str) -> None:
        with pytest.raises(NotConfiguredError, match="OPERATOR_MEMORY_URL"):
            ClientSettings(url=url).address({})

    @pytest.mark.parametrize("settings", [ClientSettings(), ClientSettings(key_id="k"), ClientSettings(key="x" * 40)])
    def test_without_credentials(self, settings: ClientSettings) -> None:
        with pytest.raises(NotConfiguredError, match="OPERATOR_MEMORY_TOKEN"):
            settings.credentials({})

    def test_a_short_key_is_none(self) -> None:
        with pytest.raises(NotConfiguredError, match="32 characters"):
            ClientSettings(key_id="k", key="short").credentials({})
