"""What people write into the memory by hand, or import: what of it waits for an owner. Pure.

It passes the same screening as what is learned. What is written is read by every run of the account, so that in a team
an owner decides about it; the person of a personal account is its owner.
"""

from dataclasses import replace
from datetime import datetime

from operator_memory.domain.fence import display_name
from operator_memory.domain.memory.memory import SCREENED, Memory
from operator_memory.domain.memory.provenance import BELOW_PERSON, SourceClass, least_trusted
from operator_memory.domain.memory.scopes import Kind, Scope
from operator_memory.domain.shared.screening import COMMAND, command_reason, turn_reason

HIDDEN = "hidden_characters"
"""Why a memory waits: characters that nobody sees spelled something in it. They are gone."""

NEEDS_OWNER = "needs_owner"
"""Why a memory waits: a member of a team tells an agent how to work for everybody."""

_FOR_OWNERS = frozenset((COMMAND, HIDDEN, NEEDS_OWNER))


def why_it_waits(memory: Memory, *, hid_something: bool, by_member: bool) -> str | None:
    """Why an owner has to look at what somebody wrote, or ``None``. ``by_member``: of a team, and no owner."""
    if command_reason(memory.text) is not None:
        return COMMAND
    if hid_something:
        return HIDDEN
    return NEEDS_OWNER if by_member and memory.scope is Scope.AGENT else None


def waiting(memory: Memory, reason: str, *, now: datetime) -> Memory:
    """``memory`` in quarantine. It keeps its own end: what a person wrote does not go because nobody looks at it."""
    return replace(memory, rejected=reason, valid_until=memory.valid_until or now)


def only_owners_approve(memory: Memory) -> bool:
    """Whether letting ``memory`` out of quarantine is for owners only."""
    instructs = memory.scope is Scope.AGENT and memory.source_class in BELOW_PERSON
    return memory.rejected in _FOR_OWNERS or instructs or command_reason(memory.text) is not None


def approved(memory: Memory, *, by_owner: bool) -> Memory:
    """``memory``, let out of quarantine. An owner vouches for it as for words of their own."""
    by_hand = memory.source_class in (SourceClass.BY_HAND, SourceClass.IMPORT)
    return replace(
        vouched(memory) if by_owner else memory,
        rejected=None,
        valid_until=memory.valid_until if memory.superseded_by else None,
        expires_at=memory.expires_at if by_hand else None,  # a rejected fact has the end of its quarantine
    )


def vouched(memory: Memory) -> Memory:
    """``memory`` as one that an owner stands for."""
    below = memory.source_class in BELOW_PERSON
    return replace(memory, source_class=SourceClass.BY_HAND) if below else memory


def imported(memory: Memory, *, hid_something: bool, now: datetime) -> Memory:
    """``memory`` as an import brings it in: a fact that commands waits, a turn that does is withheld.

    Nobody can tell who said it: whatever the line says, it is an import. A name in it is only a name.
    """
    claimed = memory.source_class or SourceClass.IMPORT
    speaker = display_name(memory.speaker or "") or None
    memory = replace(memory, source_class=least_trusted(SourceClass.IMPORT, claimed), speaker=speaker)
    if memory.kind is Kind.TURN:
        screened = hid_something or turn_reason(memory.text) is not None
        reasons = dict.fromkeys((*memory.withheld_by, SCREENED) if screened else memory.withheld_by)
        return replace(memory, withheld_by=tuple(reasons))
    reason = why_it_waits(memory, hid_something=hid_something, by_member=False)
    return memory if reason is None else waiting(memory, reason, now=now)
