"""Reads an answer as the route promises it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from operator_memory_client.errors import MalformedAnswerError
from operator_memory_client.transport.calls import A_co, Route
from operator_memory_client.transport.exchange import Reply


@dataclass(frozen=True)
class TextPart:
    """A part of a text of lines. ``next_cursor`` asks for the next one, ``None`` after the last."""

    text: str = field(repr=False)
    next_cursor: str | None = None


def lines_of(part: TextPart) -> list[str]:
    """The lines of a part. Only a line feed ends one: inside JSON other separators may stand as they are."""
    return [line for line in part.text.split("\n") if line]


def read_answer(route: Route[A_co], reply: Reply) -> Any:  # noqa: ANN401  (of the type that the route says)
    """The model of the answer.

    Raises:
        MalformedAnswerError: it is another one.
    """
    if not route.answer:
        return None
    if route.answer == "text":
        return _text(reply)
    from pydantic import ValidationError

    from operator_memory_client import models

    try:
        return getattr(models, route.answer).model_validate_json(reply.body)
    except ValidationError as error:  # its own text quotes the answer
        where = ".".join(str(part) for part in error.errors(include_input=False, include_url=False)[0]["loc"][:3])
        raise MalformedAnswerError(f"the answer is no {route.answer} ({where or 'not JSON'})") from None


def _text(reply: Reply) -> TextPart:
    try:
        return TextPart(reply.body.decode(), reply.headers.get("x-next-cursor") or None)
    except UnicodeDecodeError:
        raise MalformedAnswerError("the answer is not UTF-8 text") from None
