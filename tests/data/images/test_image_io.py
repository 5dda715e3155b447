"""Reading pictures: any path, any depth, orientation tags, damage."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from ultralytics.data.images.io import UnreadableImageError, decode_image, imread, mend_jpeg, scaled_size_hw
from ultralytics.data.labels.verify import check_image


@pytest.fixture
def picture():
    return cv2.resize(np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8), (60, 40))


def test_paths_of_any_alphabet(tmp_path, picture):
    path = tmp_path / "фото 图 é.png"
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    assert np.array_equal(imread(path), picture)


def test_grey_alpha_and_sixteen_bits_become_three_channels(tmp_path, picture):
    grey = picture[..., 0]
    for name, array in {
        "grey": grey,
        "alpha": np.dstack([picture, grey]),
        "deep": grey.astype(np.uint16) * 257,
    }.items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), array)
        image = imread(tmp_path / f"{name}.png")
        assert image.shape == (40, 60, 3) and image.dtype == np.uint8
        assert np.array_equal(image, picture if name == "alpha" else np.dstack([grey] * 3))
    assert imread(tmp_path / "grey.png", channels=1).shape == (40, 60, 1)
    with pytest.raises(UnreadableImageError, match=r"grey\.png: has 1 channel, but the model takes 4"):
        imread(tmp_path / "grey.png", channels=4)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif"])
@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 8])
def test_scan_and_reading_agree_on_orientation(tmp_path, picture, suffix, orientation):
    exif = Image.Exif()
    exif[0x112] = orientation
    path = tmp_path / f"a.{suffix}"
    try:
        Image.fromarray(picture[..., ::-1]).save(path, exif=exif)
    except (KeyError, OSError):
        pytest.skip(f"this Pillow cannot write {suffix}")
    size_hw, _ = check_image(path)
    assert imread(path).shape[:2] == size_hw == ((60, 40) if orientation >= 5 else (40, 60))


def test_only_the_end_marker_is_forgiven(picture):
    for progressive in (0, 1):
        whole = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive])[1].tobytes()
        reference = decode_image(whole)
        assert np.array_equal(decode_image(whole[:-2]), reference)
        assert np.array_equal(decode_image(whole + b"\0" * 64), reference)
        assert mend_jpeg(whole[: len(whole) * 2 // 3]) is None


def test_undecodable_files_say_why(tmp_path):
    for name, content, text in (("a.jpg", b"", "empty"), ("b.jpg", b"<html>", "unknown format")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnreadableImageError, match=text):
            imread(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        imread(tmp_path / "none.jpg")


@pytest.mark.parametrize(
    ("size", "target", "expected"),
    [
        ((480, 640), 640, (480, 640)),
        ((375, 500), 640, (480, 640)),
        ((100, 333), 320, (97, 320)),
        ((1, 999), 64, (1, 64)),
    ],
)
def test_scaled_size(size, target, expected):
    assert scaled_size_hw(size, target) == expected


def test_scaled_short_side():
    assert scaled_size_hw((100, 300), 50, short_side=True) == (50, 150)
