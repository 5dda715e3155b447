"""Files with a value for every pixel: class maps of all kinds, depth as PNG and array."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from ultralytics.data.dense.base import resized_map
from ultralytics.data.images.io import UnreadableImageError
from ultralytics.data.images.maps import (
    check_depth_scale,
    load_depth,
    metres,
    read_class_map,
    read_depth_numbers,
    read_mask,
    save_depth_png,
)

IDS = np.zeros((20, 30), np.uint8)
IDS[:10], IDS[:, :5], IDS[15:, 25:] = 1, 2, 255
COLOURED = [channel for i in range(256) for channel in (i * 7 % 256, i * 13 % 256, i)]
GREY = [255 - i for i in range(256) for _ in range(3)]


def palette(values: np.ndarray, colours: list[int]) -> Image.Image:
    picture = Image.fromarray(values).convert("P")
    picture = Image.frombytes("P", values.shape[::-1], values.tobytes())
    picture.putpalette(colours)
    return picture


def grey_png(values: np.ndarray, bits: int) -> bytes:
    """A grey PNG of fewer than eight bits, which Pillow does not write."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b""
    for row in values:
        padded = np.concatenate([row, np.zeros(-len(row) % (8 // bits), np.uint8)]).reshape(-1, 8 // bits)
        shifts = np.arange(8 // bits)[::-1] * bits
        rows += b"\0" + (padded << shifts).sum(1).astype(np.uint8).tobytes()
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], bits, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


KINDS = {
    "grey.png": (lambda path: Image.fromarray(IDS).save(path), IDS),
    "coloured_palette.png": (lambda path: palette(IDS, COLOURED).save(path), IDS),
    "grey_palette.png": (lambda path: palette(IDS, GREY).save(path), 255 - IDS),
    "one_bit.png": (lambda path: Image.fromarray(IDS == 1).save(path), IDS == 1),
    "two_bits.png": (lambda path: path.write_bytes(grey_png(IDS % 4, 2)), IDS % 4),
    "four_bits.png": (lambda path: path.write_bytes(grey_png(IDS % 16, 4)), IDS % 16),
    "deep.png": (lambda path: Image.fromarray(IDS.astype(np.uint16) * 100).save(path), IDS.astype(int) * 100),
    "grey_alpha.png": (lambda path: Image.fromarray(np.dstack([IDS, 255 - IDS])).save(path), IDS),
    "grey_rgb.png": (lambda path: Image.fromarray(np.dstack([IDS] * 3)).save(path), IDS),
    "grey_rgba.png": (lambda path: Image.fromarray(np.dstack([IDS] * 4)).save(path), IDS),
    "transparent.png": (lambda path: Image.fromarray(IDS).save(path, transparency=1), IDS),
    "grey.bmp": (lambda path: Image.fromarray(IDS).save(path), IDS),
    "lossless.webp": (lambda path: Image.fromarray(IDS).save(path, lossless=True), IDS),
    "deep.tif": (lambda path: Image.fromarray(IDS.astype(np.uint16)).save(path), IDS),
    "whole.tif": (lambda path: Image.fromarray(IDS.astype(np.int32) * 1000).save(path), IDS.astype(int) * 1000),
}


@pytest.mark.parametrize("name", KINDS)
def test_class_maps(tmp_path, name):
    write, expected = KINDS[name]
    write(tmp_path / name)
    for found in (read_class_map(tmp_path / name), read_class_map(tmp_path / name, check=True)):
        assert found.ndim == 2 and found.dtype.kind in "ui"
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(read_mask(str(tmp_path / name), "P"), expected)


BAD = {
    "coloured.png": (lambda path: Image.fromarray(np.dstack([IDS, IDS, 255 - IDS])).save(path), "without a palette"),
    "float.tif": (lambda path: Image.fromarray(IDS.astype(np.float32)).save(path), "no class ids"),
    "cmyk.tif": (lambda path: Image.fromarray(np.dstack([IDS] * 4), "CMYK").save(path), "'CMYK'"),
    "empty.png": (lambda path: path.write_bytes(b""), "empty"),
    "text.png": (lambda path: path.write_bytes(b"hello, world" * 9), "known picture format"),
    "cut.png": (lambda path: (Image.fromarray(IDS).save(path), path.write_bytes(path.read_bytes()[:-30])), None),
    "damaged.png": (lambda path: (Image.fromarray(IDS).save(path), damage(path)), None),
}


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", BAD)
def test_what_is_no_class_map(tmp_path, name):
    write, reason = BAD[name]
    write(tmp_path / name)
    with pytest.raises(UnreadableImageError, match=reason) as caught:
        read_class_map(tmp_path / name, check=True)
    assert name in str(caught.value)
    with pytest.raises(FileNotFoundError):
        read_class_map(tmp_path / "nowhere.png")


def test_other_orders_of_bytes(tmp_path):
    depth = np.linspace(0.5, 60, 600).reshape(20, 30)
    for kind in (">f4", ">f8", "<f2", "g"):
        np.save(tmp_path / "a.npy", depth.astype(kind))
        np.testing.assert_allclose(resized_map(load_depth(tmp_path / "a.npy"), (20, 30)), depth, rtol=1e-3)
        np.testing.assert_allclose(
            resized_map(read_depth_numbers(tmp_path / "a.npy"), (10, 15)), depth[1::2, 1::2], rtol=1e-3
        )
    np.save(tmp_path / "a.npy", np.asfortranarray(depth))
    np.testing.assert_allclose(load_depth(tmp_path / "a.npy"), depth, rtol=1e-6)
    np.save(tmp_path / "a.npy", np.array([[1e300, 1.0]]))
    assert load_depth(tmp_path / "a.npy").tolist() == [[0, 1]]
    big = (IDS.astype(int) * 300 % 65536).astype(">u2")
    head = b"MM\0*" + struct.pack(">IH", 8, 9)
    entries = [(256, 3, 30), (257, 3, 20), (258, 3, 16), (259, 3, 1), (262, 3, 1), (273, 4, 122), (277, 3, 1)]
    entries += [(278, 3, 20), (279, 4, 1200)]
    for tag, kind, value in entries:
        head += struct.pack(">HHI", tag, kind, 1) + (
            struct.pack(">HH", value, 0) if kind == 3 else struct.pack(">I", value)
        )
    (tmp_path / "big.tif").write_bytes(head + b"\0" * 4 + big.tobytes())
    found = read_class_map(tmp_path / "big.tif")
    assert found.dtype == np.uint16 and found.dtype.isnative
    np.testing.assert_array_equal(found, IDS.astype(int) * 300 % 65536)


def test_depth_png_and_array_agree(tmp_path):
    depth = np.linspace(0, 60, 600, dtype=np.float32).reshape(20, 30)
    save_depth_png(tmp_path / "a.png", depth)
    np.save(tmp_path / "a.npy", depth)
    np.testing.assert_allclose(load_depth(tmp_path / "a.png"), load_depth(tmp_path / "a.npy"), atol=1e-3)
    stored = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16
    np.testing.assert_allclose(load_depth(tmp_path / "a.png", 256), stored / 256, rtol=1e-6)


def test_unknown_depth_is_zero(tmp_path):
    depth = np.array([[0, 1.2345, 60.0, np.nan, -1, np.inf, -np.inf]], np.float64)
    save_depth_png(tmp_path / "a.png", depth)
    assert cv2.imread(str(tmp_path / "a.png"), -1).tolist() == [[0, 1234, 60000, 0, 0, 0, 0]]
    np.save(tmp_path / "a.npy", depth)
    assert load_depth(tmp_path / "a.npy").tolist() == [[0, np.float32(1.2345), 60, 0, 0, 0, 0]]
    assert load_depth(tmp_path / "a.npy").dtype == np.float32


@settings(max_examples=30, deadline=None)
@given(numbers=arrays(np.float32, (4, 5), elements=st.floats(width=32)))
def test_depth_is_finite_and_not_negative(numbers):
    depth = metres(numbers, 1000)
    assert np.isfinite(depth).all() and (depth >= 0).all()
    good = np.isfinite(numbers) & (numbers > 0)
    np.testing.assert_array_equal(depth[good], numbers[good])


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf"), None, "1", True])
def test_impossible_scales(tmp_path, scale):
    with pytest.raises(ValueError, match="above 0"):
        check_depth_scale(scale)
    with pytest.raises(ValueError, match="above 0"):
        save_depth_png(tmp_path / "a.png", np.ones((2, 2)), scale)
    assert not list(tmp_path.iterdir())


def test_depth_that_does_not_fit(tmp_path):
    with pytest.raises(ValueError, match="smaller scale"):
        save_depth_png(tmp_path / "a.png", np.full((2, 2), 70.0))
    with pytest.raises(ValueError, match="height, width"):
        save_depth_png(tmp_path / "a.png", np.ones((2, 2, 1)))
    assert not list(tmp_path.iterdir())


BAD_DEPTH = {
    "bytes.png": (lambda path: cv2.imwrite(str(path), IDS), "grey with 8 bits"),
    "coloured.png": (lambda path: cv2.imwrite(str(path), np.dstack([IDS] * 3)), "coloured"),
    "palette.png": (lambda path: palette(IDS, COLOURED).save(path), "coloured"),
    "picture.jpg": (lambda path: cv2.imwrite(str(path), IDS), "no PNG"),
    "empty.png": (lambda path: path.write_bytes(b""), "empty"),
    "cut.png": (
        lambda path: (cv2.imwrite(str(path), IDS.astype(np.uint16)), path.write_bytes(path.read_bytes()[:60])),
        "decoded",
    ),
    "whole.npy": (lambda path: np.save(path, IDS), "uint8"),
    "deep.npy": (lambda path: np.save(path, np.ones((1, 4, 4))), r"\(1, 4, 4\)"),
    "none.npy": (lambda path: np.save(path, np.ones((0, 4))), r"\(0, 4\)"),
    "objects.npy": (lambda path: np.save(path, np.array([{}]), allow_pickle=True), None),
    "empty.npy": (lambda path: path.write_bytes(b""), None),
}


@pytest.mark.parametrize("name", BAD_DEPTH)
def test_what_is_no_depth(tmp_path, name):
    write, reason = BAD_DEPTH[name]
    write(tmp_path / name)
    with pytest.raises(UnreadableImageError, match=reason) as caught:
        load_depth(tmp_path / name)
    assert name in str(caught.value)
    with pytest.raises(FileNotFoundError):
        load_depth(tmp_path / "nowhere.npy")
