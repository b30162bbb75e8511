"""The reader of ONNX files, on messages made here by hand, byte by byte."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.adapters.models.minilm.weights import FLOAT, INT8, tensors


def varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; all but the last have the highest bit set."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def number_field(field: int, number: int) -> bytes:
    return varint(field << 3) + varint(number)


def bytes_field(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def tensor(name: str, shape: list[int], element_type: int, data: bytes, *, packed: bool = False) -> bytes:
    sizes = b"".join(map(varint, shape))
    dims = bytes_field(1, sizes) if packed else b"".join(number_field(1, size) for size in shape)
    return dims + number_field(2, element_type) + bytes_field(8, name.encode()) + bytes_field(9, data)


def model(*initializers: bytes, around: bytes = b"") -> memoryview:
    graph = around + b"".join(bytes_field(5, one) for one in initializers) + bytes_field(1, b"a node")
    return memoryview(around + number_field(1, 8) + bytes_field(7, graph) + around)


@pytest.mark.parametrize("packed", [False, True])
def test_initializers_are_read_with_name_shape_type_and_bytes(packed: bool) -> None:
    weights = struct.pack("<6f", *range(6))
    found = tensors(
        model(
            tensor("w", [2, 3], FLOAT, weights, packed=packed), tensor("q", [300], INT8, b"\x01" * 300, packed=packed)
        )
    )
    assert list(found) == ["w", "q"]
    assert (found["w"].shape, found["w"].element_type, bytes(found["w"].data)) == ((2, 3), FLOAT, weights)
    assert (found["q"].shape, found["q"].element_type, bytes(found["q"].data)) == ((300,), INT8, b"\x01" * 300)


def test_what_is_not_needed_is_passed_over() -> None:
    fixed = varint(20 << 3 | 5) + b"1234" + varint(21 << 3 | 1) + b"12345678"
    number = number_field(22, 2**40)
    assert list(tensors(model(tensor("w", [], FLOAT, b"1234"), around=fixed + number))) == ["w"]


def test_data_is_a_view_of_the_file_and_no_copy() -> None:
    file = model(tensor("w", [4], INT8, b"abcd"))
    assert tensors(file)["w"].data.obj is file.obj


@pytest.mark.parametrize(
    "damaged",
    [b"\x3a\x05abc", b"\x3a", b"\xff" * 12, b"\x3b", b"\x3d12", bytes(model(tensor("w", [1], INT8, b"a")))[:-2]],
    ids=["ends early", "no length", "a number without end", "a group", "half a number", "cut off"],
)
def test_what_is_no_message_is_refused(damaged: bytes) -> None:
    with pytest.raises(ValueError, match="protobuf message"):
        tensors(memoryview(damaged))


@given(st.binary())
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        tensors(memoryview(content))
    except ValueError:
        return
