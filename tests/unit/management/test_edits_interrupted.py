"""A correction gives a memory an end: whenever its worker dies and whenever a sweep runs, the end is kept."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from operator_memory.application.lifecycle.expire_memories import ExpireMemories
from operator_memory.domain.lifecycle.retention import ExpiryReport
from operator_memory.domain.memory.scopes import AccountId

from tests.support.builders import NOW
from tests.support.management.api import Answer, Management
from tests.support.management.checks import added

HOUR = timedelta(hours=1)


class KilledError(BaseException):
    """Lambda ends the process: nothing after it runs."""


class Edited:
    """A person's memory that is to end in an hour, and what happens around the moment at which that is stored."""

    def __init__(self) -> None:
        self.api = Management()
        self.api.clock.time = NOW
        self.user = self.api.platform.new_user()
        self.memory = added(self.api, self.user, "I am on holiday.")
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None
        library: Any = self.api.library
        store = library.replace

        def replace(*args: Any, **options: Any) -> bool:
            self.before()
            replaced: bool = store(*args, **options)
            self.after()
            return replaced

        library.replace = replace

    def edit(self) -> Answer:
        path, end = f"/v1/memories/{self.memory['id']}", (self.api.clock.now() + HOUR).isoformat()
        return self.api.call("PATCH", path, user=self.user, body={"expires_at": end}, headers={"if-match": '"1"'})

    def sweep(self) -> ExpiryReport:
        api = self.api
        sweep = ExpireMemories(memories=api.memories, index=api.expiry, holds=api.holds, clock=api.clock)
        return sweep.expire(lambda: 300.0)

    @property
    def left(self) -> list[str]:
        return [memory.text for memory in self.api.memories.of(AccountId(self.user))]

    def ends(self) -> bool:
        """Whether the memory goes when its hour is over, and no earlier."""
        self.api.clock.advance(minutes=59)
        self.sweep()
        there = self.left == ["I am on holiday."]
        self.api.clock.advance(minutes=1)
        self.sweep()
        return there and self.left == []


def dies() -> None:
    raise KilledError


def test_without_anything_in_between_it_goes_when_its_time_is_over() -> None:
    edited = Edited()
    assert edited.edit().status == 200
    assert edited.ends()


def test_a_worker_that_dies_as_soon_as_the_end_is_stored_has_announced_it() -> None:
    edited = Edited()
    edited.after = dies
    with pytest.raises(KilledError):
        edited.edit()
    assert edited.ends()


def test_one_that_dies_before_has_changed_nothing_and_the_sweep_finds_that_out() -> None:
    edited = Edited()
    edited.before = dies
    with pytest.raises(KilledError):
        edited.edit()
    edited.api.clock.advance(hours=2)
    assert edited.sweep().deleted == 0
    assert edited.left == ["I am on holiday."]
    assert edited.api.expiry.entries == {}


def test_a_sweep_in_between_that_finds_nothing_to_expire_does_not_lose_the_end() -> None:
    """The account was due for something else: the sweep settles it by what is stored, which is not yet the end."""
    edited = Edited()
    edited.api.expiry.register(AccountId(edited.user), NOW)
    edited.before = lambda: [edited.sweep()].clear()
    assert edited.edit().status == 200
    assert edited.ends()
