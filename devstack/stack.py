"""The whole system on one machine: which part runs where, and what the functions are told about it.

A part that the environment names (``QDRANT_URL``; ``OPENAI_API_KEY`` or ``OPENAI_BASE_URL``; ``SUPABASE_URL``) is
used as it is; every other one is started here. The functions cannot tell the difference: only addresses and secrets
differ. All other settings of the product that stand in the environment reach the functions too.
"""

import contextlib
import json
import os
import re
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from operator_memory.adapters.net.service_tokens import mint
from operator_memory.domain.management.identity import READ_CONTEXT, Action

from devstack.aws.host import AwsStack
from devstack.aws.intrinsics import REGION
from devstack.aws.resources import ACCESS_KEY, SECRET_KEY, aws_client
from devstack.aws.template import resource_variables
from devstack.folder import claimed
from devstack.kept_collection import collection_in_use
from devstack.processes import Part, PartFailedError, Watch, child_environment
from devstack.serving import listen
from devstack.settings import LOCAL_DIMENSIONS as LOCAL_DIMENSIONS
from devstack.settings import LOCAL_MODEL as LOCAL_MODEL
from devstack.settings import TOKEN_KEY_ID, Given, read_given
from devstack.supabase.keys import user_claims

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "template.yaml"
_JWT_SECRET_PARAMETER = "/operator-memory/supabase-jwt-secret"
_RERANKER_KEY_PARAMETER = "/operator-memory/reranker-api-key"
"""Optional in the template: the local Supabase project signs users' tokens with HS256 too."""
_DRIFT = 1
"""Exit code of ``infra.qdrant.apply`` for what only another collection could change: the system works on, degraded."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a running devstack can be reached, and with what; kept in ``running.json``."""

    pid: int
    api_url: str
    aws_endpoint_url: str
    jobs_queue_url: str
    memory_table: str
    qdrant_url: str
    supabase_url: str
    token_key_id: str
    token_key: str
    supabase_jwt_secret: str
    settings: dict[str, str]
    """For the commands of operators: the functions' own, with the keys as values."""

    def token(self, *, lifetime: timedelta = timedelta(hours=12)) -> str:
        """A fresh service token of the agent runtime, which may do everything."""
        return mint(
            self.token_key_id,
            self.token_key.encode(),
            permissions=[READ_CONTEXT, *Action],
            now=datetime.now(UTC),
            lifetime=lifetime,
        )

    def user_token(self, user_id: str) -> str:
        """A fresh access token of a person, valid for an hour, as Supabase gives one at sign-in.

        Raises:
            PartFailedError: Supabase is not ours, so that people have to sign in there.
        """
        if not self.supabase_jwt_secret:
            raise PartFailedError(f"people's tokens come from {self.supabase_url}: sign in there")
        claims = user_claims(user_id, iss=f"{self.supabase_url}/auth/v1")
        return jwt.encode(claims, self.supabase_jwt_secret, algorithm="HS256")

    def aws_client(self, service: str) -> Any:  # noqa: ANN401  (boto3's clients are made at run time)
        """A boto3 client of the local AWS."""
        return aws_client(service, self.aws_endpoint_url)


@dataclass(frozen=True, slots=True)
class _Supabase:
    url: str
    service_key: str
    jwt_secret: str
    part: Part | None = None


