"""A pytest plugin: the stores of job records, in memory and in DynamoDB."""

import pytest

from tests.support.aws.job_records import Stores, on_dynamodb
from tests.support.fakes.erasure import InMemoryIdempotency, InMemoryRecords
from tests.support.fakes.learning import InMemoryJobs, InMemoryWatermarks
from tests.support.fakes.usage import InMemoryUsage


@pytest.fixture
def stores(kind: str, request: pytest.FixtureRequest) -> Stores:
    if kind == "dynamodb":
        return on_dynamodb(*request.getfixturevalue("table"))
    jobs, watermarks, keys = InMemoryJobs(), InMemoryWatermarks(), InMemoryIdempotency()
    usage = InMemoryUsage()
    return Stores(jobs, watermarks, keys, InMemoryRecords(jobs, watermarks, keys, usage=usage), usage)
