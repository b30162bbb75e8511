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
from typing import Any

from operator_memory.domain.conversation import Turn
from operator_memory.domain.errors import UpstreamRejectedError
from operator_memory.domain.learning.proposals import Quote, TokenUsage
from operator_memory.domain.rules.extract import RuleFact, extract_facts
from operator_memory.domain.rules.names import introduced_names, name_claimed
from operator_memory.domain.rules.requests import RuleRequest, requests_in
from operator_memory.domain.rules.single_valued import change_by

_NEW, _EARLIER, _EXISTING, _OBSERVED = "New Messages", "Last k Messages", "Existing Memories", "Observation Date"
_HEADING = "## "
_TURN = re.compile(r"^(user|assistant): ?(?:\[-?\d{1,6}\] (?:\((?P<known>[^()]*)\) )?)?(?P<text>.*)$")
_TIME = re.compile(r"(?:^|, )(?P<time>[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d(?P<zone> [+-]\d{4})?)$")
_TIME_FORMAT = "%a %Y-%m-%d %H:%M"


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the prompt shows. The turns are numbered as in the prompt: from 0, the earlier ones up to -1."""

    turns: Sequence[Turn]
    earlier: Sequence[Turn]
    memories: Mapping[str, str]
    """Texts by their ids."""
    day: date | None


def answer_extraction_prompt(messages: Sequence[Mapping[str, str]]) -> str:
    """The JSON text of the extraction: its memories and requests, in the shape that the prompt asks for.

    Raises:
        UpstreamRejectedError: if ``messages`` is not Mem0's extraction prompt.
    """
    prompt = next((m.get("content") or "" for m in reversed(messages) if m.get("role") == "user"), "")
    shown = _shown(_sections(prompt))
    facts = extract_facts(shown.turns, earlier=shown.earlier, observed_on=shown.day)
    ids, texts = list(shown.memories), list(shown.memories.values())
    requests = requests_in(shown.turns, texts, earlier=shown.earlier)
    memory = [_memory(str(number), fact, shown) for number, fact in enumerate(facts)]
    return json.dumps({"memory": memory, "requests": [_request(request, ids) for request in requests]})


# ---- the prompt -------------------------------------------------------------------------------------------------


def _sections(prompt: str) -> Mapping[str, Sequence[str]]:
    """The lines of each section, by its heading."""
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in prompt.split("\n"):
        if line.startswith(_HEADING):
            current = sections.setdefault(line.removeprefix(_HEADING), [])
        else:
            current.append(line)
    if _NEW not in sections:
        raise UpstreamRejectedError("rules", "this is not a prompt to extract memories")
    return sections


def _shown(sections: Mapping[str, Sequence[str]]) -> _Shown:
    observed = "".join(sections.get(_OBSERVED, ())).strip()
    return _Shown(
        _turns(sections[_NEW]),
        _turns(sections.get(_EARLIER, ())),
        _memories("\n".join(sections.get(_EXISTING, ()))),
        _read(date.fromisoformat, observed),
    )


def _turns(lines: Iterable[str]) -> list[Turn]:
    found: list[tuple[re.Match[str], list[str]]] = []
    for line in lines:
        if match := _TURN.match(line):
            found.append((match, [match["text"]]))
        elif found:
            found[-1][1].append(line.removeprefix("  "))
    return [_turn(match, "\n".join(text).strip()) for match, text in found]


def _turn(match: re.Match[str], text: str) -> Turn:
    known = match["known"] or ""
    time = _TIME.search(known)
    name = known[: time.start()] if time else known
    form = f"{_TIME_FORMAT} %z" if time and time["zone"] else _TIME_FORMAT
    at = _read(lambda said: datetime.strptime(said, form), time["time"]) if time else None  # noqa: DTZ007
    return Turn(match[1], text, created_at=at, name=name or None)


def _memories(text: str) -> dict[str, str]:
    listed = _read(json.loads, text)
    items = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    return {str(item.get("id")): str(item.get("text")) for item in items}


def _read(reader: Any, text: str) -> Any:  # noqa: ANN401  (as the reader is)
    try:
        return reader(text)
    except ValueError:
        return None


# ---- the answer -------------------------------------------------------------------------------------------------


def _memory(identity: str, fact: RuleFact, shown: _Shown) -> dict[str, object]:
    ids = list(shown.memories)
    names = _names_of_user(fact, shown)
    change = change_by(fact.text, list(shown.memories.values()), names=names) if names is not None else None
    optional = {
        "when": fact.when,
        "about": fact.about,
        "replaces": [ids[index] for index in change.replaces] if change else None,
        "same_as": ids[change.same_as] if change and change.same_as is not None else None,
        "remains": {ids[index]: rest for index, rest in change.remains.items()} if change else None,
    }
    return {
        "id": identity,
        "text": fact.text,
        "attributed_to": fact.attributed_to,
        "evidence": [_quote(quote) for quote in fact.quotes],
        **{field: value for field, value in optional.items() if value},
    }


def _names_of_user(fact: RuleFact, shown: _Shown) -> set[str] | None:
    """What the user of ``fact`` is called in existing memories, beside "User"; ``None`` where that cannot be told."""
    said = [turn for turn in (*shown.earlier, *shown.turns) if turn.role == "user"]
    speakers = {turn.name for turn in said if turn.name}
    if len(speakers) > 1:
        return None if name_claimed(fact.text) else set()
    claimed = {name for text in shown.memories.values() if (name := name_claimed(text))}
    return speakers | claimed | {name for turn in said for name in introduced_names(turn.text)}


def _quote(quote: Quote) -> dict[str, object]:
    return {"message": quote.message, "quote": quote.text}


def _request(request: RuleRequest, ids: Sequence[str]) -> dict[str, object]:
    return {
        "kind": request.kind.value,
        **_quote(request.quote),
        "messages": list(request.messages),
        "memories": [ids[index] for index in request.memories],
    }


class RulesLLM:
    """A language model as Mem0 calls one, for ``EXTRACTION=rules``: no network, no cost."""

    def generate_response(self, messages: Sequence[Mapping[str, str]], *_: object, **__: object) -> str:
        """The rules' answer to Mem0's extraction prompt."""
        return answer_extraction_prompt(messages)

    def take_usage(self) -> TokenUsage:
        """Rules cost nothing."""
        return TokenUsage()
