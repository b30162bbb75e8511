"""The product's settings on their way from the environment to the functions: all of the table, or a sentence."""

from dataclasses import fields
from typing import Any

import pytest
from operator_memory.domain.errors import ConfigurationError
from operator_memory.entrypoints.load_settings import load_settings
from operator_memory.entrypoints.settings import Settings

from devstack.aws.intrinsics import load_yaml
from devstack.aws.template import Template, read_template, resource_variables
from devstack.settings import LOCAL_MODEL, Given, read_given
from devstack.stack import TEMPLATE

SPECS = {spec.metadata["env"]: spec for spec in fields(Settings)}
RESOURCES = resource_variables(TEMPLATE)
ADDRESSES = {"qdrant_url": "http://q", "models_url": "http://m", "supabase_url": "http://s"}

VALUES = {
    "QDRANT_URL": "https://qdrant.example:6333",
    "QDRANT_HOST": "qdrant.example",
    "OPENAI_BASE_URL": "https://models.example/v1",
    "RERANKER_BASE_URL": "https://reranker.example/v1",
    "SUPABASE_URL": "https://platform.example",
    "SUPABASE_JWKS_URL": "https://platform.example/keys",
    "SERVICE_TOKEN_KEYS": '{"2026-11": "a-key-of-at-least-32-characters-1234"}',
}
"""Of the text settings with a form of their own."""

WITH: dict[str, dict[str, str]] = {
    "QDRANT_PORT": {"QDRANT_HOST": "qdrant.example"},
    "EMBEDDING_MODEL": {"OPENAI_API_KEY": "k"},
    "EMBEDDING_DIMENSIONS": {"OPENAI_API_KEY": "k"},
    "EXTRACTION_MODEL": {"OPENAI_API_KEY": "k"},
    "EMBEDDING_TIMEOUT_MS": {"CONTEXT_TIMEOUT_MS": "10000"},
    "QDRANT_TIMEOUT_MS": {"CONTEXT_TIMEOUT_MS": "10000"},
    "RERANKER_API_KEY": {"RERANKER_BASE_URL": "https://reranker.example/v1"},
    "MONTHLY_BUDGET_CENTS": {"EXTRACTION_PRICE_PROMPT": "15"},
    "SUPABASE_URL": {"SUPABASE_SERVICE_KEY": "k"},
    "SUPABASE_SERVICE_KEY": {"SUPABASE_URL": "https://platform.example"},
    "SUPABASE_JWT_SECRET": {"SUPABASE_URL": "https://platform.example", "SUPABASE_SERVICE_KEY": "k"},
}
"""What some need beside them to be of use."""


def value_of(name: str) -> str:
    """A usable value that is not the default."""
    spec = SPECS[name]
    if name in VALUES:
        return VALUES[name]
    if spec.type in (bool, "bool"):
        return "false" if spec.default else "true"
    if spec.type in (int, "int"):
        high: int = spec.metadata["within"][1]
        return str(high if spec.default != high else high - 1)
    if choices := [choice for choice in spec.metadata["choices"] if choice and choice != spec.default]:
        return str(choices[0])
    return f"a-{name.lower()}"


def refused(name: str) -> bool:
    """Whether it names something that only the devstack knows."""
    return name in RESOURCES or name.endswith("_PARAMETER")


def functions(given: Given) -> Template:
    environment = given.environment(**ADDRESSES)
    return read_template(TEMPLATE, endpoint_url="http://aws", environment=environment)


@pytest.mark.parametrize("name", [name for name in SPECS if not refused(name)])
def test_every_setting_in_the_environment_reaches_the_functions(name: str) -> None:
    value = value_of(name)
    given = read_given({name: f" {value} ", **WITH.get(name, {})}, RESOURCES)
    if SPECS[name].metadata["secret"]:
        assert given.secrets[name] == value
        assert all(value not in f.environment.values() for f in functions(given).functions.values())
        return
    if name in ("QDRANT_URL", "QDRANT_HOST", "QDRANT_PORT"):
        assert not given.own_qdrant, "they reach them as QDRANT_URL"
        assert value in given.settings.qdrant_base_url
        return
    if name in ("OPENAI_BASE_URL", "SUPABASE_URL"):
        assert not (given.own_models if name == "OPENAI_BASE_URL" else given.own_supabase)
        assert value in (given.settings.openai_base_url, given.settings.supabase_url)
        return
    declared = [name in variables for variables in declarations().values()]
    told = [f.environment.get(name) == value for f in functions(given).functions.values()]
    assert told == (declared if any(declared) else [True] * len(told))


def declarations() -> dict[str, dict[str, Any]]:
    """What the template says of each function's environment."""
    document = load_yaml(TEMPLATE)
    everywhere = document["Globals"]["Function"]["Environment"]["Variables"]
    resources = document["Resources"].items()
    own = {name: body["Properties"] for name, body in resources if body["Type"] == "AWS::Serverless::Function"}
    return {name: {**everywhere, **body["Environment"]["Variables"]} for name, body in own.items()}


