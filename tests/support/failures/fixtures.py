"""A pytest plugin: the outside systems, the proxies in front of them, the extraction function, and ``rig``."""

import importlib
import logging
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from operator_memory.adapters.dynamodb.jobs import DynamoDBJobs
from operator_memory.adapters.models import mem0_engine
from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.supabase import messages as supabase_messages
from operator_memory.domain.memory.scopes import AccountId

from devstack.aws.template import read_template
from devstack.models.server import CHAT_MODEL, EMBEDDING_MODEL
from devstack.qdrant import QdrantFront
from devstack.stack import LOCAL_DIMENSIONS
from devstack.supabase import SupabaseFront
from infra.qdrant.apply import main as apply_collection
from tests.support import time_outs
from tests.support.aws.clients import Queues, aws_client
from tests.support.failures.faulty_proxy import FaultyProxy
from tests.support.failures.rig import (
    BURIES,
    COLLECTION,
    DEAD,
    EVENTS,
    GIVES_BACK,
    PATIENCE,
    LaterClock,
    Rig,
    Systems,
    World,
)
from tests.support.qdrant.front import Rest
from tests.support.supabase.tenants import new_tenant

pytest_plugins = ["tests.support.aws.fixtures", "tests.support.models", "tests.support.supabase.fixtures"]
TEMPLATE = Path(__file__).resolve().parents[3] / "template.yaml"


