"""Port ``EventTrail``: the fake, and `SupabaseEventTrail` on a real Postgres with real roles."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from operator_memory.adapters.supabase.event_trail import BATCH, SupabaseEventTrail
from operator_memory.application.ports.management import EventTrail
from operator_memory.domain.errors import (
    InvalidInputError,
    MalformedResponseError,
    UpstreamRejectedError,
    UpstreamUnavailableError,
)
from operator_memory.domain.management.audit_events import EventType
from operator_memory.domain.management.erasure import Target, TargetKind

from tests.support.loopback import reply
from tests.support.supabase.platform_worlds import (
    FAILURES,
    HOSTILE_IDS,
    NOW,
    Failure,
    World,
    account,
    answering,
    event,
    ids_of,
    rows_of,
)

pytest_plugins = ["tests.support.supabase.fixtures", "tests.support.supabase.platform_fixtures"]

ALL = Target(TargetKind.ACCOUNT)
ACCOUNT = account(str(uuid4()))


class TestWriting:
    def test_all_that_an_event_says_is_written(self, world: World) -> None:
        user = account(world.platform.new_user())
        agent, thread, memory = (str(uuid4()) for _ in range(3))
        said = event(
            user,
            type=EventType.INJECT,
            agent_id=agent,
            thread_id=thread,
            memory_ids=(memory,),
            query="night trains?",
            result_count=1,
            metadata={"degraded": False, "of": "account", "n": 3},
        )
        assert world.trail.record([said]) == set()
        [row] = rows_of(world, user)
        occurred, created = (datetime.fromisoformat(str(row.pop(name))) for name in ("occurred_at", "created_at"))
        assert occurred == NOW
        assert abs(datetime.now(UTC) - created) < timedelta(minutes=1)
        assert row == {
            "id": said.id,
            "account_id": user,
            "actor": f"user:{user}",
            "event_type": "inject",
            "agent_id": agent,
            "thread_id": thread,
            "memory_ids": [memory],
            "query": "night trains?",
            "result_count": 1,
            "metadata": {"degraded": False, "of": "account", "n": 3},
        }

    @pytest.mark.parametrize("kind", EventType)
    def test_every_type_of_event_has_its_place(self, world: World, kind: EventType) -> None:
        user = account(world.platform.new_user())
        world.trail.record([event(user, type=kind)])
        [row] = rows_of(world, user)
        assert (row["event_type"], row["memory_ids"], row["metadata"], row["query"]) == (kind.value, [], {}, None)

    def test_an_event_twice_is_one_row_in_one_batch_and_in_two_and_the_first_stands(self, world: World) -> None:
        user = account(world.platform.new_user())
        said = event(user, result_count=1)
        assert world.trail.record([said, said]) == set()
        assert world.trail.record([event(user), replace(said, result_count=2)]) == set()
        rows = rows_of(world, user)
        assert len(rows) == 2
        assert [row["result_count"] for row in rows if row["id"] == said.id] == [1]

    def test_of_two_accounts_the_unknown_one_does_not_keep_the_other_out(self, world: World) -> None:
        user = account(world.platform.new_user())
        known, unknown, impossible = event(user), event(ACCOUNT), event("acme")
        assert world.trail.record([unknown, known, impossible]) == {unknown.id, impossible.id}
        assert ids_of(world, user) == {known.id}

    @pytest.mark.parametrize("hostile", HOSTILE_IDS)
    def test_an_account_that_the_platform_cannot_have_is_unknown(self, world: World, hostile: str) -> None:
        said = event(hostile)
        assert world.trail.record([said]) == {said.id}
        assert world.trail.events(account(hostile), after=None, limit=5) == ([], None)
        assert world.trail.count_queries(account(hostile), ALL) == 0
        world.trail.forget_queries(account(hostile), ALL)

    def test_other_ids_than_the_platforms_are_kept_beside(self, world: World) -> None:
        user, memory = account(world.platform.new_user()), str(uuid4())
        said = event(user, agent_id="helper", thread_id="s:1", memory_ids=("m-1", memory, "m-2"), metadata={"of": "x"})
        world.trail.record([said])
        [row] = rows_of(world, user)
        assert (row["agent_id"], row["thread_id"], row["memory_ids"]) == (None, None, [memory])
        assert row["metadata"] == {"of": "x", "agent": "helper", "thread": "s:1", "memory_ids": ["m-1", "m-2"]}

    def test_nothing_is_nothing(self, world: World) -> None:
        assert world.trail.record([]) == set()

    def test_more_events_than_one_request_takes(self, world: World) -> None:
        user = account(world.platform.new_user())
        said = [event(user) for _ in range(2 * BATCH + 1)]
        lost = event(ACCOUNT)
        assert world.trail.record([*said, lost]) == {lost.id}
        assert ids_of(world, user) == {one.id for one in said}

    def test_a_deleted_accounts_events_do_not_come_back(self, world: World) -> None:
        user = account(world.platform.new_user())
        before, late = event(user), event(user)
        world.trail.record([before])
        world.platform.delete_account(user)
        assert world.trail.record([before, late]) == {before.id, late.id}
        assert rows_of(world, user) == []


class TestReading:
    def test_page_by_page_each_once_in_the_order_of_writing(self, world: World) -> None:
        user = account(world.platform.new_user())
        written: list[set[object]] = []
        for size in (3, 1, 4):  # the events of one request have one time and differ by id
            batch = [event(user) for _ in range(size)]
            world.trail.record(batch)
            written.append({one.id for one in batch})
        pages, after = [], None
        while True:
            page, after = world.trail.events(user, after=after, limit=2)
            pages.append([row["id"] for row in page])
            if after is None:
                break
        assert [len(page) for page in pages] == [2, 2, 2, 2]
        ids = [identity for page in pages for identity in page]
        assert [set(ids[:3]), set(ids[3:4]), set(ids[4:])] == written

    def test_what_is_written_meanwhile_is_on_a_later_page(self, world: World) -> None:
        user = account(world.platform.new_user())
        world.trail.record([event(user)])
        world.trail.record([event(user)])
        _, after = world.trail.events(user, after=None, limit=1)
        late = event(user)
        world.trail.record([late])
        rest, end = world.trail.events(user, after=after, limit=10)
        assert (len(rest), rest[-1]["id"], end) == (2, late.id, None)

    def test_an_account_sees_its_own_and_nothing_with_anothers_cursor(self, world: World) -> None:
        mine, other = account(world.platform.new_user()), account(world.platform.new_user())
        world.trail.record([event(other), event(other)])
        world.trail.record([event(mine)])
        _, after = world.trail.events(other, after=None, limit=1)
        assert after is not None
        found, _ = world.trail.events(mine, after=after, limit=10)
        assert {row["account_id"] for row in found} == {mine}

    @pytest.mark.parametrize(
        "cursor",
        ["", "x", "é", "*", "null", "eyJhIjoxfQ", base64.urlsafe_b64encode(b"\xff" * 40).decode(), "A" * 10_000],
    )
    def test_a_cursor_that_was_not_given_is_refused(self, world: World, cursor: str) -> None:
        for owner in (account(world.platform.new_user()), account("acme")):
            with pytest.raises(InvalidInputError) as raised:
                world.trail.events(owner, after=cursor, limit=5)
            assert raised.value.field == "cursor"

    @pytest.mark.parametrize(
        "place",
        [
            "2026-01-01T00:00:00+00:00",
            "2026-01-01T00:00:00 {id}",
            "yesterday {id}",
            "2026-01-01T00:00:00+00:00 {id})",
            "2026-01-01T00:00:00+00:00 {id},or(a.eq.1)",
            '2026-01-01T00:00:00+00:00",x.eq." {id}',
            "0001-01-01T00:00:00+23:59 {id}",
        ],
    )
    def test_a_made_up_place_is_refused(self, real: World, place: str) -> None:
        cursor = base64.urlsafe_b64encode(place.format(id=ACCOUNT).encode()).decode().rstrip("=")
        with pytest.raises(InvalidInputError):
            real.trail.events(ACCOUNT, after=cursor, limit=5)

    def test_a_place_in_any_zone_is_a_place(self, real: World) -> None:
        place = f"2026-01-01T00:00:00+05:30:15.5 {ACCOUNT}".encode()
        cursor = base64.urlsafe_b64encode(place).decode()
        assert real.trail.events(ACCOUNT, after=cursor, limit=5) == ([], None)


class TestWordsOfSearches:
    def test_are_counted_and_taken_out_for_an_account(self, world: World) -> None:
        mine, other = account(world.platform.new_user()), account(world.platform.new_user())
        world.trail.record([event(mine, query="a"), event(mine, query=""), event(mine), event(other, query="b")])
        assert world.trail.count_queries(mine, ALL) == 2
        world.trail.forget_queries(mine, ALL)
        world.trail.forget_queries(mine, ALL)
        assert world.trail.count_queries(mine, ALL) == 0
        assert [row["query"] for row in rows_of(world, mine)] == [None] * 3
        assert [row["query"] for row in rows_of(world, other)] == ["b"]

    def test_of_one_member_are_those_that_they_searched(self, world: World) -> None:
        owner, member = world.platform.new_user(), world.platform.new_user()
        team = world.platform.new_team(owner, member)
        theirs = event(team, actor=f"user:{member}", query="mine")
        others = event(team, actor=f"user:{owner}", query="yours")
        world.trail.record([theirs, others, event(member, actor=f"user:{member}", query="elsewhere")])
        target = Target(TargetKind.AUTHOR, member)
        assert world.trail.count_queries(team, target) == 1
        world.trail.forget_queries(team, target)
        assert {row["id"]: row["query"] for row in rows_of(world, team)} == {theirs.id: None, others.id: "yours"}
        assert world.trail.count_queries(account(member), ALL) == 1, "in their own account nothing changed"

    @pytest.mark.parametrize("hostile", HOSTILE_IDS)
    def test_of_an_author_of_any_id_are_that_authors(self, world: World, hostile: str) -> None:
        user = account(world.platform.new_user())
        world.trail.record([event(user, query="a"), event(user, actor=f"user:{hostile}", query="b")])
        target = Target(TargetKind.AUTHOR, hostile)
        assert world.trail.count_queries(user, target) == 1
        world.trail.forget_queries(user, target)
        assert world.trail.count_queries(user, ALL) == 1

    @pytest.mark.parametrize(
        "target", [Target(TargetKind.USER), Target(TargetKind.AGENT, "x"), Target(TargetKind.SESSION, "x")]
    )
    def test_belong_to_no_other_part(self, world: World, target: Target) -> None:
        user = account(world.platform.new_user())
        world.trail.record([event(user, query="a", agent_id="x", thread_id="x")])
        assert world.trail.count_queries(user, target) == 0
        world.trail.forget_queries(user, target)
        assert world.trail.count_queries(user, ALL) == 1


ATTEMPTS: dict[str, Callable[[EventTrail], object]] = {
    "record": lambda trail: trail.record([event(ACCOUNT)]),
    "events": lambda trail: trail.events(ACCOUNT, after=None, limit=5),
    "count_queries": lambda trail: trail.count_queries(ACCOUNT, ALL),
}


class TestFailures:
    @pytest.mark.parametrize("attempt", ATTEMPTS)
    def test_what_it_is_and_within_the_time(self, failure: Failure, attempt: str) -> None:
        failure.shows_in(lambda rest: ATTEMPTS[attempt](SupabaseEventTrail(rest, timeout=0.3)))

    @pytest.mark.parametrize("kind", ["down", "slow", "wrong key", "forbidden", "too many", "broken", "no JSON"])
    def test_words_that_were_not_taken_out_are_no_success(self, kind: str) -> None:
        failure = FAILURES[kind]
        with failure.server() as rest, pytest.raises(failure.error):
            SupabaseEventTrail(rest, timeout=0.3).forget_queries(ACCOUNT, ALL)

    def test_a_function_that_is_not_there_is_named_by_its_code_and_no_word_of_ours_is_repeated(self) -> None:
        refusal = {"code": "PGRST202", "message": "Could not find secret", "details": "secret"}
        with answering(reply(refusal, 404)) as (server, rest), pytest.raises(UpstreamRejectedError) as raised:
            SupabaseEventTrail(rest).record([event(ACCOUNT), event(ACCOUNT)])
        assert str(raised.value) == "supabase: refused the request with 404 (code PGRST202)"
        assert raised.value.reason == "upstream_rejected"
        assert len(server.requests) == 1, "it is not the events' fault: they are not tried one by one"

    @pytest.mark.parametrize("code", [None, 7, "secret", ["23505"], {"a": 1}])
    def test_a_code_that_is_none_is_not_repeated(self, code: object) -> None:
        with answering(reply({"code": code}, 400)) as (_, rest), pytest.raises(UpstreamRejectedError) as raised:
            SupabaseEventTrail(rest).record([event(ACCOUNT)])
        assert str(raised.value) == "supabase: refused the request with 400"

    def test_what_was_written_before_it_broke_is_written_once_when_all_is_given_again(self) -> None:
        written = reply([])
        events = [event(ACCOUNT) for _ in range(BATCH + 1)]
        with answering(written, reply(b"", 503), written) as (server, rest):
            trail = SupabaseEventTrail(rest)
            with pytest.raises(UpstreamUnavailableError):
                trail.record(events)
            trail.record(events)
        sent = [[row["id"] for row in json.loads(request.body)["p_events"]] for request in server.requests]
        assert sent[:2] == sent[2:], "the same ids, which the database writes once"

    @pytest.mark.parametrize(
        "row", [{}, {"account_id": str(uuid4())}, {"account_id": ACCOUNT}, {"account_id": ACCOUNT, "id": "x"}]
    )
    def test_rows_of_another_account_or_without_a_place_are_refused(self, row: dict[str, str]) -> None:
        with answering(reply([row, row])) as (_, rest), pytest.raises(MalformedResponseError):
            SupabaseEventTrail(rest).events(ACCOUNT, after=None, limit=1)

    @pytest.mark.parametrize("header", [None, "*/*", "0-0/many", "0-0/-1"])
    def test_a_count_that_is_not_said_is_not_zero(self, header: str | None) -> None:
        answer = reply([], headers={"Content-Range": header} if header else None)
        with answering(answer) as (_, rest), pytest.raises(MalformedResponseError):
            SupabaseEventTrail(rest).count_queries(ACCOUNT, ALL)
