# A copy: see clients/generate/copies.py.
"""What the content of a message says: its text, whoever wrote it and in whichever shape, and who spoke.

Rows of the platform hold it in many shapes: text, JSON in text, objects, lists of parts. Between what people say stand
tool calls, upload markers and our own contexts. Content is untrusted: nothing here fails on any of it. Pure; the
client of the agent runtime carries a copy of this module (``clients/generate/copies.py``).
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from operator_memory_client.shared.characters import as_seen
from operator_memory_client.shared.fence import without_memories

READ_ROLES = ("user", "assistant")
"""Types of messages that are read: what the two sides said."""

_MAX_WRAPPINGS = 4  # a row holds a JSON string that holds an object that holds parts; deeper is not the platform's
# An opening tag must not contain "<": otherwise a text of a thousand unfinished tags takes quadratic time.
_TOOL_XML = re.compile(
    r"<(?P<tag>function_calls|tool_call|tool_result|function_result)\b[^<>]*>.*?(?:</(?P=tag)>|\Z)", re.DOTALL
)
_UPLOAD_MARKER = re.compile(r"\[Uploaded File: [^\]\n]{0,1000}\]")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def message_text(content: object) -> str:
    """The text of a message's content, whatever its shape; ``""`` if it holds none.

    Shapes: text; a JSON string that holds a ``{"role", "content"}`` object (how the browser stores user
    rows); such an object; a list of parts, of which the text parts count.
    """
    for _ in range(_MAX_WRAPPINGS):
        if isinstance(content, Mapping):
            content = content["content"] if "content" in content else content.get("text")
        elif isinstance(content, str) and (decoded := _decoded_message(content)) is not None:
            content = decoded
        else:
            break
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence) and not isinstance(content, bytes | bytearray):
        return "\n".join(filter(None, map(_part_text, content)))
    return ""


def speaker_name(content: object) -> str | None:
    """Who spoke, where a message's object says so (OpenAI's ``name``), whether it is an object or a string of one."""
    for _ in range(_MAX_WRAPPINGS):
        if isinstance(content, Mapping):
            name = content.get("name")
            if isinstance(name, str):
                return name
            content = content.get("content")
        elif isinstance(content, str):
            content = _decoded_message(content)
        else:
            break
    return None


def _decoded_message(text: str) -> Mapping[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        decoded = json.loads(text)
    except (ValueError, RecursionError):
        return None
    # Only what is plainly a message: a person may paste JSON of their own.
    if not isinstance(decoded, dict) or not isinstance(decoded.get("role"), str):
        return None
    return decoded if isinstance(decoded.get("content"), str | list) else None


def _part_text(part: object) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Mapping) and part.get("type", "text") in ("text", "input_text", "output_text"):
        text = part.get("text")
        return text if isinstance(text, str) else ""
    return ""


def clean_text(text: str) -> str:
    """Take out recalled memories and their citations (never learn them again), tool XML, upload markers, and the
    characters that control a screen or that nobody sees. What is left is in Unicode's composed form."""
    return without_tool_calls(without_memories(as_seen(CONTROL.sub("", text)))).strip()


def without_tool_calls(text: str) -> str:
    """``text`` without tool XML and upload markers."""
    for pattern in (_TOOL_XML, _UPLOAD_MARKER):
        text = pattern.sub(" ", text)  # a space, so that what stood left and right cannot form a new tag
    return text


def message_kind(item: Mapping[str, Any]) -> str:
    """What a message is: its ``type`` decides, since the platform keeps tools' results under people's roles; of an
    item that is only called a message, its ``role``. ``""`` if it says neither."""
    said = (item.get(name) for name in ("type", "role"))
    kinds = (value.strip().lower() for value in said if isinstance(value, str))
    return next((kind for kind in kinds if kind not in ("", "message")), "")
