"""Scopes of memory and the rules that ids must meet before anything else sees them."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from operator_memory.domain.errors import InvalidInputError

AccountId = NewType("AccountId", str)
"""The tenant: a Basejump account id. Every read and write takes one."""

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}$"
"""What an id may look like. ``*`` (Mem0's wildcard for every tenant), white space, control characters,
slashes and quotes never pass, and the length is bounded."""

_ID = re.compile(ID_PATTERN.removeprefix("^").removesuffix("$"))
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


class Scope(StrEnum):
    """Whose memory it is."""

    USER = "user"
    AGENT = "agent"
    SESSION = "session"


class Kind(StrEnum):
    """What a memory is: a fact distilled from a conversation, or one turn of it, verbatim."""

    FACT = "fact"
    TURN = "turn"


@dataclass(frozen=True, slots=True)
class ScopeKey:
    """One scope of one account, e.g. the agent memory of agent ``a1``.

    ``owner_id`` is the agent id for AGENT, the session id for SESSION, and ``None`` for USER.
    """

    scope: Scope
    owner_id: str | None = None

    def __post_init__(self) -> None:
        if self.scope is Scope.USER:
            if self.owner_id is not None:
                raise ValueError("a user scope key has no owner id")
        elif not self.owner_id:
            raise ValueError(f"the scope key of {self.scope} needs an owner id")


def canonical_id(text: str) -> str:
    """A UUID in lower case, as the platform's database writes it; any other id unchanged.

    For everything behind the edge an id is its exact text: in another spelling it would be another tenant, agent
    or thread, one that the platform does not know and whose switches nobody can have set.
    """
    return text.lower() if _UUID.fullmatch(text) else text


def checked_id(field: str, value: object) -> str:
    """Return ``value`` if it is a well-formed id, in the one spelling it has for us (see `canonical_id`).

    Raises:
        InvalidInputError: naming ``field``; the value itself is not echoed.
    """
    if not isinstance(value, str):
        raise InvalidInputError(field, "must be a string")
    if not value:
        raise InvalidInputError(field, "must not be empty")
    if len(value) > 128:
        raise InvalidInputError(field, f"must be at most 128 characters, not {len(value)}")
    if not _ID.fullmatch(value):
        raise InvalidInputError(
            field, "must start with a letter or digit and hold only letters, digits and . _ : @ + -"
        )
    return canonical_id(value)


def account_id(value: object, field: str = "account_id") -> AccountId:
    """Return ``value`` as a checked account id (see `checked_id`)."""
    return AccountId(checked_id(field, value))
