"""What bodies are taken as pictures."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest

from ultralytics.serve.pictures import Budget, Limits, OverBudget, Refusal, decoded, is_multipart, is_picture

LIMITS = Limits(pixels=100_000)
NOISE = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)


def encoded(suffix: str, picture: np.ndarray = NOISE) -> bytes:
    return cv2.imencode(suffix, picture)[1].tobytes()


def bomb(side: int = 60_000) -> bytes:
    """A PNG of a few bytes that describes a picture of gigabytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(10**6)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tiff"])
def test_pictures_are_decoded(suffix):
    assert decoded(encoded(suffix), "a", LIMITS).shape == (60, 80, 3)
    if suffix != ".jpg":
        assert np.array_equal(decoded(encoded(suffix), "a", LIMITS), NOISE) or suffix == ".webp"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", 422),
        (b"no picture", 422),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 422),
        (encoded(".jpg")[:-400], 422),
        (encoded(".jpg")[:100], 422),
        (encoded(".png")[:-40], 422),
        (encoded(".png")[:-4], 422),
        (encoded(".webp")[:-100], 422),
        (bomb(), 413),
        (bomb(400), 413),
        (b"GIF89a" + bytes(20), 422),
    ],
)
def test_others_are_refused(data, code):
    with pytest.raises(Refusal) as refused:
        decoded(data, "../../etc/passwd\x1b[2J", LIMITS)
    assert refused.value.code == code and "\x1b" not in refused.value.text


def test_types():
    assert is_picture("image/jpeg") and is_picture("IMAGE/PNG; x=y") and is_picture("application/octet-stream")
    assert not is_picture("image/svg+xml") and not is_picture("application/json") and not is_picture("")
    assert is_multipart("multipart/form-data; boundary=a") and not is_multipart("multipart/mixed; boundary=a")


def test_budget():
    budget = Budget(10)
    budget.take(6)
    with pytest.raises(OverBudget):
        budget.take(5)
    budget.give(6)
    budget.take(10)
    assert budget.used == 10
