"""The layer of ``EMBEDDER=local``: the files that the function looks for, pinned, and small enough beside the other."""

from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from operator_memory.adapters.models.local_embeddings import TOKENIZER, WEIGHTS

from devstack.aws.intrinsics import load_yaml
from tests.unit.infra.test_package import MOST_MEGABYTES, PIN

ROOT = Path(__file__).resolve().parents[3]
PINNED = (ROOT / "layers" / "minilm" / "requirements.txt").read_text()
MODEL_MEGABYTES = 24
"""Unzipped; 22.4 as built (``make build && python -m bench.package``)."""
LAMBDA_MEGABYTES = 250
FUNCTIONS_THAT_EMBED = ("ContextFunction", "MemoriesFunction", "ExtractionFunction")


def test_the_layer_has_the_packages_in_whose_files_the_function_looks() -> None:
    wanted = {file.package: file.version for file in (WEIGHTS, TOKENIZER)}
    assert dict(PIN.findall(PINNED)) == wanted
    assert PINNED.count("--hash=sha256:") >= len(wanted)


def test_they_are_those_that_are_tested_here() -> None:
    locks = "".join((ROOT / "requirements" / name).read_text() for name in ("dev.lock", "models.lock"))
    hashes = {line.strip(" \\") for line in PINNED.splitlines() if "--hash" in line}
    assert hashes <= {line.strip(" \\") for line in locks.splitlines()}


def test_both_layers_together_are_well_below_what_lambda_takes() -> None:
    paths = [Path(str(distribution(file.package).locate_file(file.path))) for file in (WEIGHTS, TOKENIZER)]
    size = sum(path.stat().st_size for path in paths) / 1024 / 1024
    assert size < MODEL_MEGABYTES
    assert MOST_MEGABYTES + MODEL_MEGABYTES < LAMBDA_MEGABYTES * 0.9


def test_functions_that_embed_have_the_layer_when_it_is_needed_and_others_never() -> None:
    template = load_yaml(ROOT / "template.yaml")
    needed = {"Fn::If": ["EmbedsLocally", {"Ref": "EmbeddingModelLayer"}, {"Ref": "AWS::NoValue"}]}
    resources = template["Resources"]
    functions = {name for name, found in resources.items() if found["Type"] == "AWS::Serverless::Function"}
    with_it = {name for name in functions if needed in resources[name]["Properties"].get("Layers", [])}
    told = {name for name in functions if "EMBEDDER" in resources[name]["Properties"]["Environment"]["Variables"]}
    assert with_it == told == set(FUNCTIONS_THAT_EMBED)
    assert resources["EmbeddingModelLayer"]["Condition"] == "EmbedsLocally"


def test_a_function_may_read_the_key_of_the_api_only_where_it_asks_the_api() -> None:
    resources = load_yaml(ROOT / "template.yaml")["Resources"]
    for name in FUNCTIONS_THAT_EMBED:
        properties = resources[name]["Properties"]
        condition, told, _ = properties["Environment"]["Variables"]["OPENAI_API_KEY_PARAMETER"]["Fn::If"]
        assert told == {"Ref": "OpenAIApiKeyParameter"}
        [allowed] = [found for found in _secrets_of(properties) if "OpenAIApiKeyParameter" in str(found)]
        assert allowed["Fn::If"][0] == condition
        assert allowed["Fn::If"][2] == {"Ref": "AWS::NoValue"}


def _secrets_of(properties: dict[str, Any]) -> list[dict[str, Any]]:
    statements = [statement for policy in properties["Policies"] for statement in policy["Statement"]]
    [found] = [statement["Resource"] for statement in statements if statement.get("Sid") == "ReadSecrets"]
    return list(found)
