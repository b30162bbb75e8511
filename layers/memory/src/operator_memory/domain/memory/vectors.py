"""What a text is compared by: its dense vector, or the text itself where the store makes the vector."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class InferenceText:
    """A text that the store embeds with ``model``. It travels where its vector would."""

    text: str = field(repr=False)
    model: str


Vector: TypeAlias = Sequence[float] | InferenceText
"""Numbers (as many as the collection has dimensions), or what the store makes them of."""
