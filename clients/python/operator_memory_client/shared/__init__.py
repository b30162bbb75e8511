"""Copies of pure modules of the service: see ``clients/generate/copies.py``."""
