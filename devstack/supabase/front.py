"""Postgres, schema and REST front as one thing to start and stop."""

from pathlib import Path
from typing import Literal, Self

from devstack.postgres import PostgresServer
from devstack.serving import ServerThread
from devstack.supabase.app import create_app
from devstack.supabase.keys import Keys, load_keys
from devstack.supabase.schema import MIGRATIONS, apply_schema
from devstack.supabase.seed import seed


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
        self._server: ServerThread | None = None
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
        """The HS256 secret that signs the API keys, and users' tokens unless asked otherwise."""
        return self._made_keys.jwt_secret

    def user_token(
        self, user_id: str, *, expires_in: int = 3600, algorithm: Literal["HS256", "ES256"] = "HS256"
    ) -> str:
        """A signed-in user's access token (role ``authenticated``), valid for ``expires_in`` seconds."""
        issuer = f"{self.url}/auth/v1"
        return self._made_keys.user_token(user_id, iss=issuer, expires_in=expires_in, algorithm=algorithm)

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

    def wait_for_database(self) -> None:
        """Return when the database has ended, for whatever reason."""
        self._postgres.wait()

    def stop(self) -> None:
        """Stop serving, then Postgres. Does nothing if not running."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        self._postgres.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _made_keys(self) -> Keys:
        if self._keys is None:
            raise RuntimeError("the keys are made at the first start: call start() first")
        return self._keys

    def _serve(self) -> None:
        dsn = self.dsn.replace("postgres@", "authenticator@", 1)
        self._server = ServerThread(create_app(dsn, self._made_keys), port=self._port, lifespan="on")
        self._port = self._server.port
