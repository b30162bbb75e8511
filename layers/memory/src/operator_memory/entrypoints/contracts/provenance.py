"""Contracts of the management API about why a memory is remembered."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from operator_memory.domain.memory.provenance import Provenance, SourceClass
from operator_memory.domain.recall.rendering import shortened

MAX_LISTED_QUOTE = 1_000
"""Characters of a quote in a list."""


class QuoteView(BaseModel):
    """Words that a fact was learned from."""

    quote: str
    message_id: str | None = None
    role: str | None = Field(default=None, description="`user`, or `assistant` where the person answered it.")
    speaker: str | None = None
    author_id: str | None = None
    said_at: datetime | None = None
    run_id: str | None = Field(default=None, description="The job that learned it.")


class ProvenanceView(BaseModel):
    """Why a fact is remembered."""

    basis: Literal["stated", "inferred"] = Field(description="`inferred`: concluded from what was said.")
    source_class: SourceClass | None = Field(description="Whose words it is from; null where that is not known.")
    run_id: str | None = Field(description="The job that learned it.")
    when: str | None = Field(description="What time it speaks of: an ISO 8601 date, month, year or interval.")
    quotes: list[QuoteView]
    hidden_quotes: int = Field(
        description="Quotes that are not shown: their turn was withdrawn, or it was said before the run."
    )
    repeated_in: list[str] = Field(description="Later jobs that said the same.")


def provenance_view(provenance: Provenance, *, most: int) -> ProvenanceView:
    """``provenance`` for an answer. ``most``: characters of each quote."""
    quotes = [
        QuoteView(**{**{n: getattr(said, n) for n in QuoteView.model_fields}, "quote": shortened(said.quote, most)})
        for said in provenance.quotes
    ]
    return ProvenanceView(
        basis="inferred" if provenance.inferred else "stated",
        source_class=provenance.source_class,
        run_id=provenance.run_id,
        when=provenance.when,
        quotes=quotes,
        hidden_quotes=provenance.hidden_quotes,
        repeated_in=list(provenance.repeated_in),
    )
