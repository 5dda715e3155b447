"""Converters: round trips, and clear answers to files that are not what they should be."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ultralytics.data import converter
from ultralytics.data.annotator import auto_annotate
from ultralytics.data.augment.masks import polygon2mask
from ultralytics.data.converter import (
    coco80_to_coco91_class,
    coco91_to_coco80_class,
    convert_coco,
    convert_dota_to_yolo_obb,
    convert_segment_masks_to_yolo_seg,
    merge_multi_segment,
    min_index,
)
from ultralytics.data.labels.scan import scan
from ultralytics.data.labels.verify import LabelRules, parse_label
from ultralytics.data.tools.convert_dota import DOTA_CLASSES
from ultralytics.data.tools.mask_outlines import decode_rle, mask_outlines
from ultralytics.engine.coco import truth_from_labels

SIZE_HW = (120, 160)


def rows_of(file: Path, rules: LabelRules | None = None):
    rows, problems = parse_label(file.read_text(encoding="utf-8"), rules or LabelRules())
    assert rows is not None and not [kind for kind, _, _ in problems if kind != "empty label file"], problems
    return rows


# Class numbers --------------------------------------------------------------------------------------------------------


def test_class_numbers():
    ids, back = coco80_to_coco91_class(), coco91_to_coco80_class()
    assert len(ids) == 80 and len(back) == 91 and (ids[0], ids[11], ids[79]) == (1, 13, 90)
    assert [back[i - 1] for i in ids] == list(range(80)) and back.count(None) == 11
    ids[0] = 99
    assert coco80_to_coco91_class()[0] == 1, "every call gives a list of its own"


# COCO -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def annotations(tmp_path):
    """Return a function that writes an annotation file and returns its folder."""

    def write(content, name: str = "instances_val.json") -> Path:
        (tmp_path / "annotations").mkdir(exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / "annotations" / name).write_text(text)
        return tmp_path / "annotations"

    return write


def coco(annotations, **changes):
    rows = [{"id": i, "image_id": 1, "category_id": 1, "iscrowd": 0, **row} for i, row in enumerate(annotations, 1)]
    image = {"id": 1, "file_name": "a.jpg", "height": SIZE_HW[0], "width": SIZE_HW[1]}
    return {"images": [image], "annotations": rows, "categories": [{"id": 1, "name": "x"}], **changes}


def labels(kind: str, seed: int = 0) -> list[dict]:
    """Random labels of three pictures in the form of `dataset.labels`; the last has none."""
    rng = np.random.default_rng(seed)
    made = []
    for name, count in (("1", 4), ("b", 2), ("c", 0)):
        size = rng.uniform(0.1, 0.4, (count, 2))
        centre = rng.uniform(0.25, 0.75, (count, 2))
        outlines = [centre[i] + (rng.random((7, 2)) - 0.5) * size[i] for i in range(count)]
        if kind == "segm":
            bounds = [(points.min(0), points.max(0)) for points in outlines]
            centre = np.array([(low + high) / 2 for low, high in bounds]).reshape(-1, 2)
            size = np.array([high - low for low, high in bounds]).reshape(-1, 2)
        points = np.concatenate((rng.uniform(0.1, 0.9, (count, 5, 2)), rng.integers(0, 3, (count, 5, 1))), 2)
        made.append(
            {
                "im_file": f"{name}.jpg",
                "shape": SIZE_HW,
                "cls": rng.integers(0, 3, (count, 1)),
                "bboxes": np.concatenate((centre, size), 1),
                "segments": outlines,
                "keypoints": points,
            }
        )
    return made


@pytest.mark.parametrize("kind", ["bbox", "segm", "keypoints"])
def test_yolo_to_coco_and_back(tmp_path, annotations, kind):
    before = labels(kind)
    truth = truth_from_labels(before, range(1, 4), {0: "x", 1: "y", 2: "z"}, kind)
    folder = annotations(truth)
    made = convert_coco(
        folder, tmp_path / "out", use_segments=kind == "segm", use_keypoints=kind == "keypoints", cls91to80=False
    )
    assert made == tmp_path / "out"
    for label in before:
        file = made / "labels" / "val" / f"{Path(label['im_file']).stem}.txt"
        rows = rows_of(file, LabelRules(3, (5, 3) if kind == "keypoints" else None))
        assert rows.cls.tolist() == label["cls"].ravel().tolist()
        assert np.allclose(rows.boxes, label["bboxes"].reshape(-1, 4), atol=1e-5)
        if kind == "segm":
            assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(rows.segments, label["segments"], strict=True))
        if kind == "keypoints" and len(rows.cls):
            seen = label["keypoints"][..., 2:] > 0
            assert np.allclose(rows.keypoints * seen, label["keypoints"] * seen, atol=1e-5)
    assert json.loads((folder / "instances_val.json").read_text()) == json.loads(json.dumps(truth))


def test_what_is_left_out_is_counted(tmp_path, annotations, monkeypatch):
    said = []
    monkeypatch.setattr(converter.LOGGER, "info", said.append)
    box = [10, 10, 20, 30]
    folder = annotations(
        coco([
            {"bbox": box}, {"bbox": box}, {"bbox": box, "iscrowd": 1}, {"bbox": [1, 1, 0, 5]},
            {"bbox": box, "category_id": 12}, {"bbox": box, "category_id": 90},
        ])
    )  # fmt: skip
    made = convert_coco(folder, tmp_path / "out")
    assert rows_of(made / "labels" / "val" / "a.txt").cls.tolist() == [0, 79]
    text = said[0]
    for part in ("1 images", "2 objects", "1 groups", "1 boxes without area", "1 repeated", "1 unused category ids"):
        assert part in text
    again = convert_coco(folder, tmp_path / "out")
    assert again == tmp_path / "out-2", "nothing is written over"


def test_category_numbers(tmp_path, annotations):
    box = {"bbox": [10, 10, 20, 30]}
    from_zero = coco([{**box, "category_id": 0}, {**box, "category_id": 2}], categories=[])
    made = convert_coco(annotations(from_zero), tmp_path / "zero", cls91to80=False)
    assert rows_of(made / "labels" / "val" / "a.txt").cls.tolist() == [0, 2]
    from_one = coco([{**box, "category_id": 3}])
    made = convert_coco(annotations(from_one), tmp_path / "one", cls91to80=False)
    assert rows_of(made / "labels" / "val" / "a.txt").cls.tolist() == [2]


def test_parts_and_run_lengths_become_one_outline(tmp_path, annotations):
    parts = [[10, 10, 40, 10, 40, 40, 10, 40], [80, 50, 100, 50, 100, 70, 80, 70]]
    mask = np.zeros(SIZE_HW, np.uint8)
    mask[20:60, 30:90] = 1
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flat, [0]))))
    runs = np.diff(np.concatenate(([0], edges, [flat.size]))).tolist()
    folder = annotations(
        coco([
            {"bbox": [10, 10, 90, 60], "segmentation": parts},
            {"bbox": [30, 20, 60, 40], "segmentation": {"size": list(SIZE_HW), "counts": runs}},
            {"bbox": [30, 20, 61, 40], "segmentation": []},
        ])
    )  # fmt: skip
    made = convert_coco(folder, tmp_path / "out", use_segments=True)
    lines = (made / "labels" / "val" / "a.txt").read_text().splitlines()
    outlines = [np.array(line.split()[1:], float).reshape(-1, 2) * SIZE_HW[::-1] for line in lines]
    joined = polygon2mask(SIZE_HW, [np.round(outlines[0])])
    apart = polygon2mask(SIZE_HW, [np.array(part) for part in parts])
    assert (joined >= apart).all() and (joined != apart).sum() < 80, "apart from the seam they are the same"
    assert (polygon2mask(SIZE_HW, [np.round(outlines[1])]) == mask).all()
    expected = [[30, 20], [91, 20], [91, 60], [30, 60]]
    np.testing.assert_allclose(outlines[2], expected, atol=1e-3, err_msg="an object without outline is a rectangle")


def as_runs(mask: np.ndarray) -> list[int]:
    """COCO's run lengths of a mask."""
    flat = np.concatenate(([0], mask.T.ravel(), [0]))
    edges = np.flatnonzero(np.diff(flat))
    return np.diff(np.concatenate(([0], edges, [mask.size]))).tolist()


