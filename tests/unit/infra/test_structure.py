"""The shape of the code: no import circles, small folders, files and functions, names that say what and not when."""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import count
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PRODUCT = ROOT / "layers" / "memory" / "src"
CLIENT = ROOT / "clients" / "python" / "operator_memory_client"
PACKAGES = (
    PRODUCT / "operator_memory",
    CLIENT,
    *(ROOT / name for name in ("functions", "devstack", "infra", "bench", "clients/generate")),
)
GENERATED = {CLIENT / "models.py", *(CLIENT / "api").glob("*.py")}
"""Of the client, a model or method for each one of the contract: looked up, not read, and as long as the contract."""
TESTS = ROOT / "tests"

MOST_MODULES, MOST_TEST_MODULES = 15, 20
"""In one folder, ``__init__`` not counted."""

MOST_LINES, MOST_LINES_OF_A_FUNCTION, MOST_PARAMETERS = 400, 40, 7
"""Of a file; of a function, its decorators not counted; of a function, without ``self``."""

WHEN_NAMED = re.compile(r"(?:_\d+|_more|(?<!p)review\w*)$|(?:^|_)review")
"""Names of files that tell when they were written, not what is in them."""


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def files(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def named(path: Path) -> str:
    """As a failing test shows it."""
    return str(path.relative_to(ROOT))


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """All of ours."""
    for path in files(*PACKAGES, TESTS):
        if path not in GENERATED:
            yield from functions_of(path)


def functions_of(path: Path) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """The functions and methods of a file, nested ones too, as a failing test shows them."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{named(path)}:{node.lineno} {node.name}", node


def parameters_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    spec = function.args
    names = [arg.arg for arg in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


@cache
def modules() -> Mapping[str, Path]:
    """Every module outside the tests, by its dotted name."""
    return {
        ".".join(path.relative_to(_base(package)).with_suffix("").parts).removesuffix(".__init__"): path
        for package in PACKAGES
        for path in files(package)
    }


def _base(package: Path) -> Path:
    """The folder from which the modules of ``package`` are imported."""
    return ROOT if package == ROOT / "clients" / "generate" else package.parent


def imported_by(module: str) -> Iterator[str]:
    """The modules of ours that ``module`` imports: at its top, in functions, and for type checking."""
    for node in ast.walk(tree_of(modules()[module])):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules())
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                if name in modules() or node.module in modules():
                    yield name if name in modules() else node.module


def circles(imports: Mapping[str, set[str]]) -> list[set[str]]:
    """The strongly connected components of more than one module (Tarjan's algorithm)."""
    numbers: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []
    number = count()

    def visit(module: str) -> None:
        numbers[module] = lowest[module] = next(number)
        stack.append(module)
        for other in imports[module]:
            if other not in numbers:
                visit(other)
            if other in stack:
                lowest[module] = min(lowest[module], lowest[other])
        if lowest[module] == numbers[module]:
            component = set(stack[stack.index(module) :])
            del stack[stack.index(module) :]
            if len(component) > 1:
                found.append(component)

    for module in imports:
        if module not in numbers:
            visit(module)
    return found


def test_no_modules_import_each_other_in_a_circle() -> None:
    imports = {module: set(imported_by(module)) - {module} for module in modules()}
    assert sum(map(len, imports.values())) > 1000, "the imports are read"
    assert circles(imports) == []


def test_a_circle_would_be_noticed() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == [{"b", "c"}]


def test_no_folder_holds_more_modules_than_one_can_survey() -> None:
    sizes = Counter(path.parent for path in files(*PACKAGES, TESTS) if path.name != "__init__.py")
    full = {
        named(folder): size
        for folder, size in sizes.items()
        if size > (MOST_TEST_MODULES if folder.is_relative_to(TESTS) else MOST_MODULES)
    }
    assert full == {}


def test_no_file_is_longer_than_one_reads() -> None:
    """Tables of cases are looked up, not read, and so is what is generated."""
    read = [path for path in files(*PACKAGES, TESTS) if not path.is_relative_to(TESTS / "cases")]
    read = [path for path in read if path not in GENERATED]
    lengths = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in read}
    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    lengths = {name: (node.end_lineno or node.lineno) - node.lineno + 1 for name, node in functions()}
    assert len(lengths) > 1000, "the functions are read"
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES_OF_A_FUNCTION} == {}


def test_no_function_takes_more_parameters_than_one_keeps_in_mind() -> None:
    counts = {name: len(parameters_of(node)) for name, node in functions()}
    assert {name: count for name, count in counts.items() if count > MOST_PARAMETERS} == {}


def test_no_file_is_named_for_when_it_was_written() -> None:
    assert [named(path) for path in files(*PACKAGES, TESTS) if WHEN_NAMED.search(path.stem)] == []


def test_ports_hold_protocols_only() -> None:
    ports = PRODUCT / "operator_memory" / "application" / "ports"
    statements = [node for path in files(ports) for node in tree_of(path).body]
    held = [node for node in statements if not isinstance(node, ast.Import | ast.ImportFrom | ast.Expr)]
    assert held
    assert [ast.unparse(node) for node in held if not _is_protocol(node)] == []


def _is_protocol(node: ast.stmt) -> bool:
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return all(isinstance(inner, ast.ImportFrom) for inner in node.body)  # what the hot path need not load
    return isinstance(node, ast.ClassDef) and "Protocol" in map(ast.unparse, node.bases)
