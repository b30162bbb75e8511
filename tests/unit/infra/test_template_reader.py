"""The template reader, on the real ``template.yaml`` and on small ones that show a rule each."""

from dataclasses import fields
from pathlib import Path

import pytest
from operator_memory.entrypoints.load_settings import load_settings
from operator_memory.entrypoints.settings import Settings

from devstack.aws.intrinsics import TemplateError
from devstack.aws.template import Template, read_template

ROOT = Path(__file__).resolve().parents[3]
ENDPOINT = "http://127.0.0.1:4566"


@pytest.fixture(scope="module")
def real() -> Template:
    environment = {"QDRANT_URL": "http://qdrant"}
    parameters = {"SupabaseUrl": "http://supabase"}
    return read_template(ROOT / "template.yaml", endpoint_url=ENDPOINT, environment=environment, parameters=parameters)


def small(tmp_path: Path, body: str) -> Path:
    path = tmp_path / "template.yaml"
    path.write_text(body)
    return path


def test_functions_are_found_with_their_code(real: Template) -> None:
    names = ("context", "memories", "audit", "extraction", "archive")
    assert set(real.functions) == {f"{name.capitalize()}Function" for name in names}
    for name in names:
        function = real.functions[f"{name.capitalize()}Function"]
        assert function.code_dir == ROOT / "functions" / name
        assert function.handler == "app.handler"
    assert real.functions["ContextFunction"].timeout == 3
    assert real.functions["ArchiveFunction"].concurrency == 5


def test_a_function_is_told_only_what_it_needs(real: Template) -> None:
    told = {
        name: {variable.removesuffix("_PARAMETER") for variable in function.environment if "_PARAMETER" in variable}
        for name, function in real.functions.items()
    }
    reads_tokens = {"SERVICE_TOKEN_KEYS", "OPENAI_API_KEY", "QDRANT_API_KEY", "SUPABASE_SERVICE_KEY"}
    assert told["ContextFunction"] == reads_tokens | {"RERANKER_API_KEY"}
    assert told["MemoriesFunction"] == reads_tokens | {"SUPABASE_JWT_SECRET"}
    assert told["AuditFunction"] == {"QDRANT_API_KEY", "SUPABASE_SERVICE_KEY"}


def test_every_variable_is_a_setting_and_the_values_agree(real: Template) -> None:
    known = {spec.metadata["env"] for spec in fields(Settings)} | {"MEM0_DIR", "MEM0_TELEMETRY"}
    for function in real.functions.values():
        assert set(function.environment) <= known
        load_settings(function.environment)


def test_names_of_queues_and_tables_reach_the_functions(real: Template) -> None:
    environment = real.functions["ExtractionFunction"].environment
    assert environment["JOBS_QUEUE_URL"] == f"{ENDPOINT}/123456789012/MemoryJobsQueue.fifo"
    assert environment["MEMORY_TABLE"] == real.tables["MemoryTable"].name == "MemoryTable"
    assert environment["QDRANT_URL"] == "http://qdrant"
    assert real.functions["AuditFunction"].environment["MEMORY_TABLE"] == "MemoryTable"
    memories = real.functions["MemoriesFunction"].environment
    assert memories["ARCHIVE_BUCKET"] == real.buckets["ArchiveBucket"] == "archivebucket"
    assert memories["EVENTS_QUEUE_URL"] == f"{ENDPOINT}/123456789012/MemoryEventsQueue"


def test_the_events_that_start_functions(real: Template) -> None:
    assert {(route.function, route.method, route.path) for route in real.routes} == {
        ("ContextFunction", "POST", "/v1/context"),
        ("MemoriesFunction", "ANY", "/v1/{proxy+}"),
        ("MemoriesFunction", "ANY", "/memory/{proxy+}"),
    }
    assert {(m.function, m.queue, m.batch_size, m.window) for m in real.mappings} == {
        ("ExtractionFunction", "MemoryJobsQueue", 1, 0),
        ("AuditFunction", "MemoryEventsQueue", 100, 5),
        ("ArchiveFunction", "MemoryLifecycleQueue", 1, 0),
    }
    assert all(mapping.partial_responses for mapping in real.mappings)
    (schedule,) = real.schedules
    assert (schedule.function, schedule.expression) == ("ArchiveFunction", "rate(1 hour)")


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("MemoryJobs", "ExtractionFunction"),
        ("MemoryEvents", "AuditFunction"),
        ("MemoryLifecycle", "ArchiveFunction"),
    ],
)
def test_a_message_stays_hidden_for_six_times_the_functions_timeout(real: Template, name: str, function: str) -> None:
    queue = real.queues[f"{name}Queue"]
    assert int(queue.attributes["VisibilityTimeout"]) == 6 * real.functions[function].timeout
    assert queue.dead_letter_arn == real.queues[f"{name}DeadLetterQueue"].arn
    assert queue.attributes.get("FifoQueue") == ("true" if name == "MemoryJobs" else None)


def test_the_schedule_is_never_kept_waiting_by_the_queue_of_the_same_function(real: Template) -> None:
    [accounts] = [mapping for mapping in real.mappings if mapping.queue == "MemoryLifecycleQueue"]
    assert accounts.concurrency < (real.functions["ArchiveFunction"].concurrency or 0)


def test_the_expiry_index(real: Template) -> None:
    (index,) = real.tables["MemoryTable"].definition["GlobalSecondaryIndexes"]
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["due_shard", "due_at"]
    assert index["Projection"] == {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["version"]}


def test_a_parameter_without_a_value_is_named() -> None:
    with pytest.raises(TemplateError, match="parameter QdrantUrl has no value"):
        read_template(ROOT / "template.yaml", endpoint_url=ENDPOINT)


