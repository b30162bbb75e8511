"""Fixtures: a test module asks for them with ``pytest_plugins``, together with ``tests.support.supabase.fixtures``."""

from collections.abc import Iterator

import pytest
from operator_memory.adapters.supabase.event_store import SupabaseEventStore
from operator_memory.adapters.supabase.memberships import SupabaseMemberships
from operator_memory.adapters.supabase.rest import SupabaseRest
from operator_memory.adapters.supabase.settings import SupabasePlatformSettings
from operator_memory.adapters.supabase.switches import SupabaseSwitches

from devstack.supabase import SupabaseFront
from tests.support.fakes.core import FakeClock
from tests.support.fakes.platform import (
    FakeEventStore,
    FakeMemberships,
    FakePlatform,
    FakePlatformSettings,
    FakeSwitches,
)
from tests.support.supabase.platform_worlds import FAILURES, Failure, RealPlatform, World
from tests.support.time_outs import AMPLE


@pytest.fixture
def rest(supabase_front: SupabaseFront) -> Iterator[SupabaseRest]:
    """The client as the service, on the real front."""
    client = SupabaseRest(supabase_front.url, lambda: supabase_front.service_role_key)
    yield client
    client.close()


@pytest.fixture
def real(supabase_front: SupabaseFront, rest: SupabaseRest) -> World:
    """The world of the real Postgres."""
    clock = FakeClock()
    return World(
        RealPlatform(supabase_front),
        SupabaseSwitches(rest, clock=clock),
        SupabaseMemberships(rest, clock=clock, timeout=AMPLE),
        SupabasePlatformSettings(rest, timeout=AMPLE),
        SupabaseEventStore(rest, timeout=AMPLE),
        clock,
    )


@pytest.fixture
def platform(supabase_front: SupabaseFront) -> RealPlatform:
    """The platform of `real`."""
    return RealPlatform(supabase_front)


@pytest.fixture(params=["in memory", "supabase"])
def world(request: pytest.FixtureRequest) -> World:
    """Each of both worlds."""
    if request.param == "supabase":
        made: World = request.getfixturevalue("real")
        return made
    fake = FakePlatform()
    return World(fake, FakeSwitches(fake), FakeMemberships(fake), FakePlatformSettings(fake), FakeEventStore(fake))


@pytest.fixture(params=FAILURES)
def failure(request: pytest.FixtureRequest) -> Failure:
    """Each way of failing."""
    return FAILURES[request.param]
