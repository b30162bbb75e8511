"""Support of the tests about the life cycle."""
