"""A pytest plugin: DynamoDB and SQS in moto's server, with the table as the template defines it."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from devstack.aws.template import read_template
from tests.support.aws.clients import TEMPLATE, Queues, aws_client


@pytest.fixture(scope="session")
def aws_url() -> Iterator[str]:
    """The address of a moto server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def table(aws_url: str) -> Iterator[tuple[Any, str]]:
    """A DynamoDB client, and the name of a fresh table made as the template says."""
    client = aws_client("dynamodb", aws_url)
    template = read_template(
        TEMPLATE,
        endpoint_url=aws_url,
        parameters={"QdrantUrl": "http://qdrant.invalid", "SupabaseUrl": "http://supabase.invalid"},
    )
    name = f"memory-{uuid.uuid4()}"
    client.create_table(TableName=name, **template.tables["MemoryTable"].definition)
    yield client, name
    client.close()


@pytest.fixture
def queues(aws_url: str) -> Iterator[Queues]:
    """Fresh queues."""
    client = aws_client("sqs", aws_url)
    urls = [
        client.create_queue(QueueName=f"{name}-{uuid.uuid4()}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
        for name in ("jobs", "dead")
    ]
    yield Queues(client, *urls)
    client.close()
