"""Memories in Qdrant, over its REST API."""
