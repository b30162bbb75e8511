"""Lays out text of the contract as docstrings."""

import textwrap

WIDTH = 120
GENERATED = "Generated from docs/openapi.json by ``python -m clients.generate``."


def docstring(text: str, indent: int) -> list[str]:
    """``text`` as the lines of a docstring."""
    plain = text.replace("\\", "\\\\").replace('"""', "'''")
    paragraphs = [" ".join(part.split()) for part in plain.split("\n\n")]
    pad = " " * indent
    one = f'{pad}"""{paragraphs[0]}"""'
    if len(paragraphs) == 1 and len(one) <= WIDTH and not plain.endswith('"'):
        return [one]
    first, *rest = textwrap.wrap(paragraphs[0], WIDTH - indent - 3)
    lines = [f'{pad}"""{first}', *(pad + line for line in rest)]
    for paragraph in paragraphs[1:]:
        lines += ["", *(pad + line for line in textwrap.wrap(paragraph, WIDTH - indent))]
    return [*lines, f'{pad}"""']
