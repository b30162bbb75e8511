"""A pytest plugin: the world of `killable`."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from operator_memory.adapters.net.http import HttpClient

from devstack.aws.resources import aws_client, make_resources
from devstack.aws.template import read_template
from devstack.models import ModelServer
from devstack.processes import Part, child_environment
from devstack.qdrant import QdrantFront
from devstack.stack import LOCAL_DIMENSIONS, LOCAL_MODEL
from devstack.supabase import SupabaseFront
from tests.support.aws.clients import TEMPLATE
from tests.support.failures.killable import PATIENCE, World
from tests.support.qdrant.collections import make_collection


@contextmanager
def _worker(directory: Path) -> Iterator[str]:
    """The address of a running `killable_worker`."""
    path = str(directory / "worker")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.failures.killable_worker", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=TEMPLATE.parent,
        env=child_environment({"MEM0_DIR": str(directory / "mem0"), "MEM0_TELEMETRY": "False"}),
    )
    assert process.stdin
    assert process.stdout
    try:
        assert process.stdout.readline() == b"ready\n"
        yield path
    finally:
        process.stdin.close()
        process.wait(PATIENCE)
        process.stdout.close()


@pytest.fixture(scope="session")
def world(supabase_front: SupabaseFront, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One for the session: each test has accounts of its own."""
    directory = tmp_path_factory.mktemp("killable")
    with ExitStack() as cleanup:
        aws = Part("aws", "devstack.aws.moto_server", ("--data", str(directory), "--port", "0"), log_dir=directory)
        cleanup.callback(aws.close)
        qdrant, models = cleanup.enter_context(QdrantFront()), cleanup.enter_context(ModelServer())
        parameters = {"QdrantUrl": qdrant.url, "SupabaseUrl": supabase_front.url}
        template = read_template(TEMPLATE, endpoint_url=aws.url, parameters=parameters)
        make_resources(template, aws.url, {})
        sqs, dynamodb = (cleanup.enter_context(_closing(aws_client(name, aws.url))) for name in ("sqs", "dynamodb"))
        names = {"jobs": "MemoryJobsQueue", "dead": "MemoryJobsDeadLetterQueue", "events": "MemoryEventsQueue"}
        urls = {k: sqs.get_queue_url(QueueName=template.queues[n].name)["QueueUrl"] for k, n in names.items()}
        environment = {
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "QDRANT_COLLECTION": "memories",
            "OPENAI_API_KEY": "local",
            "EMBEDDING_MODEL": LOCAL_MODEL,
            "EMBEDDING_DIMENSIONS": str(LOCAL_DIMENSIONS),
            "EXTRACTION": "llm",
            "EXTRACTION_MODEL": "bundled-rules",
            "SUPABASE_SERVICE_KEY": supabase_front.service_role_key,
            "MEMORY_TABLE": template.tables["MemoryTable"].name,
            "JOBS_QUEUE_URL": urls["jobs"],
            "JOBS_DEAD_LETTER_QUEUE_URL": urls["dead"],
            "EVENTS_QUEUE_URL": urls["events"],
        }
        client = cleanup.enter_context(_closing(HttpClient(qdrant.url, system="qdrant")))
        make_collection(qdrant.url, "memories", LOCAL_DIMENSIONS)
        upstreams = {
            "AWS": aws.url,
            "Qdrant": qdrant.url,
            "Model": models.url.removesuffix("/v1"),
            "Supabase": supabase_front.url,
        }
        worker = cleanup.enter_context(_worker(directory))
        yield World(upstreams, worker, environment, client, supabase_front, sqs, dynamodb, template, urls)


@contextmanager
def _closing(client: Any) -> Iterator[Any]:
    yield client
    client.close()
