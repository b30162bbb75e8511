"""Use cases before a run: the context for it."""
