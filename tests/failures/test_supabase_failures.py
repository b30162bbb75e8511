"""The platform's database fails: nobody's switch is taken for on, and no message of a thread is lost or read twice."""

from uuid import uuid4

from operator_memory.domain.learning.jobs import JobState

from tests.support.failures.faulty_proxy import answers, hangs
from tests.support.failures.rig import GIVES_BACK, NOTHING, Rig, path, target
from tests.support.failures.table import injects
from tests.support.loopback import reply
from tests.support.supabase.platform_worlds import RealPlatform

pytest_plugins = ["tests.support.failures.fixtures"]

SWITCHES, MESSAGES = path("/rpc/memory_switches"), path("/rest/v1/messages")
READS_WATERMARK = target("GetItem", holding="WATERMARK#")
NOT_READ = "The message is tried again; without the switches nothing is read, sent to a model or stored."
NO_MESSAGES = "The message is tried again; nothing is stored, and the thread is read from where it was."


def meets_unread_switches(rig: Rig, reason: str) -> None:
    """The message is given back, and no model has been asked before that."""
    asked: list[int] = []
    rig.systems.sqs.before(GIVES_BACK, lambda: asked.append(len(rig.systems.models.requests)))
    rig.is_tried_again(reason)
    assert asked == [0]


@injects("Supabase", "is down when the switches are read", then=NOT_READ, reason="upstream_unavailable")
def test_supabase_is_down_when_switches_are_read(rig: Rig) -> None:
    rig.systems.supabase.down()
    meets_unread_switches(rig, "upstream_unavailable")


@injects("Supabase", "is slow when the switches are read", then=NOT_READ, reason="upstream_timeout")
def test_supabase_is_slow_when_switches_are_read(rig: Rig) -> None:
    rig.systems.supabase.spoil(hangs, when=SWITCHES)
    meets_unread_switches(rig, "upstream_timeout")


@injects("Supabase", "answers 500 when the switches are read", then=NOT_READ, reason="upstream_unavailable")
def test_supabase_answers_500_when_switches_are_read(rig: Rig) -> None:
    rig.systems.supabase.spoil(answers(reply({"code": "57014", "message": "cancelled"}, 500)), when=SWITCHES)
    meets_unread_switches(rig, "upstream_unavailable")


@injects(
    "Supabase",
    "answers 401: the key was revoked",
    then=f"{NOT_READ} For about an hour the key can be replaced.",
    reason="upstream_rejected",
)
def test_supabase_refuses_the_key(rig: Rig) -> None:
    rig.systems.supabase.spoil(answers(reply({"message": "Invalid API key"}, 401)), when=SWITCHES)
    meets_unread_switches(rig, "upstream_rejected")


@injects("Supabase", "answers with no switches (`null`)", then=NOT_READ, reason="malformed_response")
def test_supabase_answers_without_switches(rig: Rig) -> None:
    rig.systems.supabase.spoil(answers(reply(b"null")), when=SWITCHES)
    meets_unread_switches(rig, "malformed_response")


@injects(
    "Supabase",
    "is down for an account whose memory is off",
    then="The message is tried again. When the switches can be read, the job is done with nothing learned.",
    reason="upstream_unavailable",
)
def test_supabase_is_down_for_an_account_whose_memory_is_off(rig: Rig) -> None:
    statement = "insert into public.memory_settings (account_id, memory_enabled) values (%s, false)"
    RealPlatform(rig.world.front).sql(statement, rig.subject)
    rig.systems.supabase.down()
    rig.both_sent()
    rig.fails("upstream_unavailable")
    rig.is_recorded("upstream_unavailable")

    assert rig.deliver().failed == []

    found = rig.outcome()
    assert found.record is not None
    assert (found.record.state, dict(found.record.skipped)) == (JobState.DONE, {"memory_disabled_account": 1})
    assert (found.stored, found.queued, found.letters) == (NOTHING, 0, [])


def reads_no_messages(rig: Rig, reason: str) -> None:
    """The message is given back; then the thread is read, and once."""
    thread = rig.new_thread()
    rig.both_sent(thread=thread, messages=None)
    rig.fails(reason)
    rig.is_recorded(reason)
    rig.succeeds(first_error=reason)
    rig.stores_nothing_more(thread)


@injects("Supabase", "is down when a thread's messages are read", then=NO_MESSAGES, reason="upstream_unavailable")
def test_supabase_is_down_when_messages_are_read(rig: Rig) -> None:
    rig.systems.dynamodb.before(READS_WATERMARK, rig.systems.supabase.down)  # the switches have been read by then
    reads_no_messages(rig, "upstream_unavailable")


@injects("Supabase", "is slow when a thread's messages are read", then=NO_MESSAGES, reason="upstream_timeout")
def test_supabase_is_slow_when_messages_are_read(rig: Rig) -> None:
    rig.systems.supabase.spoil(hangs, when=MESSAGES)
    reads_no_messages(rig, "upstream_timeout")


@injects("Supabase", "answers 503 when a thread's messages are read", then=NO_MESSAGES, reason="upstream_unavailable")
def test_supabase_answers_503_when_messages_are_read(rig: Rig) -> None:
    rig.systems.supabase.spoil(answers(reply({"message": "starting"}, 503)), when=MESSAGES)
    reads_no_messages(rig, "upstream_unavailable")


@injects(
    "Supabase",
    "answers 401 when a thread's messages are read: the key was revoked",
    then=f"{NO_MESSAGES} For about an hour the key can be replaced.",
    reason="upstream_rejected",
)
def test_supabase_refuses_the_key_when_messages_are_read(rig: Rig) -> None:
    refusal = reply({"message": "JWT expired", "code": "PGRST301"}, 401)
    rig.systems.supabase.spoil(answers(refusal), when=MESSAGES)
    reads_no_messages(rig, "upstream_rejected")


@injects(
    "Supabase",
    "fails after the first page of a thread's messages",
    then=NO_MESSAGES,
    reason="upstream_unavailable",
)
def test_supabase_fails_after_the_first_page(rig: Rig) -> None:
    rig.systems.supabase.spoil(answers(reply({"message": "starting"}, 503)), when=MESSAGES, first=2)
    reads_no_messages(rig, "upstream_unavailable")


@injects("Supabase", "answers with rows that were not asked for", then=NO_MESSAGES, reason="malformed_response")
def test_supabase_answers_with_another_accounts_rows(rig: Rig) -> None:
    row = {
        "message_id": str(uuid4()),
        "type": "user",
        "content": "I live in Oslo.",
        "created_at": "2026-11-20T08:00:00+00:00",
        "threads": {"account_id": rig.bystander},
    }
    rig.systems.supabase.spoil(answers(reply([row], headers={"Content-Type": "application/json"})), when=MESSAGES)
    reads_no_messages(rig, "malformed_response")
