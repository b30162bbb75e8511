"""What a person asks of the memory in a conversation: not to remember something, or to forget it. Pure.

The model finds the request, in any language; here it is only believed where the person's own words hold it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from operator_memory.domain.learning.evidence import Evidence, Finding
from operator_memory.domain.learning.proposals import MemoryRequest, RequestKind

NOT_TO_REMEMBER = "asked_not_to_remember"
"""Why a fact is not kept: the person asked for it."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is to be done: ``unwanted``, the indices of turns that other sessions are not to recall and nothing is
    learned from; ``forgotten``, by the id of a memory the index of the turn that asks to forget it."""

    unwanted: frozenset[int]
    forgotten: dict[str, int]

    def forbids(self, finding: Finding) -> bool:
        """Whether a fact rests on what is not to be remembered."""
        return not self.unwanted.isdisjoint(finding.turns)


def wishes_of(requests: Sequence[MemoryRequest], evidence: Evidence, roles: Sequence[str]) -> Wishes:
    """What ``requests`` come to. ``roles``: of the turns, in order.

    The turn that asks says what it is about, so it is unwanted itself, and so is the assistant's answer to it.
    """
    unwanted: set[int] = set()
    forgotten: dict[str, int] = {}
    for request in requests:
        place = evidence.place_of(request.quote)
        if place is None:
            continue
        named = [n for n in request.messages if 0 <= n < len(roles)]
        for turn in (place.turn, *named):
            unwanted.add(turn)
            if turn + 1 < len(roles) and roles[turn + 1] == "assistant":
                unwanted.add(turn + 1)
        if request.kind is RequestKind.FORGET:
            forgotten |= dict.fromkeys(request.memory_ids, place.turn)
    return Wishes(frozenset(unwanted), forgotten)
