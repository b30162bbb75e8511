"""What becomes of the answers that a strong and a weak model gave: recorded conversations with recorded facts.

Each fact is labelled true, false (and why) or a repetition, and says which older memories it makes untrue. They go
through the extraction use case with its production parts, and through plain Mem0, as if a model had just given them.
Run: ``python -m bench.extraction.recordings [FILE]``; the file that is bundled was looked at while the rules were made.
"""

import argparse
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from operator_memory.adapters.models.mem0_engine import _memory_class
from operator_memory.domain.conversation import RawMessage
from operator_memory.domain.learning.jobs import Outcome, RunJob
from operator_memory.domain.learning.proposals import TokenUsage
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.entrypoints.adapters_in_use import AdaptersInUse

from bench.extraction.ours import extract_run_of
from bench.extraction.ports import RunClock
from bench.extraction.store import payloads
from bench.report import machine_state, table, versions
from devstack.models.server import CHAT_MODEL, EMBEDDING_MODEL, ModelServer
from devstack.qdrant import QdrantFront
from devstack.stack import LOCAL_DIMENSIONS
from infra.qdrant.apply import apply
from infra.qdrant.collection import collection_at

BUNDLED = Path(__file__).parent / "recorded" / "dev.json"
MODELS = ("strong", "native", "weak")
"""``native``: the strong model's facts in the language of the conversation."""
KEPT = (Outcome.ADDED, Outcome.SUPERSEDED, Outcome.DUPLICATE)
_SHOWN = re.compile(r"^## Existing Memories\n(\[.*\])$", re.MULTILINE)


@dataclass(slots=True)
class RecordedModel:
    """A language model as Mem0 calls it: gives the recorded facts of a run."""

    facts: Sequence[Mapping[str, Any]] = ()
    prompt_characters: int = 0
    answer_characters: int = 0
    calls: int = 0

    def generate_response(self, messages: Sequence[Mapping[str, str]], *_: object, **__: object) -> str:
        """The facts, each naming those existing memories that its label says it makes untrue."""
        found = _SHOWN.search(messages[-1]["content"])
        shown = json.loads(found[1]) if found else []
        listed = [_as_answered(number, fact, shown) for number, fact in enumerate(self.facts)]
        answer = json.dumps({"memory": listed}, ensure_ascii=False)
        self.calls += 1
        self.prompt_characters += sum(len(message["content"]) for message in messages)
        self.answer_characters += len(answer)
        return answer

    def take_usage(self) -> TokenUsage:
        """Nothing: what was recorded costs nothing."""
        return TokenUsage()


def _as_answered(number: int, fact: Mapping[str, Any], shown: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    names = [fact[key] for key in ("makes_untrue", "wrongly_names") if fact.get(key)]
    named = [memory["id"] for memory in shown if any(re.search(name, memory["text"]) for name in names)]
    answer = {"id": str(number), "text": fact["text"], "attributed_to": fact["attributed_to"]}
    return {**answer, "evidence": fact.get("evidence", []), **({"replaces": named} if named else {})}


@dataclass(slots=True)
class Tally:
    """Counts of one model's facts by one way."""

    kept: Counter[str] = field(default_factory=Counter)
    """By label: facts that are held."""
    given: Counter[str] = field(default_factory=Counter)
    stopped: Counter[str] = field(default_factory=Counter)
    """Of false facts, by why they are false."""
    false: Counter[str] = field(default_factory=Counter)
    languages: Counter[tuple[str, bool]] = field(default_factory=Counter)
    """Of true facts: language, and whether it is held."""
    updates: int = 0
    carried_out: int = 0
    lost: list[str] = field(default_factory=list)

    def note(self, language: str, fact: Mapping[str, Any], *, kept: bool, repeated: bool, reason: str | None) -> None:
        """Take in what became of ``fact``."""
        label = fact["label"]
        self.given[label] += 1
        self.kept[label] += kept and not (label == "dup" and repeated)
        if label == "true":
            self.languages[language, kept] += 1
            if not kept:
                self.lost.append(f"{reason}: {fact['text']}")
        if label == "false":
            self.false[fact["why"]] += 1
            self.stopped[fact["why"]] += not kept


class Ours:
    """The extraction use case with its production parts and a recorded model."""

    def __init__(self, environment: Mapping[str, str], model: RecordedModel) -> None:
        parts = AdaptersInUse.from_environment(environment)
        parts.chat_model = lambda: model  # type: ignore[method-assign]
        self._qdrant, self._collection = parts.qdrant, parts.settings.qdrant_collection
        collection = collection_at(environment["QDRANT_URL"], self._collection)
        with redirect_stdout(io.StringIO()), collection as made:  # what it applies
            apply(made, parts.settings.embedding_dimensions, check=False)
        self._clock, self._model = RunClock(), model
        self._extract = extract_run_of(parts, self._clock)

    def run(self, account: str, number: int, run: Mapping[str, Any], facts: Sequence[Mapping[str, Any]], tally: Tally,
            language: str) -> None:  # fmt: skip
        """Extract one run whose model gives ``facts``."""
        self._model.facts = facts
        finished = datetime.fromisoformat(run["finished_at"])
        self._clock.time = finished + timedelta(minutes=1)
        before = self._active(account)
        messages = tuple(_raw(message) for message in run["messages"])
        job = RunJob(
            f"{account}-{number}",
            AccountId(account),
            f"{account}-thread",
            "completed",
            finished,
            agent_id="agent",
            messages=messages,
        )
        record = self._extract.extract(job, hashlib.sha256(job.job_id.encode()).hexdigest())
        after = self._active(account)
        for fact, outcome in zip(facts, record.facts, strict=False):
            repeated = outcome.outcome is Outcome.DUPLICATE
            tally.note(
                language, fact, kept=outcome.outcome in KEPT, repeated=repeated, reason=outcome.reason
            )  # fmt: skip
            if fact.get("says_so"):
                untrue = [text for text in before if re.search(fact["makes_untrue"], text)]
                tally.updates += 1
                tally.carried_out += bool(untrue) and not any(text in after for text in untrue)

    def _active(self, account: str) -> list[str]:
        found = payloads(self._qdrant, self._collection, "user_id", account)
        return [p["data"] for p in found if p.get("kind") == "fact" and not p.get("valid_until")]


class Plain:
    """Plain Mem0, ``Memory.add`` three times a run as the plan has it: it stores what the model gives."""

    def __init__(self, environment: Mapping[str, str], model: RecordedModel) -> None:
        memory: Any = _memory_class()
        url = environment["QDRANT_URL"]
        from qdrant_client import QdrantClient

        self._client = QdrantClient(url=url, check_compatibility=False)
        embedder = {
            "model": EMBEDDING_MODEL,
            "embedding_dims": LOCAL_DIMENSIONS,
            "openai_base_url": environment["OPENAI_BASE_URL"],
            "api_key": "local",
        }
        llm = {"model": CHAT_MODEL, "openai_base_url": environment["OPENAI_BASE_URL"], "api_key": "local"}
        store = {"collection_name": "plain", "client": self._client, "embedding_model_dims": LOCAL_DIMENSIONS}
        self._memory = memory.from_config(
            {
                "llm": {"provider": "openai", "config": llm},
                "embedder": {"provider": "openai", "config": embedder},
                "vector_store": {"provider": "qdrant", "config": store},
                "history_db_path": ":memory:",
            }
        )
        self._memory.llm, self._model = model, model

    def run(self, account: str, number: int, run: Mapping[str, Any], facts: Sequence[Mapping[str, Any]], tally: Tally,
            language: str) -> None:  # fmt: skip
        """Add one run whose model gives ``facts``."""
        self._model.facts = facts
        held = self._held(account)
        messages = [{"role": m["role"], "content": m["content"]} for m in run["messages"]]
        for owner in ({"user_id": account}, {"agent_id": f"{account}-agent"}, {"run_id": f"{account}-{number}"}):
            self._memory.add(messages, **owner)
        after = self._held(account)
        for fact in facts:
            tally.note(
                language, fact, kept=fact["text"] in after, repeated=fact["text"] in held, reason="not stored"
            )  # fmt: skip
            if fact.get("says_so"):
                tally.updates += 1
                tally.carried_out += not any(re.search(fact["makes_untrue"], text) for text in after)

    def _held(self, account: str) -> list[str]:
        found = self._memory.get_all(filters={"user_id": account}, top_k=1000)
        return [memory["memory"] for memory in found["results"]]


def _raw(message: Mapping[str, Any]) -> RawMessage:
    at = message.get("created_at")
    moment = datetime.fromisoformat(at) if at else None
    return RawMessage(message["role"], message["content"], created_at=moment, name=message.get("name"))


def facts_of(run: Mapping[str, Any], model: str) -> list[Mapping[str, Any]]:
    """The facts that ``model`` gave for ``run``."""
    if model != "native":
        return list(run.get(model, ()))
    texts = run.get("native", ())
    return [{**fact, "text": text} for fact, text in zip(run.get("strong", ()), texts, strict=bool(texts))]


def main() -> None:
    """Work the recordings off both ways, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, default=BUNDLED)
    args = parser.parse_args()
    cases = json.loads(args.file.read_text("utf-8"))
    print(f"{machine_state()}\n{versions('mem0ai')}\n{len(cases)} conversations of {args.file.name}\n", flush=True)
    with ExitStack() as cleanup:
        server, front = cleanup.enter_context(ModelServer()), cleanup.enter_context(QdrantFront())
        environment = {
            "OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "local", "EXTRACTION": "llm",
            "EXTRACTION_MODEL": CHAT_MODEL, "EMBEDDING_MODEL": EMBEDDING_MODEL,
            "EMBEDDING_DIMENSIONS": str(LOCAL_DIMENSIONS), "QDRANT_URL": front.url, "QDRANT_COLLECTION": "recorded",
            "MEMORY_TABLE": "in-memory", "AWS_REGION": "us-east-1", "LOG_LEVEL": "ERROR",
        }  # fmt: skip
        tallies: dict[tuple[str, str], Tally] = {}
        for name, way in (("ours", Ours), ("plain Mem0", Plain)):
            model = RecordedModel()
            made = way(environment, model)
            for answers in MODELS:
                tallies[name, answers] = _work_off(made, cases, answers)
            per_call = (model.prompt_characters // model.calls, model.answer_characters // model.calls)
            print(f"{name}: {model.calls} calls, {per_call[0]} characters asked and {per_call[1]} answered each")
    print(f"\n{report(tallies)}")


def _work_off(way: Ours | Plain, cases: Sequence[Mapping[str, Any]], model: str) -> Tally:
    tally = Tally()
    for case in cases:
        for number, run in enumerate(case["runs"]):
            if facts := facts_of(run, model):
                way.run(f"{model}-{case['id']}", number, run, facts, tally, case["language"])
    return tally


def report(tallies: Mapping[tuple[str, str], Tally]) -> str:
    """The table, the false facts by kind, the languages, and what was lost."""
    rows = [
        [
            f"{model}, {way}",
            _share(tally.kept["true"], tally.given["true"]),
            _share(tally.given["false"] - tally.kept["false"], tally.given["false"]),
            _share(tally.carried_out, tally.updates),
            _share(tally.given["dup"] - tally.kept["dup"], tally.given["dup"]),
        ]
        for (way, model), tally in tallies.items()
    ]
    text = table(["answers of", "true stored", "false stopped", "updates carried out", "repetitions stopped"], rows)
    for (way, model), tally in tallies.items():
        if way == "ours":
            kinds = ", ".join(f"{why} {tally.stopped[why]}/{n}" for why, n in tally.false.most_common())
            languages = sorted({language for language, _ in tally.languages})
            held = ", ".join(f"{x} {tally.languages[x, True]}/{sum(tally.languages[x, k] for k in (True, False))}"
                             for x in languages)  # fmt: skip
            text += f"\n\n{model}: true facts held by language: {held}"
            text += f"\n  false ones stopped: {kinds}" if kinds else ""
            text += "".join(f"\n  lost: {lost}" for lost in tally.lost)
    return text


def _share(part: int, whole: int) -> str:
    return f"{part}/{whole} {100 * part / whole:.1f} %" if whole else "-"


if __name__ == "__main__":
    main()
