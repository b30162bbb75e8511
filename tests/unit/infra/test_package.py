"""What the layer carries: pinned as everything else is, and well below what Lambda takes."""

import re
from importlib.metadata import distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LAYER = ROOT / "layers" / "memory" / "src"
MOST_MEGABYTES = 195
"""Of Lambda's 250: the layer built for arm64 has 181 (``make build && python -m bench.package``), what is installed
here has 193, 6 of them tiktoken and its regex. Raise it knowingly."""

PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", re.MULTILINE)


def pins(path: Path) -> dict[str, str]:
    return {name.lower().replace("_", "-"): version for name, version in PIN.findall(path.read_text())}


def test_the_layer_is_pinned_to_what_is_tested_here() -> None:
    tested, shipped = pins(ROOT / "requirements" / "dev.lock"), pins(LAYER / "requirements.txt")
    assert shipped
    assert {name: (version, tested.get(name)) for name, version in shipped.items() if tested.get(name) != version} == {}


def test_mem0_is_pinned_exactly_and_boto3_is_left_to_lambda() -> None:
    shipped = pins(LAYER / "requirements.txt")
    assert shipped["mem0ai"] == "2.2.1"
    assert not {"boto3", "botocore", "s3transfer"} & set(shipped)


def test_the_layer_stays_small() -> None:
    sizes = {name: _bytes_of(name) for name in pins(LAYER / "requirements.txt")}
    sizes["operator-memory"] = sum(path.stat().st_size for path in LAYER.rglob("*.py"))
    total = sum(sizes.values()) / 1024 / 1024
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:8]
    assert total < MOST_MEGABYTES, f"{total:.0f} MB, largest: {largest}"


def _bytes_of(name: str) -> int:
    """Size of an installed package without compiled caches and test folders, as the build leaves them out."""
    files = distribution(name).files or []
    kept = [f for f in files if "__pycache__" not in f.parts and "tests" not in f.parts and ".." not in f.parts]
    return sum(Path(str(f.locate())).stat().st_size for f in kept if Path(str(f.locate())).is_file())
