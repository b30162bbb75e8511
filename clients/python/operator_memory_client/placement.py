"""Where a context goes in a prompt, and which of its memories an answer cites. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from operator_memory_client.context import Context, ContextMemory
from operator_memory_client.shared.fence import cited, without_contexts
from operator_memory_client.shared.message_content import message_text, without_tool_calls

M = TypeVar("M")

_TEMPLATE_MARKS = (("{{", "{ {"), ("}}", "} }"), ("{%", "{ %"), ("%}", "% }"))
"""Marks of prompt templates: memories must not be able to call one up."""


def section(context: Context) -> str:
    """The context as it goes into a prompt, ``""`` if it is empty. No template language finds anything in it."""
    text = context.text
    for mark, apart in _TEMPLATE_MARKS:
        while mark in text:
            text = text.replace(mark, apart)
    return text


def as_system_section(context: Context, prompt: str | None = None) -> str:
    """``prompt`` with the context as its last section; the context alone without a prompt.

    Whatever stands before it stays the same from run to run, so that the provider's cache matches up to there.
    """
    return "\n\n".join(part for part in (prompt or "", section(context)) if part)


def before_last_user_message(
    messages: Sequence[M], context: Context, *, role: str = "user"
) -> list[M | dict[str, str]]:
    """``messages`` with the context as one more, right before what the person said last. A new list.

    Everything before it is what the provider has seen in the last run, so that its cache stays warm. Without a message
    of a person the context goes to the end. ``role``: some models take no system message there.
    """
    placed: list[M | dict[str, str]] = list(messages)
    text = section(context)
    if text:
        places = [place for place, message in enumerate(messages) if _is_persons(message)]
        placed.insert(places[-1] if places else len(placed), {"role": role, "content": text})
    return placed


def _is_persons(message: object) -> bool:
    """Whether a person wrote it: tools' results come under the role user, too."""
    role, content = _of(message, "role"), _of(message, "content")
    if role != "user" or _of(message, "type") == "tool":
        return False
    if isinstance(content, Sequence) and not isinstance(content, str) and content:
        return any(_of(part, "type") != "tool_result" for part in content)
    return True


def _of(message: object, name: str) -> Any:  # noqa: ANN401  (whatever it is)
    return message.get(name) if isinstance(message, Mapping) else getattr(message, name, None)


def citations(answer: object, context: Context) -> list[ContextMemory]:
    """The memories of ``context`` that ``answer`` cites (``[m335]``, ``[m335, m020]``), in the order of first mention.

    ``answer``: text, or a message's content in any shape. What it repeats of a context and what it hands to tools does
    not count, nor does a citation that the context does not have.
    """
    text = without_tool_calls(without_contexts(message_text(answer)))
    found = (context.cited(citation) for citation in cited(text))
    return [memory for memory in found if memory is not None]
