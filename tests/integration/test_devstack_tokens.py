"""Tokens for a running devstack: the agent runtime's, and a person's."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from operator_memory.adapters.local.system_clock import SystemClock
from operator_memory.adapters.net.service_tokens import ServiceTokens
from operator_memory.adapters.supabase.user_tokens import UserTokens
from operator_memory.domain.management.identity import READ_CONTEXT, Action, Caller

from devstack import running
from devstack.processes import child_environment
from devstack.stack import ROOT, Endpoints
from devstack.supabase.seed import demo_id
from tests.support.loopback import LoopbackServer

SECRET, KEY = "the-project-secret-of-at-least-32-characters", "a-service-key-of-at-least-32-characters"
ANYBODY = "5f0c1d9e-8a44-4b8f-9d53-0a2b7c6e1f01"


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """The data folder of a system that counts as running: something listens where its API is."""
    with LoopbackServer(lambda _: None) as server:
        endpoints = Endpoints(
            pid=os.getpid(),
            api_url=server.url,
            aws_endpoint_url="",
            jobs_queue_url="",
            memory_table="",
            qdrant_url="",
            supabase_url="http://supabase.example",
            token_key_id="local",
            token_key=KEY,
            supabase_jwt_secret=SECRET,
            settings={},
        )
        running.remember(tmp_path, endpoints)
        yield tmp_path


def devstack(data: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "devstack", "--data", str(data), *arguments]
    return subprocess.run(command, cwd=ROOT, env=child_environment(), capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("name", "user_id"), [("ada", demo_id("user:ada")), ("ben", demo_id("user:ben")), (ANYBODY.upper(), ANYBODY)]
)
def test_a_persons_token_is_one_of_the_project(data: Path, name: str, user_id: str) -> None:
    done = devstack(data, "token", "--user", name)
    assert (done.returncode, done.stderr) == (0, "")
    tokens = UserTokens(
        issuer="http://supabase.example/auth/v1", hs256_secret=lambda: SECRET, jwks_url=None, clock=SystemClock()
    )
    assert tokens.verify(done.stdout.strip()) == Caller(user_id, user_id=user_id)


def test_without_a_person_it_is_the_runtimes_and_may_do_everything(data: Path) -> None:
    done = devstack(data, "token")
    caller = ServiceTokens(lambda: {"local": KEY.encode()}).verify(done.stdout.strip(), now=datetime.now(UTC))
    assert caller.user_id is None
    assert caller.permissions == {READ_CONTEXT, *Action}


def test_who_is_nobody_is_refused(data: Path) -> None:
    done = devstack(data, "token", "--user", "eve")
    assert done.returncode == 2
    assert "'eve' is neither ada nor ben nor a user's id" in done.stderr


def test_without_a_running_system_there_is_no_token(tmp_path: Path) -> None:
    done = devstack(tmp_path, "token", "--user", "ada")
    assert (done.returncode, done.stdout) == (1, "")
    assert "start it with: make dev" in done.stderr
