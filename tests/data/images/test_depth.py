"""What the numbers of pictures mean, by every way in: array, file, Pillow picture, tensor, sample, drawing."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from ultralytics.cfg import get_cfg
from ultralytics.data.dataset import YOLODataset
from ultralytics.data.images.depth import (
    UnusablePictureError,
    as_bytes,
    as_drawable,
    drawable_inputs,
    fit_channels,
    from_pillow,
)
from ultralytics.data.images.io import UnreadableImageError, imread
from ultralytics.data.images.shares import as_shares
from ultralytics.data.labels.verify import check_image
from ultralytics.data.sources import load_inference_source
from ultralytics.engine.plots.annotate import Annotator
from ultralytics.utils.log import warn_once

LEVELS = np.tile(np.arange(0, 256, 5, dtype=np.uint8), (12, 1))  # (12, 52), up to 255
DARK = (LEVELS // 4).astype(np.uint8)  # fits eight bits with a sign
# name -> numbers, the levels they mean, whether that is a guess
MEANT = {
    "uint8": (LEVELS, LEVELS, False),
    "bool": (LEVELS > 100, (LEVELS > 100) * np.uint8(255), False),
    "uint16": (LEVELS.astype(np.uint16) * 257, LEVELS, False),
    "uint16 of 12 bits": (LEVELS.astype(np.uint16) * 16, LEVELS // 16, False),
    "int8": (DARK.astype(np.int8), DARK, True),
    "int16": (LEVELS.astype(np.int16), LEVELS, True),
    "int32": (LEVELS.astype(np.int32), LEVELS, True),
    "int64": (LEVELS.astype(np.int64), LEVELS, True),
    "int32 of 16 bits": (LEVELS.astype(np.int32) * 257, LEVELS, True),
    "uint32 of 16 bits": (LEVELS.astype(np.uint32) * 257, LEVELS, True),
    "float16 of 0 to 1": ((LEVELS / 255).astype(np.float16), LEVELS, True),
    "float32 of 0 to 1": ((LEVELS / 255).astype(np.float32), LEVELS, True),
    "float64 of 0 to 1": (LEVELS / 255, LEVELS, True),
    "float16 of 0 to 255": (LEVELS.astype(np.float16), LEVELS, True),
    "float32 of 0 to 255": (LEVELS.astype(np.float32), LEVELS, True),
    "float64 of 0 to 255": (LEVELS.astype(np.float64), LEVELS, True),
    "float64 of 0": (np.zeros((12, 52)), np.zeros((12, 52), np.uint8), False),
    "float32, resampled beyond 1": (np.float32(LEVELS / 255) * np.float32(1.0000002), LEVELS, True),
}
MEANINGLESS = {
    "NaN": np.where(LEVELS > 100, np.nan, 0.5),
    "infinity": np.where(LEVELS > 100, np.inf, 0.5),
    "negative": LEVELS / 255 - 0.5,
    "negative levels": LEVELS.astype(np.int16) - 100,
    "above 16 bits": LEVELS.astype(np.int32) * 1000,
    "floats above 255": LEVELS * 100.0,
    "complex": LEVELS.astype(np.complex64),
    "text": LEVELS.astype(str),
}
TIFF = ("uint8", "uint16", "int8", "int16", "int32", "float32", "float64")  # types that OpenCV writes


@pytest.fixture(autouse=True)
def fresh_warnings():
    warn_once.cache_clear()


def spread(levels: np.ndarray) -> np.ndarray:
    return np.dstack([levels] * 3)


# Arrays ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MEANT)
def test_arrays(kind, capsys):
    numbers, levels, guess = MEANT[kind]
    for _ in range(3):
        assert np.array_equal(as_bytes(numbers), levels) and as_bytes(numbers).dtype == np.uint8
    said = capsys.readouterr().out.count("going by their range")
    assert said == int(guess), "said once, and only of guesses"
    assert as_bytes(levels) is levels


@pytest.mark.parametrize("kind", MEANINGLESS)
def test_meaningless_arrays_are_a_sentence(kind):
    with pytest.raises(UnusablePictureError, match=r"^mine\.png: .*(scale them to|use bytes)"):
        as_bytes(MEANINGLESS[kind], "mine.png")


def test_empty_arrays_and_black_sixteen_bits(capsys):
    with pytest.raises(UnusablePictureError, match="no pixels"):
        as_bytes(np.zeros((0, 4), np.float32))
    assert not as_bytes(LEVELS.astype(np.uint16)).any() and "all black" in capsys.readouterr().out


@given(arrays(np.uint8, (3, 4), elements=st.integers(0, 255)))
def test_every_form_of_the_same_levels_is_the_same(levels):
    assert np.array_equal(as_bytes(levels.astype(np.uint16) * 257), levels)
    assert np.array_equal(as_bytes(levels / 255.0), levels)
    assert np.array_equal(as_bytes((levels / 255.0).astype(np.float16)), levels)
    assert np.array_equal(as_bytes(levels.astype(np.int64)), levels)
    if levels.max() > 1:  # else the range says that they are shares
        assert np.array_equal(as_bytes(levels.astype(np.float64)), levels)


# The same numbers by every way in -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MEANT)
def test_sources_of_prediction(kind):
    """A list of mixed types used to reach the network as memory that nobody had written."""
    numbers, levels, _ = MEANT[kind]
    ((_, pictures, _),) = list(load_inference_source([numbers, spread(LEVELS), np.dstack([numbers] * 3)]))
    assert all(picture.dtype == np.uint8 and picture.shape == (12, 52, 3) for picture in pictures)
    assert np.array_equal(pictures[0], spread(levels)) and np.array_equal(pictures[2], spread(levels))


@pytest.mark.parametrize("kind", MEANINGLESS)
def test_meaningless_sources(kind, capsys):
    with pytest.raises(UnusablePictureError, match="image0"):
        load_inference_source(MEANINGLESS[kind])
    ((paths, _, _),) = list(load_inference_source([MEANINGLESS[kind], LEVELS]))
    assert paths == ["image1.jpg"] and "skipping a picture: image0.jpg" in capsys.readouterr().out


@pytest.mark.parametrize("kind", [kind for kind in MEANT if kind.split()[0] in TIFF])
def test_tiff_files(kind, tmp_path):
    numbers, levels, _ = MEANT[kind]
    cv2.imwrite(str(tmp_path / "a.tif"), numbers)
    assert np.array_equal(imread(tmp_path / "a.tif"), spread(levels))
    assert np.array_equal(imread(tmp_path / "a.tif", 1)[..., 0], levels)
    assert check_image(tmp_path / "a.tif") == ((12, 52), "")


def test_tiffs_that_only_pillow_reads(tmp_path):
    """OpenCV 4.8 knows no 32 bits without sign."""
    Image.fromarray(LEVELS.astype(np.int32) * 257).save(tmp_path / "a.tif")
    data = (tmp_path / "a.tif").read_bytes()
    tag = data.index(b"\x53\x01\x03\x00\x01\x00\x00\x00")  # sample format: whole numbers with a sign
    (tmp_path / "a.tif").write_bytes(data[: tag + 8] + b"\x01" + data[tag + 9 :])
    assert np.array_equal(imread(tmp_path / "a.tif"), spread(LEVELS))


@pytest.mark.parametrize("kind", ["NaN", "negative", "negative levels", "above 16 bits", "floats above 255"])
def test_meaningless_files_are_found_at_the_scan(kind, tmp_path):
    for name, write in (("a.tif", lambda path, a: cv2.imwrite(path, a)), ("b.npy", np.save)):
        write(str(tmp_path / name), MEANINGLESS[kind])
        with pytest.raises(UnreadableImageError, match=rf"{name}: its numbers"):
            imread(tmp_path / name)
        with pytest.raises(ValueError, match=r"^its numbers \((float64|int16|int32), .*scale them to"):
            check_image(tmp_path / name)


def test_deep_png_files(tmp_path):
    for name, numbers in (("grey", LEVELS.astype(np.uint16) * 257), ("alpha", np.dstack([LEVELS] * 4))):
        cv2.imwrite(str(tmp_path / f"{name}.png"), numbers)
        assert np.array_equal(imread(tmp_path / f"{name}.png"), spread(LEVELS))


@pytest.mark.parametrize("kind", MEANT)
def test_array_files(kind, tmp_path):
    numbers, levels, _ = MEANT[kind]
    np.save(tmp_path / "a.npy", numbers)
    assert np.array_equal(imread(tmp_path / "a.npy"), spread(levels))


def test_array_files_are_data(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], object), allow_pickle=True)
    (tmp_path / "b.npy").write_bytes(b"no array")
    np.save(tmp_path / "c.npy", LEVELS)
    (tmp_path / "c.npy").write_bytes((tmp_path / "c.npy").read_bytes()[:-100])
    with open(tmp_path / "d.npy", "wb") as file:
        np.savez(file, LEVELS)
    (tmp_path / "e.npy").write_bytes(b"")
    for name in "abcde":
        with pytest.raises(UnreadableImageError, match=rf"{name}\.npy"):
            imread(tmp_path / f"{name}.npy")
    with pytest.raises(FileNotFoundError):
        imread(tmp_path / "none.npy")


@pytest.mark.parametrize("kind", ["uint16", "float32 of 0 to 1", "int16"])
def test_training_samples(kind, tmp_path):
    numbers, levels, _ = MEANT[kind]
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.tif"), numbers)
    (tmp_path / "labels" / "a.txt").write_text("0 .5 .5 .5 .5\n")
    args = get_cfg(overrides={"imgsz": 52})
    data = {"names": {0: "a"}, "channels": 3}
    sample = YOLODataset(str(tmp_path / "images"), imgsz=52, augment=False, hyp=args, data=data)[0]
    assert np.array_equal(sample["img"].numpy()[:, 20:32], np.stack([levels] * 3))


@pytest.mark.parametrize("kind", MEANT)
def test_tensors(kind):
    numbers, levels, _ = MEANT[kind]
    tensor = torch.from_numpy(np.stack([numbers] * 3)[None].copy())
    shares = as_shares(tensor, "a tensor source")
    assert shares.dtype == torch.float32
    rounded = (shares * 255).round().numpy()
    assert np.array_equal(rounded, np.stack([levels] * 3)[None])


def test_tensors_of_shares_stay_as_they_are(capsys):
    tensor = torch.rand(1, 3, 32, 32)
    assert as_shares(tensor, "it") is tensor and as_shares(tensor, "it", torch.float16).dtype == torch.float16
    assert not capsys.readouterr().out
    normalised = torch.randn(1, 3, 32, 32)
    assert as_shares(normalised, "it") is normalised and "numbers below 0" in capsys.readouterr().out
    for wrong in (
        torch.full((2, 2), float("nan")),
        torch.full((2, 2), 300.0),
        torch.zeros(2, 2, dtype=torch.complex64),
    ):
        with pytest.raises(UnusablePictureError, match=r"^it: "):
            as_shares(wrong, "it")
    with pytest.raises(UnusablePictureError, match="int32"):
        as_shares(torch.full((2, 2), -3, dtype=torch.int32), "it")


def test_originals_of_tensor_sources_are_exact():
    from ultralytics.engine.predictor import BasePredictor

    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).repeat(1, 3, 1, 1)
    (original,) = BasePredictor.originals(as_shares(levels, "it"))
    assert np.array_equal(original[..., 0].reshape(-1), np.arange(256))


# Pillow ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LA", "PA", "RGBX", "RGBa"])
def test_pillow_modes_of_bytes(mode):
    colour = Image.fromarray(np.dstack([LEVELS, LEVELS[:, ::-1], LEVELS // 2]))
    picture = colour.convert("RGBA" if mode == "RGBa" else "L" if mode == "LA" else "RGB").convert(mode)
    bgr = from_pillow(picture)
    assert bgr.dtype == np.uint8 and bgr.flags.c_contiguous
    assert np.array_equal(bgr[..., ::-1], np.asarray(picture.convert("RGB")))
    assert from_pillow(picture, 1).shape == (12, 52, 1)


@pytest.mark.parametrize(
    ("picture", "levels"),
    [
        (Image.fromarray(LEVELS.astype(np.uint16) * 257), LEVELS),
        (Image.frombytes("I;16B", (52, 12), (LEVELS.astype(">u2") * 257).tobytes()), LEVELS),
        (Image.fromarray(LEVELS.astype(np.int32) * 257), LEVELS),
        (Image.fromarray(LEVELS.astype(np.int32)), LEVELS),
        (Image.fromarray((LEVELS / 255).astype(np.float32)), LEVELS),
        (Image.fromarray(LEVELS.astype(np.float32)), LEVELS),
        (Image.fromarray(LEVELS > 100), (LEVELS > 100) * np.uint8(255)),
    ],
    ids=["I;16", "I;16B", "I of 16 bits", "I", "F of 0 to 1", "F of 0 to 255", "1"],
)
def test_pillow_modes_of_numbers(picture, levels):
    assert np.array_equal(from_pillow(picture), spread(levels))
    ((_, (image,), _),) = list(load_inference_source(picture))
    assert np.array_equal(image, spread(levels))
    turned = picture.copy()
    turned.getexif()[0x112] = 6
    assert np.array_equal(from_pillow(turned), np.rot90(spread(levels), -1))


def test_pillow_pictures_of_deep_files_are_what_the_reader_reads(tmp_path):
    cv2.imwrite(str(tmp_path / "deep.png"), (LEVELS // 8).astype(np.uint16) * 257)  # dark: its range says nothing
    cv2.imwrite(str(tmp_path / "float.tif"), (LEVELS / 255).astype(np.float32))
    for name in ("deep.png", "float.tif"):
        with Image.open(tmp_path / name) as picture:
            assert np.array_equal(from_pillow(picture), imread(tmp_path / name))


def test_pillow_pictures_that_mean_nothing():
    with pytest.raises(UnusablePictureError, match="La to L not supported"):
        from_pillow(Image.new("La", (4, 4)))
    with pytest.raises(UnusablePictureError, match="-5 to -5"):
        from_pillow(Image.new("I", (4, 4), -5))
    assert from_pillow(Image.new("RGBA", (4, 3), (1, 2, 3, 4)), 4)[0, 0].tolist() == [3, 2, 1, 4]


# Channels -------------------------------------------------------------------------------------------------------------


def test_channels_are_fitted_or_named():
    colour = np.dstack([LEVELS, LEVELS[:, ::-1], LEVELS])
    assert np.array_equal(fit_channels(colour, 1)[..., 0], cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY))
    assert np.array_equal(fit_channels(np.dstack([colour, LEVELS]), 3), colour)
    assert np.array_equal(fit_channels(LEVELS, 3), spread(LEVELS))
    ten = np.zeros((4, 5, 10), np.uint8)
    assert fit_channels(ten, 10) is ten
    for image, channels, text in (
        (colour, 10, r"^x: has 3 channels, but the model takes 10"),
        (ten, 3, r"has 10 channels, but the model takes 3"),
        (ten.transpose(2, 0, 1), 10, r"Channels come last: transpose\(1, 2, 0\)"),
        (np.zeros((2, 3, 4, 3), np.uint8), 3, r"\(height, width, 3\), not \(2, 3, 4, 3\)"),
    ):
        with pytest.raises(UnusablePictureError, match=text):
            fit_channels(image, channels, "x")


# Drawing --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MEANT)
def test_drawing(kind):
    numbers, levels, _ = MEANT[kind]
    assert np.array_equal(Annotator(numbers.copy()).result(), spread(levels))
    batch = np.stack([np.stack([numbers] * 3)] * 2)
    assert np.array_equal(drawable_inputs(batch), np.stack([spread(levels)] * 2))


@pytest.mark.parametrize("kind", MEANINGLESS)
def test_a_drawing_never_ends_a_run(kind, capsys):
    drawn = as_drawable(MEANINGLESS[kind])
    assert drawn.shape == (12, 52, 3) and drawn.dtype == np.uint8
    assert "the lowest number as black" in capsys.readouterr().out


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 10])
def test_drawing_of_any_number_of_channels(channels):
    batch = np.random.default_rng(0).random((2, channels, 8, 6), np.float32)
    drawn = drawable_inputs(batch)
    assert drawn.shape == (2, 8, 6, 3) and drawn.flags.c_contiguous
    blue = 2 if channels == 3 else 0  # the first of many bands has the shortest waves
    assert np.array_equal(drawn[..., 0], np.rint(batch[:, blue] * 255))