@pytest.fixture(scope="session")
def failing_world(
    aws_url: str, model_url: str, supabase_front: SupabaseFront, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """All systems and the function, once a session: each test has accounts of its own."""
    with ExitStack() as cleanup:
        qdrant = cleanup.enter_context(QdrantFront(tmp_path_factory.mktemp("qdrant")))
        upstreams = (model_url, qdrant.url, supabase_front.url, aws_url, aws_url)
        systems = Systems(*[cleanup.enter_context(FaultyProxy(upstream)) for upstream in upstreams])
        queues, events_url, table = _aws(cleanup, aws_url)
        environment = _environment(systems, front=supabase_front, queues=queues, events_url=events_url, table=table)
        assert apply_collection([], {**environment, "QDRANT_URL": qdrant.url}) == 0
        store = Rest(qdrant.url)
        cleanup.callback(store.close)
        database = aws_client("dynamodb", aws_url)
        cleanup.callback(database.close)
        clock = LaterClock()
        function = _imported(environment, clock, cleanup)
        jobs = DynamoDBJobs(database, table, record_days=1)
        yield World(systems, supabase_front, store, queues, events_url, jobs, clock, function)


def _aws(cleanup: ExitStack, aws_url: str) -> tuple[Queues, str, str]:
    """The queues of jobs, that of events, and the table, as the template defines it."""
    client, suffix = aws_client("sqs", aws_url), uuid.uuid4()
    cleanup.callback(client.close)
    names, fifo = [f"{name}-{suffix}.fifo" for name in ("jobs", DEAD)], {"FifoQueue": "true"}
    urls = [client.create_queue(QueueName=name, Attributes=fifo)["QueueUrl"] for name in names]
    events_url = client.create_queue(QueueName=f"{EVENTS}-{suffix}")["QueueUrl"]
    parameters = {"QdrantUrl": "http://qdrant.invalid", "SupabaseUrl": "http://supabase.invalid"}
    template = read_template(TEMPLATE, endpoint_url=aws_url, parameters=parameters)
    table = f"memory-{suffix}"
    with_table = aws_client("dynamodb", aws_url)
    with_table.create_table(TableName=table, **template.tables["MemoryTable"].definition)
    with_table.close()
    return Queues(client, *urls), events_url, table


def _environment(
    systems: Systems, *, front: SupabaseFront, queues: Queues, events_url: str, table: str
) -> dict[str, str]:
    return {
        "EXTRACTION": "llm",
        "EXTRACTION_TIMEOUT_SECONDS": str(int(PATIENCE)),
        "OPENAI_API_KEY": "local",
        "OPENAI_BASE_URL": systems.models.url,
        "EXTRACTION_MODEL": CHAT_MODEL,
        "EMBEDDING_MODEL": EMBEDDING_MODEL,
        "EMBEDDING_DIMENSIONS": str(LOCAL_DIMENSIONS),
        "QDRANT_URL": systems.qdrant.url,
        "QDRANT_COLLECTION": COLLECTION,
        "QDRANT_WRITE_TIMEOUT_MS": str(int(PATIENCE * 1000)),
        "SUPABASE_URL": systems.supabase.url,
        "SUPABASE_SERVICE_KEY": front.service_role_key,
        "MEMORY_TABLE": table,
        "JOBS_QUEUE_URL": queues.url,
        "JOBS_DEAD_LETTER_QUEUE_URL": queues.dead_letter_url,
        "EVENTS_QUEUE_URL": events_url,
        "AWS_ENDPOINT_URL_DYNAMODB": systems.dynamodb.url,
        "AWS_ENDPOINT_URL_SQS": systems.sqs.url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def _imported(environment: Mapping[str, str], clock: LaterClock, cleanup: ExitStack) -> Any:
    """The function's module, freshly imported; it has `PATIENCE` where no setting gives it."""
    aws = Config(connect_timeout=PATIENCE, read_timeout=PATIENCE, retries={"mode": "standard", "total_max_attempts": 1})
    reader = supabase_messages.SupabaseThreadMessages

    def make_reader(
        url: str, key: Callable[[], str], timeout_seconds: float
    ) -> supabase_messages.SupabaseThreadMessages:
        made = reader(url, key, PATIENCE)
        cleanup.callback(made.close)
        return made

    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr("operator_memory.adapters.aws.boto3_clients.CLIENT_CONFIG", aws)
        patch.setattr("operator_memory.entrypoints.environment.SystemClock", lambda: clock)
        patch.setattr("operator_memory.application.learning.store_turns.EMBED_TIMEOUT", PATIENCE)
        patch.setattr(mem0_engine, "Mem0Extractor", partial(mem0_engine.Mem0Extractor, timeout=PATIENCE))
        patch.setattr(supabase_messages, "SupabaseThreadMessages", make_reader)
        patch.setattr(HttpClient, "__init__", _to_be_closed(cleanup))
        patch.delitem(sys.modules, "functions.extraction.app", raising=False)
        return importlib.import_module("functions.extraction.app")


def _to_be_closed(cleanup: ExitStack) -> Callable[..., None]:
    """The constructor of a client whose connections ``cleanup`` closes."""
    construct = HttpClient.__init__

    def constructed(client: HttpClient, *args: Any, **options: Any) -> None:
        construct(client, *args, **options)
        cleanup.callback(client.close)

    return constructed


@pytest.fixture
def rig(failing_world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """New accounts, empty queues, and all systems well."""
    world, systems, queues = failing_world, failing_world.systems, failing_world.queues
    monkeypatch.setattr("operator_memory.application.learning.extract_run.SWITCHES_TIMEOUT", PATIENCE)
    for module in ("learning.chunk_facts", "shared.turn_visibility"):
        monkeypatch.setattr(f"operator_memory.application.{module}.SEARCH_TIMEOUT", PATIENCE)
    monkeypatch.setattr("infra.dead_letters.queue.WAIT_SECONDS", 0)
    for url in (queues.url, queues.dead_letter_url, world.events_url):
        while left := queues.receive(url):  # of a test that failed
            for message in left:
                queues.client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    for proxy in systems.all:
        proxy.forget()
    world.clock.ahead = timedelta()
    subject, bystander = (AccountId(new_tenant(world.front).account_id) for _ in range(2))
    made = Rig(world, systems, subject, bystander)
    for settles in (GIVES_BACK, BURIES):
        systems.sqs.before(settles, made.heal_all_but_queues, always=True)
    logger = logging.getLogger("operator_memory")
    logger.addHandler(made.log)
    with time_outs.at_once(most=PATIENCE):
        yield made
    logger.removeHandler(made.log)
    for proxy in systems.all:
        proxy.forget()
