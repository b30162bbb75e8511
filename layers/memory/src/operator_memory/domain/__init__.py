"""Decisions: pure functions and value objects. Standard library only, no clock, no I/O."""
