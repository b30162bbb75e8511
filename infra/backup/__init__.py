"""Backups of the memories: made, tried, and brought back."""
