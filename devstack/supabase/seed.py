"""Demo rows in the exact shapes the platform stores. Ids are fixed, so adding them again changes nothing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import psycopg

_NAMESPACE = UUID("6f1c3c0e-6d0b-5d8e-9a55-1f0a3f2b7c11")
DEMO_USERS = ("ada", "ben")
_FIRST_DAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def demo_id(name: str) -> str:
    """The id of the demo row called ``name``, such as ``user:ada``, ``agent:ada`` or ``thread:ada``."""
    return str(uuid5(_NAMESPACE, name))


@dataclass(frozen=True, slots=True)
class Message:
    """One row of ``messages``. ``content`` is the value inside the jsonb column."""

    type: str
    content: object
    is_llm_message: bool = True


@dataclass(frozen=True, slots=True)
class DemoThread:
    """A conversation of the account called ``account`` with that account's agent."""

    account: str
    messages: tuple[Message, ...] = field(default=())


def user(text: str) -> Message:
    """What the browser inserts: a JSON *string* inside jsonb."""
    return Message("user", json.dumps({"role": "user", "content": text}))


def assistant(text: object) -> Message:
    """What the agent stores: an object; ``text`` may be a list of parts."""
    return Message("assistant", {"role": "assistant", "content": text})


def tool(text: str) -> Message:
    """A tool's result: type ``tool``, yet the role in its content says ``user``."""
    return Message("tool", {"role": "user", "content": text})


_XML_CALL = (
    'I will look that up. <function_calls><invoke name="web_search"><parameter name="query">night trains '
    "Berlin Vienna</parameter></invoke></function_calls>"
)

DEMO_THREADS = (
    DemoThread(
        "ada",
        (
            user("Hi, I'm Ada. I am a vegetarian and I prefer night trains to flights."),
            assistant(_XML_CALL),
            tool("<tool_result>Nightjet NJ 457, daily at 18:43</tool_result>"),
            assistant([{"type": "text", "text": "There is a Nightjet at 18:43. I noted: no flights."}]),
            Message("status", {"status_type": "thread_run_end"}, is_llm_message=False),
        ),
    ),
    DemoThread(
        "ben",
        (
            user("My name is Ben. Always answer in German, please.\n[Uploaded File: /workspace/plan.pdf]"),
            assistant("Verstanden, Ben. Ab jetzt auf Deutsch."),
        ),
    ),
    DemoThread(
        "team",
        (
            user("Our deploys freeze on Fridays. The staging database is called heron."),
            assistant("Understood: no deploys on Fridays, and staging is heron."),
        ),
    ),
)


def seed(dsn: str) -> None:
    """Add the demo rows that are missing: users Ada and Ben, their accounts, a team of both, and threads."""
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        for name in DEMO_USERS:
            cursor.execute(
                "insert into auth.users (id, email) values (%s, %s) on conflict do nothing",
                (demo_id(f"user:{name}"), f"{name}@example.com"),
            )
        cursor.execute(
            "insert into basejump.accounts (id, primary_owner_user_id, name, slug) "
            "values (%s, %s, 'Demo team', 'demo-team') on conflict do nothing",
            (account_id("team"), demo_id("user:ada")),
        )
        cursor.execute(
            "insert into basejump.account_user (user_id, account_id, account_role) "
            "values (%s, %s, 'member') on conflict do nothing",
            (demo_id("user:ben"), account_id("team")),
        )
        for thread in DEMO_THREADS:
            _seed_agent_and_thread(cursor, thread.account)
        cursor.executemany(
            "insert into public.messages (message_id, thread_id, type, is_llm_message, content, created_at) "
            "values (%s, %s, %s, %s, %s, %s) on conflict do nothing",
            list(_message_rows()),
        )


def account_id(name: str) -> str:
    """The account called ``ada``, ``ben`` or ``team``. A personal account's id is its user's."""
    return demo_id("account:team" if name == "team" else f"user:{name}")


def _seed_agent_and_thread(cursor: psycopg.Cursor[tuple[object, ...]], name: str) -> None:
    cursor.execute(
        "insert into public.agents (agent_id, account_id, name, system_prompt, is_default) "
        "values (%s, %s, %s, 'You are a helpful assistant.', true) on conflict do nothing",
        (demo_id(f"agent:{name}"), account_id(name), f"{name.capitalize()}'s agent"),
    )
    cursor.execute(
        "insert into public.projects (project_id, account_id, name) values (%s, %s, %s) on conflict do nothing",
        (demo_id(f"project:{name}"), account_id(name), f"{name.capitalize()}'s project"),
    )
    cursor.execute(
        "insert into public.threads (thread_id, account_id, project_id, agent_id, created_at) "
        "values (%s, %s, %s, %s, %s) on conflict do nothing",
        (demo_id(f"thread:{name}"), account_id(name), demo_id(f"project:{name}"), demo_id(f"agent:{name}"), _FIRST_DAY),
    )
    cursor.execute(
        "insert into public.agent_runs (id, thread_id, status, started_at, completed_at) "
        "values (%s, %s, 'completed', %s, %s) on conflict do nothing",
        (demo_id(f"run:{name}"), demo_id(f"thread:{name}"), _FIRST_DAY, _FIRST_DAY + timedelta(minutes=5)),
    )


def _message_rows() -> Iterator[tuple[object, ...]]:
    for thread in DEMO_THREADS:
        for number, message in enumerate(thread.messages):
            yield (
                demo_id(f"message:{thread.account}:{number}"),
                demo_id(f"thread:{thread.account}"),
                message.type,
                message.is_llm_message,
                json.dumps(message.content),
                _FIRST_DAY + timedelta(seconds=20 * number),
            )