def odd_annotations(seed: int) -> dict:
    """A file of four pictures with whatever annotation tools write."""
    rng = np.random.default_rng(seed)
    content = coco([], images=[])
    for i, (h, w) in enumerate(((120, 160), (333, 77), (20, 20), (64, 64)), 1):
        content["images"].append({"id": i, "file_name": f"train/{i}.jpg", "height": h, "width": w})
        for _ in range(int(rng.integers(0, 7))):
            corner, size = rng.uniform(-0.2, 1, 2) * (w, h), rng.uniform(0, 0.9, 2) * (w, h)
            kind = rng.choice(["polygon", "parts", "runs", "none", "flat", "outside", "no box", "crowd", "pixel"])
            ring = [(corner + rng.random((int(rng.integers(3, 9)), 2)) * size).ravel().tolist() for _ in range(2)]
            mask = np.zeros((h, w), np.uint8)
            row, column = int(rng.integers(h - 3)), int(rng.integers(w - 3))
            if kind == "pixel":
                mask[row, column] = 1
            elif kind == "runs":
                mask[row : row + int(rng.integers(1, 9)), column : column + int(rng.integers(1, 9))] = 1
            segmentation = {
                "polygon": ring[:1], "parts": ring, "no box": ring[:1], "none": [],
                "flat": [[1, 1, 5, 5, 9, 9]], "outside": [[-9, -9, -5, -9, -5, -5]],
            }.get(kind, {"size": [h, w], "counts": as_runs(mask)})  # fmt: skip
            points = np.concatenate([rng.uniform(-5, w, (5, 2)), rng.integers(0, 3, (5, 1))], 1).round(2)
            annotation = {"image_id": i, "category_id": int(rng.integers(1, 4)), "iscrowd": int(kind == "crowd")}
            annotation |= {"bbox": [*corner.tolist(), *size.tolist()], "segmentation": segmentation}
            annotation["keypoints"] = points[: int(rng.integers(0, 6))].ravel().tolist()
            if kind == "no box":
                del annotation["bbox"]
            content["annotations"].append(annotation)
    content["annotations"] += content["annotations"][:1]
    return content


