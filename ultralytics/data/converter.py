"""Label formats of other data sets turned into YOLO label files: COCO and LVIS annotations, DOTA rows, class masks.

What is read stays as it is; every file that is written appears whole or not at all. Coordinates of YOLO rows are shares
of the picture's sides.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np

from ultralytics.data.describe.class_folders import examples
from ultralytics.data.labels.outlines import Outlines
from ultralytics.data.labels.polygons import have_area
from ultralytics.data.tools.coco_ids import COCO80_TO_91, COCO91_TO_80
from ultralytics.data.tools.convert_dota import convert_dota_to_yolo_obb
from ultralytics.data.tools.mask_outlines import decode_rle, mask_outlines
from ultralytics.data.tools.multispectral import convert_to_multispectral
from ultralytics.ops.masks import join_outlines
from ultralytics.utils.files import atomic_write, increment_path
from ultralytics.utils.lazy import offer
from ultralytics.utils.literals import read_json
from ultralytics.utils.log import LOGGER
from ultralytics.utils.text import printable
from ultralytics.utils.tqdm import TQDM
from ultralytics.utils.unbuilt import refuse

__all__ = [
    "coco80_to_coco91_class",
    "coco91_to_coco80_class",
    "convert_coco",
    "convert_dota_to_yolo_obb",
    "convert_ndjson_to_yolo",
    "convert_ndjson_to_yolo_if_needed",
    "convert_segment_masks_to_yolo_seg",
    "convert_to_multispectral",
    "create_synthetic_coco_dataset",
    "merge_multi_segment",
    "min_index",
    "yolo_bbox2segment",
]

MASK_SUFFIXES = {".png", ".bmp", ".tif", ".tiff"}  # without loss, so that a pixel's value is still its class
LVIS_START = "lvis_v1_"


# Class numbers --------------------------------------------------------------------------------------------------------


def coco91_to_coco80_class() -> list[int | None]:
    """Return the class index 0..79 of every COCO category id, which count from 1; None for ids that are not used."""
    return list(COCO91_TO_80)


def coco80_to_coco91_class() -> list[int]:
    """Return the COCO category id 1..90 of every class index 0..79."""
    return list(COCO80_TO_91)


# COCO -----------------------------------------------------------------------------------------------------------------


def convert_coco(
    labels_dir: str | Path = "../coco/annotations/",
    save_dir: str | Path = "coco_converted/",
    use_segments: bool = False,
    use_keypoints: bool = False,
    cls91to80: bool = True,
    lvis: bool = False,
) -> Path:
    """Turn COCO annotation files into YOLO label files: `<save_dir>/labels/<name of the file>/<picture>.txt`.

    Left out are groups (`iscrowd`), boxes without area in the picture and repeated rows; the log says how many. What
    reaches beyond the picture is cut.

    Args:
        labels_dir: folder of `*.json` files.
        save_dir: folder to write to; a number is added where it exists.
        use_segments: write polygons. Several parts of an object are joined by seams; an object without outline gets
            the corners of its box.
        use_keypoints: write keypoints behind the box, as many as the object that has most of them.
        cls91to80: class indices of COCO's 80 classes; otherwise a category's id less 1, or the id itself in files that
            count from 0.
        lvis: the files are LVIS annotations, whose pictures are in several folders. A list of pictures is written too.

    Returns:
        The folder that was written to.

    Raises:
        FileNotFoundError: where `labels_dir` holds no annotation file.
        ValueError: for a file without images and annotations, or for polygons and keypoints at once.
    """
    if use_segments and use_keypoints:
        raise ValueError("use_segments and use_keypoints exclude each other: a label row has polygons or keypoints.")
    files = sorted(Path(labels_dir).resolve().glob("*.json"))
    if not files:
        raise FileNotFoundError(f"no *.json annotation files in '{labels_dir}'.")
    target = increment_path(save_dir)
    for file in files:
        try:
            done = _convert_file(file, target, use_segments, use_keypoints, cls91to80, lvis)
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, MemoryError) as error:
            if str(file) in str(error):
                raise
            reason = f"{type(error).__name__}: {printable(error, 100)}"
            raise ValueError(f"{file}: an annotation is not in COCO's form ({reason}).") from error
        LOGGER.info(f"{file.name}: {done}")
    (target / "images").mkdir(parents=True, exist_ok=True)  # where the pictures belong
    LOGGER.info(f"labels are in '{target / 'labels'}'; put the pictures into '{target / 'images'}'.")
    return target


def _convert_file(
    file: Path, target: Path, use_segments: bool, use_keypoints: bool, cls91to80: bool, lvis: bool
) -> str:
    """Write the label files of one annotation file and return what was found in it, in words."""
    content = _read_annotations(file)
    folder = target / "labels" / ("" if lvis else file.stem.replace("instances_", ""))
    found: Counter[str] = Counter()
    classes = _class_table(content, cls91to80)
    points = max((len(row.get("keypoints") or ()) // 3 for row in content["annotations"]), default=0)
    points, names = points if use_keypoints else 0, []
    for image, objects in TQDM(_by_image(content, found), desc=f"Annotations {file}"):
        name = _relative_name(image, file)
        names.append(f"./images/{name.as_posix()}\n")
        rows = _rows(image, objects, classes, use_segments, points, found)
        _write_lines((folder / name).with_suffix(".txt"), rows)
    if lvis:
        with atomic_write(target / f"{file.stem.replace(LVIS_START, '')}.txt", "w") as stream:
            stream.writelines(names)
    return ", ".join(f"{number} {what}" for what, number in found.items())


def _read_annotations(file: Path) -> Mapping[str, Any]:
    content = read_json(file)
    if not isinstance(content, Mapping) or not {"images", "annotations"} <= set(content):
        raise ValueError(f"{file} is no COCO annotation file: it needs the keys 'images' and 'annotations'.")
    return content


def _class_table(content: Mapping[str, Any], cls91to80: bool) -> Mapping[int, int | None]:
    """Return the class index of every category id that occurs."""
    ids = {int(row["category_id"]) for row in content["annotations"]}
    if cls91to80:
        return {i: COCO91_TO_80[i - 1] if 1 <= i <= len(COCO91_TO_80) else None for i in ids}
    named = {int(row["id"]) for row in content.get("categories") or ()} | ids
    first = min(named, default=1)
    return {i: i - (1 if first >= 1 else 0) for i in ids}


def _by_image(content: Mapping[str, Any], found: Counter[str]) -> list[tuple[Mapping[str, Any], list]]:
    """Return every picture with its annotations."""
    groups: dict[Any, list] = defaultdict(list)
    for row in content["annotations"]:
        groups[row["image_id"]].append(row)
    pairs = [(image, groups.pop(image["id"], [])) for image in content["images"]]
    found["images"] = len(pairs)
    if groups:
        LOGGER.warning(f"annotations of {len(groups)} pictures that are not listed: ids {examples(groups)}.")
    return pairs


def _relative_name(image: Mapping[str, Any], file: Path) -> PurePosixPath:
    """Return the picture's path below the folder of pictures.

    Raises:
        ValueError: where it leads out of that folder, or there is none.
    """
    text = image.get("file_name") or "/".join(str(image.get("coco_url", "")).split("/")[-2:])
    name = PurePosixPath(str(text).replace("\\", "/"))
    if not name.name or name.is_absolute() or ".." in name.parts:
        raise ValueError(f"{file}: picture {image.get('id')} is called '{text}', which is no path below a folder.")
    return name


def _rows(
    image: Mapping[str, Any],
    annotations: Iterable[Mapping[str, Any]],
    classes: Mapping[int, int | None],
    use_segments: bool,
    points: int,
    found: Counter[str],
) -> list[str]:
    """Return the label rows of one picture; `points` keypoints follow the box unless that is 0."""
    size_wh = np.array([image.get("width") or 0, image.get("height") or 0], np.float64)
    if not (size_wh > 0).all():
        shown = printable(image.get("id"), 40)
        raise ValueError(f"picture '{shown}' has no 'width' and 'height' above 0 in its annotation file.")
    rows: dict[str, None] = {}
    for annotation in annotations:
        cls = classes[int(annotation["category_id"])]
        if annotation.get("iscrowd"):
            found["groups left out"] += 1
            continue
        if cls is None:
            found["unused category ids left out"] += 1
            continue
        outline = _outline(annotation.get("segmentation")) if use_segments or not annotation.get("bbox") else None
        box = _box(annotation, outline, size_wh)
        if box is None:
            found["boxes without area left out"] += 1
            continue
        if points and not annotation.get("keypoints"):
            found["objects without keypoints left out"] += 1
            continue
        if use_segments:
            values = _polygon(outline, box, size_wh, found)
        else:
            values = np.stack([box.mean(0), box[1] - box[0]]) / size_wh
        if points:
            values = np.concatenate((values.ravel(), _keypoints(annotation["keypoints"], points, size_wh)))
        if not np.isfinite(values).all():
            found["objects of no numbers left out"] += 1
            continue
        row = " ".join(f"{value:g}" for value in (cls, *values.ravel()))
        found["repeated rows left out" if row in rows else "objects"] += 1
        rows[row] = None
    return list(rows)


def _box(annotation: Mapping[str, Any], outline: np.ndarray | None, size_wh: np.ndarray) -> np.ndarray | None:
    """Return an object's box in the picture, two corners (2, 2) in pixels; None where it has no area there."""
    if annotation.get("bbox"):
        corner, size = np.array(annotation["bbox"], np.float64).reshape(2, 2)
        box = np.stack([corner, corner + size])
    elif outline is not None:
        box = np.stack([outline.min(0), outline.max(0)])
    else:
        return None
    box = box.clip(0, size_wh)
    return box if (box[1] > box[0]).all() else None


