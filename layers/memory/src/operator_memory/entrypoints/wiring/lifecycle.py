"""Puts together what the archive function calls."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from operator_memory.entrypoints.adapters_in_use import AdaptersInUse
from operator_memory.entrypoints.wiring.archive import tidying_of
from operator_memory.entrypoints.wiring.policies import (
    archive_of,
    expiry_index_of,
    plan_of,
    policies_of,
    policy_memories_of,
    preview_of,
)
from operator_memory.entrypoints.wiring.shared import erasures_of

if TYPE_CHECKING:
    from operator_memory.adapters.aws.sqs_tasks import SqsTaskQueue
    from operator_memory.application.lifecycle.consume_tasks import ConsumeTasks
    from operator_memory.application.lifecycle.dispatch_due import DispatchDue
    from operator_memory.application.lifecycle.erase_gone_accounts import EraseGoneAccounts
    from operator_memory.application.lifecycle.preview_policies import PreviewPolicies
    from operator_memory.application.lifecycle.tend_account import TendAccount
    from operator_memory.application.management.erase_memories import EraseMemories
    from operator_memory.application.ports.lifecycle import TaskQueue
    from operator_memory.application.shared.audit_trail import AuditTrail

_BY_HAND_WAIT_SECONDS = 5.0
"""A command ends after its last event, so it waits until that is sent."""


@dataclass(frozen=True, slots=True)
class ArchiveApp:
    """What the archive function calls: on its schedule the first three, for each message of its queue the last."""

    erasures: "EraseMemories"
    gone: "EraseGoneAccounts | None"
    """``None`` where there is no platform whose accounts could be gone."""
    dispatch: "DispatchDue"
    tasks: "ConsumeTasks"


def build_archive(environ: Mapping[str, str] | None = None) -> ArchiveApp:
    """The archive function's sweeps, and the rounds over single accounts."""
    from operator_memory.application.lifecycle.consume_tasks import ConsumeTasks
    from operator_memory.application.lifecycle.dispatch_due import DispatchDue
    from operator_memory.application.lifecycle.erase_gone_accounts import EraseGoneAccounts
    from operator_memory.entrypoints.contracts.lifecycle import parse_task

    adapters = AdaptersInUse.from_environment(os.environ if environ is None else environ, deletes=True)
    index, queue, trail = expiry_index_of(adapters), _queue(adapters), adapters.trail()
    adapters.warm()
    erasures = erasures_of(adapters, trail)
    platform, gone = adapters.gone_accounts(), None
    if platform is not None:
        gone = EraseGoneAccounts(platform=platform, known=adapters.known_accounts(), erase=erasures.erase_gone_account)
    return ArchiveApp(
        erasures=erasures,
        gone=gone,
        dispatch=DispatchDue(index=index, queue=queue, clock=adapters.clock),
        tasks=ConsumeTasks(parse=parse_task, tend=_tending(adapters, queue, trail), queue=queue),
    )


@dataclass(frozen=True, slots=True)
class RoundsByHand:
    """What an operator's command calls, for one account."""

    previews: "PreviewPolicies"
    tending: "TendAccount"


def build_rounds_by_hand(environ: Mapping[str, str], queue: "TaskQueue") -> RoundsByHand:
    """A round in the caller's own process. ``queue`` gets what is left of it."""
    adapters = AdaptersInUse.from_environment(environ, deletes=True)
    trail = adapters.trail(wait=_BY_HAND_WAIT_SECONDS)
    return RoundsByHand(preview_of(adapters), _tending(adapters, queue, trail))


def _queue(adapters: AdaptersInUse) -> "SqsTaskQueue":
    from operator_memory.adapters.aws.sqs_tasks import SqsTaskQueue
    from operator_memory.entrypoints.contracts.lifecycle import task_body

    return SqsTaskQueue(
        adapters.aws_client("sqs"),
        queue_url=adapters.required("lifecycle_queue_url"),
        dead_letter_queue_url=adapters.required("lifecycle_dead_letter_queue_url"),
        encode=task_body,
    )


def _tending(adapters: AdaptersInUse, queue: "TaskQueue", trail: "AuditTrail") -> "TendAccount":
    from operator_memory.application.lifecycle.tend_account import TendAccount, TendingPorts

    archive, to_archive = archive_of(adapters) or (None, None)
    tidying = tidying_of(adapters)
    ports = TendingPorts(
        expired=adapters.memories(),
        memories=policy_memories_of(adapters),
        index=expiry_index_of(adapters),
        policies=policies_of(adapters),
        queue=queue,
        archive=archive,
        to_archive=to_archive,
        tidy=None if tidying is None else tidying.go_on,
    )
    return TendAccount(ports, plan=plan_of(adapters), trail=trail, clock=adapters.clock)
