"""Puts together what the extraction function calls."""

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from operator_memory.entrypoints.adapters_in_use import AdaptersInUse
from operator_memory.entrypoints.wiring.shared import jobs_of
from operator_memory.entrypoints.wiring.usage import budget_check_of, counting_of, prices_of, quota_of

if TYPE_CHECKING:
    from operator_memory.adapters.dynamodb.jobs import DynamoDBJobs
    from operator_memory.application.learning.consume_jobs import ConsumeJobs
    from operator_memory.application.learning.extract_run import ExtractionPorts, ExtractRun
    from operator_memory.application.learning.learn_facts import LearnFacts
    from operator_memory.application.learning.limits import AccountLimits
    from operator_memory.application.ports.core import Embedder
    from operator_memory.application.shared.audit_trail import AuditTrail


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
    from operator_memory.adapters.secrets.redactor import SecretRedactor
    from operator_memory.application.learning.extract_run import (
        STORING_SECONDS,
        ExtractionPolicy,
        ExtractionPorts,
        ExtractRun,
    )
    from operator_memory.application.learning.store_turns import StoreTurns

    settings, embedder, writer = adapters.settings, adapters.embedder(), adapters.writer()
    trail = adapters.trail()
    ports = ExtractionPorts(
        jobs=jobs,
        redactor=SecretRedactor(),
        search=adapters.memories(),
        switches=adapters.switches(),
        watermarks=DynamoDBWatermarks(adapters.dynamodb, adapters.required("memory_table")),
        thread_messages=adapters.thread_messages(),
        clock=adapters.clock,
        usage=counting_of(adapters, "extraction", prices_of(settings)),
    )
    return ExtractRun(
        ports,
        ExtractionPolicy(
            chunk_seconds=settings.extraction_timeout_seconds + STORING_SECONDS, enabled=settings.memory_enabled
        ),
        turns=StoreTurns(embedder=embedder, memories=writer, lifetime=timedelta(days=settings.session_memory_days)),
        facts=_learn_facts(adapters, ports, embedder, trail),
        memories=writer,
        trail=trail,
    )


def _learn_facts(
    adapters: AdaptersInUse, ports: "ExtractionPorts", embedder: "Embedder", trail: "AuditTrail"
) -> "LearnFacts":
    from operator_memory.adapters.models.mem0_engine import Mem0Extractor
    from operator_memory.application.learning.chunk_facts import FactDependencies
    from operator_memory.application.learning.learn_facts import LearnFacts

    settings = adapters.settings
    extractor = Mem0Extractor(
        model=adapters.chat_model(),
        embedder=embedder,
        memories=ports.search,
        clock=ports.clock,
        meter=ports.usage if settings.extraction_mode == "llm" else None,  # the rules cost nothing
    )
    fact_ports = FactDependencies(
        extractor,
        ports.search,
        adapters.writer(),
        ports.redactor,
        ports.clock,
        adapters.turn_visibility(),
        adapters.learned(),
    )
    limits = _limits(adapters, trail, embedder)
    return LearnFacts(fact_ports, chunk_characters=settings.extraction_chunk_characters, limits=limits)


def _limits(adapters: AdaptersInUse, trail: "AuditTrail", embedder: "Embedder") -> "AccountLimits":
    """The quota, and, where there is a model to pay for, the budget and what extracts without it."""
    from operator_memory.adapters.models.mem0_engine import Mem0Extractor
    from operator_memory.adapters.models.rules_llm import RulesLLM
    from operator_memory.application.learning.limits import AccountLimits, WithoutModel

    quota = quota_of(adapters, trail)
    if adapters.settings.extraction_mode == "rules":
        return AccountLimits(quota.rule, quota)
    rules = Mem0Extractor(model=RulesLLM(), embedder=embedder, memories=adapters.memories(), clock=adapters.clock)
    return AccountLimits(quota.rule, quota, WithoutModel(budget_check_of(adapters, trail), rules))
