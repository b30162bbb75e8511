"""Puts together what the extraction function calls."""

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from operator_memory.entrypoints.adapters_in_use import AdaptersInUse
from operator_memory.entrypoints.wiring.shared import jobs_of

if TYPE_CHECKING:
    from operator_memory.adapters.dynamodb.jobs import DynamoDBJobs
    from operator_memory.application.learning.consume_jobs import ConsumeJobs
    from operator_memory.application.learning.extract_run import ExtractRun


def build_extraction(environ: Mapping[str, str] | None = None) -> "ConsumeJobs":
    """The extraction function: what consumes one message of the queue."""
    from operator_memory.adapters.aws.sqs_queue import SqsJobQueue
    from operator_memory.application.learning.consume_jobs import ConsumeJobs
    from operator_memory.entrypoints.contracts.job import parse_job

    adapters = AdaptersInUse.from_environment(os.environ if environ is None else environ, deletes=True)
    jobs = jobs_of(adapters)
    extract_run = _extract_run(adapters, jobs)
    queue = SqsJobQueue(
        adapters.aws_client("sqs"),
        queue_url=adapters.required("jobs_queue_url"),
        dead_letter_queue_url=adapters.required("jobs_dead_letter_queue_url"),
    )
    return ConsumeJobs(parse=parse_job, extract=extract_run.extract, queue=queue, jobs=jobs)


def _extract_run(adapters: AdaptersInUse, jobs: "DynamoDBJobs") -> "ExtractRun":
    from operator_memory.adapters.dynamodb.watermarks import DynamoDBWatermarks
    from operator_memory.adapters.models.mem0_engine import Mem0Extractor
    from operator_memory.adapters.secrets.redactor import SecretRedactor
    from operator_memory.application.learning.chunk_facts import FactDependencies
    from operator_memory.application.learning.extract_run import (
        STORING_SECONDS,
        ExtractionPolicy,
        ExtractionPorts,
        ExtractRun,
    )
    from operator_memory.application.learning.learn_facts import LearnFacts
    from operator_memory.application.learning.store_turns import StoreTurns

    settings, clock, redactor = adapters.settings, adapters.clock, SecretRedactor()
    embedder, memories, writer = adapters.embedder(), adapters.memories(), adapters.writer()
    extractor = Mem0Extractor(model=adapters.chat_model(), embedder=embedder, memories=memories, clock=clock)
    visibility, learned = adapters.turn_visibility(), adapters.learned()
    fact_ports = FactDependencies(extractor, memories, writer, redactor, clock, visibility, learned)
    ports = ExtractionPorts(
        jobs=jobs,
        redactor=redactor,
        search=memories,
        switches=adapters.switches(),
        watermarks=DynamoDBWatermarks(adapters.dynamodb, adapters.required("memory_table")),
        thread_messages=adapters.thread_messages(),
        clock=clock,
    )
    return ExtractRun(
        ports,
        ExtractionPolicy(
            chunk_seconds=settings.extraction_timeout_seconds + STORING_SECONDS, enabled=settings.memory_enabled
        ),
        turns=StoreTurns(embedder=embedder, memories=writer, lifetime=timedelta(days=settings.session_memory_days)),
        facts=LearnFacts(
            fact_ports, chunk_characters=settings.extraction_chunk_characters, quota=settings.memory_quota
        ),
        memories=writer,
        trail=adapters.trail(),
    )
