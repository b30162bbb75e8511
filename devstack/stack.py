"""The whole system on one machine: which part runs where, and what the functions are told about it.

A part that the environment names (``QDRANT_URL``; ``OPENAI_API_KEY`` or ``OPENAI_BASE_URL``) is used as it
is; every other one is started here. The functions cannot tell the difference: only addresses and secrets
differ.
"""

import contextlib
import json
import os
import re
import secrets
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
from devstack.aws.resources import aws_client
from devstack.processes import Part, PartFailedError, child_environment
from devstack.supabase.keys import user_claims

ROOT = Path(__file__).resolve().parent.parent
_TEMPLATE_PARAMETERS = {"SupabaseJwtSecretParameter": "/operator-memory/supabase-jwt-secret"}
"""Of the optional ones: the local Supabase project signs users' tokens with HS256 too."""
LOCAL_MODEL, LOCAL_DIMENSIONS = "all-minilm-l6-v2-int8", 384
_PASSED_ON = (
    "EMBEDDER",
    "EXTRACTION",
    "EXTRACTION_MODEL",
    "RATE_LIMIT_READS",
    "RATE_LIMIT_WRITES",
    "RATE_LIMIT_EXPENSIVE",
)
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
        """A fresh access token of a person, valid for an hour, as Supabase gives one at sign-in."""
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
    database_dsn: str


@dataclass(frozen=True, slots=True)
class _Models:
    base_url: str
    api_key: str
    embedding_model: str
    dimensions: int
    extra: dict[str, str]


class DevStack:
    """Starts everything; a context manager that stops everything it started."""

    def __init__(
        self,
        data_dir: Path,
        *,
        api_port: int = 0,
        say: Say = lambda _: None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """``api_port`` 0 picks a free port. ``environ`` decides which parts are external."""
        self.data_dir = data_dir
        self._api_port = api_port
        self._say = say
        self._environ = dict(os.environ if environ is None else environ)
        self._cleanup = contextlib.ExitStack()
        self.endpoints: Endpoints
        self.database_dsn = ""

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

    def _start(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        keys = self._kept_secrets()
        qdrant_url, qdrant_key = self._qdrant(keys["qdrant_api_key"])
        models = self._models()
        supabase = self._supabase()
        self.database_dsn = supabase.database_dsn
        collection = self._environ.get("QDRANT_COLLECTION") or f"memories_{_slug(models.embedding_model)}"
        settings = {
            "QDRANT_URL": qdrant_url,
            "QDRANT_COLLECTION": collection,
            "OPENAI_BASE_URL": models.base_url,
            "EMBEDDING_MODEL": models.embedding_model,
            "EMBEDDING_DIMENSIONS": str(models.dimensions),
            "SUPABASE_URL": supabase.url,
            **models.extra,
            **{n: self._environ[n] for n in _PASSED_ON if self._environ.get(n)},
        }
        self._say("Qdrant collection: applying infra/qdrant")
        self._apply_collection(settings, qdrant_key)
        self._say("AWS and the functions: starting")
        self.aws = self._cleanup.enter_context(
            AwsStack(
                data_dir=self.data_dir / "aws",
                template=ROOT / "template.yaml",
                api_port=self._api_port,
                environment=settings,
                parameters=_TEMPLATE_PARAMETERS,
                secrets={
                    "QDRANT_API_KEY_PARAMETER": qdrant_key,
                    "OPENAI_API_KEY_PARAMETER": models.api_key,
                    "SUPABASE_SERVICE_KEY_PARAMETER": supabase.service_key,
                    "SUPABASE_JWT_SECRET_PARAMETER": supabase.jwt_secret,
                    "SERVICE_TOKEN_KEYS_PARAMETER": json.dumps({"local": keys["token_key"]}),
                },
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
            token_key_id="local",
            token_key=keys["token_key"],
            supabase_jwt_secret=supabase.jwt_secret,
        )

    def _part(self, name: str, module: str, *args: str) -> Part:
        self._say(f"{name}: starting")
        part = Part(name, module, args, log_dir=self.data_dir / "logs")
        self._cleanup.callback(part.close)
        return part

    def _qdrant(self, local_key: str) -> tuple[str, str]:
        if url := self._environ.get("QDRANT_URL"):
            return url, self._environ.get("QDRANT_API_KEY") or "none"
        data = str(self.data_dir / "qdrant")
        # With "=": a random key may begin with a dash, and would be taken for an option.
        part = self._part("qdrant", "devstack.qdrant", "--data", data, "--port", "0", f"--api-key={local_key}")
        return part.url, local_key

    def _models(self) -> _Models:
        environ = self._environ
        if environ.get("OPENAI_API_KEY") or environ.get("OPENAI_BASE_URL"):
            optional = ("EMBEDDING_SEND_DIMENSIONS", "EMBEDDING_TIMEOUT_MS", "CONTEXT_TIMEOUT_MS")
            return _Models(
                environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1"),
                environ.get("OPENAI_API_KEY", "none"),
                environ.get("EMBEDDING_MODEL", "text-embedding-3-small"),
                int(environ.get("EMBEDDING_DIMENSIONS", "1536")),
                {name: environ[name] for name in optional if environ.get(name)},
            )
        url = self._part("models", "devstack.models", "--port", "0").url
        return _Models(url, "local", LOCAL_MODEL, LOCAL_DIMENSIONS, {"EXTRACTION_MODEL": "bundled-rules"})

    def _supabase(self) -> _Supabase:
        part = self._part("supabase", "devstack.supabase", "--data", str(self.data_dir / "supabase"), "--port", "0")

        def printed(name: str) -> str:
            found = re.search(rf"^{name}: (.+)$", part.output, re.MULTILINE)
            if found is None:
                raise PartFailedError(f"supabase printed no {name} (see {part.log})")
            return found.group(1)

        return _Supabase(part.url, printed("service-role key"), printed("JWT secret"), printed("database"))

    def _apply_collection(self, settings: Mapping[str, str], qdrant_key: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "infra.qdrant.apply"],
            cwd=ROOT,
            env=child_environment({**settings, "QDRANT_API_KEY": qdrant_key}),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            raise PartFailedError(f"the Qdrant collection could not be applied:\n{done.stdout}{done.stderr}")

    def _kept_secrets(self) -> dict[str, str]:
        """Secrets made at the first start and kept, so that a token printed earlier still works."""
        path = self.data_dir / "secrets.json"
        if not path.exists():
            made = {"qdrant_api_key": secrets.token_urlsafe(24), "token_key": secrets.token_urlsafe(36)}
            path.touch(mode=0o600)
            path.write_text(json.dumps(made))
        kept: dict[str, str] = json.loads(path.read_text())
        return kept


def _slug(model: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", model.lower()).strip("_")
