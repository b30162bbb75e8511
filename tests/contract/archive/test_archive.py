"""What every archive does: the one in memory, and the one in S3 with its index."""

from dataclasses import replace
from datetime import timedelta

import pytest
from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.shared.archive_views import ArchiveUsage
from operator_memory.domain.shared.tombstones import Target, TargetKind

from tests.support.aws.archives import (
    A_DAY,
    ACCOUNT,
    ALL,
    NOW,
    SOME,
    TENTH,
    USER,
    Archive,
    an_hour_ago,
    everything,
    kept,
    of,
    texts,
)

pytest_plugins = ["tests.support.aws.fixtures", "tests.support.aws.archive_fixtures"]

# ---- keeping and reading ---------------------------------------------------------------------------------------


def test_a_memory_comes_back_whole(archive: Archive) -> None:
    memory = kept(an_hour_ago("Häuser 🏠", agent_id="a", author_id="b", thread_id="t", imported_at=NOW, expires_at=NOW))
    [entry] = archive.keep(ACCOUNT, [memory])
    assert entry.place
    assert replace(entry, place="") == memory.entry
    assert archive.find(ACCOUNT, [entry.id]) == [entry]
    assert archive.read(ACCOUNT, [entry]) == [replace(memory, entry=entry)]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_give_every_entry_once_by_id(archive: Archive, limit: int) -> None:
    for number in range(3):
        archive.keep(ACCOUNT, [kept(an_hour_ago(f"{number} {other}")) for other in range(2)])
    ids = [entry.id for entry in everything(archive, limit=limit)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 6
    assert archive.entries(ACCOUNT, after=None, limit=6)[1] is None


def test_what_is_not_archived_is_not_found(archive: Archive) -> None:
    assert archive.find(ACCOUNT, [SOME[0].id, "", "x" * 200]) == []
    assert archive.entries(ACCOUNT, after=None, limit=5) == ([], None)
    assert archive.usage(ACCOUNT) == ArchiveUsage()
    assert archive.forget(ACCOUNT, [SOME[0].id]) == 0
    assert archive.sweep(ACCOUNT, before=NOW) == 0


@pytest.mark.parametrize("cursor", ["", "x" * 129])
def test_a_place_that_no_list_has_is_refused(archive: Archive, cursor: str) -> None:
    with pytest.raises(InvalidInputError):
        archive.entries(ACCOUNT, after=cursor, limit=1)


def test_keeping_again_leaves_one_and_the_later_one_wins(archive: Archive) -> None:
    first, second = an_hour_ago("first"), an_hour_ago("second")
    archive.keep(ACCOUNT, [kept(first), kept(second)])
    archive.keep(ACCOUNT, [kept(replace(first, text="corrected"), at=NOW + A_DAY)])
    assert texts(archive) == {"corrected", "second"}
    assert archive.keep(ACCOUNT, [kept(first), kept(second)])  # a slow worker's
    assert texts(archive) == {"corrected", "second"}
    assert archive.count_erasable(ACCOUNT, ALL, until=NOW) == 2


def test_another_accounts_archive_is_not_reached(archive: Archive) -> None:
    mine, theirs = an_hour_ago("mine"), of(TENTH, an_hour_ago("theirs"))
    archive.keep(ACCOUNT, [kept(mine)])
    [entry] = archive.keep(TENTH, [kept(theirs)])
    assert archive.find(ACCOUNT, [theirs.id]) == []
    assert archive.read(ACCOUNT, [entry]) == []
    assert archive.forget(ACCOUNT, [theirs.id]) == 0
    assert archive.take_back(ACCOUNT, [entry]) == 0
    for target in (USER, ALL):
        archive.erase(ACCOUNT, target, until=NOW)
    assert (texts(archive), texts(archive, TENTH)) == (set(), {"theirs"})


def test_entries_that_are_kept_together_are_named_together(archive: Archive) -> None:
    together = archive.keep(ACCOUNT, [kept(memory) for memory in SOME[:3]])
    archive.keep(ACCOUNT, [kept(SOME[3])])
    assert {entry.id for entry in archive.kept_with(ACCOUNT, together[0])} == {memory.id for memory in SOME[:3]}


def test_usage_counts_memories_and_their_bytes(archive: Archive) -> None:
    entries = archive.keep(ACCOUNT, [kept(memory) for memory in SOME])
    assert archive.usage(ACCOUNT) == ArchiveUsage(len(SOME), sum(entry.size for entry in entries))
    assert archive.forget(ACCOUNT, [SOME[0].id]) == 1
    assert archive.usage(ACCOUNT).memories == len(SOME) - 1


# ---- deleting ---------------------------------------------------------------------------------------------------


def test_forgetting_leaves_the_others(archive: Archive) -> None:
    archive.keep(ACCOUNT, [kept(memory) for memory in SOME])
    for _ in range(2):
        archive.forget(ACCOUNT, [SOME[0].id, SOME[2].id])
        assert texts(archive) == {"agent", "learnt there", "other agent"}
    assert archive.forget(ACCOUNT, [memory.id for memory in SOME]) == 3
    assert (texts(archive), archive.count_erasable(ACCOUNT, ALL, until=NOW)) == (set(), 0)


def test_what_was_archived_anew_is_not_taken_back_with_the_old(archive: Archive) -> None:
    [old] = archive.keep(ACCOUNT, [kept(SOME[0])])
    archive.keep(ACCOUNT, [kept(SOME[0], at=NOW + A_DAY)])
    assert archive.take_back(ACCOUNT, [old]) == 0
    assert texts(archive) == {"user"}


# ---- erasing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "left"),
    [
        (USER, {"agent", "turn", "other agent"}),
        (Target(TargetKind.AGENT, "agent-1"), {"user", "turn", "learnt there", "other agent"}),
        (Target(TargetKind.SESSION, "session-1"), {"user", "agent", "other agent"}),
        (Target(TargetKind.AUTHOR, "ada"), {"user", "turn", "learnt there", "other agent"}),
        (Target(TargetKind.AUTHOR, "nobody"), {"user", "agent", "turn", "learnt there", "other agent"}),
        (ALL, set()),
    ],
)
def test_a_part_is_taken_out_and_the_rest_stays(archive: Archive, target: Target, left: set[str]) -> None:
    archive.keep(ACCOUNT, [kept(memory) for memory in SOME])
    assert archive.count_erasable(ACCOUNT, target, until=NOW) == 5 - len(left)
    for _ in range(2):
        assert archive.erase(ACCOUNT, target, until=NOW) == 0
        assert texts(archive) == left
        assert archive.count_erasable(ACCOUNT, target, until=NOW) == 0


