"""The labelled set of the extraction benchmark: what is said, and what a memory should make of it.

A label does not name a text but what it must hold: a fact matches when of each group of alternatives one occurs in
it as a sequence of words, and none of ``none_of`` does. Case, accents, punctuation and ``'s`` are folded away; a
word that ends in ``*`` stands for all that begin so; Chinese and Japanese are read character by character.
"""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "cases"
SCOPES = ("user", "agent")
REASONS = ("guess", "injection", "secret", "other_person", "trivial", "recalled")
ANYTHING = "*"
"""As a forbidden phrase: every fact that no label asks for or allows."""

_ACCENTS = re.compile("[\u0300-\u036f]")
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'"})
_GROUPED_DIGITS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+\*?")


@lru_cache(maxsize=65_536)
def words(text: str) -> tuple[str, ...]:
    """The folded words of ``text``."""
    folded = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold())))
    plain = _GROUPED_DIGITS.sub("", folded.translate(_APOSTROPHES))
    return tuple(_WORD.findall(re.sub(r"'s\b", "", plain).replace("'", "")))


def occurs(phrase: str, text: str) -> bool:
    """Whether the words of ``phrase`` stand in ``text``, one after the other."""
    wanted, found = words(phrase), words(text)
    places = range(len(found) - len(wanted) + 1) if wanted else ()
    return any(all(map(_same, wanted, found[place:])) for place in places)


def _same(wanted: str, found: str) -> bool:
    return found.startswith(wanted[:-1]) if wanted.endswith("*") else found == wanted


@dataclass(frozen=True, slots=True)
class Label:
    """What a fact must and must not hold. ``scope`` is empty where the label is about facts of any scope."""

    scope: str
    all_of: tuple[tuple[str, ...], ...]
    none_of: tuple[str, ...] = ()

    def matches(self, text: str) -> bool:
        """Whether ``text`` says this."""
        held = all(any(occurs(phrase, text) for phrase in group) for group in self.all_of)
        return held and not any(occurs(phrase, text) for phrase in self.none_of)

    @property
    def example(self) -> str:
        """A text that matches: the first alternative of every group."""
        return "; ".join(group[0].replace("*", "") for group in self.all_of)


@dataclass(frozen=True, slots=True)
class Forbidden:
    """Phrases that no memory may hold, and why: one of `REASONS`."""

    any_of: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run's conversation, as (role, text)."""

    finished_at: datetime
    agent_id: str
    messages: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Case:
    """Runs of one account in order, and what its memory must hold after the last."""

    id: str
    group: str
    runs: tuple[Run, ...]
    expected: tuple[Label, ...] = ()
    """Must be held, and be valid."""
    allowed: tuple[Label, ...] = ()
    """May be held: true and said, yet nobody would miss it."""
    forbidden: tuple[Forbidden, ...] = ()
    outdated: tuple[Label, ...] = ()
    """``final_active_not``: was true, and must not be held as valid any more."""


def load_cases(folder: Path = FOLDER, *, only: str | None = None) -> list[Case]:
    """All cases by group and file order; ``only``: those of one group.

    Raises:
        ValueError: if a case is not of the schema; the message names it.
    """
    cases = [_case(raw) for path in sorted(folder.glob("*.json")) for raw in json.loads(path.read_text("utf-8"))]
    return [case for case in cases if only in (None, case.group)]


_KEYS = {"id", "group", "runs", "expected", "allowed", "forbidden", "final_active_not"}


def _case(raw: Mapping[str, Any]) -> Case:
    try:
        if unknown := set(raw) - _KEYS:
            raise ValueError(f"unknown keys {sorted(unknown)}")
        return Case(
            id=raw["id"],
            group=raw["group"],
            runs=tuple(_run(raw["id"], run) for run in raw["runs"]),
            expected=_labels(raw.get("expected", ()), scoped=True),
            allowed=_labels(raw.get("allowed", ())),
            forbidden=tuple(Forbidden(_phrases(item["any_of"]), _reason(item["why"])) for item in raw["forbidden"]),
            outdated=_labels(raw.get("final_active_not", ())),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"case {raw.get('id')}: {type(error).__name__}: {error}") from error


def _run(case_id: str, raw: Mapping[str, Any]) -> Run:
    finished = datetime.fromisoformat(raw["finished_at"])
    if finished.tzinfo is None:
        raise ValueError("finished_at has no time zone")
    messages = tuple((message["role"], message["content"]) for message in raw["messages"])
    if not messages or any(role not in ("user", "assistant") or not text for role, text in messages):
        raise ValueError("a run needs messages of user and assistant")
    return Run(finished, raw.get("agent_id", f"{case_id}-agent"), messages)


def _labels(raw: Sequence[Mapping[str, Any]], *, scoped: bool = False) -> tuple[Label, ...]:
    labels = tuple(
        Label(item.get("scope", ""), tuple(map(_phrases, item["all_of"])), tuple(item.get("none_of", ())))
        for item in raw
    )
    if any(not label.all_of or (label.scope not in SCOPES if scoped else label.scope) for label in labels):
        raise ValueError("a label needs all_of, and a scope where it is expected")
    return labels


def _phrases(raw: Sequence[str]) -> tuple[str, ...]:
    if isinstance(raw, str) or not raw or not all(phrase == ANYTHING or words(phrase) for phrase in raw):
        raise ValueError("a list of phrases is expected")
    return tuple(raw)


def _reason(raw: str) -> str:
    if raw not in REASONS:
        raise ValueError(f"unknown reason {raw}")
    return raw
