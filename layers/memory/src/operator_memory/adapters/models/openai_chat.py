"""The language model that extracts facts: one chat completion of an OpenAI-compatible API, through its SDK.

Every way an answer can be useless (cut off, refused, empty) is an error here, never an empty success.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import Any

from operator_memory.adapters.models.refusals import STATUSES, Parameters, Refusal, RefusedRequestError, read_refusal
from operator_memory.adapters.net.http import retry_after
from operator_memory.domain.errors import (
    AnswerTooLongError,
    MalformedResponseError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from operator_memory.domain.learning.proposals import TokenUsage

SYSTEM = "llm"
_GRACE_SECONDS = 0.5  # for the SDK to notice a time-out by itself, and close its connection
_JSON = {"response_format": {"type": "json_object"}}
_OTHER_NAMES = {"max_tokens": "max_completion_tokens"}  # reasoning models know only the newer one
_MAX_RETRIES = 0  # the queue retries: the SDK would sleep up to two minutes of a Retry-After inside the function


class OpenAIChat:
    """A chat model. Has the one method that Mem0 expects of a model (`generate_response`)."""

    def __init__(
        self, *, base_url: str, api_key: Callable[[], str], model: str, timeout: float, max_tokens: int
    ) -> None:
        """``api_key`` is asked before each request, so that a rotated key is heard of. ``timeout``: seconds for the one
        attempt. ``max_tokens``: most tokens of an answer."""
        from openai import OpenAI  # half a second to import, and only the extraction function needs it

        self._client = OpenAI(base_url=base_url, api_key=api_key, timeout=timeout, max_retries=_MAX_RETRIES)
        self._model = model
        self._timeout = timeout
        self._max_tokens = max_tokens
        self._parameters = Parameters(SYSTEM, {"temperature": 0, "max_tokens": max_tokens, **_JSON}, _OTHER_NAMES)
        self._usage = TokenUsage()

    def generate_response(
        self,
        messages: Sequence[Mapping[str, str]],
        response_format: object = None,  # noqa: ARG002  (Mem0's call, which asks for JSON too)
        **_: object,
    ) -> str:
        """The text of the model's answer to ``messages``: JSON, where the server can be asked for it.

        Raises:
            UpstreamTimeoutError, UpstreamUnavailableError: worth another try.
            UpstreamRejectedError: the API refused the request (model name, size), and says why.
            MalformedResponseError: cut off, refused by the model, or empty.
        """
        ask = lambda: self._parameters.negotiate(lambda parameters: self._create(messages, parameters))  # noqa: E731
        response = self._within_deadline(ask)
        try:  # the SDK does not check what it was sent
            choice = response.choices[0] if response.choices else None
            finish, message = choice and choice.finish_reason, choice and choice.message
            content, refusal = message and message.content, message and getattr(message, "refusal", None)
            self._usage += _usage_of(response)
        except (AttributeError, LookupError, TypeError) as error:
            raise MalformedResponseError(SYSTEM, "the answer is no chat completion") from error
        if finish == "length":
            raise AnswerTooLongError(SYSTEM, f"the answer was cut off at {self._max_tokens} tokens")
        if refusal or finish == "content_filter":
            raise MalformedResponseError(SYSTEM, "the model refused to answer")
        if not isinstance(content, str) or not content.strip():
            raise MalformedResponseError(SYSTEM, "the answer is empty")
        return content

    def take_usage(self) -> TokenUsage:
        """The tokens of the calls since this was last asked, as the API counted them."""
        usage, self._usage = self._usage, TokenUsage()
        return usage

    def _within_deadline(self, call: Callable[[], Any]) -> Any:  # noqa: ANN401  (the SDK's answer)
        """What ``call`` returns or raises; abandoned when its time is up.

        The SDK's own time-out is for each read: a proxy that keeps a connection alive with white space escapes it.
        """
        outcome: SimpleQueue[tuple[Any, Exception | None]] = SimpleQueue()

        def work() -> None:
            try:
                outcome.put((call(), None))
            except Exception as error:  # noqa: BLE001  (raised in the caller)
                outcome.put((None, error))

        threading.Thread(target=work, daemon=True).start()
        try:
            response, error = outcome.get(timeout=self._timeout + _GRACE_SECONDS)
        except Empty:
            raise UpstreamTimeoutError(SYSTEM, "no complete answer in time") from None
        if error is not None:
            raise error
        return response

    def _create(self, messages: Sequence[Mapping[str, str]], parameters: Mapping[str, object]) -> Any | Refusal:  # noqa: ANN401
        import openai

        create: Any = self._client.chat.completions.create  # the SDK's parameter types are closed unions
        try:
            return create(model=self._model, messages=list(messages), **parameters)
        except openai.APITimeoutError as error:
            raise UpstreamTimeoutError(SYSTEM, "no answer in time") from error
        except openai.APIConnectionError as error:
            raise UpstreamUnavailableError(SYSTEM, "could not be reached") from error
        except openai.APIStatusError as error:
            status = error.status_code
            if status in (408, 409, 429) or status >= 500:
                busy = UpstreamUnavailableError(SYSTEM, f"answered {status}")
                busy.retry_after = retry_after(error.response.headers.get("retry-after", ""))
                raise busy from error
            if status in (401, 402, 403):
                # A key that has expired is replaced by somebody, a bill is paid; until then the jobs wait.
                raise UpstreamUnavailableError(SYSTEM, f"refused the key with {status}") from error
            refusal = read_refusal(status, error.body, (message["content"] for message in messages))
            if status in STATUSES:
                return refusal
            raise RefusedRequestError(SYSTEM, refusal) from error
        except (openai.APIError, ValueError) as error:
            raise MalformedResponseError(SYSTEM, "the answer cannot be read") from error


def _usage_of(response: Any) -> TokenUsage:  # noqa: ANN401  (the SDK's answer, unchecked)
    """What the answer says it cost; servers that do not say are taken at nothing."""
    usage = getattr(response, "usage", None)
    counts = [getattr(usage, name, 0) for name in ("prompt_tokens", "completion_tokens")]
    return TokenUsage(*(count if type(count) is int and count > 0 else 0 for count in counts))
