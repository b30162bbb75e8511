"""Use cases on a schedule."""
