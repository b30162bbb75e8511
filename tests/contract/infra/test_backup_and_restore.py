"""Backups are made, tried and brought back; what was erased, deleted or archived since does not come back."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from operator_memory.adapters.dynamodb.table import Table
from operator_memory.adapters.dynamodb.tombstones import DynamoDBTombstones
from operator_memory.domain.memory.memory import CLEARED, Memory
from operator_memory.domain.memory.scopes import AccountId, Kind
from operator_memory.domain.shared.deletions import marks_of
from operator_memory.domain.shared.tombstones import Target, TargetKind, Tombstone

from infra.qdrant.points import PAGE, Points
from tests.support.builders import ACCOUNT, AGENT_KEY, SESSION_KEY, a_memory
from tests.support.qdrant.deployment import LIVE, Deployment

pytest_plugins = ["tests.support.aws.fixtures", "tests.support.qdrant.deployment_fixtures"]

OTHER = AccountId("acct-other")


def lately(text: str, **fields: Any) -> Memory:
    """A memory of some minutes ago."""
    moment = datetime.now(UTC) - timedelta(minutes=5)
    return replace(a_memory(text, **fields), created_at=moment, updated_at=moment)


def turn(text: str, **fields: Any) -> Memory:
    return lately(text, key=SESSION_KEY, kind=Kind.TURN, **fields)


def lose(deployment: Deployment) -> None:
    """All memories are gone."""
    deployment.empty()


def test_what_was_backed_up_comes_back_byte_for_byte(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.put(lately("Likes tea."), lately("Answers briefly.", key=AGENT_KEY), turn("I moved to Lund."))
    before = deployment.all()
    assert deployment.backup("make") == 0
    deployment.points.drop()
    assert deployment.backup("restore") == 0
    assert deployment.all() == before
    told = capsys.readouterr()
    assert "3 memories came back. 0 were there already" in told.out
    assert "tea" not in told.out + told.err


def test_a_drill_says_that_a_backup_is_good_and_leaves_nothing(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.put(*(lately(f"Fact number {number}.") for number in range(12)))
    deployment.backup("make")
    assert deployment.backup("drill") == 0
    told = capsys.readouterr().out
    assert "Restored: 12 all, 12 user, 0 agent, 0 session." in told
    assert "In the live collection: 12 the same." in told
    assert "Fact number" not in told
    assert collections(deployment) == [LIVE]


def collections(deployment: Deployment) -> list[str]:
    answer = deployment.client.request("GET", "/collections", timeout=30)
    return sorted(one["name"] for one in json.loads(answer.body)["result"]["collections"])


def erased(deployment: Deployment, memory: Memory) -> None:
    """The account's user memory, by a person."""
    at = memory.created_at + timedelta(minutes=1)
    DynamoDBTombstones(*deployment.table).put(memory.account_id, Tombstone(Target(TargetKind.USER), at))


def deleted(deployment: Deployment, memory: Memory) -> None:
    DynamoDBTombstones(*deployment.table).bury(memory.account_id, marks_of(memory), at=datetime.now(UTC))


def archived(deployment: Deployment, memory: Memory) -> None:
    Table(*deployment.table).put({"account_id": memory.account_id, "item": f"ARCHIVED#{memory.id}"})


def three_gone_and_two_left(deployment: Deployment) -> tuple[list[Memory], set[str]]:
    """Stored memories that are to be erased, deleted and archived; the ids of others."""
    gone = [lately("Likes tea."), lately("Likes a very bitter coffee.", key=AGENT_KEY), lately("Hums.", key=AGENT_KEY)]
    kept, theirs = lately("Answers briefly.", key=AGENT_KEY), replace(lately("Likes tea, too."), account_id=OTHER)
    deployment.put(*gone, kept)
    deployment.put(theirs)
    return gone, {kept.id, theirs.id}