def test_parameters_are_those_of_a_deployment() -> None:
    read = read_template(
        ROOT / "template.yaml",
        endpoint_url=ENDPOINT,
        parameters={"QdrantUrl": "https://q", "SupabaseUrl": "https://s", "Extraction": "rules"},
    )
    assert read.functions["ExtractionFunction"].environment["EXTRACTION"] == "rules"
    with pytest.raises(TemplateError, match="no parameter Nonsense"):
        read_template(ROOT / "template.yaml", endpoint_url=ENDPOINT, parameters={"Nonsense": "1"})


FUNCTION = """
Parameters:
  Stage: {Type: String, Default: dev}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  NotProd: !Not [!Condition IsProd]
Resources:
  Jobs: {Type: AWS::SQS::Queue}
  InOrder: {Type: AWS::SQS::Queue, Properties: {FifoQueue: true}}
  OldThings: {Type: AWS::S3::Bucket}
  Named: {Type: AWS::S3::Bucket, Properties: {BucketName: !Sub "things-${Stage}"}}
  Policy: {Type: AWS::S3::BucketPolicy, Properties: {Bucket: !Ref OldThings, PolicyDocument: {}}}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: app.handler
      Environment: {Variables: {VALUE: %s}}
"""


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("!Ref Stage", "dev"),
        ("!Sub 'x-${Stage}-${AWS::Region}-${!kept}'", "x-dev-us-east-1-${kept}"),
        ("!Sub ['${A}/${Jobs.QueueName}', {A: !Ref Stage}]", "dev/Jobs"),
        ("!GetAtt Jobs.Arn", "arn:aws:sqs:us-east-1:123456789012:Jobs"),
        ("!Join ['-', [a, !Ref Stage]]", "a-dev"),
        ("!If [IsProd, yes-it-is, no-it-is-not]", "no-it-is-not"),
        ("!If [NotProd, quiet, loud]", "quiet"),
        ("!Select [1, !Split [',', 'a,b']]", "b"),
        ("{'Fn::Sub': '${Jobs}'}", f"{ENDPOINT}/123456789012/Jobs"),
        ("!Ref OldThings", "oldthings"),
        ("!GetAtt OldThings.Arn", "arn:aws:s3:::oldthings"),
        ("!Sub '${Named.Arn}/*'", "arn:aws:s3:::things-dev/*"),
    ],
)
def test_functions_of_cloudformation(tmp_path: Path, expression: str, value: str) -> None:
    read = read_template(small(tmp_path, FUNCTION % expression), endpoint_url=ENDPOINT)
    assert read.functions["Work"].environment == {"VALUE": value}


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("!ImportValue other", "Fn::ImportValue is not known here"),
        ("!Ref Nobody", "no parameter or resource Nobody"),
        ("!GetAtt Jobs.Colour", r"GetAtt Jobs.Colour: a AWS::SQS::Queue has no such attribute"),
        ("!If [Missing, a, b]", "no condition Missing"),
    ],
)
def test_what_cannot_be_resolved_is_an_error(tmp_path: Path, expression: str, complaint: str) -> None:
    with pytest.raises(TemplateError, match=complaint):
        read_template(small(tmp_path, FUNCTION % expression), endpoint_url=ENDPOINT)


def test_an_unknown_kind_of_event_is_an_error(tmp_path: Path) -> None:
    body = FUNCTION % "a" + "      Events: {Bucket: {Type: S3, Properties: {}}}\n"
    with pytest.raises(TemplateError, match="Work: events of type S3 are not known here"):
        read_template(small(tmp_path, body), endpoint_url=ENDPOINT)


def test_buckets_have_names(tmp_path: Path) -> None:
    read = read_template(small(tmp_path, FUNCTION % "a"), endpoint_url=ENDPOINT)
    assert read.buckets == {"OldThings": "oldthings", "Named": "things-dev"}


def fed_by(queue: str, settings: str) -> str:
    return FUNCTION % "a" + (
        f"      Events: {{E: {{Type: SQS, Properties: {{Queue: !GetAtt {queue}.Arn{settings}}}}}}}\n"
    )


@pytest.mark.parametrize(
    ("queue", "settings", "batch_size", "window"),
    [
        ("Jobs", "", 10, 0),
        ("Jobs", ", BatchSize: 100, MaximumBatchingWindowInSeconds: 5", 100, 5),
        ("InOrder", ", BatchSize: 10", 10, 0),
    ],
)
def test_how_a_queue_feeds_a_function(
    tmp_path: Path, queue: str, settings: str, batch_size: int, window: float
) -> None:
    [mapping] = read_template(small(tmp_path, fed_by(queue, settings)), endpoint_url=ENDPOINT).mappings
    assert (mapping.queue, mapping.batch_size, mapping.window) == (queue, batch_size, window)


@pytest.mark.parametrize(
    ("queue", "settings", "complaint"),
    [
        ("InOrder", ", BatchSize: 11", "a FIFO queue gives at most 10 messages at once"),
        ("InOrder", ", MaximumBatchingWindowInSeconds: 1", "a FIFO queue .* has no window"),
        ("Jobs", ", BatchSize: 11", "batches of more than 10 need MaximumBatchingWindowInSeconds"),
    ],
)
def test_what_lambda_refuses_of_a_queue_is_an_error(tmp_path: Path, queue: str, settings: str, complaint: str) -> None:
    with pytest.raises(TemplateError, match=complaint):
        read_template(small(tmp_path, fed_by(queue, settings)), endpoint_url=ENDPOINT)