def _polygon(outline: np.ndarray | None, box: np.ndarray, size_wh: np.ndarray, found: Counter[str]) -> np.ndarray:
    """Return an object's polygon (P, 2) as shares: its outline in the picture, or its box where that has no area."""
    if outline is not None:
        if (outline < 0).any() or (outline > size_wh).any():
            (outline,) = Outlines.pack([outline], np.zeros((1, 4))).cut((0, 0), size_wh)
        shares = outline / size_wh
        if have_area([shares])[0]:
            return shares
    found["objects without outline written as rectangles"] += 1
    (left, top), (right, bottom) = box
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]]) / size_wh


def _keypoints(given: Sequence[float], points: int, size_wh: np.ndarray) -> np.ndarray:
    """Return flat keypoints: x and y as shares, visibility. Those that an object lacks are 0, not labelled."""
    table = np.zeros((points, 3))
    known = np.array(given, np.float64).reshape(-1, 3)
    table[: len(known)] = known / (*size_wh, 1)
    return table.ravel()


def _outline(segmentation: Any) -> np.ndarray | None:
    """Return an object's outline (P, 2) in pixels, all parts joined; None where it has none."""
    if not segmentation:
        return None
    if isinstance(segmentation, Mapping):  # run lengths
        parts = mask_outlines(decode_rle(segmentation))
    else:
        parts = [np.array(part, np.float64).reshape(-1, 2) for part in segmentation if len(part) >= 6]
    return np.concatenate(merge_multi_segment(parts)).astype(np.float64) if parts else None


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    with atomic_write(path, "w") as stream:
        stream.writelines(f"{line}\n" for line in lines)


