"""Pictures of many bands in files: pages and samples of TIFFs, arrays, and which arrays are none."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ultralytics.data.converter import convert_to_multispectral
from ultralytics.data.describe.locate import find_images
from ultralytics.data.images.cache import DiskImages
from ultralytics.data.images.io import UnreadableImageError, imread
from ultralytics.data.images.tiff import TiffHeader, tiff_header, turned_upright
from ultralytics.data.labels.verify import check_image
from ultralytics.data.tools.multispectral import band_weights


@pytest.fixture
def bands() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (20, 30, 10), dtype=np.uint8)


def save(path: Path, array: np.ndarray) -> Path:
    """Write an array in the way of its suffix; a TIFF has a page per band."""
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        cv2.imwritemulti(str(path), [np.ascontiguousarray(array[..., i]) for i in range(array.shape[2])])
    return path


@pytest.mark.parametrize("suffix", ["tif", "tiff", "npy"])
@pytest.mark.parametrize(
    "change", [lambda a: a, lambda a: a.astype(np.uint16) * 257, lambda a: (a / 255).astype(np.float32)]
)
def test_pages_and_arrays_are_bands(tmp_path, bands, suffix, change):
    path = save(tmp_path / f"a.{suffix}", change(bands))
    assert np.array_equal(imread(path, 10), bands)
    assert check_image(path, 10) == ((20, 30), "")
    with pytest.raises(ValueError, match=r"^has 10 channels, but the model takes 4"):
        check_image(path, 4)
    with pytest.raises(UnreadableImageError, match=rf"a\.{suffix}: has 10 channels, but the model takes 7"):
        imread(path, 7)


def test_the_first_page_is_the_picture_of_colour_and_grey_models(tmp_path, bands):
    path = save(tmp_path / "a.tif", bands)
    assert np.array_equal(imread(path), np.repeat(bands[..., :1], 3, axis=2))
    assert np.array_equal(imread(path, 1), bands[..., :1])


def test_pages_of_colour_give_all_their_samples(tmp_path, bands):
    cv2.imwritemulti(str(tmp_path / "a.tif"), [bands[..., :3].copy(), bands[..., 3:6].copy()])
    assert np.array_equal(imread(tmp_path / "a.tif", 6), bands[..., :6])
    Image.fromarray(bands[..., 0]).save(
        tmp_path / "b.tif", save_all=True, append_images=[Image.fromarray(bands[:10, :, 1])]
    )
    with pytest.raises(UnreadableImageError, match="pages are of several sizes"):
        imread(tmp_path / "b.tif", 2)


def test_alpha_is_a_channel_where_four_are_wanted(tmp_path, bands):
    cv2.imwrite(str(tmp_path / "a.png"), bands[..., :4])
    assert np.array_equal(imread(tmp_path / "a.png", 4), bands[..., :4])
    assert np.array_equal(imread(tmp_path / "a.png"), bands[..., :3])
    cv2.imwrite(str(tmp_path / "a.jpg"), bands[..., :3])
    with pytest.raises(UnreadableImageError, match="has 3 channels, but the model takes 4"):
        imread(tmp_path / "a.jpg", 4)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_files_that_are_read_whole(tmp_path, bands, orientation):
    exif = Image.Exif()
    exif[0x112] = orientation
    rgba = Image.fromarray(bands[..., [2, 1, 0, 3]])
    floats = Image.fromarray((bands[..., 0] / 255).astype(np.float32))
    for picture, name, channels in ((rgba, "a.png", 4), (rgba, "a.tif", 4), (floats, "f.tif", 1)):
        picture.save(tmp_path / name, exif=exif)
        expected = turned_upright(bands[..., :channels], orientation)
        assert np.array_equal(imread(tmp_path / name, channels), expected)
        assert check_image(tmp_path / name, channels)[0] == expected.shape[:2]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_tiff_headers(tmp_path, bands):
    with open(save(tmp_path / "a.tif", bands), "rb") as file:
        assert tiff_header(file) == TiffHeader(orientation=1, plain=True, samples=1, pages=10)
    cv2.imwrite(str(tmp_path / "f.tif"), (bands[..., :3] / 255).astype(np.float32))
    with open(tmp_path / "f.tif", "rb") as file:
        assert tiff_header(file) == TiffHeader(orientation=1, plain=False, samples=3, pages=1)
    for damaged in (b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0"):
        (tmp_path / "d.tif").write_bytes(damaged)
        with open(tmp_path / "d.tif", "rb") as file:
            assert tiff_header(file) is None
        with pytest.raises(UnreadableImageError, match=r"d\.tif"):
            imread(tmp_path / "d.tif", 10)


def test_more_than_four_samples_a_pixel(tmp_path, bands):
    tifffile = pytest.importorskip("tifffile")
    for name, array, planes in (
        ("mixed", bands, "contig"),
        ("planes", bands.transpose(2, 0, 1), "separate"),
        ("four", bands[..., :4], "contig"),
    ):
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, array, photometric="minisblack", planarconfig=planes)
        channels = 4 if name == "four" else 10
        assert np.array_equal(imread(path, channels), bands[..., :channels])
    with pytest.raises(UnreadableImageError, match="has 10 channels, but the model takes 3"):
        imread(tmp_path / "mixed.tif")


def test_more_than_four_samples_a_pixel_need_a_package(tmp_path, bands, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tifffile", None)
    path = save(tmp_path / "a.tif", bands[..., :1])
    data = bytearray(path.read_bytes())
    tag = data.index(b"\x15\x01\x03\x00\x01\x00\x00\x00\x01\x00")  # samples of a pixel
    data[tag + 8] = 10
    path.write_bytes(data)
    with pytest.raises(UnreadableImageError, match=r"10 samples a pixel needs the package 'tifffile'.*page"):
        imread(path, 10)


def test_cached_arrays_are_no_pictures(tmp_path, bands):
    picture = tmp_path / "a.jpg"
    cv2.imwrite(str(picture), bands[..., :3])
    DiskImages().store(str(picture), bands[..., :3])
    np.save(tmp_path / "b.npy", bands)
    assert [Path(file).name for file in find_images(tmp_path)] == ["a.jpg", "b.npy"]
    picture.unlink()  # what is left is still a cache
    assert [Path(file).name for file in find_images(tmp_path)] == ["b.npy"]
    (tmp_path / "list.txt").write_text("./b.npy\n")
    assert [Path(file).name for file in find_images(tmp_path / "list.txt")] == ["b.npy"]
    disk = DiskImages()
    assert disk.load(str(tmp_path / "b.npy")) is None and disk.store(str(tmp_path / "b.npy"), bands) == 0


# Conversion -----------------------------------------------------------------------------------------------------------


def test_bands_are_linear_in_the_wavelength():
    for n in (1, 2, 5, 10, 20):
        weights = band_weights(n)
        assert weights.shape == (n, 3) and np.allclose(weights.sum(1), 1)
    centres = band_weights(251)[[25, 60, 200]]  # 475, 510 and 650 nm, one band a nanometre
    assert np.allclose(centres, np.eye(3))


def test_conversion(tmp_path):
    """The levels are those that the published converter gives, which cuts where this one rounds."""
    (tmp_path / "set" / "images" / "sub").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "set" / "images" / "a.png"), np.full((20, 30, 3), (50, 100, 200), np.uint8))
    cv2.imwrite(str(tmp_path / "set" / "images" / "sub" / "b.png"), np.full((20, 30, 3), (0, 255, 0), np.uint8))
    convert_to_multispectral(tmp_path / "set", n_channels=10)
    a = imread(tmp_path / "set" / "images" / "a.tiff", 10)
    assert a.shape == (20, 30, 10) and (a == a[0, 0]).all()
    assert np.abs(a[0, 0].astype(int) - [14, 53, 93, 116, 136, 156, 176, 196, 215, 235]).max() <= 1
    b = imread(tmp_path / "set" / "images" / "sub" / "b.tiff", 10)[0, 0].tolist()
    assert b[0] == b[8] == b[9] == 0 and max(b) == b[2]
    convert_to_multispectral(tmp_path / "set" / "images" / "a.png", n_channels=4, replace=True)
    assert not (tmp_path / "set" / "images" / "a.png").exists()
    assert imread(tmp_path / "set" / "images" / "a.tiff", 4)[0, 0].tolist() == [14, 117, 176, 236]
    convert_to_multispectral(tmp_path / "set", n_channels=4, replace=True, zip=True)
    assert sorted(f.name for f in (tmp_path / "set").rglob("*.*")) == ["a.tiff", "b.tiff"]
    assert (tmp_path / "set.zip").is_file()


def test_conversion_of_nothing(tmp_path):
    for path in (tmp_path, tmp_path / "none.jpg"):
        with pytest.raises(FileNotFoundError, match="no pictures to convert"):
            convert_to_multispectral(path)
    with pytest.raises(ValueError, match="n_channels=0"):
        convert_to_multispectral(tmp_path, n_channels=0)
