"""The runs of the load benchmark, as the true SQS events that the extraction function gets.

Each run says three things worth remembering that no other run says, ``I keep ... .``, among what is not.
"""

import copy
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_EVENT = Path(__file__).resolve().parent.parent.parent / "events" / "sqs-extraction.json"
MOST_BYTES = 1024 * 1024
"""Of one queue message; the function is never handed more."""

MESSAGES, FACTS = 6, 3
LONG_MESSAGES = 1_200
FACT_EVERY = 8
"""In a long run every eighth message holds a fact."""

_WHAT = "lamp kite drum anchor ledger tent canoe violin loom kettle globe saddle tripod easel scooter harp lathe camera"
_HOW = "amber narrow crooked silver ancient borrowed folding striped wooden rusty painted spare broken heavy tiny"
_WHERE = "Porto Oslo Turin Quito Lagos Kyoto Perth Sofia Dakar Lima Malmo Izmir Hanoi Tunis Cusco Leeds Bergen Graz"
_BY = "boathouse attic cellar garage greenhouse pantry workshop barn locker stable shed loft"

_ANSWER = (
    "There is a train in the morning, and the hotel can hold a parcel until the evening. "
    "Shall I look for a cheaper fare as well?"
)


@dataclass(frozen=True, slots=True)
class LoadRun:
    """A run, as JSON of a queue message, and how many facts stand in it."""

    account: str
    body: str
    facts: int


def fact(number: int) -> str:
    """The text of fact ``number``, another for each of 0..58,319, without the full stop."""
    number = number * 7_919 % 58_320  # neighbours differ in most of their words
    parts = []
    for words in (_WHAT.split(), _HOW.split(), _WHERE.split(), _BY.split()):
        number, at = divmod(number, len(words))
        parts.append(words[at])
    what, how, where, by = parts
    return f"I keep the {how} {what} in a {by} near {where}"


def short_run(number: int, account: str) -> LoadRun:
    """Run ``number``: six messages, three facts."""
    messages = []
    for turn in range(MESSAGES // 2):
        said = fact(number * FACTS + turn)
        messages.append(("user", f"Here is part {turn} of request {number}. {said}. Please plan the trip around that."))
        messages.append(("assistant", f"Understood, step {turn} of request {number} is planned. {_ANSWER}"))
    return _run(f"run-{number}", account, messages, FACTS)


def long_run(name: str, *, messages: int, characters: int) -> LoadRun:
    """A run of ``messages`` messages of about ``characters`` each, on an account of its own."""
    said = []
    for number in range(messages):
        text = f"Note {number} of {name}. " + (f"{fact(20_000 + number)}. " if number % FACT_EVERY == 0 else "")
        filler = f"The meeting about chapter {number} went on until the evening and nothing was decided. "
        text += filler * max(1, (characters - len(text)) // len(filler))
        said.append(("user" if number % 2 == 0 else "assistant", text))
    return _run(name, name, said, -(-messages // FACT_EVERY))


def largest_run(name: str) -> LoadRun:
    """A run whose message is just below `MOST_BYTES`."""
    messages = 400
    characters = MOST_BYTES // messages
    while len((run := long_run(name, messages=messages, characters=characters)).body) > MOST_BYTES:
        characters -= 20
    return run


def _run(job_id: str, account: str, messages: list[tuple[str, str]], facts: int) -> LoadRun:
    body = {
        "job_id": job_id,
        "account_id": account,
        "agent_id": "agent-1",
        "thread_id": f"thread-{job_id}",
        "status": "completed",
        "finished_at": datetime.now(UTC).isoformat(),
        "messages": [{"role": role, "content": text} for role, text in messages],
    }
    return LoadRun(account, json.dumps(body), facts)


def event_of(runs: list[LoadRun]) -> dict[str, Any]:
    """The SQS event of one batch."""
    event: dict[str, Any] = json.loads(_EVENT.read_text("utf-8"))
    [template] = event["Records"]
    event["Records"] = []
    for run in runs:
        record = copy.deepcopy(template)
        record["messageId"] = f"message-{json.loads(run.body)['job_id']}"
        record["body"] = run.body
        record["attributes"]["MessageGroupId"] = run.account
        record["attributes"]["SentTimestamp"] = str(int(datetime.now(UTC).timestamp() * 1000))
        event["Records"].append(record)
    return event
