"""The settings, secrets and AWS clients of one process."""

import logging
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from operator_memory.adapters.local.system_clock import SystemClock
from operator_memory.application.ports.core import Clock
from operator_memory.domain.errors import ConfigurationError, UpstreamError
from operator_memory.entrypoints.load_settings import load_settings
from operator_memory.entrypoints.observability import configure_logging
from operator_memory.entrypoints.settings import Settings

if TYPE_CHECKING:
    from operator_memory.adapters.aws.signed_json import AwsJsonClient

_LOG = logging.getLogger("operator_memory.wiring")
Secret = Callable[[], str]
_SECRETS = (
    "qdrant_api_key",
    "openai_api_key",
    "reranker_api_key",
    "supabase_service_key",
    "supabase_jwt_secret",
    "service_token_keys",
)
_WHERE = {"supabase": "supabase_url", "reranker": "reranker_base_url"}
"""Of what need not be there, the address. Without it nobody asks for its secrets."""


class Environment:
    """Made once when a function starts."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], *, deletes: bool = False) -> None:
        """``deletes``: whether memories are deleted by them: then also from a collection they are moved to or from."""
        self.settings = settings
        self.deletes = deletes
        self.clock: Clock = SystemClock()
        self._environ = environ
        # One parameter that does not exist fails the reading of all, so only those that are used are asked for.
        used = [name for name in _SECRETS if getattr(settings, _WHERE.get(name.partition("_")[0], ""), True)]
        names = {name: parameter for name in used if (parameter := getattr(settings, f"{name}_parameter"))}
        self._parameter_names = names
        self._read_parameter = self._parameter_reader(list(names.values())) if names else None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], *, deletes: bool = False) -> Self:
        """Read and check the settings, and set the log level. ``deletes``: see `__init__`."""
        settings = load_settings(environ)
        configure_logging(settings.log_level)
        return cls(settings, environ, deletes=deletes)

    # ---- settings and secrets ---------------------------------------------------------------------------------

    def secret(self, name: str) -> Secret | None:
        """Reads the secret ``name`` each time it is called, or ``None`` if it is not configured."""
        parameter, read = self._parameter_names.get(name), self._read_parameter
        if parameter is not None and read is not None:
            return lambda: read(parameter)
        value = str(getattr(self.settings, name))
        return (lambda: value) if value else None

    def required_secret(self, name: str) -> Secret:
        """As `secret`, for one that the function cannot do without."""
        secret = self.secret(name)
        if secret is None:
            env = name.upper()
            raise ConfigurationError(f"{env} is missing: set {env}_PARAMETER (in AWS) or {env}.")
        return secret

    def required(self, name: str) -> str:
        """A setting that the function cannot do without."""
        value = str(getattr(self.settings, name))
        if not value:
            raise ConfigurationError(f"{name.upper()} is missing: this function cannot work without it.")
        return value

    def warm(self) -> None:
        """Read the secrets while Lambda starts the function; a failure shows on the first request."""
        for name in self._parameter_names:
            secret = self.secret(name)
            try:
                if secret is not None:
                    secret()
            except UpstreamError as error:
                _LOG.warning("secrets could not be read at start", extra={"reason": error.reason})
                return

    # ---- AWS --------------------------------------------------------------------------------------------------

    def aws_client(self, service: str) -> Any:  # noqa: ANN401  (boto3 makes its clients at run time)
        """A boto3 client with bounded patience."""
        from operator_memory.adapters.aws.boto3_clients import CLIENT_CONFIG

        session = self._aws_session
        region = self._environ.get("AWS_REGION") or self._environ.get("AWS_DEFAULT_REGION") or session.region_name
        if not region:
            raise ConfigurationError("AWS_REGION is missing: set it to the region of the table and the queues.")
        return session.client(service, region_name=region, config=CLIENT_CONFIG)

    @cached_property
    def _aws_session(self) -> Any:  # noqa: ANN401  (see `aws_client`)
        """One for all clients: each session reads the descriptions of its services anew, 70 MB for S3."""
        import boto3

        return boto3.session.Session()

    @cached_property
    def dynamodb(self) -> Any:  # noqa: ANN401  (see `aws_client`)
        """The one client of the table."""
        return self.aws_client("dynamodb")

    def aws_json(self, service: str) -> "AwsJsonClient":
        """A client of ``service`` without boto3, with the function's own role (the credentials that Lambda puts
        into the environment)."""
        from operator_memory.adapters.aws.signed_json import AwsCredentials, AwsJsonClient

        environ = self._environ
        region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
        key_id, secret_key = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
        if not (region and key_id and secret_key):
            raise ConfigurationError(
                f"This function calls {service}: AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set."
            )
        endpoint = (
            environ.get(f"AWS_ENDPOINT_URL_{service.upper()}")
            or environ.get("AWS_ENDPOINT_URL")
            or f"https://{service}.{region}.amazonaws.com"
        )
        credentials = AwsCredentials(key_id, secret_key, environ.get("AWS_SESSION_TOKEN"))
        return AwsJsonClient(
            service=service, region=region, endpoint_url=endpoint, credentials=credentials, clock=self.clock
        )

    def _parameter_reader(self, names: list[str]) -> Callable[[str], str]:
        from operator_memory.adapters.aws.ssm_secrets import SsmSecrets

        return SsmSecrets(self.aws_json("ssm"), names, clock=self.clock).get
