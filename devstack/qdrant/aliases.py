"""Names for the two kinds of values whose types are known only while running."""

from typing import Any

Json = Any  # a JSON value of a request or answer
JsonObject = dict[str, Json]
EngineObject = Any  # an object of the engine: its stubs type the many forms of a query or condition too narrowly
