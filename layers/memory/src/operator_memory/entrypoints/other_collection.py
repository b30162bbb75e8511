"""Which collection deletions must reach too, for functions that delete: the other one, while memories are moved."""

from collections.abc import Callable, Mapping
from typing import Any

from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.reembedding.both_collections import BothCollectionsClient
from operator_memory.adapters.reembedding.migrations import DynamoDBMigrations
from operator_memory.domain.lifecycle.migration import OtherCollection
from operator_memory.entrypoints.settings import Settings

MakeClient = Callable[[], Any]
"""Gives the client of the table, which takes a moment to make the first time."""


def client_of_both(
    settings: Settings, dynamodb: MakeClient, auth: Callable[[], Mapping[str, str]] | None
) -> HttpClient:
    """Return a client of the store whose deletions reach both."""
    return BothCollectionsClient(
        settings.qdrant_base_url,
        system="qdrant",
        auth=auth,
        collection=settings.qdrant_collection,
        other=lambda: other_collection(settings, dynamodb),
    )


def other_collection(settings: Settings, dynamodb: MakeClient) -> OtherCollection | None:
    """Return the other collection; ``None`` while no memories are moved. Asks the table each time."""
    if not settings.memory_table:
        return None
    current = DynamoDBMigrations(dynamodb(), settings.memory_table).current()
    return None if current is None else current.beside(settings.qdrant_collection)