@pytest.mark.parametrize("name", [name for name in SPECS if refused(name)])
def test_what_only_the_devstack_can_know_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name} is set, but "):
        read_given({name: "mine"}, RESOURCES)


def test_the_template_says_which_variables_name_its_resources() -> None:
    assert resource_variables(TEMPLATE) == {
        "MEMORY_TABLE", "JOBS_QUEUE_URL", "JOBS_DEAD_LETTER_QUEUE_URL", "EVENTS_QUEUE_URL", "ARCHIVE_BUCKET",
        "LIFECYCLE_QUEUE_URL", "LIFECYCLE_DEAD_LETTER_QUEUE_URL",
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name in SPECS if not refused(name) and SPECS[name].type not in ("str", str)])
def test_an_unusable_value_is_a_sentence(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name} must be ") as raised:
        read_given({name: "s3cret-nonsense", **WITH.get(name, {})}, RESOURCES)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"QDRANT_PORT": "6333"}, "QDRANT_PORT is set but QDRANT_HOST is not"),
        ({"SUPABASE_URL": "https://x.example"}, "SUPABASE_URL is set but SUPABASE_SERVICE_KEY is not"),
        ({"SUPABASE_JWT_SECRET": "s"}, "SUPABASE_JWT_SECRET is set but SUPABASE_URL is not"),
        ({"RERANKER_API_KEY": "s"}, "RERANKER_API_KEY is set but RERANKER_BASE_URL is not"),
        ({"EMBEDDING_MODEL": "other"}, f"EMBEDDING_MODEL is set, but the bundled models .* {LOCAL_MODEL}"),
        ({"EMBEDDING_DIMENSIONS": "1536"}, "EMBEDDING_DIMENSIONS is set, but the bundled models .* 384"),
        ({"EXTRACTION_MODEL": "gpt-4o"}, "EXTRACTION_MODEL is set, but the bundled models"),
        ({"EMBEDDER": "server", "EMBEDDING_MODEL": "other"}, "EMBEDDER is server, but the bundled Qdrant"),
        ({"EMBEDDER": "local", "EMBEDDING_MODEL": "other"}, "EMBEDDER is local, whose model is"),
        ({"EXTRACTION": "guess"}, "EXTRACTION must be one of llm, rules"),
        ({"SERVICE_TOKEN_KEYS": "{"}, "SERVICE_TOKEN_KEYS .* must be a JSON object"),
        ({"SERVICE_TOKEN_KEYS": '{"local": "a-key-of-at-least-32-characters-1234"}'}, "key named local"),
        ({"EMBEDDING_TIMEOUT_MS": "5000"}, "EMBEDDING_TIMEOUT_MS and QDRANT_TIMEOUT_MS together"),
    ],
)
def test_what_cannot_work_together_is_a_sentence(environ: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        read_given(environ, RESOURCES)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"EXTRACTION": "llm"},
        {"EXTRACTION": "rules"},
        {"EXTRACTION": "llm", "OPENAI_API_KEY": "k"},
        {"EXTRACTION": "llm", "OPENAI_BASE_URL": "http://localhost:11434/v1"},
        {"EMBEDDER": "local", "OPENAI_API_KEY": "k"},
        {"EMBEDDER": "server"},
        {"EMBEDDER": "server", "EMBEDDING_MODEL": "sentence-transformers/all-MiniLM-L6-v2"},
        {"QDRANT_HOST": "qdrant.example", "QDRANT_PORT": "443"},
        {"QDRANT_API_KEY": "for-our-own"},
        {"SESSION_MEMORY_DAYS": "365", "QDRANT_URL": "", "MEMORY_TABLE": " "},
    ],
)
def test_what_the_functions_are_told_is_what_they_accept(environ: dict[str, str]) -> None:
    for function in functions(read_given(environ, RESOURCES)).functions.values():
        load_settings(function.environment)


def test_each_embedding_model_has_a_collection_unless_one_is_named() -> None:
    def collection(**environ: str) -> str:
        given = read_given({"OPENAI_API_KEY": "k", **environ}, RESOURCES)
        return given.environment(**ADDRESSES)["QDRANT_COLLECTION"]

    assert collection() == "memories_text_embedding_3_small"
    assert collection(EMBEDDING_MODEL="Other/Model v2") == "memories_other_model_v2"
    assert collection(QDRANT_COLLECTION="mine") == "mine"


def test_secrets_are_not_shown() -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_given({"OPENAI_API_KEY": "sk-secret", "OPENAI_API_KEY_PARAMETER": "/x", "QDRANT_PORT": "0"}, RESOURCES)
    assert "sk-secret" not in str(raised.value)
    assert "sk-secret" not in repr(read_given({"OPENAI_API_KEY": "sk-secret"}, RESOURCES))
