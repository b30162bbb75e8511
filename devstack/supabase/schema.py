"""Brings the database's schema up to date: the platform's own, then this project's migrations."""

from pathlib import Path

import psycopg

PLATFORM = Path(__file__).with_name("platform.sql")
MIGRATIONS = Path(__file__).resolve().parents[2] / "infra" / "supabase" / "migrations"


class MigrationError(RuntimeError):
    """A migration failed; the message names its file and what Postgres said."""


def apply_schema(dsn: str, migrations: Path = MIGRATIONS) -> list[str]:
    """Apply the platform's schema and every migration not yet recorded, in the order of their file names.

    Each runs in a transaction of its own together with its record, so a failed one leaves nothing behind.
    Returns the names of the files applied now.

    Raises:
        MigrationError: naming the file.
    """
    with psycopg.connect(dsn) as connection:
        _run(connection, PLATFORM)
        connection.commit()
        rows = connection.execute("select version from supabase_migrations.schema_migrations").fetchall()
        done = {version for (version,) in rows}
        applied = []
        for file in sorted(migrations.glob("*.sql")):
            version, _, name = file.stem.partition("_")
            if version not in done:
                _run(connection, file)
                connection.execute(
                    "insert into supabase_migrations.schema_migrations (version, name) values (%s, %s)",
                    (version, name),
                )
                connection.commit()
                applied.append(file.name)
        return applied


def _run(connection: psycopg.Connection[tuple[object, ...]], file: Path) -> None:
    try:
        # Our own files: the one place where SQL text comes from outside the code.
        connection.execute(file.read_text())
    except psycopg.Error as error:
        raise MigrationError(f"{file.name}: {error}") from error
