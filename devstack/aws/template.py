"""Read ``template.yaml``: which functions, routes, queues, schedules, tables and buckets there are to run.

The template stays the only description of the system: what is deployed to AWS is what runs here.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devstack.aws.intrinsics import ACCOUNT, REGION, Json, Resolver, TemplateError, load_yaml

_FUNCTION, _QUEUE = "AWS::Serverless::Function", "AWS::SQS::Queue"
_TABLE, _BUCKET = "AWS::DynamoDB::Table", "AWS::S3::Bucket"
_NAMES = {_QUEUE: "QueueName", _TABLE: "TableName", _BUCKET: "BucketName"}
_QUEUE_ATTRIBUTES = (
    "FifoQueue",
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoThroughputLimit",
    "VisibilityTimeout",
    "MessageRetentionPeriod",
    "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
)


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """A Lambda function. ``timeout`` in seconds, ``memory`` in MB; ``concurrency`` ``None``: not limited."""

    logical_id: str
    code_dir: Path
    handler: str
    timeout: float
    memory: int
    environment: dict[str, str]
    concurrency: int | None

    @property
    def arn(self) -> str:
        """The name that the function is told for itself."""
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.logical_id}"


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the HTTP API, e.g. ``POST /v1/items/{id}``; method ``ANY`` takes all."""

    function: str
    method: str
    path: str


@dataclass(frozen=True, slots=True)
class QueueMapping:
    """A function that a queue feeds. ``concurrency`` bounds the batches worked off at once.

    A batch is handed over when it holds ``batch_size`` messages or ``window`` seconds after its first.
    """

    function: str
    queue: str
    batch_size: int
    window: float
    partial_responses: bool
    concurrency: int


@dataclass(frozen=True, slots=True)
class ScheduleSpec:
    """A function that runs by the clock; ``expression`` is ``rate(...)`` or ``cron(...)``."""

    function: str
    event: str
    expression: str


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """A queue, with the attributes SQS's CreateQueue takes."""

    logical_id: str
    name: str
    attributes: dict[str, str]

    @property
    def arn(self) -> str:
        """The queue's ARN."""
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"

    @property
    def dead_letter_arn(self) -> str | None:
        """The ARN of the queue that takes this one's dead letters."""
        policy = self.attributes.get("RedrivePolicy")
        return str(json.loads(policy)["deadLetterTargetArn"]) if policy else None


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A table; ``definition`` is what DynamoDB's CreateTable takes."""

    logical_id: str
    name: str
    definition: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Template:
    """Everything that is run, by logical id where there is one."""

    functions: dict[str, FunctionSpec]
    routes: list[Route]
    mappings: list[QueueMapping]
    schedules: list[ScheduleSpec]
    queues: dict[str, QueueSpec]
    tables: dict[str, TableSpec]
    buckets: dict[str, str]
    """The name of each."""


