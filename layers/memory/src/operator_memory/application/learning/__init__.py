"""Use cases after a run: what is learned from it."""
