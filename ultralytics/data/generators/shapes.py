"""The `shapes` data set: textured scenes with rotated, overlapping, partly hidden shapes, and exact labels.

    generator: shapes
    path: shapes                       # below datasets_dir
    train: images/train
    val: images/val
    names: [circle, triangle, square, star, cross, ring]      # any of these, in any order
    size: 320                          # side in pixels, or [height, width]
    counts: {train: 192, val: 24}      # pictures per split
    seed: 0
    task: detect                       # or segment, semantic, depth, pose, obb, classify, track
    seconds: 10                        # length of the film, for track

Pictures depend on the seed, split, number and size only, so a larger count adds pictures and leaves the others as they
are. Grounds are mostly grey, shapes mostly colourful, with a hue that each kind tends to. A shape hidden by others or
by the border to more than three quarters is not drawn at all. Labels per task:

    detect    bounds of the whole outline inside the picture, hidden parts included
    segment   the whole outline, cut at the border by clamping; a ring is one polygon with a seam
    semantic  masks with the class of every pixel, one of the names being `background`: PNG with a palette of colours
    depth     shapes at distances of their own before a floor; PNG of millimetres, every fourth an array of metres. The
              only name is `depth`
    pose      5 points: centre, topmost, rightmost, bottommost and leftmost point; visibility 2 seen, 1 hidden by
              another shape, 0 outside
    obb       corners of the rectangle around the shape that is turned with it; circle and ring upright
    classify  one shape in the middle of each picture, in a folder per class
    track     a film of moving shapes with its true tracks (`film_set`), and to train a detector frames of other
              films of the kind with labels as for detect
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ultralytics.cfg.errors import ConfigValueError, close_names
from ultralytics.data.generators.dense_scenes import (
    BACKGROUND,
    class_map,
    class_map_file,
    depth_file,
    draw_depth_scene,
)
from ultralytics.data.generators.drawing import (
    CLASSES,
    Shape,
    background,
    mask_of,
    paint,
    polygon_area,
    turned,
    typical_color,
)
from ultralytics.data.generators.film import MIN_VISIBLE, Film
from ultralytics.data.generators.film_set import draw_frame, write_film
from ultralytics.utils.files import atomic_folder
from ultralytics.utils.literals import mark_of
from ultralytics.utils.log import LOGGER
from ultralytics.utils.tqdm import TQDM

__all__ = ["CLASSES", "MARK_FILE", "ShapesSpec", "draw_scene", "generate"]

VERSION = 1
TASKS = ("detect", "segment", "semantic", "depth", "pose", "obb", "classify", "track")
MARK_FILE = "generator.json"  # in the folder: what it was drawn from
MAX_SIDE, MAX_PICTURES, MAX_SECONDS = 8192, 1_000_000, 3600
SPLITS = ("train", "val", "test", "minival")  # they become names of folders


@dataclass(frozen=True)
class ShapesSpec:
    """What to draw. Two data sets with equal specs have equal files.

    Attributes:
        names: classes in the order of their ids.
        size_hw: height and width in pixels.
        counts: pictures per split.
        seed: seed of everything.
        task: label format.
        seconds: length of the film, for track.
    """

    names: tuple[str, ...] = CLASSES
    size_hw: tuple[int, int] = (320, 320)
    counts: tuple[tuple[str, int], ...] = (("train", 192), ("val", 24))
    seed: int = 0
    task: str = "detect"
    seconds: float = 10.0

    @classmethod
    def from_keys(cls, keys: Mapping[str, Any]) -> ShapesSpec:
        """Read the keys of a data set YAML.

        Raises:
            ConfigValueError: naming the key and what is allowed.
        """
        source = keys.get("yaml_file", "shapes")
        names = keys.get("names") or (("depth",) if keys.get("task") == "depth" else CLASSES)
        if not isinstance(names, (list, tuple, Mapping)):
            raise ConfigValueError(f"{source}: 'names' must be a list of shapes, not {names!r}.")
        names = tuple(names.values()) if isinstance(names, Mapping) else tuple(names)
        task = keys.get("task") or "detect"
        if task not in TASKS:
            raise ConfigValueError(f"{source}: 'task' is '{task}'; allowed are {', '.join(TASKS)}.")
        known = {"semantic": (BACKGROUND, *CLASSES), "depth": ("depth",)}.get(task, CLASSES)
        if task == "semantic" and (BACKGROUND not in names or len(names) < 2):
            raise ConfigValueError(f"{source}: 'names' needs '{BACKGROUND}', for pixels without a shape, and shapes.")
        for name in names:
            if name not in known:
                near = close_names(str(name), known, n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}."
                raise ConfigValueError(f"{source}: unknown shape '{name}' in 'names'; {hint}")
        size = keys.get("size", 320)
        size_hw = tuple(size) if isinstance(size, (list, tuple)) else (size, size)
        if len(size_hw) != 2 or not all(isinstance(side, int) and 32 <= side <= MAX_SIDE for side in size_hw):
            raise ConfigValueError(
                f"{source}: 'size' must be pixels from 32 to {MAX_SIDE}, one number or [height, width], not {size!r}."
            )
        counts = keys.get("counts") or dict(cls.counts)
        if not isinstance(counts, Mapping) or not {"train", "val"} <= set(counts) <= set(SPLITS):
            raise ConfigValueError(f"{source}: 'counts' must give pictures for train and val, not {counts!r}.")
        if not all(isinstance(n, int) and 0 < n <= MAX_PICTURES for n in counts.values()):
            raise ConfigValueError(f"{source}: 'counts' are whole numbers up to {MAX_PICTURES:,}, not {counts!r}.")
        seed = keys.get("seed") or 0
        if not isinstance(seed, int):
            raise ConfigValueError(f"{source}: 'seed' must be a whole number, not {seed!r}.")
        seconds = keys.get("seconds", cls.seconds)
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0.1 <= seconds <= MAX_SECONDS:
            raise ConfigValueError(f"{source}: 'seconds' must be from 0.1 to {MAX_SECONDS}, not {seconds!r}.")
        return cls(names, size_hw, tuple(counts.items()), seed, task, float(seconds))


def generate(keys: Mapping[str, Any], root: Path) -> None:
    """Write the data set into `root`, unless it is there already with the same spec.

    The folder appears in one step, complete. One that this generator made with another spec is replaced.

    Raises:
        ConfigValueError: for faulty keys.
        FileExistsError: where `root` holds something else.
    """
    spec = ShapesSpec.from_keys(keys)
    stamp = {"generator": "shapes", "version": VERSION, **json.loads(json.dumps(asdict(spec)))}
    mark = root / MARK_FILE
    if mark_of(mark) == stamp:
        return
    if root.exists() and not mark.is_file() and any(root.iterdir()):
        raise FileExistsError(f"'{root}' holds files that were not drawn by this generator; choose another 'path:'.")
    with atomic_folder(root) as staging:
        _write_all(spec, staging)
        if spec.task == "track":
            write_film(Film(spec.seed, size_hw=spec.size_hw, seconds=spec.seconds, names=spec.names), staging)
        (staging / MARK_FILE).write_text(json.dumps(stamp, indent=1), encoding="utf-8")
    LOGGER.info(f"shapes: drew {sum(n for _, n in spec.counts)} pictures into {root}")


def _write_all(spec: ShapesSpec, folder: Path) -> None:
    jobs = [(number, split, i) for number, (split, count) in enumerate(spec.counts) for i in range(count)]
    for number, split, i in TQDM(jobs, desc="Drawing shapes"):
        rng = np.random.default_rng((spec.seed & 0xFFFFFFFF, number, i))
        image, files = _drawn(spec, rng, split, i)
        files[_place(spec, split, i)] = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)


def _place(spec: ShapesSpec, split: str, i: int) -> str:
    """Where a picture goes in the folder of the data set."""
    owner = f"{split}/{spec.names[i % len(spec.names)]}" if spec.task == "classify" else f"images/{split}"
    return f"{owner}/{i:05d}.jpg"


def _drawn(spec: ShapesSpec, rng: np.random.Generator, split: str, i: int) -> tuple[np.ndarray, dict[str, bytes]]:
    """Draw a picture (H, W, 3) and return the files of its labels, by their place in the folder of the data set."""
    if spec.task == "classify":
        return draw_scene(rng, spec.size_hw, (spec.names[i % len(spec.names)],), single=True)[0], {}
    if spec.task == "depth":
        image, depth = draw_depth_scene(rng, spec.size_hw)
        suffix, content = depth_file(depth, as_array=i % 4 == 3)
        return image, {f"depth/{split}/{i:05d}{suffix}": content}
    if spec.task == "semantic":
        image, shapes = draw_scene(rng, spec.size_hw, tuple(name for name in spec.names if name != BACKGROUND))
        content = class_map_file(class_map(shapes, spec.names, spec.size_hw))
        return image, {f"masks/{split}/{i:05d}.png": content}
    if spec.task == "track":
        image, text = draw_frame(rng, spec.size_hw, spec.names)
    else:
        image, shapes = draw_scene(rng, spec.size_hw, spec.names)
        text = _label_text(shapes, spec)
    return image, {f"labels/{split}/{i:05d}.txt": text.encode()}


def draw_scene(
    rng: np.random.Generator, size_hw: tuple[int, int], names: tuple[str, ...], single: bool = False
) -> tuple[np.ndarray, list[Shape]]:
    """Draw one picture.

    Args:
        rng: source of all random choices.
        size_hw: height and width in pixels.
        names: kinds of shapes to choose from.
        single: one shape, in the middle.

    Returns:
        image: (H, W, 3) uint8 BGR.
        shapes: what it shows, the hindmost first.
    """
    image = background(rng, size_hw)
    count = 1 if single else int(rng.integers(1, 8))
    candidates = [_random_shape(rng, size_hw, names, image, single) for _ in range(count)]
    shapes = _visible(candidates, size_hw)
    canvas = image.astype(np.float64)
    for shape in shapes:
        paint(canvas, shape)
    noise = rng.integers(0, 21, image.shape, dtype=np.int16) - 10
    return np.clip(canvas + noise, 0, 255).astype(np.uint8), shapes


def _random_shape(
    rng: np.random.Generator, size_hw: tuple[int, int], names: tuple[str, ...], image: np.ndarray, single: bool
) -> Shape:
    height, width = size_hw
    name = names[int(rng.integers(len(names)))]
    radius = rng.uniform(0.3, 0.42) * min(size_hw) if single else rng.uniform(0.08, 0.2) * min(size_hw)
    spread = 0.08 if single else 0.5
    centre = (0.5 + rng.uniform(-spread, spread, 2)) * (width, height)
    angle = 0.0 if name in {"circle", "ring"} else rng.uniform(0, 2 * np.pi)
    outline, rectangle = turned(name, centre, radius, angle)
    column, row = np.clip(centre, 0, (width - 1, height - 1)).astype(int)
    color = typical_color(rng, name, image[row, column].astype(int))
    shade = np.clip(color + rng.integers(-40, 41), 0, 255)
    return Shape(name, outline, rectangle, centre, color, shade)


def _visible(candidates: list[Shape], size_hw: tuple[int, int]) -> list[Shape]:
    """Leave out shapes of which too little would be seen; what lies in front is decided first."""
    taken = np.zeros(size_hw, bool)
    kept = []
    for shape in reversed(candidates):
        mask = mask_of(shape.outline, size_hw)
        if (mask & ~taken).sum() >= MIN_VISIBLE * max(1.0, polygon_area(shape.outline)):
            kept.append(shape)
            taken |= mask
    return kept[::-1]


def _label_text(shapes: list[Shape], spec: ShapesSpec) -> str:
    """Label file of a picture in the format of the task."""
    height, width = spec.size_hw
    lines = []
    for i, shape in enumerate(shapes):
        outline = np.clip(shape.outline / (width, height), 0, 1)
        low, high = outline.min(0), outline.max(0)
        box = [*((low + high) / 2), *(high - low)]
        if spec.task == "segment":
            values = outline.ravel()
        elif spec.task == "obb":
            values = np.clip(shape.rectangle / (width, height), 0, 1).ravel()
        elif spec.task == "pose":
            values = np.concatenate((box, _keypoints(shape, shapes[i + 1 :], spec.size_hw).ravel()))
        else:
            values = box
        lines.append(f"{spec.names.index(shape.name)} " + " ".join(f"{value:.6f}" for value in values))
    return "".join(f"{line}\n" for line in lines)


def _keypoints(shape: Shape, in_front: list[Shape], size_hw: tuple[int, int]) -> np.ndarray:
    """Keypoints (5, 3): x and y as fractions, and visibility."""
    x, y = shape.outline.T
    picks = [y.argmin(), x.argmax(), y.argmax(), x.argmin()]
    points = np.concatenate((shape.centre[None], shape.outline[picks]))
    inside = ((points >= 0) & (points <= (size_hw[1], size_hw[0]))).all(1)
    hidden = [
        any(
            cv2.pointPolygonTest(other.outline.astype(np.float32), (float(px), float(py)), False) > 0
            for other in in_front
        )
        for px, py in points
    ]
    visibility = np.where(inside, np.where(hidden, 1, 2), 0)
    fractions = np.where(inside[:, None], points / (size_hw[1], size_hw[0]), 0)
    return np.column_stack((fractions, visibility))
