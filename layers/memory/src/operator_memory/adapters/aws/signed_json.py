"""Signed calls to AWS services of the JSON protocol (SSM, SQS, DynamoDB), over the kept-alive client.

Why not boto3: its session machinery costs the context function 300 ms of cold start, and the function makes
three kinds of calls. The signature is checked against botocore's own signer in the tests.
Signature Version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from operator_memory.adapters.net.http import HttpClient, Response, json_object
from operator_memory.application.ports.core import Clock
from operator_memory.domain.errors import UpstreamRejectedError, UpstreamUnavailableError

_THROTTLED = ("Throttl", "TooManyRequests", "RequestLimitExceeded", "ThroughputExceeded", "SlowDown")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_JSON_1_0 = ("sqs", "dynamodb")


@dataclass(frozen=True, slots=True)
class AwsCredentials:
    """Access key, secret key and, for temporary credentials, the session token."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal that the caller counts on: the error's name (``ConditionalCheckFailedException``) and the answer."""

    name: str
    body: dict[str, Any] = field(repr=False)


class AwsJsonClient:
    """Calls the operations of one AWS service in one region."""

    def __init__(
        self, *, service: str, region: str, endpoint_url: str, credentials: AwsCredentials, clock: Clock
    ) -> None:
        """``endpoint_url`` is the service's regional endpoint, e.g. ``https://ssm.eu-west-1.amazonaws.com``."""
        self._service = service
        self._region = region
        self._host = urlsplit(endpoint_url).netloc
        self._credentials = credentials
        self._clock = clock
        self._client = HttpClient(endpoint_url, system=service)

    def call(self, target: str, payload: Mapping[str, Any], *, timeout: float) -> dict[str, Any]:
        """Call operation ``target`` (``AmazonSSM.GetParameters``) and return its decoded answer.

        Raises:
            UpstreamError: of the kind that the failure stands for.
        """
        return self._answer(self._send(target, payload, timeout))

    def call_or_refusal(
        self, target: str, payload: Mapping[str, Any], *, expected: Collection[str], timeout: float
    ) -> dict[str, Any] | Refusal:
        """As `call`, but an error whose name is in ``expected`` is returned.

        Raises:
            UpstreamError: of the kind that any other failure stands for.
        """
        response = self._send(target, payload, timeout)
        refusal = _refusal(response)
        if refusal is not None and refusal.name in expected:
            return refusal
        return self._answer(response)

    def _answer(self, response: Response) -> dict[str, Any]:
        refusal = _refusal(response)
        if refusal is not None:
            raise UpstreamRejectedError(self._service, f"refused the request with 400 ({refusal.name})")
        return json_object(self._service, response)

    def _send(self, target: str, payload: Mapping[str, Any], timeout: float) -> Response:
        body = json.dumps(payload).encode()
        version = "1.0" if self._service in _JSON_1_0 else "1.1"
        headers = {"Content-Type": f"application/x-amz-json-{version}", "X-Amz-Target": target}
        signed = sign(
            body,
            headers,
            host=self._host,
            service=self._service,
            region=self._region,
            credentials=self._credentials,
            now=self._clock.now(),
        )
        response = self._client.request("POST", "/", body, timeout=timeout, headers=signed)
        refusal = _refusal(response)
        if refusal is not None and any(word in refusal.name for word in _THROTTLED):
            # AWS says "too fast" with status 400, like a request that can never succeed; the name tells them apart.
            raise UpstreamUnavailableError(self._service, f"throttled the request ({refusal.name})")
        return response

    def open(self, *, timeout: float) -> None:
        """Make a connection ahead of the first call. Raises as `call`."""
        self._client.open(timeout=timeout)

    def close(self) -> None:
        """Close the idle connections. The client can still be used."""
        self._client.close()


def _refusal(response: Response) -> Refusal | None:
    """What an answer of status 400 says, if it can be read."""
    if response.status != 400:
        return None
    try:
        body = json.loads(response.body)
        name = str(body["__type"]).rpartition("#")[2]
        return Refusal(name, body) if _NAME.fullmatch(name) else None
    except (ValueError, RecursionError, KeyError, TypeError):
        return None


def sign(
    body: bytes,
    headers: Mapping[str, str],
    *,
    host: str,
    service: str,
    region: str,
    credentials: AwsCredentials,
    now: datetime,
) -> dict[str, str]:
    """Return ``headers`` plus those that sign ``POST /`` with ``body`` (Signature Version 4)."""
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    signed = {**headers, "Host": host, "X-Amz-Date": stamp}
    if credentials.session_token:
        signed["X-Amz-Security-Token"] = credentials.session_token
    lowered = sorted((name.lower(), " ".join(value.split())) for name, value in signed.items())
    names = ";".join(name for name, _ in lowered)
    header_lines = "".join(f"{name}:{value}\n" for name, value in lowered)
    request = "\n".join(("POST", "/", "", header_lines, names, hashlib.sha256(body).hexdigest()))
    day_scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    to_sign = "\n".join(("AWS4-HMAC-SHA256", stamp, day_scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in (stamp[:8], region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    signed["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key_id}/{day_scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return signed
