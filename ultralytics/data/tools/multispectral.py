"""Colour pictures turned into pictures of many bands, to try multispectral training without a multispectral camera."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from ultralytics.data.describe.locate import walk
from ultralytics.data.images.formats import is_image
from ultralytics.data.images.io import imread
from ultralytics.utils.downloads import zip_directory
from ultralytics.utils.files import atomic_write
from ultralytics.utils.log import LOGGER
from ultralytics.utils.tqdm import TQDM

__all__ = ["band_weights", "convert_to_multispectral"]

COLOURS_NM = (475.0, 510.0, 650.0)  # wavelengths that blue, green and red stand for
RANGE_NM = (450.0, 700.0)  # first and last band
OWN_SUFFIXES = {".tif", ".tiff"}


def band_weights(n_channels: int) -> np.ndarray:
    """Return how much blue, green and red is in each band, (n_channels, 3), linear in the wavelength."""
    blue, green, red = COLOURS_NM
    bands = np.linspace(*RANGE_NM, n_channels)
    short, long = (bands - blue) / (green - blue), (bands - green) / (red - green)
    weights = np.zeros((n_channels, 3))
    first = bands < green
    weights[first, :2] = np.stack((1 - short, short), 1)[first]
    weights[~first, 1:] = np.stack((1 - long, long), 1)[~first]
    return weights


def convert_to_multispectral(path: str | Path, n_channels: int = 10, replace: bool = False, zip: bool = False) -> None:
    """Write a TIFF with a page per band, 450 to 700 nm, beside a picture, or beside all pictures in and below a folder.

    Args:
        path: picture or folder. TIFFs stay as they are.
        n_channels: number of bands.
        replace: delete the pictures that the TIFFs are made from.
        zip: also pack the folder, as `<folder>.zip` beside it.

    Raises:
        FileNotFoundError: there is no picture.
        ValueError: `n_channels` is below 1.
    """
    root = Path(path)
    if n_channels < 1:
        raise ValueError(f"n_channels={n_channels}: a picture has at least one band.")
    files = [Path(file) for file in walk(str(root))] if root.is_dir() else [root]
    pictures = [file for file in files if is_image(file) and file.suffix.lower() not in OWN_SUFFIXES]
    if not pictures or not root.exists():
        raise FileNotFoundError(f"no pictures to convert in '{path}' (TIFFs are not converted again).")
    weights = band_weights(n_channels).T
    for picture in TQDM(pictures, desc=f"Bands {path}"):
        try:
            bands = imread(picture) @ weights
        except OSError as error:
            LOGGER.warning(f"skipping a picture: {error}")
            continue
        _write_pages(picture.with_suffix(".tiff"), np.rint(bands).clip(0, 255).astype(np.uint8))
        if replace:
            picture.unlink()
    if zip and root.is_dir():
        zip_directory(root)


def _write_pages(path: Path, bands: np.ndarray) -> None:
    pages = [Image.fromarray(np.ascontiguousarray(bands[..., i])) for i in range(bands.shape[2])]
    packed = io.BytesIO()  # Pillow reads back what it has written of the pages before
    pages[0].save(packed, format="TIFF", save_all=True, append_images=pages[1:], compression="tiff_lzw")
    with atomic_write(path) as stream:
        stream.write(packed.getbuffer())