class DevStack:
    """Starts everything; a context manager that stops everything it started."""

    def __init__(
        self,
        data_dir: Path,
        *,
        api_port: int = 0,
        say: Say = lambda _: None,
        failed: Callable[[PartFailedError], None] = lambda _: None,
        environ: Mapping[str, str] | None = None,
        model: str = "minilm",
    ) -> None:
        """``api_port`` 0 picks a free port. ``environ`` decides which parts are external, ``model`` which of
        the bundled ones embeds.

        A part that ends is started again, and ``say`` told. ``failed`` is told, in another thread, when that cannot
        be done: the system is incomplete from then on.
        """
        self.data_dir = data_dir
        self._api_port, self._model = api_port, model
        self._say = say
        self._failed = failed
        self._environ = dict(os.environ if environ is None else environ)
        self._cleanup = contextlib.ExitStack()
        self.endpoints: Endpoints

    def __enter__(self) -> "DevStack":
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop all parts, last started first."""
        self._cleanup.close()

    def wait_idle(self, seconds: float) -> None:
        """Return when all queued jobs have been worked off."""
        self.aws.wait_idle(seconds)

    @property
    def database_dsn(self) -> str:
        """Connection string of the local Supabase's database; it changes when that is started again."""
        if self._supabase.part is None:
            raise PartFailedError("the database is that of SUPABASE_URL")
        return _printed(self._supabase.part, "database")

    def _start(self) -> None:
        given = read_given(self._environ, resource_variables(TEMPLATE), model=self._model)
        held = self._cleanup.enter_context(claimed(self.data_dir))
        self._watch = Watch(self._say, self._failed, (held,))
        api = self._cleanup.enter_context(self._api_socket())
        keys = self._kept_secrets()
        qdrant_url, qdrant_key = self._qdrant(given, keys["qdrant_api_key"])
        models_url = self._models(given)
        self._supabase = supabase = self._platform(given)
        environment = given.environment(qdrant_url=qdrant_url, models_url=models_url, supabase_url=supabase.url)
        if given.own_qdrant and "QDRANT_COLLECTION" not in given.plain:
            own = environment["QDRANT_COLLECTION"]
            environment["QDRANT_COLLECTION"] = collection_in_use(qdrant_url, qdrant_key, own)
        self._say("Qdrant collection: applying infra/qdrant")
        self._apply_collection(environment, qdrant_key)
        self._say("AWS and the functions: starting")
        self.aws = self._cleanup.enter_context(
            AwsStack(
                data_dir=self.data_dir / "aws",
                template=TEMPLATE,
                api_socket=api,
                environment=environment,
                parameters=_parameters(given, supabase),
                secrets=_secrets(given, qdrant_key, supabase, keys["token_key"]),
                watch=self._watch,
            )
        )
        self.endpoints = Endpoints(
            pid=os.getpid(),
            api_url=self.aws.api_url,
            aws_endpoint_url=self.aws.aws_endpoint_url,
            jobs_queue_url=self.aws.queue_url("MemoryJobsQueue"),
            memory_table=self.aws.table_name("MemoryTable"),
            qdrant_url=qdrant_url,
            supabase_url=supabase.url,
            token_key_id=TOKEN_KEY_ID,
            token_key=keys["token_key"],
            supabase_jwt_secret=supabase.jwt_secret if given.own_supabase else "",
            settings=self._operators_settings(environment, qdrant_key),
        )

    def _operators_settings(self, environment: Mapping[str, str], qdrant_key: str) -> dict[str, str]:
        return {
            **environment,
            "QDRANT_API_KEY": qdrant_key,
            "SUPABASE_SERVICE_KEY": self._supabase.service_key,
            "MEMORY_TABLE": self.aws.table_name("MemoryTable"),
            "ARCHIVE_BUCKET": self.aws.bucket_name("ArchiveBucket"),
            "EVENTS_QUEUE_URL": self.aws.queue_url("MemoryEventsQueue"),
            "AWS_ENDPOINT_URL": self.aws.aws_endpoint_url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }

    def _api_socket(self) -> socket.socket:
        """The API's port, taken before anything else is started."""
        try:
            return listen("127.0.0.1", self._api_port)
        except OSError as error:
            hint = "free it, or choose another: make dev PORT=<number>"
            raise PartFailedError(f"the API cannot have {error.strerror}: {hint}") from error

    def _part(self, name: str, module: str, *args: str, environment: Mapping[str, str] | None = None) -> Part:
        self._say(f"{name}: starting")
        part = Part(
            name,
            module,
            (*args, "--port", "0"),
            log_dir=self.data_dir / "logs",
            environment=environment,
            watch=self._watch,
        )
        self._cleanup.callback(part.close)
        return part

    def _qdrant(self, given: Given, made_key: str) -> tuple[str, str]:
        """Its address and key."""
        key = given.secrets.get("QDRANT_API_KEY")
        if not given.own_qdrant:
            return given.settings.qdrant_base_url, key or "none"
        key = key or made_key
        data = str(self.data_dir / "qdrant")
        return self._part("qdrant", "devstack.qdrant", "--data", data, environment={"QDRANT_API_KEY": key}).url, key

    def _models(self, given: Given) -> str:
        if not given.own_models:
            return given.settings.openai_base_url
        part = self._part("models", "devstack.models", "--model", self._model)
        return str(part.url)

    def _platform(self, given: Given) -> _Supabase:
        if not given.own_supabase:
            key, secret = given.secrets["SUPABASE_SERVICE_KEY"], given.secrets.get("SUPABASE_JWT_SECRET", "")
            return _Supabase(given.settings.supabase_url, key, secret)
        part = self._part("supabase", "devstack.supabase", "--data", str(self.data_dir / "supabase"))
        return _Supabase(part.url, _printed(part, "service-role key"), _printed(part, "JWT secret"), part)

    def _apply_collection(self, environment: Mapping[str, str], qdrant_key: str) -> None:
        names = ("QDRANT_URL", "QDRANT_COLLECTION", "EMBEDDER", "EMBEDDING_MODEL", "EMBEDDING_DIMENSIONS")
        needed = {name: environment[name] for name in names if name in environment}
        command = [sys.executable, "-m", "infra.qdrant.apply"]
        environment = child_environment({**needed, "QDRANT_API_KEY": qdrant_key})
        try:
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
        except subprocess.TimeoutExpired as error:
            raise PartFailedError(f"Qdrant at {needed['QDRANT_URL']} does not answer") from error
        if done.returncode == _DRIFT:
            self._say(f"Qdrant collection {needed['QDRANT_COLLECTION']}: {done.stdout.strip()}")
        elif done.returncode != 0:
            raise PartFailedError(f"the Qdrant collection could not be applied:\n{done.stdout}{done.stderr}")

    def _kept_secrets(self) -> dict[str, str]:
        """Secrets made at the first start and kept, so that a token printed earlier still works."""
        path = self.data_dir / "secrets.json"
        if not path.exists():
            made = {"qdrant_api_key": secrets.token_urlsafe(24), "token_key": secrets.token_urlsafe(36)}
            draft = path.with_suffix(".new")
            draft.touch(mode=0o600)
            draft.write_text(json.dumps(made))
            draft.rename(path)
        try:
            kept: dict[str, str] = json.loads(path.read_text())
        except ValueError as error:
            raise PartFailedError(f"{path} cannot be read: remove it, and a new one is made") from error
        return kept


