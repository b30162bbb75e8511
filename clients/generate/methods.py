"""Writes the table of routes, and a method for each, once for blocking calls and once for event loops."""

from collections.abc import Iterator
from functools import partial

from clients.generate.annotations import asked
from clients.generate.document import Argument, Operation, Schema, resolved
from clients.generate.layout import GENERATED, docstring
from clients.generate.models import argument_types

ROUTES_HEAD = f'''"""The routes of the service. {GENERATED}"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operator_memory_client.transport.calls import Route

if TYPE_CHECKING:
    from operator_memory_client import models
    from operator_memory_client.transport.answers import TextPart
'''

METHODS_HEAD = f'''"""{{what}} {GENERATED}"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from operator_memory_client.api import routes
from operator_memory_client.transport.calls import UNSET, Route, Unset

if TYPE_CHECKING:
    from datetime import datetime

    from operator_memory_client import models
    from operator_memory_client.api.types import {{types}}
    from operator_memory_client.transport.answers import TextPart

A = TypeVar("A")


class {{name}}:
    """A method for each route. What is left out is not sent: the service's own default holds."""

    {{async_}}def _call(
        self,
        route: Route[A],
        path: Mapping[str, object],
        query: Mapping[str, object],
        headers: Mapping[str, object],
        body: object = UNSET,
    ) -> A:
        raise NotImplementedError
'''


def routes_module(operations: list[Operation]) -> str:
    """The text of ``api/routes.py``."""
    return ROUTES_HEAD + "\n" + "".join(map(_route, operations))


def _route(operation: Operation) -> str:
    flags = [f"{flag}=True" for flag in ("keyed", "reads") if getattr(operation, flag)]
    values = ", ".join([f'"{value}"' for value in (operation.method, operation.path, operation.answer)] + flags)
    return f"{operation.name.upper()}: Route[{_answer(operation)}] = Route({values})\n"


def _answer(operation: Operation) -> str:
    return {"": "None", "text": "TextPart"}.get(operation.answer, f"models.{operation.answer}")


def methods_module(document: Schema, operations: list[Operation], *, blocking: bool) -> str:
    """The text of ``api/methods.py``, or of ``api/async_methods.py``."""
    methods = ["\n".join(_method(document, operation, blocking=blocking)) + "\n" for operation in operations]
    text = "\n" + "\n".join(methods)
    return (
        METHODS_HEAD.format(
            what="Methods that block." if blocking else "Methods for event loops.",
            types=", ".join(argument_types(document, operations)),
            name="Methods" if blocking else "AsyncMethods",
            async_="" if blocking else "async ",
        )
        + text
    )


def _method(document: Schema, operation: Operation, *, blocking: bool) -> Iterator[str]:
    yield f"    {'' if blocking else 'async '}def {operation.name}("
    yield "        self,"
    arguments = operation.arguments
    path = [argument for argument in arguments if argument.place in ("path", "lines")]
    yield from (f"        {argument.name}: str," for argument in path)
    rest = sorted((a for a in arguments if a not in path), key=lambda argument: not argument.required)
    if rest:
        yield "        *,"
    yield from (f"        {_parameter(document, argument)}," for argument in rest)
    yield f"    ) -> {_answer(operation)}:"
    first = f"{operation.summary}."
    yield from docstring(f"{first}\n\n{operation.description}" if operation.description else first, 8)
    sent = [_sent(arguments, place) for place in ("path", "query", "header")]
    if operation.body:
        sent.append("lines" if operation.body == "text" else _sent(arguments, "body"))
    call = "self._call" if blocking else "await self._call"
    yield f"        return {call}(routes.{operation.name.upper()}, {', '.join(sent)})"


def _parameter(document: Schema, argument: Argument) -> str:
    annotation = asked(argument.schema, partial(resolved, document))
    if argument.required:
        return f"{argument.name}: {annotation}"
    if argument.place == "body":
        # of a change, null empties the field; elsewhere the service takes the two as one, but not for every type
        return f"{argument.name}: {annotation} | Unset = UNSET"
    return f"{argument.name}: {annotation.removesuffix(' | None')} | None = None"


def _sent(arguments: tuple[Argument, ...], place: str) -> str:
    pairs = []
    for argument in arguments:
        if argument.place == place:
            value = argument.name
            if argument.wire == "if-match":
                value = f"None if {value} is None else f'\"{{{value}}}\"'"
            pairs.append(f'"{argument.wire}": {value}')
    return "{" + ", ".join(pairs) + "}"
