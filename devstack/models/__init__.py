"""An OpenAI-compatible model server that needs no key and downloads nothing."""

from devstack.models.server import ModelServer

__all__ = ["ModelServer"]
