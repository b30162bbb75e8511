"""Policies: how long an account keeps which memories, and how many. Everything is off until somebody switches it on.

A policy has a default rule and rules for a scope, a kind, or both. What a rule leaves out it inherits from the next
broader one; ``None`` switches it off. An agent's own policy, in its ``memory_config``, goes before the account's.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import Kind, Scope
from operator_memory.domain.usage.quota import WhenFull

E = TypeVar("E", bound=StrEnum)

IMPORTANT = 0.8
"""From this importance on a memory is exempt from every policy: what concerns health and safety, and who somebody
is."""

MOST_DAYS = 36_500
MOST_MEMORIES = 100_000_000
MOST_RULES = 20

IN_CONFIG = "policies"
"""Where an agent's ``memory_config`` holds its policy."""

EVERY = timedelta(days=1)
"""How often a policy is applied to an account."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for one kind of memory in one scope. Days count whole days; ``None``: no such limit."""

    time_to_live_days: int | None = None
    """Days after ``created_at`` until a memory is deleted."""
    idle_days_before_archive: int | None = None
    """Days without use until a memory goes to the archive."""
    most_memories: int | None = None
    when_full: WhenFull = WhenFull.ARCHIVE
    """What happens beyond that: the least important go to the archive, or new facts are refused as they come."""
    archive_days: int | None = None
    """Days in the archive until a memory is deleted from there."""

    @property
    def active(self) -> bool:
        """Whether the worker has anything to do for them."""
        full = self.most_memories is not None and self.when_full is WhenFull.ARCHIVE
        return full or any((self.time_to_live_days, self.idle_days_before_archive, self.archive_days))

    def lived_since(self, now: datetime) -> datetime | None:
        """Return the moment up to which what was created is deleted at ``now``."""
        return None if self.time_to_live_days is None else now - timedelta(days=self.time_to_live_days)

    def idle_since(self, now: datetime) -> datetime | None:
        """Return the moment up to which what was used last goes to the archive at ``now``."""
        days = self.idle_days_before_archive
        return None if days is None else now - timedelta(days=days)

    def archived_since(self, now: datetime) -> datetime | None:
        """Return the moment up to which what was archived is deleted at ``now``."""
        return None if self.archive_days is None else now - timedelta(days=self.archive_days)


NAMES = tuple(spec.name for spec in fields(Limits))
_MOST = {"most_memories": MOST_MEMORIES}


@dataclass(frozen=True, slots=True)
class Rule:
    """Limits for a scope, a kind, both, or (the default rule) everything. ``values``: what the rule says itself."""

    scope: Scope | None = None
    kind: Kind | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_default(self) -> bool:
        """Whether it speaks of everything. Only then it may refuse what is beyond ``most_memories``."""
        return self.scope is None and self.kind is None

    def covers(self, scope: Scope, kind: Kind) -> bool:
        """Whether it speaks of such memories."""
        return self.scope in (None, scope) and self.kind in (None, kind)


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of an account, or of one agent in it. The default rule is among them."""

    rules: tuple[Rule, ...] = ()

    def values_for(self, scope: Scope, kind: Kind) -> dict[str, Any]:
        """Return what it says of such memories. The narrower rule wins: scope and kind, scope, kind, default."""
        found: dict[str, Any] = {}
        for rule in sorted(self.rules, key=lambda rule: (rule.scope is not None, rule.kind is not None)):
            if rule.covers(scope, kind):
                archives = (
                    {"when_full": WhenFull.ARCHIVE} if "most_memories" in rule.values and not rule.is_default else {}
                )
                found.update({**rule.values, **archives})
        return found


NO_POLICY = Policy()


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """An account's policy, and who set it when (``None``: nobody has)."""

    policy: Policy = NO_POLICY
    updated_at: datetime | None = None
    updated_by: str | None = None


@dataclass(frozen=True, slots=True)
class Policies:
    """All policies of an account: its own, and those of its agents by their ids."""

    account: Policy = NO_POLICY
    agents: Mapping[str, Policy] = field(default_factory=dict)

    def limits(self, scope: Scope, kind: Kind, agent_id: str | None = None) -> Limits:
        """Return what holds for such memories. ``agent_id``: whose agent memory it is."""
        values = self.account.values_for(scope, kind)
        own = self.agents.get(agent_id) if agent_id is not None and scope is Scope.AGENT else None
        return Limits(**{**values, **(own.values_for(scope, kind) if own is not None else {})})

    def limits_of(self, memory: Memory) -> Limits:
        """Return what holds for ``memory``."""
        return self.limits(memory.scope, memory.kind, memory.agent_id)

    @property
    def active(self) -> bool:
        """Whether any rule gives the worker something to do."""
        return any(limits.active for limits in self._all())

    @property
    def purges(self) -> bool:
        """Whether any rule takes memories out of the archive."""
        return any(limits.archive_days is not None for limits in self._all())

    def _all(self) -> Iterator[Limits]:
        agents = [None, *self.agents]
        return (self.limits(scope, kind, agent) for scope in Scope for kind in Kind for agent in agents)


