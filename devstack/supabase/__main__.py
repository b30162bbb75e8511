"""``python -m devstack.supabase --data DIR --port N``: run the platform's Supabase until stopped."""

import argparse
import sys
import threading

from devstack.endings import Endings, stop_signals
from devstack.postgres import PostgresError
from devstack.supabase.front import SupabaseFront
from devstack.supabase.schema import MigrationError

_DATABASE_ENDED = 0
"""No signal has this number."""


def main() -> int:
    """Start, print the address and keys in one piece, run until SIGINT or SIGTERM, stop.

    1 if it cannot start, or if the database ends before that.
    """
    parser = argparse.ArgumentParser(prog="python -m devstack.supabase", description=__doc__)
    parser.add_argument("--data", required=True, help="folder that keeps the database and the keys")
    parser.add_argument("--port", type=int, default=54321, help="port to listen on; 0 picks a free one")
    options = parser.parse_args()
    signals = stop_signals()
    try:
        with SupabaseFront(options.data, port=options.port) as front:
            print(
                f"Supabase (REST on Postgres): {front.url}\n"
                f"anon key: {front.anon_key}\n"
                f"service-role key: {front.service_role_key}\n"
                f"JWT secret: {front.jwt_secret}\n"
                f"database: {front.dsn}",
                flush=True,
            )
            threading.Thread(target=_tell, args=(front, signals), daemon=True).start()
            if signals.get() == _DATABASE_ENDED:
                print("devstack.supabase: Postgres has ended", file=sys.stderr)
                return 1
    except (PostgresError, MigrationError, OSError) as error:
        print(f"devstack.supabase: {error}", file=sys.stderr)
        return 1
    return 0


def _tell(front: SupabaseFront, signals: Endings[int]) -> None:
    front.wait_for_database()
    signals.put(_DATABASE_ENDED)


if __name__ == "__main__":
    sys.exit(main())
