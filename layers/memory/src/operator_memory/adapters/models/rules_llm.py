"""The rule extractor in a language model's place: answers the prompt that our engine has Mem0 send.

Only the prompt's format is known here (Mem0's sections, our numbered messages, see `extraction_prompt`); Mem0 itself
is not imported. The further lines of each message are indented, so a line of user text never starts at the margin:
there, ``user:`` and ``assistant:`` begin turns, and ``## `` begins a section.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from operator_memory.domain.conversation import Turn
from operator_memory.domain.errors import UpstreamRejectedError
from operator_memory.domain.learning.proposals import Quote, TokenUsage
from operator_memory.domain.rules.extract import RuleFact, extract_facts
from operator_memory.domain.rules.names import name_claimed
from operator_memory.domain.rules.requests import RuleRequest, requests_in
from operator_memory.domain.rules.single_valued import change_by

_SECTION = re.compile(r"^## (.+)\n((?:(?!## ).*\n?)*)", re.MULTILINE)
_TURN = re.compile(r"^(user|assistant): ?(.*)$")
_NUMBER = re.compile(r"\[(-?\d{1,6})\] ?")
_HEAD = re.compile(
    r"\((?P<name>[^(),\d][^(),]*?)?(?:(?:^|(?<=\()|, )?(?P<time>[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d(?: [+-]\d{4})?))?\) ?"
)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the prompt shows: the turns by their numbers, the ids and texts of memories, and the day."""

    turns: Sequence[Turn]
    numbers: Mapping[int, int]
    """The number in the prompt by the rules' number of a turn: from 0, and below 0 for earlier ones."""
    earlier: Sequence[Turn]
    memories: Mapping[str, str]
    day: date | None
