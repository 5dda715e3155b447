"""Pictures by which an export of 8 bits learns how large the numbers between its layers become.

No labels are needed: the files of a split, chosen evenly, as the network will see them. They are read one batch at a
time, and again at every pass, so that memory does not grow with their number.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from ultralytics.cfg.tasks import TASK_INFOS
from ultralytics.data.augment.letterbox import LetterBox
from ultralytics.data.augment.picture import centre_picture, channels_first
from ultralytics.data.describe.boxes import check_det_dataset
from ultralytics.data.describe.classes import check_cls_dataset
from ultralytics.data.describe.locate import find_images, get_split_fraction
from ultralytics.data.images.io import UnreadableImageError, imread
from ultralytics.data.images.shares import as_shares
from ultralytics.data.samplers import spread_fraction
from ultralytics.utils.log import LOGGER
from ultralytics.utils.text import printable
from ultralytics.utils.tqdm import TQDM

__all__ = [
    "ENOUGH",
    "MOST",
    "CalibrationPictures",
    "calibration_files",
    "calibration_loader",
    "network_input",
    "watched",
]

ENOUGH = 300  # pictures below which ranges may miss what rarely occurs
MOST = 512  # taken unless a number is asked for; time grows with every picture, what is learned hardly
SLOW = 2.0  # seconds after which a pass over the pictures shows a bar


class CalibrationPictures(Dataset):
    """Pictures as network input, without labels: `{"img": (C, H, W) bytes, RGB where C is 3, "im_file": path}`.

    A picture that cannot be read is told, and the next one that can be stands in for it.

    Args:
        files: picture files.
        size_hw: height and width of the network's input in pixels.
        channels: channels of the network's input.
        centre: cut a square out of the middle, as for networks that see whole pictures; otherwise letterbox.
    """

    def __init__(self, files: Sequence[str], size_hw: tuple[int, int], channels: int = 3, centre: bool = False) -> None:
        self.files, self.channels = list(files), channels
        self.size_hw, self.centre = tuple(size_hw), centre and size_hw[0] == size_hw[1]
        self.letterbox = LetterBox(self.size_hw)
        self.unreadable: set[str] = set()

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return a picture.

        Raises:
            ValueError: none of the files can be read.
        """
        for file in (*self.files[index:], *self.files[:index]):
            image = None if file in self.unreadable else self._read(file)
            if image is not None:
                return {"img": channels_first(self._fitted(image)), "im_file": file}
        raise ValueError(f"none of the {len(self)} calibration pictures can be read, such as {self.files[index]}.")

    def _read(self, file: str) -> np.ndarray | None:
        try:
            return imread(file, self.channels)
        except (UnreadableImageError, FileNotFoundError) as error:
            self.unreadable.add(file)
            LOGGER.warning(f"left out of the calibration: {error}")
            return None

    def _fitted(self, image: np.ndarray) -> np.ndarray:
        return centre_picture(image, self.size_hw[0]) if self.centre else self.letterbox(image=image)


def calibration_files(data: Any, task: str, split: str = "val", fraction: Any = 1.0, seed: int = 0) -> list[str]:
    """Return the picture files of a split that calibration takes, spread over all of it.

    Args:
        data: data set: YAML, folder or name, as for validation.
        task: name of the task, which says what data sets look like.
        split: which part of it.
        fraction: share of the pictures in (0, 1], of which `MOST` are taken at most, or their number above 1. The
            second entry of a list, which speaks of training, validation and test.
        seed: the same seed chooses the same pictures.

    Raises:
        FileNotFoundError: no data set, or no pictures.
        ValueError: no such split, or a fraction that is none.
    """
    folders = TASK_INFOS[task].class_folders
    about = check_cls_dataset(data, split=split) if folders else check_det_dataset(data)
    source = about.get(split)
    if not source:
        known = ", ".join(key for key in ("train", "val", "test", "minival") if about.get(key))
        raise ValueError(f"data '{data}' has no split '{split}'; it has {known}. Use split=...")
    files = find_images(source, "calibration: ")
    wanted = _count(
        get_split_fraction(fraction, split) if isinstance(fraction, (list, tuple)) else fraction, len(files)
    )
    kept = [files[i] for i in spread_fraction(len(files), wanted / len(files), seed)]
    LOGGER.info(f"calibration: {len(kept)} of {len(files)} pictures of '{split}' in {printable(data)}")
    if len(kept) < ENOUGH:
        LOGGER.warning(
            f"{len(kept)} calibration pictures are few; {ENOUGH} or more show better how large the numbers in the "
            "network become. Give a larger data=..., or split=train."
        )
    return kept


def _count(fraction: float, files: int) -> int:
    """Return how many of the files a share up to 1 or a number above it asks for."""
    if fraction > 1:
        return min(int(fraction), files)
    return min(max(round(files * fraction), 1), MOST)


def calibration_loader(pictures: CalibrationPictures, batch: int = 1) -> DataLoader:
    """Return a loader whose batches are all full, since networks of a fixed batch take no others.

    Pictures that a full batch wants beyond the last one are the first ones again.
    """
    count = -(-len(pictures) // batch) * batch
    return DataLoader(pictures, batch_size=batch, sampler=[i % len(pictures) for i in range(count)], num_workers=0)


def network_input(item: Any) -> np.ndarray:
    """Return a batch, or its `img`, as the array (B, C, H, W) that a network takes: float32, 0 to 1."""
    images = item["img"] if isinstance(item, Mapping) else item
    return np.ascontiguousarray(as_shares(torch.as_tensor(images), "a calibration batch").cpu().numpy())


def watched(batches: Iterable[Any], what: str) -> Iterator[Any]:
    """Yield batches, with a bar on the console from the moment on when it takes longer than `SLOW`."""
    total = len(batches) if isinstance(batches, Sized) else None
    start, bar = time.monotonic(), None
    for done, item in enumerate(batches):
        if bar is None and time.monotonic() - start > SLOW:
            bar = TQDM(desc=what, total=total, initial=done)
        yield item
        if bar is not None:
            bar.update(1)
    if bar is not None:
        bar.close()
