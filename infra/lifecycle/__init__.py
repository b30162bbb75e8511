"""Rounds of the life cycle by hand."""