def _parameters(given: Given, supabase: _Supabase) -> dict[str, str]:
    """The template's parameters that name a secret which not every deployment has."""
    reranker_key = given.secrets.get("RERANKER_API_KEY")
    return {
        **({"SupabaseJwtSecretParameter": _JWT_SECRET_PARAMETER} if supabase.jwt_secret else {}),
        **({"RerankerApiKeyParameter": _RERANKER_KEY_PARAMETER} if reranker_key else {}),
    }


def _secrets(given: Given, qdrant_key: str, supabase: _Supabase, token_key: str) -> dict[str, str]:
    """What the functions find in SSM, under the variables that name the parameters."""
    token_keys = {**json.loads(given.secrets.get("SERVICE_TOKEN_KEYS", "{}")), TOKEN_KEY_ID: token_key}
    made = {
        "QDRANT_API_KEY": qdrant_key,
        "OPENAI_API_KEY": given.settings.openai_api_key,
        "RERANKER_API_KEY": given.settings.reranker_api_key,
        "SUPABASE_SERVICE_KEY": supabase.service_key,
        "SUPABASE_JWT_SECRET": supabase.jwt_secret,
        "SERVICE_TOKEN_KEYS": json.dumps(token_keys),
    }
    return {f"{name}_PARAMETER": value for name, value in made.items() if value}


def _printed(part: Part, name: str) -> str:
    """What ``part`` printed as ``name: ...`` when it started."""
    found = re.search(rf"^{name}: (.+)$", part.output, re.MULTILINE)
    if found is None:
        raise PartFailedError(f"{part.name} printed no {name} (see {part.log})")
    return found.group(1)
