"""Rounds of the life cycle, an export and an erasure at scale."""
