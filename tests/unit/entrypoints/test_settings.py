"""Every variable is typed and checked at start-up; what is wrong is said in a sentence that names it."""

from dataclasses import Field, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.errors import ConfigurationError
from operator_memory.entrypoints.load_settings import load_settings
from operator_memory.entrypoints.settings import Settings

MINIMAL = {"QDRANT_URL": "http://localhost:6333"}
SPECS: dict[str, Field[Any]] = {spec.metadata["env"]: spec for spec in fields(Settings)}
NUMBERS = [env for env, spec in SPECS.items() if spec.type is int]
SWITCHES = [env for env, spec in SPECS.items() if spec.type is bool]
CHOICES = [env for env, spec in SPECS.items() if spec.metadata["choices"]]
URLS = [env for env in SPECS if env.endswith("_URL")]
SECRETS = [env for env, spec in SPECS.items() if spec.metadata["secret"]]


# Deadlines that leave each other room, and a price: with these any single one may take its whole range.
ROOMY = {
    "CONTEXT_TIMEOUT_MS": "10000",
    "EMBEDDING_TIMEOUT_MS": "10",
    "QDRANT_TIMEOUT_MS": "10",
    "EXTRACTION_PRICE_COMPLETION": "1",
}


def value_of(env: str, raw: str, others: dict[str, str] | None = None) -> object:
    """What the variable ``env`` set to ``raw`` becomes."""
    base = {} if env in ("QDRANT_HOST", "QDRANT_PORT") else MINIMAL
    settings = load_settings(
        {**base, **({"QDRANT_HOST": "h"} if env == "QDRANT_PORT" else {}), **(others or {}), env: raw}
    )
    return getattr(settings, SPECS[env].name)


def complaint(environ: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as stopped:
        load_settings(environ)
    return str(stopped.value)


def test_qdrants_address_is_all_that_has_no_default() -> None:
    settings = load_settings(MINIMAL)
    assert settings.qdrant_base_url == "http://localhost:6333"
    for env, spec in SPECS.items():
        assert env == "QDRANT_URL" or getattr(settings, spec.name) == spec.default
    said = complaint({})
    for name in ("QDRANT_URL", "QDRANT_HOST", "QDRANT_PORT"):
        assert name in said


def test_every_variable_is_named_once_and_explained_in_a_sentence() -> None:
    assert len(SPECS) == len(fields(Settings))
    for env, spec in SPECS.items():
        assert env == env.upper()
        assert len(spec.metadata["description"]) > 10
        assert spec.metadata["description"].endswith("."), env
        assert spec.type in (bool, int, str)


@pytest.mark.parametrize("env", SPECS)
def test_an_empty_variable_counts_as_unset(env: str) -> None:
    for blank in ("", "  ", "\n"):
        assert load_settings({**MINIMAL, **({env: blank} if env != "QDRANT_URL" else {})}) == load_settings(MINIMAL)


@pytest.mark.parametrize("env", NUMBERS)
def test_a_number_is_read_within_its_range(env: str) -> None:
    low, high = SPECS[env].metadata["within"]
    assert value_of(env, str(low), ROOMY) == low
    assert value_of(env, f" {high} ", ROOMY) == high
    for bad in (low - 1, high + 1, "-0x1", "1.5", "ten", "--5", "-", "1_000", "१", "9" * 5000, "inf", "\x00"):
        said = complaint({**MINIMAL, **ROOMY, env: str(bad)})
        assert said == f"{env} must be a whole number from {low} to {high}."


@pytest.mark.parametrize("env", SWITCHES)
def test_a_switch_is_true_or_false(env: str) -> None:
    for raw in ("true", "TRUE", "1"):
        assert value_of(env, raw) is True
    for raw in ("false", "False", "0"):
        assert value_of(env, raw) is False
    for bad in ("yes", "on", "2", "tru"):
        assert complaint({**MINIMAL, env: bad}) == f"{env} must be true or false."


@pytest.mark.parametrize("env", CHOICES)
def test_a_choice_outside_the_list_is_refused_with_the_list(env: str) -> None:
    said = complaint({**MINIMAL, env: "whatever"})
    assert said.startswith(f"{env} must be one of ")
    assert all(choice in said for choice in SPECS[env].metadata["choices"])
    for choice in filter(None, SPECS[env].metadata["choices"]):
        loaded = load_settings({**MINIMAL, "OPENAI_API_KEY": "k", env: choice})
        assert getattr(loaded, SPECS[env].name) == choice


@pytest.mark.parametrize("env", URLS)
def test_an_address_must_be_one_a_client_can_use(env: str) -> None:
    assert value_of(env, "https://[2001:db8::1]:8443/base") == "https://[2001:db8::1]:8443/base"
    for bad in (
        "localhost:6333",
        "ftp://h",
        "http://",
        "http://:80",
        "http://h:99999",
        "http://h:port",
        "http://[::1",
        "http://a b/",
    ):
        assert complaint({**MINIMAL, env: bad}).startswith(f"{env} must be an address that starts with http://")
    for bad in ("https://user:hunter2@host", "https://host/?key=hunter2", "https://host/#hunter2"):
        said = complaint({**MINIMAL, env: bad})
        assert said.startswith(f"{env} must not hold a user name")
        assert "hunter2" not in said


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"QDRANT_URL": "https://xyz.cloud.qdrant.io:6333/"}, "https://xyz.cloud.qdrant.io:6333"),
        ({"QDRANT_URL": "http://proxy/qdrant/"}, "http://proxy/qdrant"),
        ({"QDRANT_HOST": "xyz.cloud.qdrant.io"}, "https://xyz.cloud.qdrant.io:6333"),
        ({"QDRANT_HOST": "localhost", "QDRANT_PORT": "7000"}, "http://localhost:7000"),
        ({"QDRANT_HOST": "127.0.0.2"}, "http://127.0.0.2:6333"),
        ({"QDRANT_HOST": "::1"}, "http://[::1]:6333"),
        ({"QDRANT_HOST": "2001:db8::1", "QDRANT_PORT": "443"}, "https://[2001:db8::1]:443"),
        ({"QDRANT_HOST": "127.attacker.example"}, "https://127.attacker.example:6333"),
    ],
)
def test_qdrants_address_is_the_url_or_made_of_host_and_port(environ: dict[str, str], url: str) -> None:
    assert load_settings(environ).qdrant_base_url == url


