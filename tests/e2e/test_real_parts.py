"""A part that the environment names is used instead of the local one, and the product cannot tell."""

import json
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from devstack.models import ModelServer
from devstack.qdrant import QdrantFront
from devstack.stack import DevStack
from tests.e2e.system import System, a_job, an_account


def test_qdrant_and_models_from_the_environment_are_used_as_they_are(tmp_path: Path) -> None:
    with QdrantFront(api_key="their-key") as qdrant, ModelServer() as models:
        environ = {
            "QDRANT_URL": qdrant.url,
            "QDRANT_API_KEY": "their-key",
            "QDRANT_COLLECTION": "theirs",
            "OPENAI_BASE_URL": models.url,
            "OPENAI_API_KEY": "sk-the-key-of-somebody",
            "EMBEDDING_MODEL": "their-model",
            "EMBEDDING_DIMENSIONS": "384",
            "EXTRACTION": "llm",
            "SESSION_MEMORY_DAYS": "365",
        }
        said: list[str] = []
        with DevStack(tmp_path, environ=environ, say=said.append) as stack:
            system, account = System(stack), an_account()
            record = system.extracted(a_job(account, "I live in Porto."))
            assert record.facts
            assert "Porto" in system.context(account_id=account, query="Where do I live?")["context"]
            assert stack.endpoints.qdrant_url == qdrant.url
            [turn] = turns(qdrant.url, account)
            lifetime = datetime.fromisoformat(turn["expires_at"]) - datetime.now(UTC)
            assert timedelta(days=364) < lifetime <= timedelta(days=365)
        started = {log.stem for log in (tmp_path / "logs").iterdir()}
        assert started == {"supabase"}, "no Qdrant and no model server of our own"
        kept = [path for path in tmp_path.rglob("*") if path.is_file() and b"sk-the-key" in path.read_bytes()]
        assert (kept, [line for line in said if "sk-the-key" in line]) == ([], []), "a key is nobody else's business"


def turns(qdrant_url: str, account: str) -> list[dict[str, Any]]:
    """The payloads of an account's verbatim turns."""
    must = [{"key": "user_id", "match": {"value": account}}, {"key": "scope", "match": {"value": "session"}}]
    request = urllib.request.Request(
        f"{qdrant_url}/collections/theirs/points/scroll",
        data=json.dumps({"filter": {"must": must}}).encode(),
        headers={"content-type": "application/json", "api-key": "their-key"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return [point["payload"] for point in json.load(response)["result"]["points"]]