# Polygons -------------------------------------------------------------------------------------------------------------


def min_index(arr1: np.ndarray, arr2: np.ndarray) -> tuple[int, int]:
    """Return the positions of the closest pair of points of `arr1` (N, 2) and `arr2` (M, 2)."""
    distances = ((np.asarray(arr1, np.float64)[:, None] - np.asarray(arr2, np.float64)[None]) ** 2).sum(-1)
    first, second = np.unravel_index(distances.argmin(), distances.shape)
    return int(first), int(second)


def merge_multi_segment(segments: Sequence[Any]) -> list[np.ndarray]:
    """Join the parts of an object to one outline, each to the next between their closest points.

    Args:
        segments: polygons (P, 2), or flat (2 P,).

    Returns:
        Pieces (Q, 2) that make the outline when they are put one after another.
    """
    parts = [np.asarray(part).reshape(-1, 2) for part in segments]
    return [join_outlines(parts)] if parts else []


# Masks ----------------------------------------------------------------------------------------------------------------


def convert_segment_masks_to_yolo_seg(masks_dir: str | Path, output_dir: str | Path, classes: int) -> None:
    """Turn pictures whose pixels hold 1 + a class, 0 where there is nothing, into YOLO polygon files.

    Every connected part becomes a row; holes are joined to its outline by seams, so drawing the polygon gives the mask
    again. A picture without objects gets an empty file.

    Args:
        masks_dir: folder of grey pictures without loss (PNG, BMP, TIFF).
        output_dir: folder of the label files.
        classes: number of classes.

    Raises:
        FileNotFoundError: where there are no masks.
        ValueError: for a mask that cannot be read as one.
    """
    files = sorted(f for f in Path(masks_dir).iterdir() if f.suffix.lower() in MASK_SUFFIXES)
    if not files:
        kinds = ", ".join(sorted(MASK_SUFFIXES))
        raise FileNotFoundError(f"no masks in '{masks_dir}'; they are pictures with the suffixes {kinds}.")
    for file in TQDM(files, desc=f"Masks {masks_dir}"):
        mask = cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
        if mask is None or mask.ndim != 2:
            kind = "no picture" if mask is None else f"a picture of {mask.shape[2]} channels"
            raise ValueError(f"'{file}' is {kind}; a mask is a grey picture whose pixels hold 1 + the class.")
        present = np.unique(mask)
        unknown = present[present > classes].tolist()
        if unknown:
            LOGGER.warning(f"{file}: pixel values {examples(unknown)} are above {classes} classes; left out.")
        size_wh = np.array(mask.shape[::-1], np.float64)
        rows = [
            f"{value - 1} " + " ".join(f"{share:.6f}" for share in (outline / size_wh).ravel())
            for value in present[(present > 0) & (present <= classes)].tolist()
            for outline in mask_outlines(mask == value)
        ]
        _write_lines(Path(output_dir) / f"{file.stem}.txt", rows)
    LOGGER.info(f"{len(files)} masks converted into '{output_dir}'.")