@pytest.mark.parametrize("host", ["http://h", "h:6333", "h/path", "[::1]", "a b", "-h", "user@h"])
def test_a_host_is_a_host_and_nothing_else(host: str) -> None:
    assert complaint({"QDRANT_HOST": host}).startswith("QDRANT_HOST must be a host name or an IP address")


@pytest.mark.parametrize("name", ["a b", "a/b", "../x", "a?b", "x" * 256, "имя"])
def test_a_collection_name_is_safe_in_a_path(name: str) -> None:
    assert complaint({**MINIMAL, "QDRANT_COLLECTION": name}).startswith("QDRANT_COLLECTION must hold only letters")


def test_two_addresses_of_qdrant_are_a_contradiction() -> None:
    assert complaint({**MINIMAL, "QDRANT_HOST": "h"}) == "QDRANT_URL and QDRANT_HOST are both set: keep one of them."


def test_a_port_beside_a_url_is_a_contradiction() -> None:
    said = complaint({"QDRANT_URL": "http://127.0.0.1:6333", "QDRANT_PORT": "6334"})
    assert said == "QDRANT_URL and QDRANT_PORT are both set: put the port into the URL."


def test_the_parts_of_a_deadline_fit_into_the_whole() -> None:
    assert complaint({**MINIMAL, "EMBEDDING_TIMEOUT_MS": "501"}) == (
        "EMBEDDING_TIMEOUT_MS and QDRANT_TIMEOUT_MS together exceed CONTEXT_TIMEOUT_MS: lower them, or raise it."
    )
    assert value_of("EMBEDDING_TIMEOUT_MS", "500") == 500


@pytest.mark.parametrize("env", SECRETS)
def test_a_secret_is_given_once_and_never_shown(env: str) -> None:
    settings = load_settings({**MINIMAL, env: "hunter2-hunter2"})
    assert getattr(settings, SPECS[env].name) == "hunter2-hunter2"
    assert "hunter2" not in repr(settings) + str(settings)
    said = complaint({**MINIMAL, env: "hunter2-hunter2", f"{env}_PARAMETER": "/memory/key", "LOG_LEVEL": "LOUD"})
    assert f"{env} and {env}_PARAMETER are both set: keep one of them." in said
    assert "hunter2" not in said


def test_extraction_follows_the_key_unless_it_is_chosen() -> None:
    def mode(**environ: str) -> str:
        return load_settings({**MINIMAL, **environ}).extraction_mode

    assert mode() == "rules"
    assert mode(OPENAI_API_KEY="k") == "llm"
    assert mode(OPENAI_API_KEY_PARAMETER="/memory/openai") == "llm"
    assert mode(OPENAI_API_KEY="k", EXTRACTION="rules") == "rules"
    said = complaint({**MINIMAL, "EXTRACTION": "llm"})
    assert "OPENAI_API_KEY_PARAMETER" in said
    assert "EXTRACTION=rules" in said


def test_everything_that_is_wrong_is_said_at_once() -> None:
    said = complaint({"QDRANT_PORT": "0", "MEM0_ENABLED": "perhaps", "EXTRACTION": "magic"})
    for name in ("QDRANT_PORT", "MEM0_ENABLED", "EXTRACTION", "QDRANT_URL"):
        assert name in said
    assert said.count(". ") >= 3


@given(st.dictionaries(st.sampled_from(sorted(SPECS)), st.text(max_size=30)))
def test_whatever_the_environment_it_loads_or_says_which_variable_is_wrong(environ: dict[str, str]) -> None:
    problem = ""
    try:
        assert load_settings(environ).qdrant_base_url.startswith("http")
    except ConfigurationError as error:
        problem = str(error)
    assert not problem or any(env in problem for env in SPECS)
