"""Fixtures: a test module asks for them with ``pytest_plugins = ["tests.support.supabase.fixtures"]``."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from supabase import Client

from devstack.supabase import SupabaseFront
from tests.support.supabase.tenants import Connect, Tenant, new_tenant, supabase_client


@pytest.fixture(scope="session")
def supabase_front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SupabaseFront]:
    """A running front with the demo rows; Postgres is initialised once a session."""
    with SupabaseFront(tmp_path_factory.mktemp("supabase")) as front:
        yield front


@pytest.fixture
def connect(supabase_front: SupabaseFront) -> Iterator[Connect]:
    """Make real ``supabase`` clients, closed after the test."""
    with ExitStack() as cleanup:

        def make(*, user: str | None = None, anon: bool = False, token: str | None = None) -> Client:
            bearer = supabase_front.user_token(user) if user else token
            key = supabase_front.anon_key if bearer or anon else supabase_front.service_role_key
            return supabase_client(cleanup, supabase_front.url, key, bearer)

        yield make


@pytest.fixture
def tenant(supabase_front: SupabaseFront) -> Tenant:
    return new_tenant(supabase_front)


@pytest.fixture
def service(connect: Connect) -> Client:
    return connect()
