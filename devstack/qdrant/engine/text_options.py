"""Options of text processing, shared by text indexes and by BM25 inference."""

import qdrant_edge as edge

from devstack.qdrant.aliases import EngineObject, Json, JsonObject
from devstack.qdrant.errors import format_error
from devstack.qdrant.jsonio import as_list, known_keys, required

TEXT_KEYS = frozenset(
    {"tokenizer", "lowercase", "ascii_folding", "stopwords", "stemmer", "min_token_len", "max_token_len"}
)


def enum_member(kind: EngineObject, value: Json, where: str) -> EngineObject:
    """The member of the engine's enum ``kind`` that the API writes as ``value`` (``"cosine"`` → Cosine).

    Raises:
        QdrantError: 400 if there is none.
    """
    member = getattr(kind, value.capitalize(), None) if isinstance(value, str) and value.isalnum() else None
    if member is None:
        raise format_error(f"{where}: unknown variant `{value}`")
    return member


def _stopwords(value: Json) -> EngineObject:
    if isinstance(value, str):
        return enum_member(edge.Language, value, "stopwords")
    words = known_keys(value, ("languages", "custom"), "stopwords")
    languages = {
        enum_member(edge.Language, name, "stopwords.languages")
        for name in as_list(words.get("languages", []), "stopwords.languages")
    }
    return edge.StopwordsSet(languages=languages, custom=set(as_list(words.get("custom", []), "stopwords.custom")))


def _stemmer(value: Json) -> EngineObject:
    stemmer = known_keys(value, ("type", "language"), "stemmer")
    kind = required(stemmer, "type", "stemmer")
    if kind == "none":
        return edge.DisabledStemmer()
    if kind != "snowball":
        raise format_error(f"stemmer.type: unknown variant `{kind}`")
    language = required(stemmer, "language", "stemmer")
    return edge.SnowballParams(enum_member(edge.SnowballLanguage, language, "stemmer.language"))


def text_arguments(options: JsonObject) -> JsonObject:
    """Keyword arguments for the engine's text classes from the API's options (nulls already gone)."""
    arguments = dict(options)
    if "tokenizer" in options:
        arguments["tokenizer"] = enum_member(edge.TokenizerType, options["tokenizer"], "tokenizer")
    if "stopwords" in options:
        arguments["stopwords"] = _stopwords(options["stopwords"])
    if "stemmer" in options:
        arguments["stemmer"] = _stemmer(options["stemmer"])
    return arguments
