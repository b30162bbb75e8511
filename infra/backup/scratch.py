"""A collection that exists only while something is tried in it, and never the one that is in use."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from operator_memory.adapters.net.http import HttpClient
from operator_memory.domain.errors import ConfigurationError, UpstreamError

from infra.qdrant.points import Points

SUFFIX = "__scratch"


@contextmanager
def scratch_collection(client: HttpClient, live: str) -> Iterator[Points]:
    """A name beside ``live``, free now and gone in the end, whatever happens. The block makes the collection.

    Raises:
        ConfigurationError: ``live`` is itself such a name.
    """
    if live.endswith(SUFFIX):
        raise ConfigurationError(f"{live} ends in {SUFFIX}, as what is tried out does: set QDRANT_COLLECTION.")
    points = Points(client, live + SUFFIX)
    if points.exists():  # left by one that was killed
        points.drop()
    try:
        yield points
    finally:
        try:
            if points.exists():
                points.drop()
        except UpstreamError as error:
            sys.stderr.write(f"{points.collection} could not be deleted; the next drill does it: {error}\n")
