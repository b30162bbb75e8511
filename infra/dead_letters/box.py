"""A dead-letter queue as a box that is looked into, put back from, and emptied."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import batched
from typing import TYPE_CHECKING

from operator_memory.adapters.aws_errors import translated

from infra.dead_letters.letters import Kind, Letter, read_letter

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