def policy_of(value: object, at: str, *, of_agent: bool = False) -> Policy:
    """Read a policy as it is stored and sent: ``{"default": {...}, "rules": [{"scope": ..., "kind": ..., ...}]}``.

    ``at``: the path of ``value``, for errors. ``of_agent``: it speaks of one agent's memory.

    Raises:
        InvalidInputError: names the field that is wrong.
    """
    given = _object(value, at, ("default", "rules"))
    default = _object(given.get("default", {}), f"{at}.default", NAMES)
    if of_agent and default.get("when_full") == WhenFull.REFUSE:
        raise InvalidInputError(f"{at}.default.when_full", "must be archive: only an account as a whole refuses")
    rules = [Rule(values=_values(default, f"{at}.default"))]
    listed = given.get("rules", [])
    if not isinstance(listed, list) or len(listed) > MOST_RULES:
        raise InvalidInputError(f"{at}.rules", f"must be a list of at most {MOST_RULES} rules")
    for number, one in enumerate(listed):
        rule = _rule(one, f"{at}.rules[{number}]", of_agent=of_agent)
        if any((rule.scope, rule.kind) == (other.scope, other.kind) for other in rules):
            raise InvalidInputError(f"{at}.rules[{number}]", "speaks of the same memories as another rule")
        rules.append(rule)
    return Policy(tuple(rule for rule in rules if rule.values))


def agent_policy_of(memory_config: Mapping[str, object], at: str = "memory_config") -> Policy:
    """Read the policy in an agent's ``memory_config``; without one it is empty.

    Raises:
        InvalidInputError: names the field that is wrong.
    """
    value = memory_config.get(IN_CONFIG)
    return NO_POLICY if value is None else policy_of(value, f"{at}.{IN_CONFIG}", of_agent=True)


def policy_values(policy: Policy) -> dict[str, Any]:
    """Write a policy as `policy_of` reads it."""
    written: dict[str, Any] = {"default": {}, "rules": []}
    for rule in policy.rules:
        values = {name: str(v) if isinstance(v, WhenFull) else v for name, v in rule.values.items()}
        if rule.is_default:
            written["default"] = values
        else:
            where = {"scope": rule.scope and rule.scope.value, "kind": rule.kind and rule.kind.value}
            written["rules"].append({**{name: v for name, v in where.items() if v}, **values})
    return written


def default_values(policy: Policy) -> Mapping[str, Any]:
    """Return what the default rule says itself."""
    return next((rule.values for rule in policy.rules if rule.is_default), {})


def _rule(value: object, at: str, *, of_agent: bool) -> Rule:
    given = _object(value, at, ("scope", "kind", *NAMES))
    scope, kind = _one_of(Scope, given.get("scope"), f"{at}.scope"), _one_of(Kind, given.get("kind"), f"{at}.kind")
    if scope is None and kind is None:
        raise InvalidInputError(at, "needs a scope or a kind; what holds for everything is the default rule")
    if of_agent and scope not in (None, Scope.AGENT):
        raise InvalidInputError(f"{at}.scope", "must be agent, or left out: the policy of an agent is about its memory")
    if given.get("when_full") == WhenFull.REFUSE:
        raise InvalidInputError(f"{at}.when_full", "must be archive: only an account as a whole refuses (default rule)")
    return Rule(scope, kind, _values({n: v for n, v in given.items() if n in NAMES}, at))


def _values(given: Mapping[str, object], at: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name == "when_full":
            values[name] = _one_of(WhenFull, value, f"{at}.{name}") or WhenFull.ARCHIVE
            continue
        most = _MOST.get(name, MOST_DAYS)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most):
            raise InvalidInputError(f"{at}.{name}", f"must be a whole number from 1 to {most}, or null")
        values[name] = value
    return values


def _object(value: object, at: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInputError(at, "must be an object")
    unknown = [name for name in value if name not in known]
    if unknown:
        shown = "".join(c if c.isprintable() else "?" for c in str(unknown[0])[:50])
        raise InvalidInputError(f"{at}.{shown}", "is not a part of a policy")
    return value


def _one_of(of: type[E], value: object, at: str) -> E | None:
    if value is None:
        return None
    if isinstance(value, str) and value in tuple(of):
        return of(value)
    raise InvalidInputError(at, f"must be one of {', '.join(of)}")


def digest_of(policies: Policies) -> str:
    """Return what tells these policies from others: an account whose policies have changed is looked at again."""
    agents = {agent: policy_values(policy) for agent, policy in policies.agents.items()}
    written = json.dumps([policy_values(policies.account), agents], sort_keys=True)
    return hashlib.sha256(written.encode()).hexdigest()