@pytest.mark.parametrize("target", [USER, ALL])
def test_what_was_said_or_imported_later_stays(archive: Archive, target: Target) -> None:
    then, since = an_hour_ago("then"), NOW + timedelta(seconds=1)
    later = replace(an_hour_ago("later"), created_at=since)
    archive.keep(ACCOUNT, [kept(then), kept(later), kept(an_hour_ago("back", imported_at=since))])
    for until, count in ((then.created_at - timedelta(microseconds=1), 0), (then.created_at, 1), (NOW, 1)):
        assert archive.count_erasable(ACCOUNT, target, until=until) == count
    archive.erase(ACCOUNT, target, until=NOW)
    assert texts(archive) == {"later", "back"}
    assert archive.count_erasable(ACCOUNT, target, until=NOW) == 0


# ---- going through all -------------------------------------------------------------------------------------------


def test_groups_give_every_memory_once(archive: Archive) -> None:
    for memories in (SOME[:2], SOME[2:3], SOME[3:]):
        archive.keep(ACCOUNT, [kept(memory) for memory in memories])
    archive.keep(TENTH, [kept(of(TENTH, an_hour_ago("theirs")))])
    found: list[str] = []
    after: str | None = None
    while True:
        group, after = archive.group(ACCOUNT, after=after)
        found += [memory.entry.id for memory in group]
        if after is None:
            break
    assert sorted(found) == sorted(memory.id for memory in SOME)


@pytest.mark.parametrize("place", ["", "../acct-10", "/", "2026-11/../../acct-10/x.jsonl.gz", "é"])
def test_a_place_of_a_group_that_was_not_given_out_is_refused(archive: Archive, place: str) -> None:
    archive.keep(TENTH, [kept(of(TENTH, an_hour_ago("theirs")))])
    with pytest.raises(InvalidInputError):
        archive.group(ACCOUNT, after=place)


def test_a_place_in_anothers_archive_leads_into_ones_own(archive: Archive) -> None:
    for account in (ACCOUNT, TENTH):
        archive.keep(account, [kept(of(account, an_hour_ago("one"))), kept(of(account, an_hour_ago("two")))])
    _, place = archive.group(TENTH, after=None)
    group, _ = archive.group(ACCOUNT, after=place)
    assert {memory.payload["user_id"] for memory in group} <= {ACCOUNT}
