"""The index of the archive in DynamoDB. Holds no text.

- ``ARCHIVED#<memory id>``: an `ArchivedEntry`. Its ``place`` is the key of the object that holds the memory.
- ``ARCHIVING#<key>``: the objects (``places``) that may hold lines which the index does not name: one that is being
  written, and those whose lines it takes the place of. Written before any of them and deleted after all is entered, so
  that whoever erases, or cleans up after a worker that was killed, knows where to look.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from operator_memory.adapters.archive.lines import entry_of
from operator_memory.adapters.aws.boto3_clients import error_code, translated
from operator_memory.adapters.dynamodb.table import SYSTEM, Item, Table, from_text, key, text, typed
from operator_memory.domain.errors import InvalidInputError, MalformedResponseError
from operator_memory.domain.lifecycle.archived import ArchivedEntry
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.archive_views import ArchiveUsage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ENTRIES, WRITING = "ARCHIVED#", "ARCHIVING#"
_LONGEST_ID = 128


@dataclass(frozen=True, slots=True)
class Writing:
    """Objects that may hold lines which the index does not name, since ``begun_at``."""

    key: str
    places: tuple[str, ...]
    begun_at: datetime


class ArchiveIndex:
    """Reads and writes the items."""

    def __init__(self, client: "DynamoDBClient", table_name: str, *, writers: int = 8) -> None:
        """``writers``: how many entries are written at the same time."""
        self._table = Table(client, table_name)
        self._writers = writers

    def page(self, account_id: AccountId, *, after: str | None, limit: int) -> tuple[list[ArchivedEntry], str | None]:
        """Return entries by id, those after the id ``after``."""
        if after is not None and not 0 < len(after) <= _LONGEST_ID:
            raise InvalidInputError("cursor", "is not a place in this list")
        start = None if after is None else key(account_id, f"{ENTRIES}{after}")
        found = self._table.page(account_id, ENTRIES, limit=limit + 1, start=start)
        entries = [_entry(item) for item in found[:limit]]
        return entries, entries[-1].id if len(found) > limit else None

    def all(self, account_id: AccountId) -> Iterator[ArchivedEntry]:
        """Yield every entry of the account."""
        return map(_entry, self._table.starting_with(account_id, ENTRIES))

    def find(self, account_id: AccountId, ids: Iterable[str]) -> list[ArchivedEntry]:
        """Return the entries of ``ids``, in their order."""
        names = [(account_id, f"{ENTRIES}{identity}") for identity in ids if 0 < len(identity) <= _LONGEST_ID]
        found = self._table.get_many(names)
        return [_entry(found[name]) for name in dict.fromkeys(names) if name in found]

    def usage(self, account_id: AccountId) -> ArchiveUsage:
        """Count the entries and the bytes they stand for."""
        sizes = [int(item.get("size", 0)) for item in self._table.starting_with(account_id, ENTRIES, only=("size",))]
        return ArchiveUsage(len(sizes), sum(sizes))

    def enter(
        self, account_id: AccountId, entries: Sequence[ArchivedEntry], former: Mapping[str, ArchivedEntry]
    ) -> list[ArchivedEntry]:
        """Write the entries in the place of ``former``, by id; return those that are not written, since another has
        been meanwhile."""
        return self._each(entries, lambda entry: self._put(account_id, entry, former.get(entry.id)))

    def drop(self, account_id: AccountId, entries: Sequence[ArchivedEntry]) -> list[ArchivedEntry]:
        """Delete the entries; return those that stay, since they have another place by now, or are gone."""
        return self._each(entries, lambda entry: self._delete(account_id, entry))

    def begin(self, account_id: AccountId, writing: Writing) -> None:
        """Note what is about to be written."""
        item = {"account_id": account_id, "item": f"{WRITING}{writing.key}"}
        self._table.put({**item, "places": list(writing.places), "begun_at": text(writing.begun_at)})

    def end(self, account_id: AccountId, writing_key: str) -> None:
        """Forget it: all is entered."""
        self._table.delete_many([(account_id, f"{WRITING}{writing_key}")])

    def writing(self, account_id: AccountId) -> list[Writing]:
        """Return what is being written, or was when its worker was killed."""
        return [_writing(item) for item in self._table.starting_with(account_id, WRITING)]

    def _put(self, account_id: AccountId, entry: ArchivedEntry, former: ArchivedEntry | None) -> bool:
        item = typed(_item(account_id, entry))
        where = _NOT_THERE if former is None else _at_place(former.place)
        return _held(lambda: self._table.client.put_item(TableName=self._table.name, Item=item, **where))

    def _delete(self, account_id: AccountId, entry: ArchivedEntry) -> bool:
        which, where = key(account_id, f"{ENTRIES}{entry.id}"), _at_place(entry.place)
        return _held(lambda: self._table.client.delete_item(TableName=self._table.name, Key=which, **where))

    def _each(self, entries: Sequence[ArchivedEntry], write: Callable[[ArchivedEntry], bool]) -> list[ArchivedEntry]:
        """Write each entry on its condition; return those whose condition does not hold."""
        if len(entries) <= 1 or self._writers == 1:
            return [entry for entry in entries if not write(entry)]
        with ThreadPoolExecutor(self._writers) as pool:
            written = list(pool.map(write, entries))
        return [entry for entry, done in zip(entries, written, strict=True) if not done]


_NOT_THERE: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(account_id)"}


def _at_place(place: str) -> dict[str, Any]:
    """The condition that the stored entry has this place."""
    return {
        "ConditionExpression": "#place = :place",
        "ExpressionAttributeNames": {"#place": "place"},
        "ExpressionAttributeValues": typed({":place": place}),
    }


def _held(write: Callable[[], object]) -> bool:
    """Write, and tell whether the condition held."""
    with translated(SYSTEM):
        try:
            write()
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
    return True


def _item(account_id: AccountId, entry: ArchivedEntry) -> Item:
    held = {name: text(value) if isinstance(value, datetime) else value for name, value in asdict(entry).items()}
    held |= {"scope": entry.scope.value, "kind": entry.kind.value}
    return {**held, "account_id": account_id, "item": f"{ENTRIES}{entry.id}"}


def _entry(item: Item) -> ArchivedEntry:
    try:
        return entry_of(item)
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedResponseError(SYSTEM, "an entry of the archive's index cannot be read") from error


def _writing(item: Item) -> Writing:
    try:
        places = tuple(str(place) for place in item["places"])
        return Writing(str(item["item"]).removeprefix(WRITING), places, from_text(item["begun_at"]))
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedResponseError(SYSTEM, "a note of the archive's index cannot be read") from error
