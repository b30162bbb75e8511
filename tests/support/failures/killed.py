"""Runs that are killed at some moment and then repeated, in the world of `killable`."""

from collections.abc import Callable
from typing import Any

from tests.support.failures.killable import Crossing, Function, Person, World

SAID = (
    ("user", "I moved to Berlin. I like green tea."),
    ("assistant", "Noted."),
    ("user", "Please always answer briefly."),
)
AGAIN = "The message comes again when the worker's lease has ended (after 335 s). "
Moment = Callable[[Crossing], bool]


def people(world: World, count: int) -> list[Person]:
    """Accounts that know of Porto, each with a thread in which they tell of Berlin and with a run in the queue."""
    made = [world.person(*SAID) for _ in range(count)]
    for person in made:
        world.send(person, "older", minutes_ago=90, messages=[{"role": "user", "content": "I live in Porto."}])
    for start in range(0, count, 10):
        world.work_off(world.receive(len(made[start : start + 10])))
    for person in made:
        world.send(person)
    return made


def first(what: str, holding: str = "", *, answered: bool) -> Moment:
    """The moment of the first request of that kind."""
    return lambda c: c.what == what and holding in c.body and c.answered is answered


def kill(world: World, moment: Moment, batch: list[dict[str, Any]]) -> list[str]:
    """Have a batch handled, up to that moment; returns what was asked of others until then."""

    def watch(function: Function, crossing: Crossing) -> None:
        if moment(crossing):
            function.kill()

    answer, asked = world.invoke(batch, watch)
    assert answer is None, "it was not killed"
    world.acknowledge(batch, answer)
    return asked


def killed(world: World, moment: Moment) -> tuple[Person, list[str]]:
    """Whose run was killed at that moment and then repeated; and what the repetition asked of others."""
    [person] = people(world, 1)
    batch = world.receive()
    kill(world, moment, batch)
    world.time_out(person, *batch)
    again = world.receive()
    assert [m["MessageId"] for m in again] == [m["MessageId"] for m in batch]
    answer, asked = world.invoke(again)
    world.acknowledge(again, answer)
    assert answer == {"batchItemFailures": []}
    return person, asked


def assert_as_never_killed(world: World, person: Person, never_killed: Person) -> None:
    assert world.state(person) == world.state(never_killed)
    assert world.outcomes(person) == world.outcomes(never_killed)
    assert world.events(person) == world.events(never_killed)
    assert (world.waiting("jobs"), world.waiting("dead")) == (0, 0)
