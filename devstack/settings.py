"""The product's settings, from the environment of whoever starts the devstack on their way to the functions."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields

from operator_memory.adapters.models.local_embeddings import DIMENSIONS
from operator_memory.adapters.net.service_tokens import parse_keys
from operator_memory.domain.errors import ConfigurationError
from operator_memory.entrypoints.load_settings import load_settings
from operator_memory.entrypoints.settings import LOCAL_MODEL as LOCAL_MODEL
from operator_memory.entrypoints.settings import Settings

LOCAL_DIMENSIONS = DIMENSIONS

TOKEN_KEY_ID = "local"
"""Of the key with which the devstack signs the agent runtime's tokens."""

_PARAMETER = "_PARAMETER"
_TOGETHER = (
    ("QDRANT_PORT", "QDRANT_HOST"),
    ("SUPABASE_URL", "SUPABASE_SERVICE_KEY"),
    ("SUPABASE_SERVICE_KEY", "SUPABASE_URL"),
    ("SUPABASE_JWT_SECRET", "SUPABASE_URL"),
    ("RERANKER_API_KEY", "RERANKER_BASE_URL"),
)
"""The first is of no use without the second."""

MODELS = {"minilm": LOCAL_MODEL, "multilingual": "multilingual-e5-small-q4-centred"}
"""What the model server can embed with, and how it calls it."""
_BUNDLED = {
    "EMBEDDING_MODEL": LOCAL_MODEL,
    "EMBEDDING_DIMENSIONS": str(LOCAL_DIMENSIONS),
    "EXTRACTION_MODEL": "bundled-rules",
}
_STAND_IN = "http://127.0.0.1"
"""For the address of what is not started yet."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the environment says. A part of which it gives no address is to be started here."""

    plain: dict[str, str]
    """For the functions' environment, by variable."""
    secrets: dict[str, str] = field(repr=False)
    """For the local SSM, by variable."""
    settings: Settings
    """All together, checked; with stand-ins for the addresses of what is to be started here."""

    def environment(self, *, qdrant_url: str, models_url: str, supabase_url: str) -> dict[str, str]:
        """What the functions are told, with the addresses that are in use."""
        settings = self.settings
        own_collection = "memories_" + re.sub(r"[^a-z0-9]+", "_", settings.embedding_model.lower()).strip("_")
        return {
            "QDRANT_COLLECTION": own_collection,
            **{name: value for name, value in self.plain.items() if name not in ("QDRANT_HOST", "QDRANT_PORT")},
            "QDRANT_URL": qdrant_url,
            "OPENAI_BASE_URL": models_url,
            "EMBEDDING_MODEL": settings.embedding_model,
            "EMBEDDING_DIMENSIONS": str(settings.embedding_dimensions),
            "EXTRACTION_MODEL": settings.extraction_model,
            "SUPABASE_URL": supabase_url,
        }

    @property
    def own_qdrant(self) -> bool:
        """Whether Qdrant is to be started here."""
        return not {"QDRANT_URL", "QDRANT_HOST"} & self.plain.keys()

    @property
    def own_models(self) -> bool:
        """Whether the model server is to be started here."""
        return "OPENAI_BASE_URL" not in self.plain and "OPENAI_API_KEY" not in self.secrets

    @property
    def own_supabase(self) -> bool:
        """Whether Supabase is to be started here."""
        return "SUPABASE_URL" not in self.plain


def read_given(environ: Mapping[str, str], resources: Collection[str], *, model: str = "minilm") -> Given:
    """Every setting of the product that ``environ`` holds; ``resources`` are those that name what the template makes.
    ``model``: the one of `MODELS` that embeds, if the model server is to be started here.

    Raises:
        ConfigurationError: with a sentence for each that cannot be used here, naming it; never with its value.
    """
    secret = {spec.metadata["env"] for spec in fields(Settings) if spec.metadata["secret"]}
    names = [spec.metadata["env"] for spec in fields(Settings)]
    found = {name: value for name in names if (value := environ.get(name, "").strip())}
    problems = [f"{name} is set, but what it names is made here: unset it." for name in found if name in resources]
    problems += [
        f"{name} is set, but the parameters in SSM are made here: set {name.removesuffix(_PARAMETER)} instead."
        for name in found
        if name.removesuffix(_PARAMETER) in secret - {name}
    ]
    problems += [
        f"{name} is set but {other} is not: set both or none."
        for name, other in _TOGETHER
        if name in found and other not in found
    ]
    if problems:
        raise ConfigurationError(" ".join(problems))
    plain = {name: value for name, value in found.items() if name not in secret}
    secrets = {name: value for name, value in found.items() if name in secret}
    given = Given(plain, secrets, Settings())
    if model != "minilm" and not (given.own_models and plain.get("EMBEDDER", "openai") == "openai"):
        raise ConfigurationError(
            f"MODEL is {model}, but the bundled model server does not embed: unset EMBEDDER, OPENAI_BASE_URL and "
            "OPENAI_API_KEY, or leave MODEL out."
        )
    stand_ins = {"QDRANT_URL": _STAND_IN} if given.own_qdrant else {}
    if given.own_models:
        stand_ins |= {"OPENAI_BASE_URL": _STAND_IN, **_bundled(model)}
    given = Given(plain, secrets, load_settings({"OPENAI_API_KEY": "none", **stand_ins, **found}))
    if problems := _of_our_parts(given, model):
        raise ConfigurationError(" ".join(problems))
    return given


def _bundled(model: str) -> dict[str, str]:
    return {**_BUNDLED, "EMBEDDING_MODEL": MODELS[model]}


def _of_our_parts(given: Given, model: str) -> list[str]:
    """What the parts that are started here cannot do."""
    problems = []
    settings = given.settings
    if given.own_models:
        asked = _bundled(model)
        if settings.embedder != "openai":
            asked = {"EXTRACTION_MODEL": _BUNDLED["EXTRACTION_MODEL"]}
        problems += [
            f"{name} is set, but the bundled models are used, where it is {value}: "
            "unset it, or set OPENAI_BASE_URL or OPENAI_API_KEY."
            for name, value in asked.items()
            if given.plain.get(name, value) != value
        ]
    if given.own_qdrant and settings.embedder == "server":
        from devstack.qdrant.requests.inference import DENSE_MODELS  # loads the engine

        if settings.embedding_model.lower() not in DENSE_MODELS or settings.embedding_dimensions != LOCAL_DIMENSIONS:
            problems.append(
                f"EMBEDDER is server, but the bundled Qdrant embeds with {LOCAL_MODEL} only ({LOCAL_DIMENSIONS} "
                "dimensions): set EMBEDDING_MODEL and EMBEDDING_DIMENSIONS so, or QDRANT_URL."
            )
    keys = given.secrets.get("SERVICE_TOKEN_KEYS")
    if keys is not None and TOKEN_KEY_ID in parse_keys(keys):
        problems.append(f"SERVICE_TOKEN_KEYS has a key named {TOKEN_KEY_ID}, as the devstack's own: rename it.")
    return problems
