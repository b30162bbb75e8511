"""``python -m devstack``: run the whole system here, and small helpers around it.

up      start everything and keep running (what ``make dev`` does)
token   print a fresh token for the running system: the agent runtime's, or with --user a person's
job     print the record of an extraction job: its state, and the outcome of every fact
demo    play a bundled conversation and show what is learnt (what ``make demo`` does)
"""

import argparse
import json
import signal
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from uuid import UUID

from operator_memory.domain.errors import MemoryServiceError

from devstack import running
from devstack.aws.intrinsics import TemplateError
from devstack.demo import play
from devstack.endings import Endings
from devstack.processes import PartFailedError, full_disk
from devstack.settings import MODELS
from devstack.stack import ROOT, DevStack, Endpoints
from devstack.supabase.seed import DEMO_USERS, demo_id

DEFAULT_API_PORT, MOST_PORT = 8700, 65535


def main() -> int:
    """Parse the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m devstack", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--data", type=Path, default=ROOT / ".devstack", help="folder for data and logs")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up")
    up.add_argument("--port", type=_port, default=DEFAULT_API_PORT, help="port of the API (0: any free one)")
    up.add_argument("--model", choices=MODELS, default="minilm", help="what the model server embeds with")
    token = commands.add_parser("token")
    token.add_argument("--user", type=_user_id, help=f"{', '.join(DEMO_USERS)} or the id of any user")
    job = commands.add_parser("job")
    job.add_argument("account_id")
    job.add_argument("job_id")
    commands.add_parser("demo")
    args = parser.parse_args()
    try:
        return _run(args)
    except (PartFailedError, MemoryServiceError, TemplateError) as error:
        said = str(error).strip()
    except OSError as error:  # of the data folder: it cannot be written to, for example
        said = f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
    except KeyboardInterrupt:
        return 130
    full = full_disk(args.data) if args.data.exists() else None
    print(f"devstack: {said}{f' {full}' if full and full not in said else ''}", file=sys.stderr)
    return 1


def _run(args: argparse.Namespace) -> int:
    if args.command == "up":
        return _up(args.data, args.port, args.model)
    if args.command == "demo":
        return play(args.data)
    endpoints = running.find(args.data)
    if endpoints is None:
        print("devstack: nothing is running here; start it with: make dev", file=sys.stderr)
        return 1
    if args.command == "token":
        print(endpoints.user_token(args.user) if args.user else endpoints.token())
        return 0
    named = args.account_id in DEMO_USERS
    return _print_job(endpoints, _user_id(args.account_id) if named else args.account_id, args.job_id)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) <= MOST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to {MOST_PORT})")
    return int(text)


def _user_id(text: str) -> str:
    if text in DEMO_USERS:
        return demo_id(f"user:{text}")
    try:
        return str(UUID(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither {' nor '.join(DEMO_USERS)} nor a user's id") from None


def _up(data: Path, port: int, model: str) -> int:
    serving = False
    ends: Endings[int | PartFailedError] = Endings()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if not serving:
            raise KeyboardInterrupt  # while it starts, and while it stops: nobody has to wait for that
        ends.put(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    with DevStack(data, api_port=port, say=_say, failed=ends.put, model=model) as stack:
        running.remember(data, stack.endpoints)
        try:
            serving = True
            print(_welcome(stack.endpoints), flush=True)
            end = ends.get()
            serving = False
            print("\nStopping everything ...", flush=True)
        finally:
            running.forget(data)
    if isinstance(end, PartFailedError):
        raise end
    return 0


def _say(line: str) -> None:
    print(f"  {line}", flush=True)


def _print_job(endpoints: Endpoints, account_id: str, job_id: str) -> int:
    record = running.job_record(endpoints, account_id, job_id)
    if record is None:
        print(f"devstack: account {account_id} has no job {job_id}", file=sys.stderr)
        return 1
    print(json.dumps(asdict(record), indent=2, default=str))
    return 0


def _welcome(at: Endpoints) -> str:
    ada = demo_id("user:ada")
    today = datetime.now(UTC).date().isoformat()  # the same text all day: sent twice, the job is the same job
    message = {
        "job_id": f"job-{today}",
        "account_id": ada,
        "agent_id": "helper",
        "thread_id": "thread-1",
        "status": "completed",
        "finished_at": f"{today}T00:00:00Z",
        "messages": [{"role": "user", "content": "My name is Ada, I live in Porto and I am allergic to nuts."}],
    }
    question = {"account_id": ada, "agent_id": "helper", "query": "What may I eat?"}
    return f"""
Operator Memory is running.   API  {at.api_url}   (Ctrl-C stops everything)

1. A run has finished: put it into the queue.

curl -s {at.aws_endpoint_url}/ --aws-sigv4 aws:amz:us-east-1:sqs --user local:local \\
  --data-urlencode Action=SendMessage --data-urlencode QueueUrl={at.jobs_queue_url} \\
  --data-urlencode MessageGroupId={ada} \\
  --data-urlencode 'MessageBody={json.dumps(message)}'

2. See what became of it:    make job ACCOUNT=ada JOB=job-{today}

3. The next run asks for its memories.

TOKEN={at.token()}

curl -s {at.api_url}/v1/context -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
  -d '{json.dumps(question)}'

{_look(at, ada)}
A fresh token: make token     A person's: make token USER=ada     A longer example: make demo
"""


def _look(at: Endpoints, user_id: str) -> str:
    if not at.supabase_jwt_secret:
        return f"4. People look at their memories with the token of their sign-in at {at.supabase_url}.\n"
    return f"""4. Ada, whose memory it is, looks at it (and may correct, export, erase it: see the README).

ADA={at.user_token(user_id)}

curl -s {at.api_url}/v1/memories -H "Authorization: Bearer $ADA"
"""


if __name__ == "__main__":
    sys.exit(main())