def test_what_has_gone_since_stays_gone(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    gone, left = three_gone_and_two_left(deployment)
    deployment.backup("make")
    for happens, memory in zip((erased, deleted, archived), gone, strict=True):
        happens(deployment, memory)
    lose(deployment)
    assert deployment.backup("restore") == 0
    assert set(deployment.all()) == left
    assert "Kept out: 1 archived, 1 deleted, 1 erased." in capsys.readouterr().out


def test_erasures_are_carried_out_once_more_on_a_copy_that_something_else_restored(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    since = datetime.now(UTC)
    gone, left = three_gone_and_two_left(deployment)
    said = turn("I like tea.")
    deployment.put(said)
    for happens, memory in zip((erased, deleted, archived), gone, strict=True):
        happens(deployment, memory)
    assert deployment.backup("erase-again", since.isoformat()) == 0
    assert set(deployment.all()) == {*left, said.id}
    assert deployment.all()[said.id]["payload"]["withheld_by"] == [CLEARED]
    assert "Taken out: 1 archived, 1 deleted, 1 erased." in capsys.readouterr().out


@pytest.mark.parametrize("since", ["yesterday", "2026-11-24T09:00:00"])
def test_a_time_without_its_zone_is_refused(
    deployment: Deployment, capsys: pytest.CaptureFixture[str], since: str
) -> None:
    assert deployment.backup("erase-again", since) == 2
    assert "say the time with its zone" in capsys.readouterr().err


def test_what_was_deleted_before_the_backup_and_said_again_comes_back(deployment: Deployment) -> None:
    memory = lately("Likes tea.")
    deleted_before = memory.created_at - timedelta(hours=1)
    DynamoDBTombstones(*deployment.table).bury(ACCOUNT, marks_of(memory), at=deleted_before)
    deployment.put(memory)
    deployment.backup("make")
    lose(deployment)
    deployment.backup("restore")
    assert set(deployment.all()) == {memory.id}


def test_what_was_written_since_the_loss_stays_as_it_is(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    old = lately("Likes tea.")
    deployment.put(old)
    deployment.backup("make")
    lose(deployment)
    corrected = replace(old, text="Likes green tea.", version=2)
    deployment.put(corrected)
    assert deployment.backup("restore") == 0
    assert deployment.all()[old.id]["payload"]["data"] == "Likes green tea."
    assert "0 memories came back. 1 were there already" in capsys.readouterr().out


def test_sessions_are_silent_about_what_was_cleared_since(deployment: Deployment) -> None:
    said = turn("I like tea.")
    deployment.put(said)
    deployment.backup("make")
    erased(deployment, said)
    lose(deployment)
    deployment.backup("restore")
    assert deployment.all()[said.id]["payload"]["withheld_by"] == [CLEARED]


def test_a_turn_loses_the_words_of_one_that_was_erased_since(deployment: Deployment) -> None:
    first = turn("My password is on the yellow note.", author_id="ben")
    second = turn("Thanks.", follows=first.id, author_id="ada")
    deployment.put(first)
    deployment.put(second, before=first.text)
    words = len(deployment.all()[second.id]["vector"]["bm25"]["indices"])
    deployment.backup("make")
    target = Target(TargetKind.AUTHOR, "ben")
    DynamoDBTombstones(*deployment.table).put(ACCOUNT, Tombstone(target, datetime.now(UTC)))
    lose(deployment)
    assert deployment.backup("restore") == 0
    left = deployment.all()
    assert set(left) == {second.id}
    assert "follows" not in left[second.id]["payload"]
    assert len(left[second.id]["vector"]["bm25"]["indices"]) < words


def test_turns_that_say_what_was_deleted_since_are_withheld_again(deployment: Deployment) -> None:
    """As they were by the deletion: only the table remembers it."""
    said = turn("I like tea.")
    fact = lately("Likes tea.", said_in=(said.id,))
    deployment.put(said)
    deployment.put(fact)
    deployment.backup("make")
    deleted(deployment, fact)
    lose(deployment)
    assert deployment.backup("restore") == 0
    left = deployment.all()
    assert set(left) == {said.id}
    assert left[said.id]["payload"]["withheld_by"] == [fact.id]


def test_the_expiry_index_is_made_again(deployment: Deployment) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    deployment.put(replace(turn("I like tea."), expires_at=end))
    deployment.backup("make")
    lose(deployment)
    deployment.backup("restore")
    assert deployment.due_at(ACCOUNT) == end


def test_what_has_expired_since_does_not_come_back(deployment: Deployment) -> None:
    deployment.put(replace(turn("I like tea."), expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    deployment.backup("make")
    lose(deployment)
    deployment.backup("restore")
    assert deployment.all() == {}


def test_a_damaged_file_is_noticed(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    deployment.put(lately("Likes tea."))
    deployment.backup("make")
    (file,) = Path(str(deployment.target)).rglob("points-*.gz")
    file.write_bytes(file.read_bytes()[:-9] + b"something")
    assert deployment.backup("drill") == 2
    assert "is damaged" in capsys.readouterr().err
    assert collections(deployment) == [LIVE]


def test_old_backups_are_deleted_a_day_before_receipts_say(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.extra["BACKUP_DAYS"] = "7"
    place = Path(str(deployment.target))
    now = datetime.now(UTC)
    for days in (5, 6, 30):
        folder = place / LIVE / (now - timedelta(days=days, seconds=1)).strftime("%Y%m%dT%H%M%SZ")
        folder.mkdir(parents=True)
        (folder / "points-000000.jsonl.gz").write_bytes(b"of one that was never finished")
    (place / LIVE / "notes.txt").write_text("not ours")
    assert deployment.backup("make") == 0
    left = sorted(path.name for path in (place / LIVE).iterdir())
    assert len(left) == 3
    assert left[-1] == "notes.txt"
    assert "Deleted, since BACKUP_DAYS is 7" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("extra", "command", "sentence"),
    [
        ({"BACKUP_DAYS": "0"}, "make", "BACKUP_DAYS is 0, so receipts say that there are no backups"),
        ({"BACKUPS_AT": ""}, "make", "BACKUPS_AT is missing"),
        ({"BACKUPS_AT": "ftp://x"}, "make", "BACKUPS_AT must be a folder, or s3://bucket/prefix."),
        ({"QDRANT_COLLECTION": "none"}, "make", "There is no collection none there."),
        ({}, "drill", "There is no finished backup of memories there: run make backup."),
        ({"QDRANT_URL": "http://127.0.0.1:9"}, "make", "qdrant: connection failed"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    deployment: Deployment, capsys: pytest.CaptureFixture[str], extra: dict[str, str], command: str, sentence: str
) -> None:
    deployment.extra.update(extra)
    assert deployment.backup(command) == 2
    assert sentence in capsys.readouterr().err


def test_a_restore_without_the_table_is_refused(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    deployment.backup("make")
    deployment.extra["MEMORY_TABLE"] = ""
    assert deployment.backup("restore") == 2
    assert "without it that would come back" in capsys.readouterr().err


def test_what_is_erased_while_it_is_restored_is_gone(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """The erasure looks into an empty store and finds nothing; the restore then writes, and looks again."""
    gone, kept = lately("Likes tea."), lately("Answers briefly.", key=AGENT_KEY)
    deployment.put(gone, kept)
    deployment.backup("make")
    lose(deployment)
    put = Points.put

    def erased_just_before(points: Points, *arguments: Any, **how: Any) -> None:
        erased(deployment, gone)
        put(points, *arguments, **how)

    monkeypatch.setattr(Points, "put", erased_just_before)
    assert deployment.backup("restore") == 0
    assert set(deployment.all()) == {kept.id}


def test_a_restore_that_is_killed_is_run_again(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment.put(*(lately(f"Fact number {number}.") for number in range(5)))
    before = deployment.all()
    deployment.backup("make")
    lose(deployment)
    put = Points.put

    def half(points: Points, page: list[dict[str, Any]], **how: Any) -> None:
        put(points, page[:2], **how)
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(Points, "put", half)
        assert deployment.backup("restore") == 130
    assert len(deployment.all()) == 2
    assert deployment.backup("restore") == 0
    assert deployment.all() == before


def test_a_backup_is_read_and_written_in_pages(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many points there are, so many are in memory."""
    sizes: list[int] = []
    deployment.put(*(lately(f"Fact number {number}.") for number in range(2 * PAGE + 1)))
    page, put = Points.page, Points.put

    def counted_page(points: Points, *arguments: Any, **how: Any) -> Any:
        found = page(points, *arguments, **how)
        sizes.append(len(found[0]))
        return found

    def counted_put(points: Points, written: list[dict[str, Any]], **how: Any) -> None:
        sizes.append(len(written))
        put(points, written, **how)

    monkeypatch.setattr(Points, "page", counted_page)
    monkeypatch.setattr(Points, "put", counted_put)
    deployment.backup("make")
    assert sizes == [PAGE, PAGE, 1]
    lose(deployment)
    sizes.clear()
    assert deployment.backup("restore") == 0
    assert sum(sizes) == 2 * PAGE + 1
    assert max(sizes) <= PAGE