def scanned(labels: Path, rules: LabelRules, sizes: dict[str, tuple[int, int]]):
    """Scan label files below a folder, with blank pictures for them."""
    for name, (h, w) in sizes.items():
        picture = labels.parent / "images" / labels.name / f"{name}.jpg"
        picture.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(picture), np.zeros((h, w, 3), np.uint8))
    images = [str(labels.parent / "images" / labels.name / f"{name}.jpg") for name in sizes]
    result = scan(images, [str(labels / f"{name}.txt") for name in sizes], rules)
    assert result.findings == [] and result.counts["corrupt"] == result.counts["missing"] == 0
    assert len(result.labels) == len(sizes)
    return result.labels


@pytest.mark.parametrize("kind", ["boxes", "polygons", "keypoints", "lvis"])
@pytest.mark.parametrize("seed", range(6))
def test_the_scan_accepts_what_is_written(tmp_path, annotations, kind, seed):
    content = odd_annotations(seed)
    folder = annotations(content, "instances_val.json" if kind != "lvis" else "lvis_v1_val.json")
    made = convert_coco(
        folder, tmp_path / "out", use_segments=kind in {"polygons", "lvis"}, use_keypoints=kind == "keypoints",
        cls91to80=False, lvis=kind == "lvis",
    )  # fmt: skip
    points = max((len(row["keypoints"]) // 3 for row in content["annotations"]), default=1) or 1
    rules = {"boxes": LabelRules(3), "keypoints": LabelRules(3, (points, 3))}.get(kind, LabelRules(3, polygons=True))
    sizes = {f"train/{row['id']}": (row["height"], row["width"]) for row in content["images"]}
    labels = scanned(made / "labels" / ("" if kind == "lvis" else "val"), rules, sizes)
    files = [made / "labels" / ("" if kind == "lvis" else "val") / f"{name}.txt" for name in sizes]
    assert len(labels.cls) == sum(len(file.read_text().splitlines()) for file in files)
    if kind == "polygons":
        in_picture = [row for row in content["annotations"][:-1] if not row["iscrowd"]]
        assert 0 < len(labels.cls) <= len(in_picture)


def test_pictures_without_a_size(tmp_path, annotations):
    content = coco([{"bbox": [1, 1, 5, 5]}])
    del content["images"][0]["width"]
    with pytest.raises(ValueError, match="picture '1' has no 'width'"):
        convert_coco(annotations(content), tmp_path / "out")


def test_lvis(tmp_path, annotations):
    url = "http://images.example.org/train2017/0007.jpg"
    content = coco([{"bbox": [10, 10, 20, 30], "category_id": 1203}])
    content["images"] = [{"id": 1, "coco_url": url, "height": 120, "width": 160}]
    made = convert_coco(annotations(content, "lvis_v1_val.json"), tmp_path / "out", cls91to80=False, lvis=True)
    assert rows_of(made / "labels" / "train2017" / "0007.txt").cls.tolist() == [1202]
    assert (made / "val.txt").read_text() == "./images/train2017/0007.jpg\n"


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..\\x.jpg", ""])
def test_file_names_cannot_lead_out(tmp_path, annotations, name):
    content = coco([])
    content["images"][0]["file_name"] = name
    with pytest.raises(ValueError, match="no path below a folder"):
        convert_coco(annotations(content), tmp_path / "out")


def test_files_that_are_no_annotations(tmp_path, annotations):
    with pytest.raises(FileNotFoundError, match=r"no \*.json"):
        convert_coco(tmp_path, tmp_path / "out")
    with pytest.raises(ValueError, match=r"instances_val.json' cannot be read: it is no JSON: line 1"):
        convert_coco(annotations("{"), tmp_path / "out")
    with pytest.raises(ValueError, match="needs the keys"):
        convert_coco(annotations("[]"), tmp_path / "out")
    with pytest.raises(ValueError, match="exclude each other"):
        convert_coco(annotations(coco([])), tmp_path / "out", use_segments=True, use_keypoints=True)


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_run_lengths_are_those_of_pycocotools(data):
    tool = pytest.importorskip("pycocotools.mask")
    height, width = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 60))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    mask = (cv2.resize(rng.random((3, 4)), (width, height)) > data.draw(st.floats(0.1, 0.9))).astype(np.uint8)
    packed = tool.encode(np.asfortranarray(mask))
    assert (decode_rle(packed) == mask).all()
    assert (decode_rle({**packed, "counts": packed["counts"].decode()}) == mask).all()


