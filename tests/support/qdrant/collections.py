"""Collections as a deploy makes them."""

from infra.qdrant.apply import apply
from infra.qdrant.collection import collection_at


def make_collection(url: str, name: str, dimensions: int) -> None:
    """Apply ``infra/qdrant`` to the Qdrant at ``url``, without a remainder."""
    with collection_at(url, name) as collection:
        assert apply(collection, dimensions, check=False) == []


def drift(url: str, name: str, dimensions: int) -> list[str]:
    """What differs from ``infra/qdrant`` now."""
    with collection_at(url, name) as collection:
        return apply(collection, dimensions, check=True)
