"""What takes longer than the function may: it ends in time, says what was done, and can be gone on with."""

import json
import threading
from collections.abc import Sequence

import pytest
from operator_memory.application.management.import_memories import EMBED_TIMEOUT
from operator_memory.domain.errors import UpstreamTimeoutError
from operator_memory.domain.management.export_line import memory_line
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType
from operator_memory.domain.shared.time_left import LARGEST_STEP, SMALLEST_STEP

from tests.support.builders import a_memory
from tests.support.management.api import Answer, Management
from tests.support.management.checks import belonging_to, is_problem, of_type

TIME = 29.0
"""Seconds that the function has for a request."""


@pytest.fixture
def platform() -> Management:
    platform = Management()
    begin(platform)
    return platform


def begin(platform: Management, seconds: float = TIME) -> None:
    """The function's time begins now, and passes with the platform's clock."""
    ends = platform.clock.monotonic() + seconds
    platform.seconds_left = lambda: ends - platform.clock.monotonic()


def takes(platform: Management, seconds: float) -> None:
    """To embed a text takes so many seconds, by the platform's clock."""
    platform.embedder.while_embedding = lambda texts: platform.clock.advance(seconds=seconds * texts)


def imported(platform: Management, user: str, lines: Sequence[str]) -> Answer:
    begin(platform)
    body = "\n".join(lines).encode()
    return platform.call("POST", "/v1/import", user=user, body=body, headers={"content-type": "application/x-ndjson"})


def facts(user: str, count: int, characters: int = 1_500) -> list[str]:
    return [
        json.dumps(memory_line(belonging_to(user, a_memory(f"Fact {n} " + "x" * (characters - 12)))))
        for n in range(count)
    ]