def test_wrong_run_lengths():
    with pytest.raises(ValueError, match="add up to 5 pixels, not to 2 x 3"):
        decode_rle({"size": [2, 3], "counts": [2, 3]})


# Polygons -------------------------------------------------------------------------------------------------------------


def test_closest_points():
    first, second = np.array([[0, 0], [10, 0], [10, 10]]), np.array([[30, 30], [12, 1]])
    assert min_index(first, second) == (1, 1)
    assert min_index(first / 100, second / 100) == (1, 1)


def test_joined_parts():
    squares = [np.array([[0, 0], [4, 0], [4, 4], [0, 4]]) + shift for shift in ([0, 0], [6, 0], [6, 8])]
    for scale in (1, 0.01):  # pixels and shares
        joined = np.concatenate(merge_multi_segment([square * scale for square in squares]))
        assert {tuple(point) for point in joined.tolist()} == {tuple(p) for s in squares for p in (s * scale).tolist()}
        x, y = joined.T
        area = abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2
        assert area == pytest.approx(3 * 16 * scale**2), "seams enclose nothing"
    assert merge_multi_segment([]) == []
    flat = merge_multi_segment([[0, 0, 1, 0, 1, 1]])
    assert np.concatenate(flat).tolist() == [[0, 0], [1, 0], [1, 1]]


# Masks ----------------------------------------------------------------------------------------------------------------


