"""The context function starts on the standard library and PyJWT: a heavier import would cost every cold start.

A fresh interpreter imports the function as Lambda does, answers one request (so that imports inside functions
count too) and lists what was loaded.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from operator_memory.adapters.net.service_tokens import mint, parse_keys
from operator_memory.domain.management.identity import READ_CONTEXT

from tests.support.loopback import unused_port

ROOT = Path(__file__).parents[3]
PYJWT = {"jwt", "cryptography", "_cffi_backend", "_openssl"}
"""PyJWT, which verifies the runtime's tokens, and what it imports wherever it is installed. See docs/adr/0001."""
HEAVY = {
    "mem0",
    "openai",
    "qdrant_client",
    "supabase",
    "boto3",
    "botocore",
    "numpy",
    "pydantic",
    "httpx",
    "urllib3",
    "requests",
    "tiktoken",
    "regex",
}
HEAVY_STANDARD = {"asyncio", "multiprocessing", "sqlite3", "unittest", "xml", "concurrent", "ctypes", "tkinter"}
FOREIGN = (
    "mem0",
    "extract",
    "messages",
    "archive",
    "ports.management",
    "manage_",
    "listing",
    "library",
    "erasure",
    "user_tokens",
    ".api",
    "rerank",
)
MOST_MODULES = 256
"""Modules beyond those of a bare interpreter, 63 of them PyJWT's; see the message of the test for what they are."""

KEYS = json.dumps({"k1": "a-key-of-at-least-thirty-two-characters"})
PROBE = """
import json, sys
before = set(sys.modules)
import app
event = {"version": "2.0", "headers": {"authorization": "Bearer x.y.z"}, "body": "{}", "isBase64Encoded": False}
statuses = [app.handler(event, None)["statusCode"]]
event = {**event, "headers": {"authorization": "Bearer " + TOKEN}, "body": BODY}
statuses.append(app.handler(event, None)["statusCode"])
print(json.dumps({"statuses": statuses, "modules": sorted(set(sys.modules) - before)}))
"""


@dataclass(frozen=True)
class Loaded:
    """What a fresh context function answered and imported."""

    statuses: list[int]
    modules: list[str]

    @property
    def packages(self) -> Counter[str]:
        """Imported modules per top-level package."""
        return Counter(name.partition(".")[0] for name in self.modules)

    @property
    def outside_the_standard_library(self) -> set[str]:
        return set(self.packages) - set(sys.stdlib_module_names)


def start(environ: dict[str, str], token: str) -> Loaded:
    """Import and call the function in a new interpreter with no other environment."""
    body = json.dumps({"account_id": "acct-1", "agent_id": "agent-1", "query": "What do I drink?"})
    paths = [str(ROOT / "functions" / "context"), str(ROOT / "layers" / "memory" / "src")]
    code = f"import sys; sys.path[:0] = {paths!r}; TOKEN, BODY = {token!r}, {body!r}\n{PROBE}"
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", code],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    return Loaded(found["statuses"], found["modules"])


AWS = {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s"}
EVERYTHING = {**AWS, "MEMORY_TABLE": "t", "EVENTS_QUEUE_URL": "http://127.0.0.1:1/1/events"}
PLAIN = {"OPENAI_API_KEY": "k", "SERVICE_TOKEN_KEYS": KEYS, "SUPABASE_SERVICE_KEY": "k", **EVERYTHING}
IN_SSM = {
    "QDRANT_API_KEY_PARAMETER": "/memory/qdrant",
    "OPENAI_API_KEY_PARAMETER": "/memory/openai",
    "SERVICE_TOKEN_KEYS_PARAMETER": "/memory/keys",
    "SUPABASE_SERVICE_KEY_PARAMETER": "/memory/supabase",
    **EVERYTHING,
}


@pytest.fixture(scope="module", params=["secrets in the environment", "secrets in SSM"])
def loaded(request: pytest.FixtureRequest) -> Loaded:
    """A function that nobody out there answers: all of its code runs, and it says so in its status."""
    token = mint("k1", parse_keys(KEYS)["k1"], permissions=[READ_CONTEXT], now=datetime.now(UTC))
    nobody = f"http://127.0.0.1:{unused_port()}"
    names = ("QDRANT_URL", "OPENAI_BASE_URL", "SUPABASE_URL", "AWS_ENDPOINT_URL")
    addresses = dict.fromkeys(names, nobody)
    in_ssm = request.param == "secrets in SSM"
    found = start({**addresses, **(IN_SSM if in_ssm else PLAIN)}, token)
    assert found.statuses == [401, 503 if in_ssm else 200]
    return found


def test_nothing_but_our_own_package_the_handler_and_pyjwt_is_imported(loaded: Loaded) -> None:
    extra = loaded.outside_the_standard_library - {"operator_memory", "app"} - PYJWT
    assert not extra, f"the context function now imports {', '.join(sorted(extra))}"
    assert loaded.outside_the_standard_library == {"operator_memory", "app"} | PYJWT


def test_the_list_of_packages_is_what_the_test_above_would_notice(loaded: Loaded) -> None:
    """Guards the guard: these are installed here, so an import of one of them would have been seen."""
    assert not HEAVY & set(loaded.packages)
    assert not HEAVY & set(sys.stdlib_module_names)


def test_no_heavy_part_of_the_standard_library_is_imported(loaded: Loaded) -> None:
    heavy = HEAVY_STANDARD & set(loaded.packages)
    assert not heavy, f"the context function now imports {', '.join(sorted(heavy))}"


def test_only_the_parts_of_our_package_that_it_needs_are_imported(loaded: Loaded) -> None:
    ours = {name for name in loaded.modules if name.startswith("operator_memory.")}
    foreign = {name for name in ours if any(word in name for word in FOREIGN)}
    assert not foreign, f"the context function now imports {', '.join(sorted(foreign))}"


def test_the_number_of_modules_stays_small(loaded: Loaded) -> None:
    most = ", ".join(f"{package} ({count})" for package, count in loaded.packages.most_common(12))
    assert len(loaded.modules) <= MOST_MODULES, f"{len(loaded.modules)} modules, most of them of: {most}"