def read_template(
    path: Path,
    *,
    endpoint_url: str,
    parameters: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Template:
    """Read ``path`` for an AWS that answers at ``endpoint_url``.

    ``parameters`` are the template's, as in a deployment. ``environment`` stands before what the template says: a
    variable that it declares for some functions is given to these, one that it declares for none to all.

    Raises:
        TemplateError: something in it cannot be carried out here.
    """
    return _Reader(path, endpoint_url, parameters or {}, environment or {}).read()


def resource_variables(path: Path) -> set[str]:
    """Variables by which the template tells functions of its own resources, e.g. the name of a table."""
    document = load_yaml(path)
    resources = document.get("Resources", {})

    def names_resource(value: Json) -> bool:
        return isinstance(value, dict) and value.get("Ref") in resources

    return {name for name, values in _declarations(document).items() if any(map(names_resource, values))}


def _declarations(document: Mapping[str, Json]) -> dict[str, list[Json]]:
    """The functions' variables, and what the template says of each."""
    functions = [body["Properties"] for body in document.get("Resources", {}).values() if body["Type"] == _FUNCTION]
    found: dict[str, list[Json]] = {}
    for properties in (document.get("Globals", {}).get("Function", {}), *functions):
        for name, value in _variables(properties).items():
            found.setdefault(name, []).append(value)
    return found


def _variables(properties: Mapping[str, Json]) -> dict[str, Json]:
    variables: dict[str, Json] = properties.get("Environment", {}).get("Variables", {})
    return variables


class _Reader:
    def __init__(
        self, path: Path, endpoint_url: str, parameters: Mapping[str, str], environment: Mapping[str, str]
    ) -> None:
        self._root = path.resolve().parent
        self._document = load_yaml(path)
        self._resources: dict[str, Json] = self._document.get("Resources", {})
        self._endpoint = endpoint_url
        self._environment = environment
        self._declared_somewhere = set(_declarations(self._document))
        self._resolver = Resolver(
            self._document, parameters, reference=self._reference, attribute=self._attribute_of_resource
        )

    def read(self) -> Template:
        functions = {name: self._function(name) for name in self._of_type(_FUNCTION)}
        events = [event for name in functions for event in self._events(name)]
        return Template(
            functions=functions,
            routes=[event for event in events if isinstance(event, Route)],
            mappings=[event for event in events if isinstance(event, QueueMapping)],
            schedules=[event for event in events if isinstance(event, ScheduleSpec)],
            queues={name: self._queue(name) for name in self._of_type(_QUEUE)},
            tables={name: self._table(name) for name in self._of_type(_TABLE)},
            buckets={name: self._physical_name(name) for name in self._of_type(_BUCKET)},
        )

    def _of_type(self, kind: str) -> list[str]:
        chosen = [name for name, resource in self._resources.items() if resource["Type"] == kind]
        return [name for name in chosen if self._wanted(self._resources[name])]

    def _wanted(self, resource: Mapping[str, Json]) -> bool:
        return "Condition" not in resource or self._resolver.condition({"Condition": resource["Condition"]})

    def _function(self, name: str) -> FunctionSpec:
        shared = self._document.get("Globals", {}).get("Function", {})
        own = self._resources[name]["Properties"]
        properties = {**shared, **own}
        declared = {**_variables(shared), **_variables(own)}
        given = {k: v for k, v in self._environment.items() if k in declared or k not in self._declared_somewhere}
        # what is given stands first: a parameter that only fed this variable then needs no value
        resolved = {key: str(self._resolve(v)) for key, v in declared.items() if key not in given}
        concurrency = properties.get("ReservedConcurrentExecutions")
        return FunctionSpec(
            logical_id=name,
            code_dir=self._root / self._resolve(properties["CodeUri"]),
            handler=str(self._resolve(properties["Handler"])),
            timeout=float(self._resolve(properties.get("Timeout", 3))),
            memory=int(self._resolve(properties.get("MemorySize", 128))),
            environment={**resolved, **given},
            concurrency=None if concurrency is None else int(self._resolve(concurrency)),
        )

    def _events(self, name: str) -> Iterator[Route | QueueMapping | ScheduleSpec]:
        for event, body in self._resources[name]["Properties"].get("Events", {}).items():
            properties, kind = body.get("Properties", {}), body["Type"]
            if kind == "HttpApi":
                yield Route(name, str(properties["Method"]).upper(), str(properties["Path"]))
            elif kind == "SQS":
                yield self._mapping(name, properties)
            elif kind == "Schedule":
                yield ScheduleSpec(name, event, str(self._resolve(properties["Schedule"])))
            else:
                raise TemplateError(f"{name}: events of type {kind} are not known here")

    def _mapping(self, function: str, properties: Mapping[str, Json]) -> QueueMapping:
        arn = self._resolve(properties["Queue"])
        queue = next((q for q in self._of_type(_QUEUE) if self._attribute_of_resource(q, "Arn") == arn), None)
        if queue is None:
            raise TemplateError(f"{function}: {arn} is not a queue of this template")
        batch_size = int(self._resolve(properties.get("BatchSize", 10)))
        window = int(self._resolve(properties.get("MaximumBatchingWindowInSeconds", 0)))
        if self._physical_name(queue).endswith(".fifo") and (batch_size > 10 or window):
            raise TemplateError(f"{function}: a FIFO queue gives at most 10 messages at once, and has no window")
        if batch_size > 10 and not window:
            raise TemplateError(f"{function}: batches of more than 10 need MaximumBatchingWindowInSeconds")
        return QueueMapping(
            function=function,
            queue=queue,
            batch_size=batch_size,
            window=window,
            partial_responses="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", []),
            concurrency=int(self._resolve(properties.get("ScalingConfig", {}).get("MaximumConcurrency", 10))),
        )

    def _queue(self, name: str) -> QueueSpec:
        properties = self._resolve(self._resources[name].get("Properties", {}))
        given = {key: properties[key] for key in _QUEUE_ATTRIBUTES if key in properties}
        return QueueSpec(name, self._physical_name(name), {key: _text(value) for key, value in given.items()})

    def _table(self, name: str) -> TableSpec:
        properties = self._resolve(self._resources[name]["Properties"])
        keys = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")
        definition = {key: properties[key] for key in keys if key in properties}
        return TableSpec(name, self._physical_name(name), definition)

    def _resolve(self, value: Json) -> Json:
        return self._resolver.resolve(value)

    def _resource(self, name: str) -> Mapping[str, Json]:
        if name not in self._resources:
            raise TemplateError(f"there is no parameter or resource {name}")
        resource: Mapping[str, Json] = self._resources[name]
        return resource

    def _physical_name(self, name: str) -> str:
        resource = self._resource(name)
        properties = resource.get("Properties", {})
        given = properties.get(_NAMES[resource["Type"]])
        if given is not None:
            return str(self._resolve(given))
        if resource["Type"] == _BUCKET:
            return name.lower()
        return f"{name}.fifo" if properties.get("FifoQueue") else name

    def _reference(self, name: str) -> str:
        kind = self._resource(name)["Type"]
        if kind == _QUEUE:
            return f"{self._endpoint}/{ACCOUNT}/{self._physical_name(name)}"
        if kind in (_TABLE, _BUCKET):
            return self._physical_name(name)
        if kind == _FUNCTION:
            return name
        raise TemplateError(f"Ref {name}: a {kind} has no value here")

    def _attribute_of_resource(self, name: str, attribute: str) -> str:
        kind = self._resource(name)["Type"]
        if kind == _BUCKET and attribute == "Arn":
            return f"arn:aws:s3:::{self._physical_name(name)}"
        services = {_QUEUE: "sqs", _TABLE: "dynamodb", _FUNCTION: "lambda"}
        if attribute == "Arn" and kind in services:
            prefix = {_QUEUE: "", _TABLE: "table/", _FUNCTION: "function:"}[kind]
            physical = name if kind == _FUNCTION else self._physical_name(name)
            return f"arn:aws:{services[kind]}:{REGION}:{ACCOUNT}:{prefix}{physical}"
        if kind == _QUEUE and attribute == "QueueName":
            return self._physical_name(name)
        if kind == _QUEUE and attribute == "QueueUrl":
            return self._reference(name)
        raise TemplateError(f"GetAtt {name}.{attribute}: a {kind} has no such attribute here")


def _text(value: Json) -> str:
    """A queue attribute as the API wants it: text, lower-case booleans, policies as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
