"""Why a server that speaks OpenAI's protocol refuses a request, and how it is asked so that it does not.

Servers differ in the parameters that they take, and say so in many shapes: ``{"error": {...}}``, ``{"error": "..."}``,
``{"detail": [{"loc": [...], "msg": "..."}]}``, the error itself, a list of one. Standard library only (hot path).
"""

import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from operator_memory.domain.errors import UpstreamRejectedError

STATUSES = (400, 413, 422)
"""Answers that refuse the request as it is: another one may be taken."""

_LOG = logging.getLogger("operator_memory.models")
_Answer = TypeVar("_Answer")

_NAME = re.compile(r"[\w.\[\]-]{1,64}", re.ASCII)
_QUOTED = re.compile(r"(['\"`])([^'\"`]{1,200})\1")
_MOST_READ, _MOST_SHOWN = 1_000, 200
_QUOTATION = 20
"""Characters: so long a piece of what was sent is a quotation of it, no coincidence."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a refusing answer says.

    ``parameter`` and ``code`` are the answer's own fields, empty where it has none. ``words`` is its message, fit for
    a log: bounded, without pieces of what was sent, without what may be a key.
    """

    status: int
    parameter: str = ""
    code: str = ""
    words: str = ""
    _message: str = field(default="", repr=False)

    def names(self, parameters: Iterable[str]) -> str | None:
        """Which of ``parameters`` is refused: the one that the answer names, in its field or else in its message."""
        if self.parameter:
            root = re.split(r"[.\[]", self.parameter)[0]
            return root if root in set(parameters) else None
        mentions = {p: re.search(rf"(?<!\w){re.escape(p)}(?!\w)", self._message) for p in parameters}
        found = {p: mention.start() for p, mention in mentions.items() if mention}
        return min(found, key=found.__getitem__, default=None)

    def __str__(self) -> str:
        said = "; ".join(filter(None, (self.code, self.parameter, self.words)))
        return f"{self.status} ({said})" if said else str(self.status)


def read_refusal(status: int, answer: object, sent: Iterable[str]) -> Refusal:
    """Read the ``answer`` of a refusing ``status``, decoded or not. ``sent``: the texts in the request."""
    found = _error_of(_decoded(answer) if isinstance(answer, bytes) else answer)
    message = _text(found.get("message") or found.get("msg"))[:_MOST_READ]
    place = found.get("loc")
    places = [part for part in place if part != "body"] if isinstance(place, list) else []
    parameter = found.get("param") or (places[0] if places else "")
    code = next(filter(None, (_name(found.get(key)) for key in ("code", "type", "error_type"))), "")
    return Refusal(status, _name(parameter), "" if code == str(status) else code, _shown(message, sent), message)


def _decoded(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")


def _error_of(answer: object) -> Mapping[str, object]:
    """The object that describes the error, in whatever it is wrapped."""
    for _ in range(4):
        if isinstance(answer, list):
            answer = answer[0] if answer else {}
        elif isinstance(answer, str):
            answer = {"message": answer}
        elif not isinstance(answer, Mapping):
            return {}
        else:
            inner = answer.get("error") or answer.get("detail")
            if inner is None or "message" in answer:
                return answer
            answer = {**answer, "message": inner} if isinstance(inner, str) else inner
    return {}


def _text(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _name(value: object) -> str:
    """A machine-readable name, or nothing."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if _NAME.fullmatch(text) else ""


def _shown(message: str, sent: Iterable[str]) -> str:
    """``message`` without quotations of what was ``sent``, and without words that may be keys."""
    said = "\n".join(_text(text) for text in sent).casefold()
    if any(piece in said for piece in _pieces(message.casefold())):
        return ""
    unquoted = _QUOTED.sub(lambda quoted: "'...'" if quoted[2].casefold() in said else quoted[0], message)
    words = ("..." if _may_be_a_key(word) else word for word in unquoted.split())
    return "".join(c if c.isprintable() else "?" for c in " ".join(words)[:_MOST_SHOWN])


def _pieces(message: str) -> Iterator[str]:
    return (message[start : start + _QUOTATION] for start in range(len(message) - _QUOTATION + 1))


def _may_be_a_key(word: str) -> bool:
    return any(map(str.isalpha, word)) and any(c.isdigit() or c == "*" for c in word)


class RefusedRequestError(UpstreamRejectedError):
    """The server refuses something that the request cannot do without."""

    def __init__(self, system: str, refusal: Refusal) -> None:
        super().__init__(system, f"refused the request with {refusal}")
        self.refusal = refusal

    @property
    def reason(self) -> str:
        """That of every refusal."""
        return "upstream_rejected"


class Parameters:
    """The optional parameters of one model's requests, as its server takes them.

    One that the server refuses by name gets its other name, where it has one, else it is left out. What the server has
    taken is remembered as long as this object lives.
    """

    def __init__(self, system: str, wanted: Mapping[str, object], other_names: Mapping[str, str] | None = None) -> None:
        """``system`` names the server in errors and in the log."""
        self._system = system
        self._parameters = dict(wanted)
        self._other_names = dict(other_names or {})

    def negotiate(self, ask: Callable[[Mapping[str, object]], _Answer | Refusal]) -> _Answer:
        """The answer of ``ask``, called again for each parameter that the server refuses: a few times at most.

        Raises:
            RefusedRequestError: it refuses something else.
        """
        parameters = dict(self._parameters)
        refusals: list[tuple[str, Refusal]] = []
        while isinstance(answer := ask(parameters), Refusal):
            name = answer.names(parameters)
            if name is None:
                raise RefusedRequestError(self._system, answer)
            refusals.append((name, answer))
            value = parameters.pop(name)
            if (other := self._other_names.get(name)) is not None:
                parameters[other] = value
        self._parameters = parameters
        for name, refusal in refusals:
            _LOG.warning(
                "a server does not take a parameter: it is not sent any more",
                extra={"system": self._system, "parameter": name, "reason": str(refusal)},
            )
        return answer
