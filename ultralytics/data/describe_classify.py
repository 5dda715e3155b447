"""Classification data sets: a folder per split, a folder per class in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ultralytics.data.formats import is_image
from ultralytics.utils.downloads import is_archive, is_url, safe_download
from ultralytics.utils.log import LOGGER, colorstr
from ultralytics.utils.settings import SETTINGS

__all__ = ["check_cls_dataset"]

SPLIT_FOLDERS = {"train": ("train",), "val": ("val", "validation", "valid"), "test": ("test",)}


def check_cls_dataset(dataset: str | Path, split: str = "") -> dict[str, Any]:
    """Describe a classification data set.

    Args:
        dataset: folder, name of a folder in `datasets_dir`, or URL of an archive of such a folder.
        split: `train`, `val` or `test`, which then has to exist.

    Returns:
        `train`, `val`, `test` (folders, None where there is none; without `val`, `test` stands in), `nc`, `names` (id
        to name, the sorted folder names of `train`) and `channels`.

    Raises:
        FileNotFoundError: naming what is missing and where to put it.
    """
    root = _folder(dataset)
    found = {name: _first_folder(root, folders) for name, folders in SPLIT_FOLDERS.items()}
    if found["val"] is None and found["test"] is not None:
        LOGGER.warning(f"'{root}' has no 'val' folder; 'test' is used in its place.")
        found["val"] = found["test"]
    if found["train"] is None or (split and found.get(split) is None):
        wanted = split if found["train"] is not None else "train"
        raise FileNotFoundError(f"'{root / wanted}' does not exist; put a folder of pictures per class there.")
    names = sorted(entry.name for entry in found["train"].iterdir() if entry.is_dir())
    if not names:
        raise FileNotFoundError(f"'{found['train']}' has no folders; put a folder of pictures per class there.")
    for name, folder in found.items():
        _report(name, folder, len(names))
    return {**found, "nc": len(names), "names": dict(enumerate(names)), "channels": 3}


def _folder(dataset: str | Path) -> Path:
    text, datasets = str(dataset).strip(), Path(SETTINGS["datasets_dir"])
    if is_url(text) or (is_archive(text) and Path(text).is_file()):
        return safe_download(text, dir=datasets, unzip=True).resolve()
    for place in (Path(text), datasets / text):
        if place.is_dir():
            return place.resolve()
    raise FileNotFoundError(
        f"data set '{text}' is neither a folder nor in datasets_dir; put it at '{datasets / text}'."
    )


def _first_folder(root: Path, names: tuple[str, ...]) -> Path | None:
    return next((root / name for name in names if (root / name).is_dir()), None)


def _report(name: str, folder: Path | None, nc: int) -> None:
    if folder is None:
        return
    classes = [entry for entry in folder.iterdir() if entry.is_dir()]
    images = sum(1 for path in folder.glob("*/*") if is_image(path))
    text = f"{colorstr(f'{name}:')} {folder}... {images} images in {len(classes)} classes"
    if name == "train" and not images:
        raise FileNotFoundError(f"{text}; there is nothing to train on.")
    if len(classes) != nc:
        LOGGER.warning(f"{text}, but 'train' has {nc} classes.")
    else:
        LOGGER.info(text)
