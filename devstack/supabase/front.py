"""Postgres, schema and REST front as one thing to start and stop."""

import asyncio
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from devstack.postgres import PostgresServer
from devstack.supabase.app import create_app
from devstack.supabase.keys import Keys, load_keys
from devstack.supabase.schema import MIGRATIONS, apply_schema
from devstack.supabase.seed import seed

_START_SECONDS = 30.0


class SupabaseFront:
    """A Supabase project on this machine, with its data and keys kept in ``data_dir``.

    A context manager. ``port`` 0 picks a free one. ``migrations`` is the folder of this project's own SQL
    migrations; ``demo_rows`` adds the rows of `devstack.supabase.seed`.

    Raises:
        PostgresError, MigrationError, OSError: from `start`: the database, the schema or the port.
    """

    def __init__(
        self,
        data_dir: Path | str,
        *,
        port: int = 0,
        migrations: Path = MIGRATIONS,
        demo_rows: bool = True,
    ) -> None:
        self._data_dir = Path(data_dir).resolve()
        self._port = port
        self._migrations = migrations
        self._demo_rows = demo_rows
        self._postgres = PostgresServer(self._data_dir / "postgres")
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._keys: Keys | None = None

    @property
    def url(self) -> str:
        """What the ``supabase`` client takes as its URL."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def dsn(self) -> str:
        """Connection string of the database's superuser, past all row-level security."""
        return self._postgres.dsn

    @property
    def anon_key(self) -> str:
        """The key of visitors: the role ``anon``."""
        return self._made_keys.anon_key

    @property
    def service_role_key(self) -> str:
        """The key of the backend: the role ``service_role``, which row-level security does not bind."""
        return self._made_keys.service_role_key

    @property
    def jwt_secret(self) -> str:
        """The HS256 secret that signs all tokens."""
        return self._made_keys.jwt_secret

    def user_token(self, user_id: str, *, expires_in: int = 3600) -> str:
        """A signed-in user's access token (role ``authenticated``), valid for ``expires_in`` seconds."""
        return self._made_keys.user_token(user_id, expires_in=expires_in)

    def start(self) -> None:
        """Start Postgres, bring the schema up to date and serve; returns when it answers."""
        try:
            self._postgres.start()
            self._keys = load_keys(self._data_dir / "keys.json")
            apply_schema(self.dsn, self._migrations)
            if self._demo_rows:
                seed(self.dsn)
            self._serve()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop serving, then Postgres. Does nothing if not running."""
        server, self._server = self._server, None
        thread, self._thread = self._thread, None
        if server is not None and thread is not None:
            server.should_exit = True
            thread.join()
        self._postgres.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _made_keys(self) -> Keys:
        if self._keys is None:
            raise RuntimeError("the keys are made at the first start: call start() first")
        return self._keys

    def _serve(self) -> None:
        listener = _listener(self._port)
        self._port = listener.getsockname()[1]
        dsn = self.dsn.replace("postgres@", "authenticator@", 1)
        config = uvicorn.Config(
            create_app(dsn, self._made_keys),
            lifespan="on",
            ws="none",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(config)
        ready = threading.Event()

        async def serve() -> None:
            serving = asyncio.ensure_future(server.serve(sockets=[listener]))
            while not server.started and not serving.done():
                await asyncio.sleep(0.005)
            ready.set()
            await serving

        thread = threading.Thread(target=asyncio.run, args=(serve(),), name="supabase-front", daemon=True)
        self._server, self._thread = server, thread
        thread.start()
        if not ready.wait(_START_SECONDS) or not server.started:
            raise RuntimeError(f"the REST front did not start within {_START_SECONDS:.0f} s; see the log above")


def _listener(port: int) -> socket.socket:
    # The protocol named in full: asyncio sets TCP_NODELAY only then, without which every answer takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"port {port} on 127.0.0.1: {error.strerror}") from error
    listener.listen(128)
    return listener
