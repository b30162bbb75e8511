"""The events that AWS hands to functions, in AWS's own shapes."""

import base64
import json
import re
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from devstack.aws.intrinsics import ACCOUNT, REGION
from devstack.aws.template import QueueSpec, ScheduleSpec

_STAGE = "$default"
_STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it came in; ``path`` undecoded, ``query`` without the question mark."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes
    source_ip: str
    protocol: str = "HTTP/1.1"


def decoded(path: str) -> str:
    """``path`` with its percent escapes read, once; what they give is read as UTF-8.

    Raises:
        ValueError: a percent sign begins no escape.
    """
    if _STRAY_PERCENT.search(path):
        raise ValueError("a percent sign that begins no escape")
    return unquote(path, errors="replace")


def routed_path(path: str) -> str:
    """What API Gateway chooses the route by: decoded once, and cut off at a question mark that appears then.

    Raises:
        ValueError: the gateway would answer 400.
    """
    return decoded(path).partition("?")[0]


def api_event(request: HttpRequest, route_key: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """An API Gateway HTTP API event, payload format 2.0.

    Repeated headers are joined by commas, cookies stand apart, and a body that is not UTF-8 is base64.
    ``parameters`` come from the path by which the route was chosen. That path is decoded once more, for
    ``rawPath`` as well as for the parameters: a function sees ``a/b`` for ``a%2Fb`` and ``a%252Fb`` alike.
    The query is the only part that is also given as it was sent.

    Raises:
        ValueError: the gateway would answer 400.
    """
    path = decoded(routed_path(request.path))
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in request.headers:
        key = name.lower()
        if key == "cookie":
            cookies += [cookie.strip() for cookie in value.split(";")]
        else:
            headers[key] = f"{headers[key]},{value}" if key in headers else value
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": request.query,
        **({"cookies": cookies} if cookies else {}),
        "headers": headers,
        **({"queryStringParameters": _query(request.query)} if request.query else {}),
        "requestContext": _request_context(request, path, route_key, headers),
        **({"pathParameters": {name: decoded(text) for name, text in parameters.items()}} if parameters else {}),
        "isBase64Encoded": False,
    }
    if request.body:
        event["body"], event["isBase64Encoded"] = _body(request.body)
    return event


def _request_context(request: HttpRequest, path: str, route_key: str, headers: Mapping[str, str]) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "accountId": ACCOUNT,
        "apiId": "local",
        "domainName": headers.get("host", "localhost"),
        "domainPrefix": "local",
        "http": {
            "method": request.method,
            "path": path,
            "protocol": request.protocol,
            "sourceIp": request.source_ip,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": str(uuid.uuid4()),
        "routeKey": route_key,
        "stage": _STAGE,
        "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(now.timestamp() * 1000),
    }


def _query(raw: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in parse_qsl(raw, keep_blank_values=True):
        values[name] = f"{values[name]},{value}" if name in values else value
    return values


def _body(body: bytes) -> tuple[str, bool]:
    try:
        return body.decode(), False
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), True


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What goes back to the client."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def api_answer(response: object) -> HttpAnswer:
    """A function's answer as API Gateway understands it.

    One without ``statusCode`` is a body by itself, sent as JSON with status 200.

    Raises:
        ValueError: the gateway would answer 500.
    """
    if not isinstance(response, dict) or "statusCode" not in response:
        return HttpAnswer(200, [("content-type", "application/json")], json.dumps(response).encode())
    body = response.get("body") or ""
    if not isinstance(body, str):
        raise ValueError("body is not text")
    given = response.get("headers") or {}
    headers = [(str(name).lower(), _header_text(value)) for name, value in given.items()]
    headers += [("set-cookie", str(cookie)) for cookie in response.get("cookies") or ()]
    if not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", "text/plain;charset=utf-8"))
    content = base64.b64decode(body, validate=True) if response.get("isBase64Encoded") else body.encode()
    return HttpAnswer(int(response["statusCode"]), headers, content)


def _header_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def sqs_event(messages: Iterable[Mapping[str, Any]], queue: QueueSpec) -> dict[str, Any]:
    """The event for a batch; ``messages`` as SQS's ReceiveMessage gives them."""
    return {"Records": [_record(message, queue) for message in messages]}


def _record(message: Mapping[str, Any], queue: QueueSpec) -> dict[str, Any]:
    attributes = {name: str(value) for name, value in message.get("Attributes", {}).items()}
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": attributes,
        "messageAttributes": {
            name: _message_attribute(value) for name, value in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.arn,
        "awsRegion": REGION,
    }


def _message_attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    shaped: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
    if "StringValue" in value:
        shaped["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        shaped["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return shaped


def schedule_event(schedule: ScheduleSpec, now: float | None = None) -> dict[str, Any]:
    """The event of an EventBridge rule with a schedule; ``now`` in seconds since the epoch."""
    at = datetime.fromtimestamp(time.time() if now is None else now, UTC)
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{schedule.function}{schedule.event}"],
        "detail": {},
    }
