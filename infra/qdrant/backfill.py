"""Gives memories that were stored before it existed the number of their account (payload field ``tenant``).

Searches look for the number, so what lacks it is not found. The only place that looks across accounts: it reads which
accounts there are, never a memory, and writes to one account at a time.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

from operator_memory.adapters.qdrant import requests
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.memory.scopes import AccountId

_ACCOUNTS_AT_ONCE = 500
_WITHOUT: dict[str, Any] = {"is_empty": {"key": requests.TENANT}}

Send = Callable[[str, bytes], Any]
"""Posts a body to a path below the collection's and gives the answer's ``result``."""


def number_accounts(post: Send) -> None:
    """Number every memory that is not, account by account. Interrupted, it goes on where it was."""
    numbered = 0
    while accounts := unnumbered(post):
        for account in accounts:
            body = {
                "payload": {requests.TENANT: requests.tenant_number(account)},
                "filter": requests.tenant_filter(account, _WITHOUT),
            }
            post("/points/payload?wait=true", json.dumps(body).encode())
        numbered += len(accounts)
        sys.stdout.write(f"Memories of {numbered} accounts have their account's number now.\n")


def unnumbered(post: Send) -> list[AccountId]:
    """Accounts that have memories without the number, the first hundreds."""
    body = {"key": requests.ACCOUNT, "limit": _ACCOUNTS_AT_ONCE, "exact": True, "filter": {"must": [_WITHOUT]}}
    answer = post("/facet", json.dumps(body).encode())
    try:
        return [AccountId(str(hit["value"])) for hit in answer["hits"]]
    except (KeyError, TypeError) as error:
        raise MalformedResponseError(requests.SYSTEM, "the answer holds no accounts") from error
