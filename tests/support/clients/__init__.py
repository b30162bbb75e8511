"""The Python client under test."""
