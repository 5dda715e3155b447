"""What tests of the public package expect to find: pictures, untrained weights and small data sets under known names.

Everything is drawn or made here; nothing is fetched. Run as a program in the throw-away folder, with its package on the
path: `python standins.py TESTS ASSETS`, where TESTS is the folder of tests that names what it needs.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from ultralytics import YOLO
from ultralytics.cfg.tasks import TASK2DATA, TASK2MODEL
from ultralytics.nn.builder.names import yaml_model_load
from ultralytics.utils.env import DEFAULT_CFG_PATH
from ultralytics.utils.settings import SETTINGS
from ultralytics.utils.yaml_io import YAML

PICTURES = {"bus.jpg": (1080, 810), "zidane.jpg": (720, 1280)}  # (h, w) of photographs that other tests lean on
CLASSES_OF_FOLDERS = 10
SIDE = 160  # pixels of a drawn data set's pictures
OBJECTS = 3
PER_SPLIT = 4


def words(folder: Path, suffix: str) -> set[str]:
    """Return the names with a suffix that the tests in a folder mention."""
    text = "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in folder.rglob("*.py"))
    return set(re.findall(rf"[\w.-]+\.{suffix}\b", text))


def draw(rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture (h, w, 3) with slanted quadrilaterals, and their corners (n, 4, 2) as shares of its sides."""
    picture = cv2.resize(rng.integers(60, 200, (6, 8, 3), dtype=np.uint8), (width, height))
    centres, reach = rng.uniform(0.25, 0.75, (OBJECTS, 1, 2)), rng.uniform(0.08, 0.2, (OBJECTS, 1, 2))
    angles = rng.uniform(0, np.pi, (OBJECTS, 1)) + np.arange(4) * np.pi / 2
    corners = centres + reach * np.stack((np.cos(angles), np.sin(angles)), -1)
    for corner, color in zip(corners, rng.integers(0, 255, (OBJECTS, 3)).tolist(), strict=True):
        cv2.fillPoly(picture, [(corner * (width, height)).round().astype(np.int32)], color)
    return picture, corners


def label_rows(corners: np.ndarray, classes: int, kpt_shape: list[int] | None) -> Iterator[str]:
    """Yield one label row per object: corners, which any task but pose reads, or a box with keypoints."""
    for index, corner in enumerate(corners):
        values = corner.reshape(-1)
        if kpt_shape:
            low, high = corner.min(0), corner.max(0)
            points = np.tile((low + high) / 2, (kpt_shape[0], 1))
            points = np.pad(points, ((0, 0), (0, kpt_shape[1] - 2)), constant_values=2)
            values = np.concatenate(((low + high) / 2, high - low, points.reshape(-1)))
        yield " ".join([str(index % classes), *(f"{value:.6f}" for value in values)])


def make_data(yaml: Path) -> None:
    """Draw the pictures and labels of a data set where its YAML says, unless they are there."""
    facts = YAML.load(yaml)
    root = Path(SETTINGS["datasets_dir"]) / str(facts.get("path") or yaml.stem)
    for number, split in enumerate(("train", "val")):
        folder = facts.get(split)
        if not isinstance(folder, str) or folder.endswith(".txt") or (root / folder).exists():
            continue
        pictures = root / folder
        labels = root / "labels".join(folder.rsplit("images", 1))
        pictures.mkdir(parents=True)
        labels.mkdir(parents=True, exist_ok=True)
        for index in range(PER_SPLIT):
            picture, corners = draw(np.random.default_rng(10 * index + number), SIDE, SIDE + 32 * (index % 2))
            write_picture(pictures, index, picture, facts.get("channels", 3))
            rows = label_rows(corners, len(facts["names"]), facts.get("kpt_shape"))
            (labels / f"{index:012d}.txt").write_text("\n".join(rows) + "\n")


def write_picture(folder: Path, index: int, picture: np.ndarray, channels: int) -> None:
    """Write a picture with as many channels as a data set's have."""
    if channels in {1, 3}:
        cv2.imwrite(str(folder / f"{index:012d}.jpg"), picture if channels == 3 else picture[..., 0])
        return
    layers = [np.roll(picture[..., channel % 3], channel, 0) for channel in range(channels)]
    cv2.imwritemulti(str(folder / f"{index:012d}.tiff"), layers)


def make_class_folders(name: str) -> None:
    """Draw a classification data set: one folder per class, one shade per class."""
    for split in ("train", "val", "test"):
        for label in range(CLASSES_OF_FOLDERS):
            folder = Path(SETTINGS["datasets_dir"]) / name / split / f"n{label:08d}"
            folder.mkdir(parents=True, exist_ok=True)
            for index in range(2):
                picture, _ = draw(np.random.default_rng(label + 100 * index), SIDE // 2, SIDE // 2)
                cv2.imwrite(str(folder / f"{index}.jpg"), picture // 2 + 12 * label)


def make_weights(name: str) -> str | None:
    """Save an untrained network under the name of public weights; return why it could not be made."""
    file = Path(SETTINGS["weights_dir"]) / name
    if not file.exists():
        try:
            yaml = f"{file.stem}.yaml"
            if file.stem.endswith("-grayscale"):
                yaml = str(Path(SETTINGS["weights_dir"]) / yaml)
                YAML.save(yaml, {**yaml_model_load(f"{file.stem.removesuffix('-grayscale')}.yaml"), "channels": 1})
            YOLO(yaml).save(file)
        except (FileNotFoundError, ValueError, NotImplementedError) as error:
            return str(error).splitlines()[0]
    return None


def main() -> None:
    tests, assets = Path(sys.argv[1]), Path(sys.argv[2])
    for name, (height, width) in PICTURES.items():
        if not (assets / name).exists():
            cv2.imwrite(str(assets / name), draw(np.random.default_rng(len(name)), height, width)[0])
    for name in sorted(words(tests, "pt") | set(TASK2MODEL.values())):
        if name.startswith(("yolo", "rtdetr")) and (reason := make_weights(name)):
            print(f"no stand-in for {name}: {reason}")
    shipped = DEFAULT_CFG_PATH.parent / "datasets"
    for name in sorted(words(tests, "yaml") | set(filter(None, TASK2DATA.values()))):
        if (shipped / name).is_file() and not name.startswith("shapes"):
            make_data(shipped / name)
    make_class_folders("imagenet10")


if __name__ == "__main__":
    main()
