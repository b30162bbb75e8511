"""Fixtures: a test module asks for them with ``pytest_plugins``, together with ``tests.support.supabase_fixtures``."""

from collections.abc import Iterator

import pytest
from operator_memory.adapters.supabase_memberships import SupabaseMemberships
from operator_memory.adapters.supabase_rest import SupabaseRest
from operator_memory.adapters.supabase_settings import SupabasePlatformSettings
from operator_memory.adapters.supabase_switches import SupabaseSwitches
from operator_memory.adapters.supabase_trail import SupabaseEventTrail

from devstack.supabase import SupabaseFront
from tests.support.fakes import FakeClock
from tests.support.fakes_platform import (
    FakeEventTrail,
    FakeMemberships,
    FakePlatform,
    FakePlatformSettings,
    FakeSwitches,
)
from tests.support.platform_worlds import FAILURES, Failure, RealPlatform, World


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
        SupabaseMemberships(rest, clock=clock, timeout=10),
        SupabasePlatformSettings(rest, timeout=10),
        SupabaseEventTrail(rest, timeout=10),
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
    return World(fake, FakeSwitches(fake), FakeMemberships(fake), FakePlatformSettings(fake), FakeEventTrail(fake))


@pytest.fixture(params=FAILURES)
def failure(request: pytest.FixtureRequest) -> Failure:
    """Each way of failing."""
    return FAILURES[request.param]
