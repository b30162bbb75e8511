"""Use cases of finding: the context for a run, and a person's search."""
