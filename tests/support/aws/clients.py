"""boto3 clients and queues for tests against moto's server."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from operator_memory.adapters.aws.boto3_clients import CLIENT_CONFIG

TEMPLATE = Path(__file__).resolve().parents[3] / "template.yaml"
"""What is deployed."""


def aws_client(service: str, endpoint_url: str) -> Any:
    """A boto3 client as the functions make it."""
    make: Any = boto3.session.Session().client
    return make(
        service,
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=CLIENT_CONFIG,
    )


@dataclass(frozen=True)
class Queues:
    """A FIFO queue and its dead-letter queue."""

    client: Any
    url: str
    dead_letter_url: str

    def receive(self, url: str) -> list[dict[str, Any]]:
        """What is visible now, with all attributes."""
        answer = self.client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages
