"""Judges what a way holds after a case, and adds cases up.

Precision, duplicates, outdated and wrongly learnt facts are counted over the user's and the agents' memory as it is
valid at the end. Session memory is left out of them: ours keeps turns there as they were said, the plan's its facts
for a third time. A secret counts wherever it is stored, in turns and superseded facts too, and in prompts.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields

from bench.extraction.labelled import ANYTHING, SCOPES, Case, Label, occurs, words

ACTIVE, TURN = "active", "turn"


@dataclass(frozen=True, slots=True)
class Stored:
    """Something that a way has stored."""

    scope: str
    text: str
    state: str = ACTIVE
    """Of a fact ``active``, ``superseded`` or ``rejected`` (in the quarantine); ``turn``: as it was said."""


@dataclass(slots=True)
class Score:
    """Counts of one case, or of many together."""

    expected: int = 0
    found: int = 0
    facts: int = 0
    """Valid facts in the user's and the agents' memory."""
    right: int = 0
    """Of these, those that a label asks for or allows."""
    duplicates: int = 0
    """Facts that say what another one in the same scope says already."""
    misplaced: int = 0
    """Right facts in a scope where they do not belong (here session memory counts, too)."""
    outdated: int = 0
    """Facts that are not true any more, and are held as valid."""
    withheld: int = 0
    """Expected facts that were proposed, but lie superseded or in the quarantine."""
    secrets_stored: int = 0
    secrets_sent: int = 0
    """Secrets in a prompt to the model."""
    wrong: Counter[str] = field(default_factory=Counter)
    """Facts that a label forbids, by its reason."""

    def __add__(self, other: "Score") -> "Score":
        return Score(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def precision(self) -> float | None:
        """Right facts of all, or ``None`` where there are none."""
        return self.right / self.facts if self.facts else None

    @property
    def recall(self) -> float | None:
        """Expected facts found of all, or ``None`` where none is expected."""
        return self.found / self.expected if self.expected else None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The score of one case, what is said of each stored text, and what is missing."""

    score: Score
    verdicts: tuple[tuple[Stored, str], ...]
    missing: tuple[Label, ...]


def judge(case: Case, stored: Sequence[Stored], prompts: Iterable[str] = ()) -> Judgement:
    """What to make of all that is ``stored`` after ``case``. ``prompts``: what its runs have sent to the model."""
    active = [item for item in stored if item.state == ACTIVE]
    put_away = [item.text for item in stored if item.state not in (ACTIVE, TURN)]
    facts = [item for item in active if item.scope in SCOPES]
    missing = [e for e in case.expected if not any(f.scope == e.scope and e.matches(f.text) for f in facts)]
    sayings = [_sayings(case, item.text) for item in active]
    score = Score(
        expected=len(case.expected),
        found=len(case.expected) - len(missing),
        facts=len(facts),
        right=sum(_right(case, item.text) for item in facts),
        duplicates=_duplicates(case, facts),
        misplaced=sum(_misplaced(item, labels) for item, labels in zip(active, sayings, strict=True)),
        outdated=sum(_outdated(case, item.text) for item in facts),
        withheld=sum(any(map(label.matches, put_away)) for label in missing),
        secrets_stored=_leaks(case, [item.text for item in stored]),
        secrets_sent=_leaks(case, prompts),
        wrong=Counter(why for item in facts for why in _wrong(case, item.text)),
    )
    return Judgement(score, tuple((item, _verdict(case, item)) for item in stored), tuple(missing))


def _sayings(case: Case, text: str) -> list[Label]:
    return [label for label in (*case.expected, *case.allowed) if label.matches(text)]


def _outdated(case: Case, text: str) -> bool:
    expected = any(label.matches(text) for label in case.expected)
    return not expected and any(label.matches(text) for label in case.outdated)


def _right(case: Case, text: str) -> bool:
    return bool(_sayings(case, text)) and not _outdated(case, text) and not _said_wrong(case, text)


def _said_wrong(case: Case, text: str) -> list[str]:
    return [f.why for f in case.forbidden if any(p != ANYTHING and occurs(p, text) for p in f.any_of)]


def _wrong(case: Case, text: str) -> set[str]:
    """Why ``text`` should not have been learnt. What nothing else explains is what the ``*`` stands for."""
    named = set(_said_wrong(case, text))
    if named or _sayings(case, text) or _outdated(case, text):
        return named
    return {f.why for f in case.forbidden if ANYTHING in f.any_of}


def _duplicates(case: Case, facts: Sequence[Stored]) -> int:
    """Facts that add nothing to those before them in their scope."""
    seen: set[object] = set()
    count = 0
    for item in facts:
        labels = _sayings(case, item.text)
        said = {(item.scope, id(label)) for label in labels} if labels else {(item.scope, words(item.text))}
        count += said <= seen
        seen |= said
    return count


def _misplaced(item: Stored, labels: Sequence[Label]) -> bool:
    scopes = {label.scope for label in labels} or {item.scope}
    return item.scope not in scopes and "" not in scopes  # what is merely allowed may stand anywhere


def _leaks(case: Case, texts: Iterable[str]) -> int:
    secrets = [forbidden for forbidden in case.forbidden if forbidden.why == "secret"]
    haystack = "\n".join(texts) if secrets else ""
    return sum(any(_appears(phrase, haystack) for phrase in secret.any_of) for secret in secrets)


def _appears(secret: str, text: str) -> bool:
    """Whether the secret stands in the text with whatever between its letters and digits."""
    return f" {' '.join(words(secret))} " in f" {' '.join(words(text))} "


def _verdict(case: Case, item: Stored) -> str:
    if item.state != ACTIVE:
        return item.state
    if _outdated(case, item.text):
        return "outdated"
    if why := _wrong(case, item.text):
        return f"wrong: {', '.join(sorted(why))}"
    if not (labels := _sayings(case, item.text)):
        return "not asked for"
    return "right, in the wrong scope" if _misplaced(item, labels) else "right"