class TestImport:
    def test_two_thousand_long_lines_end_in_time_and_are_gone_on_with(self, platform: Management, user: str) -> None:
        takes(platform, 0.07)
        lines, added, calls = facts(user, 2_000), 0, 0
        left = lines
        while left:
            answer = imported(platform, user, left).json
            assert platform.seconds_left() > 0, "the function was not stopped"
            assert answer["added"] > SMALLEST_STEP
            assert answer["stopped_early"] == (answer["continue_at"] is not None)
            assert answer["added"] == (answer["continue_at"] or len(left) + 1) - 1
            added, calls = added + answer["added"], calls + 1
            left = left[answer["continue_at"] - 1 :] if answer["stopped_early"] else []
        assert (added, len(platform.memories.of(AccountId(user)))) == (2_000, 2_000)
        assert calls > 1
        takes(platform, 0)
        again = imported(platform, user, lines).json
        assert (again["added"], again["duplicates"], again["stopped_early"]) == (0, 2_000, False)

    def test_only_lines_that_were_read_are_counted(self, platform: Management, user: str) -> None:
        takes(platform, 1)
        lines = ["{", '{"type": "job"}', *facts(user, 100), "{", '{"type": "job"}']
        answer = imported(platform, user, lines).json
        assert answer["continue_at"] is not None
        assert (answer["skipped"], answer["rejected"]) == (1, [{"line": 1, "reason": "line: is not valid JSON"}])
        assert answer["added"] + answer["skipped"] + len(answer["rejected"]) == answer["continue_at"] - 1

    def test_steps_grow_where_they_are_quick_and_stay_small_where_they_are_not(
        self, platform: Management, user: str
    ) -> None:
        takes(platform, 0)
        imported(platform, user, facts(user, 300))
        assert max(map(len, platform.embedder.calls)) == LARGEST_STEP
        platform.embedder.calls.clear()
        takes(platform, 0.2)
        imported(platform, platform.platform.new_user(), facts(user, 300))
        assert {len(call) for call in platform.embedder.calls} == {SMALLEST_STEP}

    def test_with_no_time_at_all_it_begins_nothing(self, platform: Management, user: str) -> None:
        takes(platform, 0)
        ends = platform.clock.monotonic() + 3
        lines = facts(user, 3)
        platform.seconds_left = lambda: ends - platform.clock.monotonic()
        body = "\n".join(lines).encode()
        answer = platform.call("POST", "/v1/import", user=user, body=body).json
        assert (answer["added"], answer["stopped_early"], answer["continue_at"]) == (0, True, 1)

    def test_an_embedder_that_fails_in_the_little_time_left_is_a_stop_and_before_a_failure(
        self, platform: Management, user: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given: list[float] = []
        embed = platform.embedder.embed

        def fails_at_last(texts: Sequence[str], *, timeout: float) -> list[list[float]]:
            given.append(timeout)
            if timeout < EMBED_TIMEOUT:
                raise UpstreamTimeoutError("embeddings", "too slow")
            return embed(texts, timeout=timeout)

        takes(platform, 0.3)
        monkeypatch.setattr(platform.embedder, "embed", fails_at_last)
        answer = imported(platform, user, facts(user, 200)).json
        assert answer["stopped_early"]
        assert answer["added"] == answer["continue_at"] - 1 > 0
        assert given[-1] < EMBED_TIMEOUT
        monkeypatch.setattr(platform.embedder, "error", UpstreamTimeoutError("embeddings", "down"))
        monkeypatch.setattr(platform.embedder, "embed", embed)
        is_problem(imported(platform, user, facts(user, 400)[300:]), 503)


class TestOthers:
    def test_a_deletion_by_filter_deletes_what_there_is_time_for(self, platform: Management, user: str) -> None:
        takes(platform, 0)
        platform.put(*(belonging_to(user, a_memory(f"Fact {n}.")) for n in range(250)))
        pages = iter([TIME, TIME, TIME - 10, TIME - 20])  # before the request, and around each page
        platform.seconds_left = lambda: next(pages, 1.0)
        body = {"filter": {"scope": "user"}, "dry_run": False, "expected": 250}
        answer = platform.call("POST", "/v1/memories/delete", user=user, body=body).json
        assert answer["stopped_early"]
        assert 0 < answer["deleted"] < 250
        assert answer["matched"] == 250
        left = 250 - answer["deleted"]
        assert len(platform.memories.of(AccountId(user))) == left
        assert [event.result_count for event in of_type(platform, EventType.DELETE)] == [answer["deleted"]]
        begin(platform)
        again = platform.call("POST", "/v1/memories/delete", user=user, body={**body, "expected": left}).json
        assert (again["deleted"], again["stopped_early"]) == (left, False)
        assert platform.memories.of(AccountId(user)) == []

    def test_an_erasure_without_time_goes_on_by_itself(self, platform: Management, user: str) -> None:
        takes(platform, 0)
        platform.put(belonging_to(user, a_memory()))
        platform.seconds_left = lambda: 3.0
        body = {"target": "account", "confirm": "erase"}
        is_problem(platform.call("POST", "/v1/erasures", user=user, body=body), 503)
        [erasure] = platform.call("GET", "/v1/erasures", user=user).json["erasures"]
        assert erasure["state"] == "running"
        path = f"/v1/erasures/{erasure['id']}/resume"
        is_problem(platform.call("POST", path, user=user), 503)
        platform.clock.advance(minutes=6)
        assert platform.erase.resume_due() == (1, 0)
        assert platform.memories.of(AccountId(user)) == []

    def test_clearing_without_time_goes_on_by_itself(self, platform: Management, user: str) -> None:
        takes(platform, 0)
        platform.put(belonging_to(user, a_memory()))
        platform.seconds_left = lambda: 3.0
        is_problem(platform.call("DELETE", f"/memory/user/{user}", user=user), 503)
        platform.clock.advance(minutes=6)
        assert platform.erase.resume_due() == (1, 0)
        assert platform.memories.of(AccountId(user)) == []

    def test_an_export_closes_its_part_early(self, platform: Management, user: str) -> None:
        takes(platform, 0)
        platform.put(*(belonging_to(user, a_memory(f"Fact {n}.")) for n in range(30)))
        platform.seconds_left = lambda: 5.0
        lines: list[str] = []
        parts, cursor = 0, None
        while parts == 0 or cursor is not None:
            answer = platform.call("GET", "/v1/export", user=user, cursor=cursor)
            assert answer.body, "each part brings it further"
            lines += answer.body.splitlines()
            parts, cursor = parts + 1, answer.headers.get("x-next-cursor")
        assert parts > 3
        types = [json.loads(line)["type"] for line in lines]
        assert (types.count("memory"), types[-1]) == (30, "end")

    def test_what_does_not_end_is_broken_off_with_an_answer(
        self, platform: Management, user: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def hangs(*_: object, **__: object) -> None:
            threading.Event().wait(60)
            pytest.fail("nothing ended it")

        monkeypatch.setattr(platform.library, "page", hangs)
        platform.seconds_left = lambda: 0.0
        is_problem(platform.call("GET", "/v1/memories", user=user), 503)
