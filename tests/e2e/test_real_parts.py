"""A part that the environment names is used instead of the local one, and the product cannot tell."""

from pathlib import Path

from devstack.models import ModelServer
from devstack.qdrant import QdrantFront
from devstack.stack import DevStack
from tests.e2e.system import System, a_job, an_account


def test_qdrant_and_models_from_the_environment_are_used_as_they_are(tmp_path: Path) -> None:
    with QdrantFront(api_key="their-key") as qdrant, ModelServer() as models:
        environ = {
            "QDRANT_URL": qdrant.url,
            "QDRANT_API_KEY": "their-key",
            "OPENAI_BASE_URL": models.url,
            "EMBEDDING_MODEL": "their-model",
            "EMBEDDING_DIMENSIONS": "384",
            "EXTRACTION": "rules",
        }
        with DevStack(tmp_path, environ=environ) as stack:
            system, account = System(stack), an_account()
            record = system.extracted(a_job(account, "I live in Porto."))
            assert record.facts
            assert "Porto" in system.context(account_id=account, query="Where do I live?")["context"]
            assert stack.endpoints.qdrant_url == qdrant.url
        started = {log.stem for log in (tmp_path / "logs").iterdir()}
        assert started == {"supabase"}, "no Qdrant and no model server of our own"
