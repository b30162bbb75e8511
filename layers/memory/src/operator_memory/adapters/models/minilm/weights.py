"""The weights in an ONNX file, read without the ``onnx`` package: an ONNX file is a protobuf message.

Only what is needed is understood: the graph's initializers, with their raw little-endian bytes. Standard library
only. Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from collections.abc import Iterator
from dataclasses import dataclass

FLOAT, INT8 = 1, 3
"""Element types (``TensorProto.DataType``)."""

_GRAPH, _INITIALIZER = 7, 5  # fields of ModelProto and of GraphProto
_DIMS, _DATA_TYPE, _NAME, _RAW_DATA = 1, 2, 8, 9  # fields of TensorProto
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types
_FIXED_SIZE = {_FIXED64: 8, _FIXED32: 4}


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named array as it stands in the file: ``data`` is not copied."""

    name: str
    shape: tuple[int, ...]
    element_type: int
    data: memoryview


def tensors(model: memoryview) -> dict[str, Tensor]:
    """The initializers of ``model`` (the whole file) by name, in the file's order.

    Raises:
        ValueError: if the bytes are not a protobuf message.
    """
    found: dict[str, Tensor] = {}
    for field, graph in _fields(model):
        if field != _GRAPH or isinstance(graph, int):
            continue
        for inner, value in _fields(graph):
            if inner == _INITIALIZER and not isinstance(value, int):
                tensor = _tensor(value)
                found[tensor.name] = tensor
    return found


def _tensor(message: memoryview) -> Tensor:
    shape: list[int] = []
    name, element_type, data = "", 0, memoryview(b"")
    for field, value in _fields(message):
        if isinstance(value, int):
            if field == _DATA_TYPE:
                element_type = value
            elif field == _DIMS:
                shape.append(value)
        elif field == _DIMS:  # packed
            at = 0
            while at < len(value):
                size, at = _varint(value, at)
                shape.append(size)
        elif field == _NAME:
            name = bytes(value).decode()
        elif field == _RAW_DATA:
            data = value
    return Tensor(name, tuple(shape), element_type, data)


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field: a number, or the bytes of everything else."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        field, wire = key >> 3, key & 7
        if wire == _VARINT:
            number, at = _varint(message, at)
            yield field, number
            continue
        if wire == _BYTES:
            size, at = _varint(message, at)
        elif wire in _FIXED_SIZE:
            size = _FIXED_SIZE[wire]
        else:
            raise ValueError("not a protobuf message")
        if at + size > len(message):
            raise ValueError("the protobuf message ends early")
        yield field, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """The number that begins at ``at``, and where it ends: seven bits a byte, the lowest first."""
    number = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at
    raise ValueError("the protobuf message ends early")