def random_mask(seed: int, size_hw: tuple[int, int] = (48, 64)) -> np.ndarray:
    """Blobs with holes and blobs in holes."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(size_hw, np.uint8)
    for _ in range(int(rng.integers(1, 12))):
        centre = tuple(int(v) for v in rng.integers(0, size_hw[::-1]))
        axes = tuple(int(v) for v in rng.integers(1, 18, 2))
        cv2.ellipse(mask, centre, axes, float(rng.uniform(0, 180)), 0, 360, int(rng.integers(0, 2)), -1)
    return mask


@given(seed=st.integers(0, 2**32))
@settings(max_examples=80, deadline=None)
def test_mask_to_polygon_and_back(seed):
    mask = random_mask(seed)
    drawn = np.zeros_like(mask)
    for outline in mask_outlines(mask):
        assert len(outline) >= 3
        cv2.fillPoly(drawn, [outline.astype(np.int32)], 1)
    assert (drawn == mask).all()


def test_masks_of_classes(tmp_path):
    mask = random_mask(3) * 2
    mask[:3, :5] = 1
    mask[40:, 60:] = 9
    (tmp_path / "masks").mkdir()
    cv2.imwrite(str(tmp_path / "masks" / "a.png"), mask)
    cv2.imwrite(str(tmp_path / "masks" / "b.png"), np.zeros((20, 20), np.uint8))
    (tmp_path / "masks" / "readme.txt").write_text("x")
    convert_segment_masks_to_yolo_seg(tmp_path / "masks", tmp_path / "labels", classes=2)
    rows = rows_of(tmp_path / "labels" / "a.txt", LabelRules(2))
    drawn = np.zeros_like(mask)
    for cls, outline in zip(rows.cls, rows.segments, strict=True):
        cv2.fillPoly(drawn, [np.round(outline * mask.shape[::-1]).astype(np.int32)], int(cls) + 1)
    assert (drawn == np.where(mask == 9, 0, mask)).all()
    assert (tmp_path / "labels" / "b.txt").read_text() == ""


@pytest.mark.parametrize("seed", range(5))
def test_the_scan_accepts_masks_as_they_are(tmp_path, seed):
    """Single pixels and straight lines of pixels too, and drawing them as training does gives the mask."""
    rng = np.random.default_rng(seed)
    mask = random_mask(seed, (60, 90))
    mask[rng.random(mask.shape) < 0.01] = 1
    mask[3, 5:20] = mask[5:20, 30] = 1
    np.fill_diagonal(mask[30:45, 60:75], 1)
    np.fill_diagonal(mask[30:45, 75:90][::-1], 1)
    mask[::, 50] = 0
    (tmp_path / "masks").mkdir()
    cv2.imwrite(str(tmp_path / "masks" / "a.png"), mask)
    convert_segment_masks_to_yolo_seg(tmp_path / "masks", tmp_path / "labels" / "x", classes=1)
    labels = scanned(tmp_path / "labels" / "x", LabelRules(1, polygons=True), {"a": mask.shape})
    parts = cv2.connectedComponents(mask)[0] - 1
    assert len(labels.cls) == parts
    drawn = np.zeros_like(mask)
    for outline in labels.rows(0).segments:
        cv2.fillPoly(drawn, [(outline * mask.shape[::-1] + 1e-3).astype(np.int32)], 1)
    assert (drawn == mask).all()


def test_masks_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="no masks"):
        convert_segment_masks_to_yolo_seg(tmp_path, tmp_path / "out", 2)
    cv2.imwrite(str(tmp_path / "color.png"), np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(ValueError, match=r"color.png' is a picture of 3 channels"):
        convert_segment_masks_to_yolo_seg(tmp_path, tmp_path / "out", 2)
    (tmp_path / "color.png").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"color.png' is no picture"):
        convert_segment_masks_to_yolo_seg(tmp_path, tmp_path / "out", 2)


# DOTA -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def dota(tmp_path):
    """Write a DOTA set of one picture and return a function that sets its label file."""
    (tmp_path / "images" / "train").mkdir(parents=True)
    (tmp_path / "labels" / "train_original").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "images" / "train" / "P1.png"), np.zeros((200, 400, 3), np.uint8))

    def write(*lines: str) -> Path:
        (tmp_path / "labels" / "train_original" / "P1.txt").write_text("\n".join(lines) + "\n")
        return tmp_path

    return write


def test_dota_to_yolo_and_back_to_corners(dota):
    rng = np.random.default_rng(0)
    corners, lines = [], ["imagesource:GoogleEarth", "gsd:0.14"]
    for name in DOTA_CLASSES:
        box = (tuple(rng.uniform(60, 140, 2)), tuple(rng.uniform(10, 60, 2)), float(rng.uniform(0, 90)))
        corners.append(cv2.boxPoints(box).round(1))
        lines.append(" ".join(f"{v:.1f}" for v in corners[-1].ravel()) + f" {name} 0")
    root = dota(*lines)
    source = (root / "labels" / "train_original" / "P1.txt").read_bytes()
    convert_dota_to_yolo_obb(root)
    rows = rows_of(root / "labels" / "train" / "P1.txt", LabelRules(18))
    assert rows.cls.tolist() == list(range(18))
    assert np.allclose(np.stack(rows.segments) * (400, 200), np.stack(corners), atol=2e-3)
    assert (root / "labels" / "train_original" / "P1.txt").read_bytes() == source


def test_the_scan_accepts_dota_rows(dota, monkeypatch):
    said = []
    monkeypatch.setattr("ultralytics.data.tools.convert_dota.LOGGER.info", said.append)
    good = "10 10 50 10 50 60 10 60 plane 1"
    root = dota(
        good, good, "-90 10 -50 10 -50 60 -90 60 ship 0", "5 5 5 5 5 5 5 5 ship 0", "-9 -9 30 20 20 30 0 9 ship 0"
    )
    convert_dota_to_yolo_obb(root)
    labels = scanned(root / "labels" / "train", LabelRules(18, polygons=True), {"P1": (200, 400)})
    assert labels.cls.tolist() == [0, 1]
    for part in ("2 boxes", "2 boxes without area left out", "1 repeated rows left out", "1 boxes cut at the border"):
        assert part in said[0].split(": ", 1)[1].split(", ")


def test_dota_at_the_border_and_without_labels(dota):
    root = dota("-10 10 50 10 50 60 -10 60 plane 1")
    cv2.imwrite(str(root / "images" / "train" / "P2.jpg"), np.zeros((20, 20, 3), np.uint8))
    convert_dota_to_yolo_obb(root)
    assert (root / "labels" / "train" / "P1.txt").read_text() == "0 0 0.05 0.125 0.05 0.125 0.3 0 0.3\n"
    assert not (root / "labels" / "train" / "P2.txt").exists()


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("1 2 3 4 5 6 7 8 plan 0", r"P1.txt:2: unknown class 'plan'; did you mean 'plane'"),
        ("1 2 3 4 5 6 7 8", r"P1.txt:2: 8 values; expected eight coordinates and a class"),
        ("1 2 3 4 5 6 7 x plane 0", r"P1.txt:2: '1 2 3 4 5 6 7 x' are not eight numbers"),
    ],
)
def test_dota_rows_that_cannot_be_read(dota, line, text):
    root = dota("1 1 9 1 9 9 1 9 ship 0", line)
    with pytest.raises(ValueError, match=text):
        convert_dota_to_yolo_obb(root)
    assert not (root / "labels" / "train").exists()


def test_dota_names_and_folders(dota, tmp_path):
    root = dota("1 1 9 1 9 9 1 9 kite 0")
    convert_dota_to_yolo_obb(root, names=["kite"])
    assert (root / "labels" / "train" / "P1.txt").read_text().startswith("0 0.0025 0.005 ")
    with pytest.raises(FileNotFoundError, match="train_original"):
        convert_dota_to_yolo_obb(tmp_path / "images")


# What is not built ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "instead"),
    [
        (lambda: auto_annotate("images"), "yolov8x-seg.pt"),
        (lambda: converter.yolo_bbox2segment("images"), "convert_segment_masks_to_yolo_seg"),
        (converter.create_synthetic_coco_dataset, "shapes.yaml"),
        (lambda: asyncio.run(converter.convert_ndjson_to_yolo("x.ndjson")), "convert_coco"),
    ],
)
def test_unbuilt_tools_name_another_way(call, instead):
    with pytest.raises(NotImplementedError, match=instead):
        call()
