"""Writes those files of the Python client that follow from the contract: ``python -m clients.generate [--check]``."""
