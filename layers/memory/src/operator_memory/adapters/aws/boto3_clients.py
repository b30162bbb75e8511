"""boto3 clients with bounded patience, and the names that their failures have here."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError

from operator_memory.domain.errors import UpstreamRejectedError, UpstreamTimeoutError, UpstreamUnavailableError

CLIENT_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
"""For every boto3 client: seconds to connect and to read, and attempts in all."""

_TRANSIENT = frozenset(
    {
        "InternalServerError",
        "InternalFailure",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "TransactionInProgressException",
    }
)


def error_code(error: ClientError) -> str:
    """The service's code of an error, e.g. ``ConditionalCheckFailedException``."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def translated(system: str) -> Iterator[None]:
    """Turn botocore's exceptions inside the block into the domain's; messages are not repeated."""
    try:
        yield
    except (ConnectTimeoutError, ReadTimeoutError) as error:
        raise UpstreamTimeoutError(system, "no answer in time") from error
    except ClientError as error:
        code = error_code(error)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _TRANSIENT or status >= 500:
            raise UpstreamUnavailableError(system, code or f"answered {status}") from error
        raise UpstreamRejectedError(system, code or f"answered {status}") from error
    except BotoCoreError as error:
        raise UpstreamUnavailableError(system, type(error).__name__) from error