# What is not built ----------------------------------------------------------------------------------------------------


def yolo_bbox2segment(
    im_dir: str | Path, save_dir: str | Path | None = None, sam_model: str = "sam_b.pt", device: Any = None
) -> None:
    """Polygons for box labels, drawn by a SAM model; not built."""
    raise NotImplementedError(
        "yolo_bbox2segment needs a SAM model, which is not built. Make masks with the 'segment-anything' package from "
        "the boxes, write them as pictures and use convert_segment_masks_to_yolo_seg."
    )


def create_synthetic_coco_dataset() -> None:
    """Random pictures for COCO's labels; not built."""
    raise NotImplementedError(
        "create_synthetic_coco_dataset is not built. Drawn data sets with exact labels: shapes.yaml, shapes-seg.yaml, "
        "shapes-pose.yaml, shapes-obb.yaml and shapes-cls; a YAML of your own with 'generator: shapes' draws more."
    )


async def convert_ndjson_to_yolo(
    ndjson_path: str | Path,
    output_path: str | Path | None = None,
    fraction: float = 1.0,
    *,
    split: str | None = None,
) -> Path:
    """NDJSON data sets; not built."""
    refuse("ndjson", "convert_ndjson_to_yolo")


def convert_ndjson_to_yolo_if_needed(data: Any, fraction: float = 1.0, split: str | None = None) -> Any:
    """Return what names a data set as it is.

    Raises:
        NotImplementedError: it is an NDJSON file or a cloud address.
    """
    if str(data).endswith(".ndjson") or str(data).startswith("ul://"):
        refuse("ndjson", f"'{data}'")
    return data


__getattr__, __dir__ = offer(__name__)
