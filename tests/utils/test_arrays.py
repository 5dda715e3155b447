from __future__ import annotations

import io
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ultralytics.utils.arrays import ArrayFileError, read_array, read_arrays


def npy(array: np.ndarray, **options) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **options)
    return stream.getvalue()


def header(text: str, data: bytes = b"") -> bytes:
    """An array file with a header of one's own."""
    packed = text.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(packed)) + packed + data


@given(hnp.arrays(hnp.integer_dtypes() | hnp.floating_dtypes() | hnp.boolean_dtypes(), hnp.array_shapes(min_side=0)))
def test_round_trip(array):
    for version in ((1, 0), (2, 0)):
        content = npy(array, version=version)
        again = read_array(io.BytesIO(content), len(content))
        assert again.dtype == array.dtype and again.flags.writeable
        np.testing.assert_array_equal(again, array)


def test_order_and_what_follows():
    array = np.asfortranarray(np.arange(6).reshape(2, 3))
    content = npy(array)
    stream = io.BytesIO(b"xx" + content + b"rest")
    stream.seek(2)
    np.testing.assert_array_equal(read_array(stream, len(content)), array)
    assert stream.read() == b"rest"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npy(np.array([{}], dtype=object)), "numbers"),
        (npy(np.array(["text"])), "numbers"),
        (npy(np.zeros(2, "i4,f4")), "numbers"),
        (npy(np.zeros(2, "M8[s]")), "numbers"),
        (npy(np.zeros(5))[:-1], "has 39"),
        (npy(np.zeros(5)) + b"x", "has 41"),
        (header("{'descr': '|u1', 'fortran_order': False, 'shape': (1000000, 1000000, 1000000), }"), "bytes; it has 0"),
        (header("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, -1), }", b"x"), "its header says"),
        (header("{'descr': '|u1', 'fortran_order': False, 'shape': (0, -5), }"), "its header says"),
        (header("{'descr': 'nonsense', 'fortran_order': False, 'shape': (1,), }"), "no readable array header"),
        (header("__import__('os')"), "no readable array header"),
        (header("(" * 110), "no readable array header"),
        (b"\x93NUMPY\x03\x00" + npy(np.zeros(1))[8:], "no readable array header"),
        (b"", "no readable array header"),
        (b"PK\x03\x04", "no readable array header"),
    ],
)
def test_other_content_is_refused(content, words):
    with pytest.raises(ArrayFileError, match=words):
        read_array(io.BytesIO(content), len(content))


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda rest: b"\x93NUMPY\x01\x00\x36\x00" + rest))
def test_any_bytes_are_read_or_told(content):
    try:
        read_array(io.BytesIO(content), len(content))
    except ArrayFileError as error:
        assert str(error).startswith("it")


def test_archives(tmp_path):
    file = tmp_path / "a.npz"
    np.savez(file, a=np.arange(3), b=np.zeros((2, 2), np.float32))
    found = read_arrays(file, ("a", "b"))
    assert found["a"].tolist() == [0, 1, 2] and found["b"].shape == (2, 2)
    for names in (("c",), ("a", "c")):
        with pytest.raises(ArrayFileError, match=r"array 'c' of '.*a\.npz' cannot be read"):
            read_arrays(file, names)
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "none.npz", ("a",))


def test_packed_archives_are_not_unpacked(tmp_path):
    file = tmp_path / "a.npz"
    np.savez_compressed(file, a=np.zeros(100_000_000, np.uint8))
    with pytest.raises(ArrayFileError, match=r"array 'a' of .* it is packed"):
        read_arrays(file, ("a",))


def test_sizes_that_only_the_directory_claims(tmp_path):
    file = tmp_path / "a.npz"
    text = "{'descr': '|u1', 'fortran_order': False, 'shape': (%d,), }"
    size = 4_000_000_000
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", header(text % size))
    actual = len(header(text % size))
    raw = file.read_bytes()
    claimed = struct.pack("<I", size + actual)
    file.write_bytes(raw.replace(struct.pack("<I", actual) * 2, claimed * 2))
    with pytest.raises(ArrayFileError, match="larger than the file"):
        read_arrays(file, ("a",))


@given(st.binary(max_size=80), st.floats(0, 1, exclude_max=True))
def test_damaged_archives_are_told(tmp_path_factory, change, place):
    file = tmp_path_factory.mktemp("npz") / "a.npz"
    np.savez(file, a=np.arange(30), b=np.zeros(4))
    raw = bytearray(file.read_bytes())
    start = int(place * len(raw))
    raw[start : start + len(change)] = change
    file.write_bytes(raw)
    try:
        read_arrays(file, ("a", "b"))
    except ArrayFileError as error:
        assert "a.npz" in str(error)
