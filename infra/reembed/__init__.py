"""Moves all memories into another collection, with the vectors of another embedding model, while both are in use."""
