"""What the new collection is to be like: the functions' settings, with those of ``TO_...`` in their place."""

from collections.abc import Mapping
from dataclasses import dataclass

from operator_memory.domain.errors import ConfigurationError
from operator_memory.entrypoints.load_settings import load_settings
from operator_memory.entrypoints.relevance import model_name
from operator_memory.entrypoints.settings import Settings

VARIABLES = {
    "TO_COLLECTION": "QDRANT_COLLECTION",
    "TO_MODEL": "EMBEDDING_MODEL",
    "TO_DIMENSIONS": "EMBEDDING_DIMENSIONS",
    "TO_EMBEDDER": "EMBEDDER",
    "TO_SEND_DIMENSIONS": "EMBEDDING_SEND_DIMENSIONS",
    "TO_BASE_URL": "OPENAI_BASE_URL",
    "TO_API_KEY": "OPENAI_API_KEY",
}
PARAMETERS = {
    "QDRANT_COLLECTION": "QdrantCollection",
    "EMBEDDER": "Embedder",
    "EMBEDDING_MODEL": "EmbeddingModel",
    "EMBEDDING_DIMENSIONS": "EmbeddingDimensions",
    "EMBEDDING_SEND_DIMENSIONS": "EmbeddingSendDimensions",
    "OPENAI_BASE_URL": "OpenAIBaseUrl",
}
"""Of the template, by the variable that each sets."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The new collection: the environment and the settings that the functions will have."""

    environ: Mapping[str, str]
    settings: Settings

    @property
    def model(self) -> str:
        """The one name of its embedding model."""
        return model_name(self.settings.embedding_model)

    def deployment(self, before: Settings) -> str:
        """The command that lets the functions use it: everything that differs, at once."""
        changed = [
            f"{parameter}={self.environ[variable]}"
            for variable, parameter in PARAMETERS.items()
            if self.environ.get(variable, "") and _differs(variable, self.settings, before)
        ]
        return f'sam deploy --parameter-overrides "{" ".join(changed)}"'


def wanted_of(environ: Mapping[str, str]) -> Wanted:
    """Read and check them.

    Raises:
        ConfigurationError: one is missing, or they cannot be used.
    """
    given = {name: environ.get(name, "").strip() for name in VARIABLES}
    missing = [name for name in ("TO_COLLECTION", "TO_MODEL", "TO_DIMENSIONS") if not given[name]]
    if given["TO_EMBEDDER"] == "local":
        missing = [name for name in missing if name == "TO_COLLECTION"]
    if missing:
        raise ConfigurationError(f"{missing[0]} is missing: it says what the new collection is to be like.")
    changed = dict(environ)
    if given["TO_EMBEDDER"] == "local":
        changed = {name: value for name, value in changed.items() if not name.startswith("EMBEDDING_")}
    changed |= {VARIABLES[name]: value for name, value in given.items() if value}
    return Wanted(changed, load_settings(changed))


def _differs(variable: str, after: Settings, before: Settings) -> bool:
    name = variable.lower()
    return bool(getattr(after, name) != getattr(before, name))
