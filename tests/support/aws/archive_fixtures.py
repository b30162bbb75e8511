"""A pytest plugin: an archive in memory and one in S3."""

import uuid
from collections.abc import Iterator

import pytest
from operator_memory.adapters.aws.s3_archive import S3Archive

from tests.support.aws.archives import InMemory, InS3, Written
from tests.support.aws.clients import aws_client
from tests.support.fakes.archive import InMemoryArchive


@pytest.fixture
def s3(aws_url: str) -> Iterator[InS3]:
    client, bucket = aws_client("s3", aws_url), f"archive-{uuid.uuid4()}"
    client.create_bucket(Bucket=bucket)
    yield InS3(S3Archive(client, bucket, page_size=2), client, bucket)  # two keys a call: lists have several pages
    client.close()


@pytest.fixture(params=["in memory", "s3"])
def archive(request: pytest.FixtureRequest) -> Written:
    if request.param == "s3":
        written: Written = request.getfixturevalue("s3")
        return written
    return InMemory(InMemoryArchive())
