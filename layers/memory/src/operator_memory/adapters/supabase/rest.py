"""Calls to the platform's Supabase over PostgREST. Standard library only (hot path).

Protocol: https://docs.postgrest.org/en/v13/references/api.html
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from operator_memory.adapters.net.http import HttpClient, Response, checked
from operator_memory.domain.errors import MalformedResponseError, UpstreamRejectedError

SYSTEM = "supabase"
"""How errors name it."""

Row = dict[str, Any]
"""A row as JSON holds it: ids and times are text."""

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CODE = re.compile(r"[0-9A-Z]{5}|PGRST[0-9A-Z]{1,4}")
_TOTAL = re.compile(r"(?:\*|\d+-\d+)/(\d{1,18})")


def is_platform_id(text: str) -> bool:
    """Whether it is a UUID as Postgres writes one; the platform's tables have no other ids.

    Postgres reads other spellings as the same id. For us an id is its exact text, so they name nothing.
    """
    return _UUID.fullmatch(text) is not None


class RefusedByDatabaseError(UpstreamRejectedError):
    """The database said no. ``code`` is its SQLSTATE, or PostgREST's own code (``PGRST202``)."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(SYSTEM, f"refused the request with {status} (code {code})")
        self.code = code

    @property
    def reason(self) -> str:
        """That of every refusal."""
        return "upstream_rejected"


class SupabaseRest:
    """Reads and writes tables and calls functions as the service, which row-level security does not bind.

    So each call says by its filters what it is about. Filters are ``{column: "operator.value"}``; whatever a
    value holds, it stays that column's value. All methods raise `UpstreamError` of the kind that the failure
    stands for, and `RefusedByDatabaseError` for what the database itself refuses.
    """

    def __init__(self, url: str, service_key: Callable[[], str]) -> None:
        """``url`` is the project's base URL. ``service_key`` is asked each time, so that a rotated key is heard of.

        Raises:
            ConfigurationError: the address is no http(s) URL.
        """

        def auth() -> Mapping[str, str]:
            key = service_key()
            return {"apikey": key, "Authorization": f"Bearer {key}"}

        self._client = HttpClient(url, system=SYSTEM, auth=auth)

    def get(self, table: str, params: Mapping[str, str], *, timeout: float, schema: str = "public") -> list[Row]:
        """The rows that ``params`` (filters, ``select``, ``order``, ``limit``) let through."""
        return _rows(self._send("GET", table, params, headers={"Accept-Profile": schema}, timeout=timeout))

    def count(self, table: str, params: Mapping[str, str], *, timeout: float) -> int:
        """How many rows ``params`` let through, exactly."""
        headers = {"Prefer": "count=exact"}
        answer = self._send("GET", table, {**params, "limit": "1"}, headers=headers, timeout=timeout)
        total = _TOTAL.fullmatch(answer.headers.get("content-range", ""))
        if total is None:
            raise MalformedResponseError(SYSTEM, "the answer does not say how many rows there are")
        return int(total[1])

    def rpc(self, name: str, arguments: Mapping[str, object], *, timeout: float) -> object:
        """Call the function ``name`` and return its decoded answer."""
        return _decoded(self._send("POST", f"rpc/{name}", {}, body=arguments, timeout=timeout))

    def upsert(self, table: str, row: Mapping[str, object], *, on_conflict: str, timeout: float) -> None:
        """Insert ``row``, or set its columns in the row that has the same ``on_conflict`` columns."""
        headers = {"Prefer": "resolution=merge-duplicates,return=minimal"}
        self._send("POST", table, {"on_conflict": on_conflict}, body=row, headers=headers, timeout=timeout)

    def update(
        self, table: str, params: Mapping[str, str], changes: Mapping[str, object], *, timeout: float
    ) -> list[Row]:
        """Set ``changes`` in the rows that ``params`` let through; returns what ``select`` names of them.

        Raises:
            ValueError: without a filter it would be the whole table.
        """
        if not params.keys() - {"select"}:
            raise ValueError("an update needs a filter")
        headers = {"Prefer": "return=representation"}
        return _rows(self._send("PATCH", table, params, body=changes, headers=headers, timeout=timeout))

    def close(self) -> None:
        """Close the idle connections. The client can still be used."""
        self._client.close()

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        *,
        timeout: float,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        query = "?" + urlencode(params, quote_via=quote, safe="") if params else ""
        content = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        # Every call here can be repeated: writes name the row, and events carry their ids.
        response = self._client.request(method, f"/rest/v1/{path}{query}", content, timeout=timeout, headers=headers)
        if 400 <= response.status < 500 and (code := _code(response)):
            raise RefusedByDatabaseError(response.status, code)
        return checked(SYSTEM, response)


def equal(ids: Mapping[str, str]) -> dict[str, str]:
    """The filters that let only rows of exactly these values through."""
    return {column: f"eq.{value}" for column, value in ids.items()}


def only_row(rows: list[Row], ids: Mapping[str, str]) -> Row | None:
    """The one row of ``rows``, asked for by `equal`, or ``None``. ``select`` must have named the columns of ``ids``.

    They are read back, since what is in a row gives rights: one that was not asked for is used for nobody.

    Raises:
        MalformedResponseError: another row, or more than one.
    """
    if not rows:
        return None
    if len(rows) > 1 or any(rows[0].get(column) != value for column, value in ids.items()):
        raise MalformedResponseError(SYSTEM, "rows that were not asked for")
    return rows[0]


def _code(response: Response) -> str | None:
    """The database's code in a refusal. Not its message: Postgres quotes the values that it refuses.

    A gateway in front of the database refuses without one.
    """
    if response.status in (408, 429):
        return None
    try:
        code = json.loads(response.body)["code"]
    except (ValueError, RecursionError, KeyError, TypeError, IndexError):
        return None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None


def _decoded(response: Response) -> object:
    try:
        decoded: object = json.loads(response.body)
    except (ValueError, RecursionError) as error:
        raise MalformedResponseError(SYSTEM, "the answer is not JSON") from error
    return decoded


def _rows(response: Response) -> list[Row]:
    decoded = _decoded(response)
    if not isinstance(decoded, list) or not all(isinstance(row, dict) for row in decoded):
        raise MalformedResponseError(SYSTEM, "the answer is not a list of rows")
    return decoded
