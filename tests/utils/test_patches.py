"""Reading, writing and showing pictures, and running a block with other arguments."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from ultralytics.utils import patches
from ultralytics.utils.namespace import IterableSimpleNamespace

PICTURE = np.arange(8 * 6 * 3, dtype=np.uint8).reshape(8, 6, 3)


def test_pictures_under_names_of_any_alphabet(tmp_path):
    file = tmp_path / "图片 ü.png"
    assert patches.imwrite(file, PICTURE)
    assert np.array_equal(patches.imread(file), PICTURE) and np.array_equal(patches.imread_unicode(file), PICTURE)
    grey = patches.imread(file, cv2.IMREAD_GRAYSCALE)
    assert grey.shape == (8, 6, 1) and np.array_equal(grey[..., 0], cv2.cvtColor(PICTURE, cv2.COLOR_BGR2GRAY))
    with patches.image_open(file) as opened:
        assert opened.size == (6, 8)


def test_what_cannot_be_read_or_written(tmp_path):
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(b"no picture")
    (tmp_path / "empty.png").touch()
    assert [patches.imread(f) for f in (damaged, tmp_path / "empty.png", tmp_path / "missing.png")] == [None] * 3
    assert not patches.imwrite(tmp_path / "none" / "x.png", PICTURE) and not (tmp_path / "none").exists()
    assert not patches.imwrite(tmp_path / "x.unknown", PICTURE)
    assert not patches.imwrite(tmp_path / "x.png", np.zeros((2, 2, 7), np.uint8))
    assert not (tmp_path / "x.png").exists()


def test_quality_is_passed_on(tmp_path):
    sizes = []
    for quality in (5, 95):
        assert patches.imwrite(
            tmp_path / "x.jpg", PICTURE.repeat(16, 0).repeat(16, 1), [cv2.IMWRITE_JPEG_QUALITY, quality]
        )
        sizes.append((tmp_path / "x.jpg").stat().st_size)
    assert sizes[0] < sizes[1]


def test_formats_that_pillow_reads(tmp_path):
    file = tmp_path / "x.avif"
    try:
        Image.fromarray(np.full((16, 16, 3), (200, 100, 0), np.uint8)).save(file)
    except (OSError, KeyError):
        pytest.skip("Pillow has no AVIF here")
    picture = patches.imread(file)
    assert picture.shape == (16, 16, 3) and abs(picture.astype(int).mean((0, 1)) - (0, 100, 200)).max() < 8
    assert patches.imread(file, cv2.IMREAD_GRAYSCALE).shape == (16, 16, 1)


def test_windows_have_plain_names_and_titles_as_given(monkeypatch):
    calls = []
    monkeypatch.setattr(cv2, "imshow", lambda name, mat: calls.append(("show", name)))
    monkeypatch.setattr(cv2, "setWindowTitle", lambda name, title: calls.append(("title", name, title)))
    patches.imshow("plain", PICTURE)
    patches.imshow("窗", PICTURE)
    assert calls == [("show", "plain"), ("show", "\\u7a97"), ("title", "\\u7a97", "窗")]


def test_arguments_are_as_before_after_a_block():
    args = IterableSimpleNamespace(cache=True, batch=4)
    with patches.override_configs(args, {"cache": False, "extra": 1}) as inside:
        assert inside is args and (args.cache, args.batch, args.extra) == (False, 4, 1)
        args.batch = 8
    assert vars(args) == {"cache": True, "batch": 4}
    with pytest.raises(KeyError), patches.override_configs(args, {"batch": 2}):
        raise KeyError
    with patches.override_configs(args):
        assert vars(args) == {"cache": True, "batch": 4}
