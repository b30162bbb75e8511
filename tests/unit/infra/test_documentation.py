"""The documents name files, commands, targets and settings that exist, and link to each other correctly."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from operator_memory.entrypoints.settings_table import settings_page

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "layers/memory/src/operator_memory"
DOCUMENTS = sorted(
    [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")]
    + [ROOT / "clients/python/README.md", ROOT / ".github/pull_request_template.md", *(ROOT / "docs").rglob("*.md")]
)
README_LINES = 220

_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_BLOCK = re.compile(r"^ *```\w*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_PATH = re.compile(r"\.?[\w-]+(?:/[\w.-]+)*/?")
_MAKE = re.compile(r"\bmake ((?:-s )?[a-z-]+)")
_MODULE = re.compile(r"python -m ([a-z_]+(?:\.[a-z_]+)*)")
_SUFFIXES = {".py", ".md", ".json", ".yaml", ".toml", ".lock", ".in", ".svg", ".sql", ".txt", ".mk"}
_MADE = ("uv.lock", ".venv/bin/python", ".devstack/")
"""What documents name and is no file of the project: made by make, or by somebody else's tool."""


def _text(document: Path) -> str:
    return document.read_text("utf-8")


def _prose(document: Path) -> str:
    return _BLOCK.sub("", _text(document))


def _commands(document: Path) -> str:
    """Code spans and blocks: where a document speaks to a shell."""
    text = _text(document)
    return "\n".join([*_CODE.findall(_BLOCK.sub("", text)), *_BLOCK.findall(text)])


def _named_files(document: Path) -> Iterator[str]:
    """What reads as the path of a file or folder: code spans, and words of blocks that begin with a folder of ours.

    Routes begin with a slash; a prefix of keys, ``JOB#`` or ``accounts/<id>/``, holds what no path here does.
    """
    spans = _CODE.findall(_prose(document))
    words = [word for block in _BLOCK.findall(_text(document)) for word in block.split() if "/" in word]
    for name in (*spans, *words):
        if not _PATH.fullmatch(name) or name in _MADE:
            continue
        first, slash, _ = name.partition("/")
        known = slash and any((base / first).is_dir() for base in (ROOT, PACKAGE))
        if known or (name in spans and Path(name).suffix in _SUFFIXES):
            yield name


def _exists(document: Path, name: str) -> bool:
    """As a path from the root, the package, its layers or the document's folder; without the ending of a module too."""
    layers = [PACKAGE / layer for layer in ("domain", "application", "adapters", "entrypoints")]
    bases = [ROOT, PACKAGE, document.parent, *layers, ROOT / "requirements"]
    return any((base / name).exists() or (base / f"{name}.py").exists() for base in bases)


def _anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def _id(document: Path) -> str:
    return str(document.relative_to(ROOT))


each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=_id)


def test_the_readme_is_short() -> None:
    assert len(_text(ROOT / "README.md").splitlines()) <= README_LINES


@each_document
def test_links_lead_somewhere(document: Path) -> None:
    for link in _LINK.findall(_text(document)):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        assert target.exists(), link
        if anchor:
            assert anchor in map(_anchor, _HEADING.findall(_prose(target))), link


@each_document
def test_files_and_folders_that_are_named_exist(document: Path) -> None:
    missing = [name for name in _named_files(document) if not _exists(document, name)]
    assert not missing


@each_document
def test_make_targets_that_are_named_exist(document: Path) -> None:
    named = {target.removeprefix("-s ") for target in _MAKE.findall(_commands(document))}
    assert named <= _targets()


@each_document
def test_modules_that_are_to_be_run_exist(document: Path) -> None:
    missing = [name for name in _MODULE.findall(_commands(document)) if importlib.util.find_spec(name) is None]
    assert not missing


@each_document
def test_settings_that_are_named_exist(document: Path) -> None:
    known = set(re.findall(r"^\| `([A-Z0-9_]+)`", settings_page(), re.MULTILINE))
    prefixes = {name.partition("_")[0] for name in known}
    named = set(re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", _commands(document)))
    ours = {name for name in named if name.partition("_")[0] in prefixes}
    assert {name for name in ours if not any(one.startswith(name) for one in known)} == set()


def test_modules_of_the_layers_that_are_named_exist() -> None:
    _, _, layers = _prose(ROOT / "docs/architecture.md").partition("## Layers")
    named = {span for span in _CODE.findall(layers.partition("\n## ")[0]) if re.fullmatch("[a-z_]+/?", span)}
    known = {path.stem for base in (PACKAGE, ROOT / "functions") for path in base.rglob("*")}
    assert {name for name in named if name.rstrip("/") not in known | {"functions"}} == set()


def test_every_decision_has_a_number_of_its_own_and_says_that_it_stands() -> None:
    pages = sorted((ROOT / "docs/adr").glob("*.md"))
    numbers = [int(page.name[:4]) for page in pages]
    assert numbers == list(range(1, len(pages) + 1))
    for page, number in zip(pages, numbers, strict=True):
        assert re.match(rf"# {number}\. .+\n\n\*\*Status:\*\* (accepted|superseded)", _text(page)), page.name


def test_the_checks_find_what_is_wrong(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("See `domain/no_such.py`, `docs/none.md`, [this](gone.md) and `/v1/memories`.\n", "utf-8")
    assert [name for name in _named_files(page) if not _exists(page, name)] == ["domain/no_such.py", "docs/none.md"]
    with pytest.raises(AssertionError):
        test_links_lead_somewhere(page)
    page.write_text("`make nothing` and `python -m bench.nothing`\n", "utf-8")
    with pytest.raises(AssertionError):
        test_make_targets_that_are_named_exist(page)
    with pytest.raises(AssertionError):
        test_modules_that_are_to_be_run_exist(page)
