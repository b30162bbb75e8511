"""`SupabaseThreadMessages`: the real client reads threads from a real Postgres behind the devstack's front."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from uuid import UUID, uuid4

import psycopg
import pytest
from operator_memory.adapters.supabase.messages import PAGE_ROWS, SupabaseThreadMessages
from operator_memory.application.ports.learning import ThreadMessages
from operator_memory.domain.conversation import RawMessage, Watermark, read_conversation
from operator_memory.domain.errors import (
    ConfigurationError,
    MalformedResponseError,
    RefusedKeyError,
    UpstreamError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from operator_memory.domain.memory.scopes import AccountId

from devstack.supabase import SupabaseFront
from devstack.supabase.seed import account_id as demo_account
from devstack.supabase.seed import demo_id
from tests.support.loopback import unused_port
from tests.support.supabase.tenants import StoredMessage, Tenant, add_messages, new_team, new_tenant, new_thread
from tests.support.time_outs import AMPLE

pytest_plugins = ["tests.support.supabase.fixtures"]

NOON = datetime(2026, 5, 4, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def make() -> Iterator[Callable[..., SupabaseThreadMessages]]:
    made: list[SupabaseThreadMessages] = []

    def build(url: str, key: str, timeout_seconds: float = AMPLE) -> SupabaseThreadMessages:
        made.append(SupabaseThreadMessages(url, lambda: key, timeout_seconds))
        return made[-1]

    yield build
    for adapter in made:
        adapter.close()


@pytest.fixture
def messages(supabase_front: SupabaseFront, make: Callable[..., SupabaseThreadMessages]) -> ThreadMessages:
    return make(supabase_front.url, supabase_front.service_role_key)


def test_a_rotated_key_is_heard_of(supabase_front: SupabaseFront) -> None:
    keys = ["not the key", supabase_front.service_role_key]
    reader = SupabaseThreadMessages(supabase_front.url, lambda: keys.pop(0), AMPLE)
    ids = account(str(uuid4())), str(uuid4())
    with pytest.raises(RefusedKeyError):
        reader.read(*ids, after=None, limit=1)
    assert reader.read(*ids, after=None, limit=1) == []
    reader.close()


def account(text: str) -> AccountId:
    return AccountId(text)


def said(text: str, *, seconds: float = 0, type_: str = "user", message_id: str | None = None) -> StoredMessage:
    return StoredMessage(type_, text, NOON + timedelta(seconds=seconds), message_id or str(uuid4()))


def contents(found: list[RawMessage]) -> list[object]:
    return [message.content for message in found]


def watermark(message: RawMessage) -> Watermark:
    assert message.created_at is not None
    assert message.message_id is not None
    return Watermark(message.created_at, message.message_id)


class TestWhatIsRead:
    def test_user_and_assistant_rows_by_type_in_the_platform_s_own_shapes(self, messages: ThreadMessages) -> None:
        found = messages.read(account(demo_account("ada")), demo_id("thread:ada"), after=None, limit=50)

        assert [message.type for message in found] == ["user", "assistant", "assistant"]
        assert [type(message.content) for message in found] == [str, dict, dict]
        turns = read_conversation(found, redact=str).turns
        assert [turn.text for turn in turns] == [
            "Hi, I'm Ada. I am a vegetarian and I prefer night trains to flights.",
            "I will look that up.",
            "There is a Nightjet at 18:43. I noted: no flights.",
        ]

    def test_every_message_carries_its_id_and_time_to_the_microsecond(
        self, supabase_front: SupabaseFront, tenant: Tenant, messages: ThreadMessages
    ) -> None:
        thread, one = new_thread(supabase_front, tenant.account_id), said("x")
        add_messages(supabase_front, thread, [one])

        found = messages.read(account(tenant.account_id), thread, after=None, limit=5)
        assert [(m.message_id, m.created_at) for m in found] == [(one.message_id, NOON)]

    def test_a_message_carries_the_name_of_who_spoke_where_its_content_says_so(
        self, supabase_front: SupabaseFront, tenant: Tenant, messages: ThreadMessages
    ) -> None:
        thread = new_thread(supabase_front, tenant.account_id)
        named: dict[str, object] = {"role": "user", "content": "I like tea.", "name": "Ana Lima"}
        contents_: list[object] = [named, json.dumps(named), {**named, "name": None}, {**named, "name": 7}, "Ana: hi"]
        rows = [
            StoredMessage("user", content, NOON + timedelta(seconds=n), str(uuid4()))
            for n, content in enumerate(contents_)
        ]
        add_messages(supabase_front, thread, rows)

        found = messages.read(account(tenant.account_id), thread, after=None, limit=9)
        assert [message.name for message in found] == ["Ana Lima", "Ana Lima", None, None, None]
        assert [turn.name for turn in read_conversation(found, redact=str).turns][:2] == ["Ana Lima", "Ana Lima"]

    def test_other_types_are_left_out_whatever_role_their_content_claims(
        self, supabase_front: SupabaseFront, tenant: Tenant, messages: ThreadMessages
    ) -> None:
        thread = new_thread(supabase_front, tenant.account_id)
        noise = ("tool", "status", "assistant_response_end", "browser_state", "image_context", "summary")
        add_messages(
            supabase_front,
            thread,
            [*(said("noise", seconds=n, type_=type_) for n, type_ in enumerate(noise)), said("kept", seconds=9)],
        )
        assert contents(messages.read(account(tenant.account_id), thread, after=None, limit=50)) == ["kept"]

    def test_a_team_s_thread_belongs_to_the_team(
        self, supabase_front: SupabaseFront, tenant: Tenant, messages: ThreadMessages
    ) -> None:
        team = new_team(supabase_front, tenant)
        thread = new_thread(supabase_front, team)
        add_messages(supabase_front, thread, [said("ours")])

        assert contents(messages.read(account(team), thread, after=None, limit=5)) == ["ours"]
        assert messages.read(account(tenant.account_id), thread, after=None, limit=5) == []


class TestIsolation:
    def test_another_account_s_thread_gives_nothing(
        self, supabase_front: SupabaseFront, tenant: Tenant, messages: ThreadMessages
    ) -> None:
        stranger = new_tenant(supabase_front)
        thread = new_thread(supabase_front, tenant.account_id)
        add_messages(supabase_front, thread, [said("secret")])

        assert messages.read(account(stranger.account_id), thread, after=None, limit=5) == []
        assert (
            messages.read(account(stranger.account_id), thread, after=Watermark(NOON, str(UUID(int=0))), limit=5) == []
        )

    def test_a_public_thread_is_still_another_account_s(
        self, supabase_front: SupabaseFront, tenant: Tenant, messages: ThreadMessages
    ) -> None:
        thread = new_thread(supabase_front, tenant.account_id)
        add_messages(supabase_front, thread, [said("shared with the world")])
        with psycopg.connect(supabase_front.dsn) as database:
            database.execute("update public.threads set is_public = true where thread_id = %s", (thread,))

        other = new_tenant(supabase_front).account_id
        assert messages.read(account(other), thread, after=None, limit=5) == []

    @pytest.mark.parametrize(
        "hostile",
        ["*", "", "no-uuid", "eq.x", "x,or(1.eq.1)", "')--", "a" * 10_000, "é", "null"],
    )
    def test_ids_that_the_platform_cannot_have_name_nothing(
        self, supabase_front: SupabaseFront, tenant: Tenant, messages: ThreadMessages, hostile: str
    ) -> None:
        thread = new_thread(supabase_front, tenant.account_id)
        add_messages(supabase_front, thread, [said("secret")])

        assert messages.read(account(hostile), thread, after=None, limit=5) == []
        assert messages.read(account(tenant.account_id), hostile, after=None, limit=5) == []

    def test_another_spelling_of_an_id_is_not_that_id(
        self, supabase_front: SupabaseFront, tenant: Tenant, messages: ThreadMessages
    ) -> None:
        thread = new_thread(supabase_front, tenant.account_id)
        add_messages(supabase_front, thread, [said("secret")])

        for spelling in (tenant.account_id.upper(), tenant.account_id.replace("-", ""), f"{{{tenant.account_id}}}"):
            assert messages.read(account(spelling), thread, after=None, limit=5) == []

    def test_an_unknown_thread_gives_nothing(self, tenant: Tenant, messages: ThreadMessages) -> None:
        assert messages.read(account(tenant.account_id), str(uuid4()), after=None, limit=5) == []


class TestOrderAndWatermark:
    def test_messages_of_the_same_moment_are_told_apart_by_id(
        self, supabase_front: SupabaseFront, tenant: Tenant, messages: ThreadMessages
    ) -> None:
        thread, owner = new_thread(supabase_front, tenant.account_id), account(tenant.account_id)
        ids = sorted(str(uuid4()) for _ in range(6))
        add_messages(supabase_front, thread, [said(one, message_id=one) for one in reversed(ids)])

        found = messages.read(owner, thread, after=None, limit=3)
        rest = messages.read(owner, thread, after=watermark(found[-1]), limit=50)

        assert [contents(found), contents(rest)] == [ids[:3], ids[3:]]
        assert messages.read(owner, thread, after=watermark(rest[-1]), limit=50) == []

    def test_reading_on_from_a_watermark_takes_only_what_is_later(
        self, supabase_front: SupabaseFront, tenant: Tenant, messages: ThreadMessages
    ) -> None:
        thread, owner = new_thread(supabase_front, tenant.account_id), account(tenant.account_id)
        add_messages(supabase_front, thread, [said("b", seconds=1e-6), said("c", seconds=2), said("a")])
        first = messages.read(owner, thread, after=None, limit=1)
        assert contents(first) == ["a"]
        assert contents(messages.read(owner, thread, after=watermark(first[0]), limit=9)) == ["b", "c"]

        add_messages(supabase_front, thread, [said("d", seconds=3)])
        late = Watermark(NOON + timedelta(seconds=2), str(UUID(int=2**128 - 1)))
        assert contents(messages.read(owner, thread, after=late, limit=9)) == ["d"]

    def test_a_watermark_of_inline_messages_has_no_id_to_compare_so_its_moment_is_read_again(
        self, supabase_front: SupabaseFront, tenant: Tenant, messages: ThreadMessages
    ) -> None:
        thread = new_thread(supabase_front, tenant.account_id)
        add_messages(
            supabase_front, thread, [said("before", seconds=-1), said("same moment"), said("after", seconds=1)]
        )

        found = messages.read(account(tenant.account_id), thread, after=Watermark(NOON, 'm"1,x)'), limit=9)
        assert contents(found) == ["same moment", "after"]

    def test_a_thread_longer_than_any_single_answer_is_read_whole(
        self, supabase_front: SupabaseFront, tenant: Tenant, messages: ThreadMessages
    ) -> None:
        thread, owner = new_thread(supabase_front, tenant.account_id), account(tenant.account_id)
        numbers = [str(n) for n in range(1234)]
        # Groups of 7 share a moment, so that page borders fall inside ties.
        ids = sorted(str(uuid4()) for _ in numbers)
        add_messages(
            supabase_front,
            thread,
            [said(n, seconds=int(n) // 7, message_id=one) for n, one in zip(numbers, ids, strict=True)],
        )
        assert len(numbers) > 1000 > PAGE_ROWS

        assert contents(messages.read(owner, thread, after=None, limit=5000)) == numbers
        assert contents(messages.read(owner, thread, after=None, limit=PAGE_ROWS + 1)) == numbers[: PAGE_ROWS + 1]
        assert messages.read(owner, thread, after=None, limit=0) == []


class TestFailures:
    def test_a_server_that_is_down_is_retryable_and_found_out_quickly(
        self, tenant: Tenant, make: Callable[..., SupabaseThreadMessages]
    ) -> None:
        assert_fails(make(f"http://127.0.0.1:{unused_port()}", "key"), UpstreamUnavailableError, retryable=True)

    def test_a_server_that_is_slow_is_given_up_in_time(
        self, supabase_front: SupabaseFront, make: Callable[..., SupabaseThreadMessages]
    ) -> None:
        adapter = make(supabase_front.url, supabase_front.service_role_key, 0.5)
        with psycopg.connect(supabase_front.dsn) as database:
            database.execute("lock table public.messages in access exclusive mode")
            assert_fails(adapter, UpstreamTimeoutError, retryable=True)

    def test_the_timeout_is_for_all_pages_together(self, make: Callable[..., SupabaseThreadMessages]) -> None:
        row = {"message_id": str(uuid4()), "type": "user", "content": "x", "created_at": NOON.isoformat()}
        page = [{**row, "threads": {"account_id": demo_account("ada")}}]
        with answering(200, page, seconds=0.2) as url:
            assert_fails(make(url, "key", 0.5), UpstreamTimeoutError, retryable=True)

    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    def test_a_server_that_cannot_serve_now_is_retryable(
        self, make: Callable[..., SupabaseThreadMessages], status: int
    ) -> None:
        with answering(status, {"message": "try later"}) as url:
            assert_fails(make(url, "key"), UpstreamUnavailableError, retryable=True)

    def test_a_wrong_key_is_replaced_by_somebody_so_it_is_worth_another_try(
        self, supabase_front: SupabaseFront, make: Callable[..., SupabaseThreadMessages]
    ) -> None:
        assert_fails(make(supabase_front.url, "wrong"), UpstreamRejectedError, retryable=True)

    def test_a_schema_that_is_not_the_platforms_is_permanent(self, make: Callable[..., SupabaseThreadMessages]) -> None:
        refusal = {"code": "42703", "message": "column messages.type does not exist", "details": None, "hint": None}
        with answering(400, refusal) as url:
            error = assert_fails(make(url, "key"), UpstreamRejectedError, retryable=False)
        assert "42703" in str(error)

    def test_a_key_that_may_not_read_is_not_an_error_but_sees_nothing(
        self, supabase_front: SupabaseFront, make: Callable[..., SupabaseThreadMessages]
    ) -> None:
        visitor = make(supabase_front.url, supabase_front.anon_key)
        assert visitor.read(account(demo_account("ada")), demo_id("thread:ada"), after=None, limit=5) == []

    @pytest.mark.parametrize(
        "answer",
        [
            "not rows",
            [{"message_id": "x"}],
            [None],
            [{"message_id": 5, "type": "user", "content": "", "created_at": "soon", "threads": None}],
        ],
    )
    def test_an_answer_that_is_not_messages_is_no_empty_success(
        self, make: Callable[..., SupabaseThreadMessages], answer: object
    ) -> None:
        with answering(200, answer) as url:
            assert_fails(make(url, "key"), MalformedResponseError, retryable=True)

    def test_rows_of_another_account_are_refused_even_if_the_server_sends_them(
        self, make: Callable[..., SupabaseThreadMessages]
    ) -> None:
        row = {"message_id": str(uuid4()), "type": "user", "content": "secret", "created_at": NOON.isoformat()}
        with answering(200, [{**row, "threads": {"account_id": str(uuid4())}}]) as url:
            error = assert_fails(make(url, "key"), MalformedResponseError, retryable=True)
        assert "secret" not in str(error)

    def test_an_address_that_is_none_is_a_configuration_error(
        self, make: Callable[..., SupabaseThreadMessages]
    ) -> None:
        with pytest.raises(ConfigurationError, match="SUPABASE_URL"):
            make("nowhere", "key").read(account(str(uuid4())), str(uuid4()), after=None, limit=1)


def test_nothing_heavy_is_imported_before_the_first_read() -> None:
    code = (
        "import sys; from operator_memory.adapters.supabase.messages import SupabaseThreadMessages as S;"
        "S('http://127.0.0.1:1', 'k', 1); print({'supabase', 'httpx', 'postgrest', 'pydantic'} & set(sys.modules))"
    )
    path = ":".join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": path}
    )
    assert done.stdout.strip() == "set()"


def assert_fails(
    adapter: ThreadMessages, kind: type[UpstreamError], *, retryable: bool, within: float = AMPLE / 2
) -> UpstreamError:
    """Read Ada's thread and expect this failure within so many seconds: sooner than by the adapter's own time-out."""
    started = time.monotonic()
    with pytest.raises(kind) as caught:
        adapter.read(account(demo_account("ada")), demo_id("thread:ada"), after=None, limit=500)
    assert time.monotonic() - started < within
    assert caught.value.retryable is retryable
    assert caught.value.system == "supabase"
    return caught.value


@contextmanager
def answering(status: int, body: object, *, seconds: float = 0) -> Iterator[str]:
    """A server that gives every request the same answer, after ``seconds``; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            stopping.wait(seconds)
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None: ...

    stopping = threading.Event()
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        stopping.set()
        server.shutdown()
        thread.join()
