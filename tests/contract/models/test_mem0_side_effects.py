"""What importing and running Mem0 does besides: it calls nobody, and writes nowhere but below the temporary folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

EXTRACTION = """
import json, os, sys

seen = {"connected": [], "written": [], "databases": []}

def note(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        seen["connected"].append(repr(arguments[-1]))
    elif event == "sqlite3.connect":
        seen["databases"].append(str(arguments[0]))
    elif event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        seen["written"].append(str(arguments[0]))

sys.addaudithook(note)

from datetime import UTC, datetime
from operator_memory.adapters.models.mem0_engine import Mem0Extractor
from operator_memory.adapters.models.rules_llm import RulesLLM
from operator_memory.domain.conversation import Turn
from tests.support.fakes.core import FakeClock, FakeEmbedder, InMemoryMemories

extractor = Mem0Extractor(model=RulesLLM(), embedder=FakeEmbedder(), memories=InMemoryMemories(), clock=FakeClock())
found = extractor.extract(
    "account-1", [Turn("user", "I live in Porto.")], observed_at=datetime(2026, 1, 1, tzinfo=UTC), agent_id=None
)
print(json.dumps({**seen, "facts": [fact.text for fact in found.facts]}))
"""


def test_an_extraction_calls_nobody_and_writes_only_below_the_temporary_folder(tmp_path: Path) -> None:
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "PYTHONPATH": os.pathsep.join((str(ROOT / "layers/memory/src"), str(ROOT))),
        "PYTHONDONTWRITEBYTECODE": "1",
        # neither of these may move the model or switch telemetry on
        "OPENROUTER_API_KEY": "another's",
        "MEM0_TELEMETRY": "True",
    }
    ran = subprocess.run(
        [sys.executable, "-c", EXTRACTION], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout.splitlines()[-1])
    assert seen["facts"] == ["User lives in Porto."]
    assert seen["connected"] == []
    assert seen["databases"] == []
    elsewhere = [path for path in seen["written"] if not path.startswith((str(temporary), "/dev/"))]
    assert elsewhere == []
    assert list(home.iterdir()) == []
    assert "Porto" not in ran.stderr
