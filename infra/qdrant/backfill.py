"""Gives memories that were stored before it existed the number of their account (payload field ``tenant``).

Searches look for the number, so what lacks it is not found. The only place that looks across accounts: it reads which
accounts there are, never a memory, and writes to one account at a time.
"""

import sys

from infra.qdrant.collection import Collection


def number_accounts(collection: Collection) -> None:
    """Number every memory that is not, account by account. Interrupted, it goes on where it was."""
    numbered = 0
    while accounts := collection.unnumbered():
        for account in accounts:
            collection.number(account)
        numbered += len(accounts)
        sys.stdout.write(f"Memories of {numbered} accounts have their account's number now.\n")
