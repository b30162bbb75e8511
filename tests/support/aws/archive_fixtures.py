"""A pytest plugin: an archive in memory and one in S3."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from operator_memory.adapters.archive.index import ArchiveIndex
from operator_memory.adapters.archive.objects import ArchiveObjects
from operator_memory.adapters.archive.store import StoredArchive

from tests.support.aws.archives import Archive, InS3
from tests.support.aws.clients import aws_client
from tests.support.fakes.archive import InMemoryArchive


@pytest.fixture
def in_s3(aws_url: str, table: tuple[Any, str]) -> Iterator[InS3]:
    client, bucket = aws_client("s3", aws_url), f"archive-{uuid.uuid4()}"
    client.create_bucket(Bucket=bucket)
    objects = ArchiveObjects(client, bucket, page_size=2)  # two keys a call: lists have several pages
    yield InS3(StoredArchive(objects, ArchiveIndex(*table)), client, bucket, *table)
    client.close()


@pytest.fixture(params=["in memory", "s3"])
def archive(request: pytest.FixtureRequest) -> Archive:
    if request.param == "s3":
        real: InS3 = request.getfixturevalue("in_s3")
        return real.store
    return InMemoryArchive()
