"""The types of arguments. Generated from docs/openapi.json by ``python -m clients.generate``."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypedDict

Kind = Literal["fact", "turn"]

Order = Literal["-created_at", "created_at", "-updated_at", "updated_at", "-importance", "importance"]

Scope = Literal["user", "agent", "session"]

State = Literal["active", "all", "quarantined"]

TargetKind = Literal["account", "user", "agent", "session", "author"]

WhenFull = Literal["refuse", "archive"]


class FilterBody(TypedDict, total=False):
    """Which memories. Conditions that are left out do not narrow; all others must hold."""

    scope: Scope | None
    kind: Kind | None
    agent_id: str | None
    session_id: str | None
    thread_id: str | None
    author_id: str | None
    source_run_id: str | None
    """The job that learned or stored it."""
    import_id: str | None
    """The import that brought it."""
    pinned: bool | None
    created_after: datetime | str | None
    """Inclusive; ISO 8601 with an offset."""
    created_before: datetime | str | None
    """Exclusive; ISO 8601 with an offset."""
    text: str | None
    """Every word of it must occur."""
    state: State
    """`all` adds what has expired or been superseded; `quarantined`: what waits for approval."""


class LimitsBody(TypedDict, total=False):
    """Limits. What is left out is inherited from the next broader rule; ``null`` switches it off."""

    time_to_live_days: int | None
    """Days after its creation: deleted."""
    idle_days_before_archive: int | None
    """Days without use (never used: after its creation): moved to the archive."""
    most_memories: int | None
    """Most memories of one kind in one scope."""
    when_full: WhenFull
    """Beyond that the least important go to the archive (`archive`). `refuse`, in the account's default rule only: the
    account may have no more facts than that in all, and new ones are refused.
    """
    archive_days: int | None
    """Days in the archive: deleted from there."""


class PolicyBody(TypedDict, total=False):
    """How long and how many memories are kept. Everything is off by default."""

    default: LimitsBody
    """For what no rule speaks of."""
    rules: list[RuleBody]


class RuleBody(TypedDict, total=False):
    """Limits for a scope, a kind, or both. The narrower rule wins."""

    time_to_live_days: int | None
    """Days after its creation: deleted."""
    idle_days_before_archive: int | None
    """Days without use (never used: after its creation): moved to the archive."""
    most_memories: int | None
    """Most memories of one kind in one scope."""
    when_full: WhenFull
    """Beyond that the least important go to the archive (`archive`). `refuse`, in the account's default rule only: the
    account may have no more facts than that in all, and new ones are refused.
    """
    archive_days: int | None
    """Days in the archive: deleted from there."""
    scope: Scope | None
    kind: Kind | None


class ContextOptions(TypedDict, total=False):
    """What a context can be asked with, beside the account."""

    agent_id: str | None
    """Adds the memory of this agent."""
    session_id: str | None
    """Adds the memory of this session."""
    thread_id: str | None
    """The thread of the run: its own switch is obeyed."""
    memory_enabled: bool
    """`false`: this one run goes without memory; the answer is empty."""
    query: str | None
    """What the run is about, usually the user's last message. Without it: the profile."""
    limit: int
    recall: Literal["precise", "balanced", "broad"]
    """`precise`: few memories, all close to the best one. `broad`: all that have to do with the query, up to `limit`.
    """
    token_budget: int | None
    """Most tokens that `context` may take."""
    model: str | None
    """The model that will read `context`, e.g. `gpt-4o`: its tokens are counted exactly if it is OpenAI's, else
    estimated on the high side.
    """
    scopes: list[Literal["user", "agent", "session"]] | None
    """Only these scopes. `agent` needs agent_id, `session` needs session_id."""
    past_sessions: bool
    """`false`: what was said in the account's other sessions, verbatim, is not looked in. It is part of the scope
    `user`; what says something that was replaced, corrected or deleted since is left out.
    """
    now: datetime | str | None
    """The asker's date and time, ISO 8601 with an offset: it decides which day yesterday is. Left out: the server's."""
    time_zone: str | None
    """The asker's time zone, e.g. `Europe/Berlin`: where their days begin. Left out: that of `now`, else UTC."""
