"""Qdrant's REST API over the embedded engine (``qdrant-edge-py``), for machines without a Qdrant server.

It answers the part of the API that this project and ``qdrant-client`` use, with the server's shapes and error
codes; whatever it does not know it refuses by name. ``python -m devstack.qdrant --data DIR --port N`` runs it,
``QdrantFront`` starts it inside a test or benchmark.
"""

from devstack.qdrant.errors import FolderInUseError
from devstack.qdrant.front import QdrantFront

__all__ = ["FolderInUseError", "QdrantFront"]
