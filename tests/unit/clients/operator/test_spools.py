"""Where finished runs wait: bounded, whole or not there, and claimed by one at a time."""

import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from operator_memory_client.errors import InvalidCallError
from operator_memory_client.operator.spool import folder as folder_module
from operator_memory_client.operator.spool.finished_run import FinishedRun, finished_run, read_run
from operator_memory_client.operator.spool.folder import FolderSpool
from operator_memory_client.operator.spool.waiting import FULL, UNREADABLE, Claim, Spool, WaitingSpool

from tests.support.clients.runs import ENDED, a_run

Make = Callable[..., Spool]


@pytest.fixture(params=["folder", "waiting"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    def made(**bounds: Any) -> Spool:
        return FolderSpool(tmp_path / "a" / "spool", **bounds) if request.param == "folder" else WaitingSpool(**bounds)

    return made


def taken(spool: Spool) -> list[Claim]:
    """All that can be claimed."""
    return [claim for _, claim in spool.claims() if claim is not None]


def names(claims: list[Claim]) -> list[str]:
    return [claim.run.job_id for claim in claims]


class TestBoth:
    def test_what_is_kept_can_be_claimed_the_oldest_first(self, make: Make) -> None:
        spool = make()
        for number in (3, 1, 2):
            spool.put(a_run(number))
        claims = taken(spool)
        assert names(claims) == ["run-1", "run-2", "run-3"]
        assert claims[0].run == a_run(1)
        assert taken(spool) == [], "they are taken"
        assert [thread for thread, _ in spool.claims()] == [claim.run.thread for claim in claims]
        claims[0].done()
        for claim in claims:
            claim.release()
        assert names(taken(spool)) == ["run-2", "run-3"]

    def test_the_same_run_is_once(self, make: Make) -> None:
        spool = make()
        spool.put(a_run())
        spool.put(a_run())
        assert spool.count() == 1

    def test_the_oldest_goes_where_there_is_no_room(self, make: Make, caplog: pytest.LogCaptureFixture) -> None:
        spool = make(most_runs=2)
        with caplog.at_level(logging.WARNING):
            for number in (1, 2, 3):
                spool.put(a_run(number))
        assert (spool.count(), spool.dropped) == (2, {FULL: 1})
        assert names(taken(spool)) == ["run-2", "run-3"]
        assert len(caplog.records) == 1
        assert "run" in caplog.text


class TestFolder:
    def test_it_is_bounded_in_bytes(self, tmp_path: Path) -> None:
        size = len(a_run(1).as_json())
        spool = FolderSpool(tmp_path, most_bytes=3 * size)
        for number in range(1, 6):
            spool.put(a_run(number))
        assert (spool.count(), spool.dropped) == (3, {FULL: 2})
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 3 * size

    def test_it_counts_now_and_then_and_stays_within_its_bounds(self, tmp_path: Path) -> None:
        spool = FolderSpool(tmp_path, most_runs=300)
        for number in range(420):
            spool.put(a_run(number))
            assert sum(1 for _ in tmp_path.iterdir()) <= 300
        assert spool.count() + spool.dropped[FULL] == 420
        assert spool.count() > 290
        assert names(taken(spool))[-1] == "run-419"

    def test_what_is_being_sent_is_not_dropped(self, tmp_path: Path) -> None:
        spool = FolderSpool(tmp_path, most_runs=1)
        spool.put(a_run(1))
        [claim] = taken(spool)
        spool.put(a_run(2))
        assert spool.dropped == {}
        claim.release()
        spool.put(a_run(3))
        assert (spool.count(), spool.dropped) == (1, {FULL: 2})

    @pytest.mark.parametrize(
        "left", [b"", b'{"job_id": "run-1"', b"\xff\x00", b"[]", b"7", b'{"job_id": "x"}', b"[" * 9000]
    )
    def test_what_is_no_run_is_dropped_and_counted(
        self, tmp_path: Path, left: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        spool = FolderSpool(tmp_path)
        (tmp_path / f"{a_run(1).key}.run").write_bytes(left)
        spool.put(a_run(2))
        with caplog.at_level(logging.WARNING):
            assert names(taken(spool)) == ["run-2"]
        assert (spool.count(), spool.dropped) == (1, {UNREADABLE: 1})
        assert "unreadable" in caplog.text

    def test_files_of_others_stay(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("mine")
        (tmp_path / "x.run").symlink_to(tmp_path / "notes.txt")
        spool = FolderSpool(tmp_path)
        spool.put(a_run())
        assert names(taken(spool)) == ["run-1"]
        assert (tmp_path / "notes.txt").read_text() == "mine"

    def test_half_a_write_is_removed(self, tmp_path: Path) -> None:
        (tmp_path / f".{a_run(1).key}.abcd.part").write_bytes(a_run(1).as_json()[:40])
        spool = FolderSpool(tmp_path)
        assert spool.count() == 0
        assert taken(spool) == []
        assert list(tmp_path.iterdir()) == []

    def test_a_write_that_another_takes_for_a_dead_ones_is_made_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spool, lock, tidied = FolderSpool(tmp_path), folder_module._lock, list[int]()

        def late(descriptor: int) -> bool:
            if not tidied:
                tidied.append(descriptor)
                FolderSpool(tmp_path)._tidy()
            return lock(descriptor)

        monkeypatch.setattr(folder_module, "_lock", late)
        spool.put(a_run())
        assert names(taken(spool)) == ["run-1"]

    def test_a_full_disk_leaves_nothing_half_done(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            FolderSpool(tmp_path).put(a_run())
        assert list(tmp_path.iterdir()) == []

    def test_only_its_owner_reads_it(self, tmp_path: Path) -> None:
        FolderSpool(tmp_path / "spool").put(a_run())
        assert (tmp_path / "spool").stat().st_mode & 0o077 == 0
        assert next((tmp_path / "spool").iterdir()).stat().st_mode & 0o077 == 0


class TestFinishedRun:
    def test_it_reads_what_it_writes(self) -> None:
        run = a_run(agent_id="agent-1", author_id="user-1", session_id="s-1", status="failed", memory_enabled=False)
        assert read_run(run.as_json()) == run
        assert set(json.loads(run.as_json())) == {
            "job_id",
            "account_id",
            "thread_id",
            "agent_id",
            "session_id",
            "author_id",
            "status",
            "finished_at",
            "memory_enabled",
        }

    def test_a_status_is_a_word(self) -> None:
        """An error's text could quote what somebody said."""
        assert a_run(status="Stopped").status == "stopped"
        assert a_run(status="failed: I keep bees").status == "ended"

    @pytest.mark.parametrize("field", ["job_id", "account_id", "thread_id", "agent_id"])
    @pytest.mark.parametrize("value", ["../x", "a b", "x" * 129, "\ud800", "-"])
    def test_what_is_no_id_is_named_and_not_repeated(self, field: str, value: str) -> None:
        with pytest.raises(InvalidCallError, match=f"^{field} is no id$"):
            finished_run({**asdict(a_run()), "finished_at": ENDED, field: value})

    def test_a_time_without_an_offset_is_utc(self) -> None:
        assert a_run(finished_at=datetime(2026, 12, 1, 12)).finished_at == ENDED.isoformat()  # noqa: DTZ001
        with pytest.raises(InvalidCallError):
            a_run(finished_at="yesterday")

    def test_keys_sort_by_time_and_say_nothing(self) -> None:
        keys = [a_run(number).key for number in range(20)]
        assert keys == sorted(keys)
        assert not any("run-" in key or "acct" in key for key in keys)

    def test_it_goes_out_as_it_is(self) -> None:
        run: FinishedRun = finished_run({"job_id": "r", "account_id": "a", "thread_id": "t", "finished_at": ENDED})
        assert run.fields()["finished_at"] == ENDED
